/*
 * The operations of lib/kernel and their gradients in float64, written for reading, not for speed:
 * what devices are compared with. Matrices are dense and row-major; gradients are added to. That
 * the gradients are right is itself shown by finite differences, in tests/unit/kernel_reference.c.
 */
#ifndef TESTS_KERNEL_REFERENCE_H
#define TESTS_KERNEL_REFERENCE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define REFERENCE static inline __attribute__((unused))

/* y[T,N] += x[T,K]·w[N,K]ᵀ */
REFERENCE void reference_matmul(double *y, const double *x, const double *w, int64_t T, int64_t N,
                                int64_t K) {
    for (int64_t t = 0; t < T; t++)
        for (int64_t n = 0; n < N; n++)
            for (int64_t k = 0; k < K; k++)
                y[t * N + n] += x[t * K + k] * w[n * K + k];
}

REFERENCE void reference_matmul_backward(double *dx, double *dw, const double *dy, const double *x,
                                         const double *w, int64_t T, int64_t N, int64_t K) {
    for (int64_t t = 0; t < T; t++)
        for (int64_t n = 0; n < N; n++)
            for (int64_t k = 0; k < K; k++) {
                dx[t * K + k] += dy[t * N + n] * w[n * K + k];
                dw[n * K + k] += dy[t * N + n] * x[t * K + k];
            }
}

/* y = x·r·gain; scale[t] = r */
REFERENCE void reference_rms_norm(double *y, double *scale, const double *x, const double *gain,
                                  int64_t T, int64_t D, double epsilon) {
    for (int64_t t = 0; t < T; t++) {
        double sum = 0;
        for (int64_t d = 0; d < D; d++)
            sum += x[t * D + d] * x[t * D + d];
        scale[t] = 1 / sqrt(sum / (double)D + epsilon);
        for (int64_t d = 0; d < D; d++)
            y[t * D + d] = x[t * D + d] * scale[t] * gain[d];
    }
}

REFERENCE void reference_rms_norm_backward(double *dx, double *dgain, const double *dy,
                                           const double *x, const double *gain, const double *scale,
                                           int64_t T, int64_t D) {
    for (int64_t t = 0; t < T; t++) {
        double r = scale[t], mean = 0;
        for (int64_t d = 0; d < D; d++)
            mean += dy[t * D + d] * gain[d] * x[t * D + d] / (double)D;
        for (int64_t d = 0; d < D; d++) {
            int64_t i = t * D + d;
            dx[i] += r * gain[d] * dy[i] - x[i] * r * r * r * mean;
            dgain[d] += dy[i] * x[i] * r;
        }
    }
}

/* y = (x − mean)·r·gain + bias; bias NULL: none. */
REFERENCE void reference_layer_norm(double *y, double *mean, double *scale, const double *x,
                                    const double *gain, const double *bias, int64_t T, int64_t D,
                                    double epsilon) {
    for (int64_t t = 0; t < T; t++) {
        double sum = 0, squares = 0;
        for (int64_t d = 0; d < D; d++)
            sum += x[t * D + d];
        mean[t] = sum / (double)D;
        for (int64_t d = 0; d < D; d++)
            squares += (x[t * D + d] - mean[t]) * (x[t * D + d] - mean[t]);
        scale[t] = 1 / sqrt(squares / (double)D + epsilon);
        for (int64_t d = 0; d < D; d++)
            y[t * D + d] =
                (x[t * D + d] - mean[t]) * scale[t] * gain[d] + (bias != NULL ? bias[d] : 0);
    }
}

/* dbias NULL: not wanted. */
REFERENCE void reference_layer_norm_backward(double *dx, double *dgain, double *dbias,
                                             const double *dy, const double *x, const double *gain,
                                             const double *mean, const double *scale, int64_t T,
                                             int64_t D) {
    for (int64_t t = 0; t < T; t++) {
        double r = scale[t], plain = 0, weighted = 0;
        for (int64_t d = 0; d < D; d++) {
            double g = dy[t * D + d] * gain[d], n = (x[t * D + d] - mean[t]) * r;
            plain += g / (double)D;
            weighted += g * n / (double)D;
        }
        for (int64_t d = 0; d < D; d++) {
            int64_t i = t * D + d;
            double n = (x[i] - mean[t]) * r;
            dx[i] += r * (dy[i] * gain[d] - plain - n * weighted);
            dgain[d] += dy[i] * n;
            if (dbias != NULL)
                dbias[d] += dy[i];
        }
    }
}

/* In place; the tables are [positions, pairs]. */
REFERENCE void reference_rotary(double *x, const int32_t *positions, const double *cosine,
                                const double *sine, int64_t T, int64_t heads, int64_t C,
                                int64_t pairs, bool inverse) {
    for (int64_t t = 0; t < T; t++)
        for (int64_t h = 0; h < heads; h++)
            for (int64_t i = 0; i < pairs; i++) {
                double *a = x + (t * heads + h) * C + i, *b = a + pairs;
                double c = cosine[positions[t] * pairs + i], s = sine[positions[t] * pairs + i];
                s = inverse ? -s : s;
                double u = *a * c - *b * s, v = *b * c + *a * s;
                *a = u;
                *b = v;
            }
}

/* gate_up [T,2F] */
REFERENCE void reference_swiglu(double *y, const double *gate_up, int64_t T, int64_t F) {
    for (int64_t t = 0; t < T; t++)
        for (int64_t f = 0; f < F; f++) {
            double g = gate_up[t * 2 * F + f], u = gate_up[t * 2 * F + F + f];
            y[t * F + f] = g / (1 + exp(-g)) * u;
        }
}

REFERENCE void reference_swiglu_backward(double *dgate_up, const double *dy, const double *gate_up,
                                         int64_t T, int64_t F) {
    for (int64_t t = 0; t < T; t++)
        for (int64_t f = 0; f < F; f++) {
            int64_t gate = t * 2 * F + f, up = gate + F;
            double s = 1 / (1 + exp(-gate_up[gate])), d = dy[t * F + f];
            dgate_up[up] += d * gate_up[gate] * s;
            dgate_up[gate] += d * gate_up[up] * s * (1 + gate_up[gate] * (1 - s));
        }
}

/* exact: with erf, else with tanh */
REFERENCE double reference_gelu(double x, bool exact) {
    if (exact)
        return x * erfc(-x / sqrt(2)) / 2;
    return x * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x))) / 2;
}

REFERENCE double reference_gelu_slope(double x, bool exact) {
    double pi = acos(-1), c = sqrt(2 / pi);
    if (exact)
        return erfc(-x / sqrt(2)) / 2 + x * exp(-x * x / 2) / sqrt(2 * pi);
    double t = tanh(c * (x + 0.044715 * x * x * x));
    return (1 + t) / 2 + x * (1 - t * t) / 2 * c * (1 + 3 * 0.044715 * x * x);
}

/* ---- attention ---- */

struct reference_attention {
    const int32_t *offsets;
    int64_t sequences, H, G, C;
    double scale;
    bool causal;
    int64_t window; /* 0: none */
};

/* The first and the last row (plus one) that row i of a sequence sees. */
REFERENCE int64_t reference_first(const struct reference_attention *a, int64_t s, int64_t i) {
    bool cut = a->window > 0 && i + 1 - a->window > a->offsets[s];
    return cut ? i + 1 - a->window : a->offsets[s];
}

REFERENCE int64_t reference_last(const struct reference_attention *a, int64_t s, int64_t i) {
    return a->causal ? i + 1 : a->offsets[s + 1];
}

/* Probabilities of query row i of one head over rows first … last − 1; returns the log of the sum.
 */
REFERENCE double reference_probabilities(double *p, const double *q, const double *k, int64_t i,
                                         int64_t first, int64_t last, int64_t h,
                                         const struct reference_attention *a) {
    int64_t g = h * a->G / a->H;
    double most = -INFINITY, sum = 0;
    for (int64_t j = first; j < last; j++) {
        double s = 0;
        for (int64_t c = 0; c < a->C; c++)
            s += q[(i * a->H + h) * a->C + c] * k[(j * a->G + g) * a->C + c];
        p[j - first] = s * a->scale;
        most = fmax(most, p[j - first]);
    }
    for (int64_t j = first; j < last; j++)
        sum += exp(p[j - first] - most);
    double log_sum = most + log(sum);
    for (int64_t j = first; j < last; j++)
        p[j - first] = exp(p[j - first] - log_sum);
    return log_sum;
}

REFERENCE void reference_attention(double *out, double *log_sum, const double *q, const double *k,
                                   const double *v, const struct reference_attention *a) {
    for (int64_t s = 0; s < a->sequences; s++)
        for (int64_t i = a->offsets[s]; i < a->offsets[s + 1]; i++)
            for (int64_t h = 0; h < a->H; h++) {
                int64_t first = reference_first(a, s, i), last = reference_last(a, s, i);
                double *p = calloc((size_t)(last - first), sizeof *p);
                log_sum[i * a->H + h] = reference_probabilities(p, q, k, i, first, last, h, a);
                for (int64_t j = first; j < last; j++)
                    for (int64_t c = 0; c < a->C; c++)
                        out[(i * a->H + h) * a->C + c] +=
                            p[j - first] * v[(j * a->G + h * a->G / a->H) * a->C + c];
                free(p);
            }
}

/* One query row: with dp_j = dout·v_j, ds_j = p_j·(dp_j − Σ p·dp). */
REFERENCE void reference_attention_row(double *dq, double *dk, double *dv, const double *dout,
                                       const double *q, const double *k, const double *v, int64_t i,
                                       int64_t first, int64_t last, int64_t h,
                                       const struct reference_attention *a) {
    int64_t C = a->C, g = h * a->G / a->H;
    double *p = calloc((size_t)(last - first), sizeof *p), mean = 0;
    double *dp = calloc((size_t)(last - first), sizeof *dp);
    reference_probabilities(p, q, k, i, first, last, h, a);
    const double *row = dout + (i * a->H + h) * C;
    for (int64_t j = first; j < last; j++) {
        for (int64_t c = 0; c < C; c++)
            dp[j - first] += row[c] * v[(j * a->G + g) * C + c];
        mean += p[j - first] * dp[j - first];
    }
    for (int64_t j = first; j < last; j++) {
        double ds = p[j - first] * (dp[j - first] - mean) * a->scale;
        for (int64_t c = 0; c < C; c++) {
            dq[(i * a->H + h) * C + c] += ds * k[(j * a->G + g) * C + c];
            dk[(j * a->G + g) * C + c] += ds * q[(i * a->H + h) * C + c];
            dv[(j * a->G + g) * C + c] += p[j - first] * row[c];
        }
    }
    free(p);
    free(dp);
}

REFERENCE void reference_attention_backward(double *dq, double *dk, double *dv, const double *dout,
                                            const double *q, const double *k, const double *v,
                                            const struct reference_attention *a) {
    for (int64_t s = 0; s < a->sequences; s++)
        for (int64_t i = a->offsets[s]; i < a->offsets[s + 1]; i++)
            for (int64_t h = 0; h < a->H; h++)
                reference_attention_row(dq, dk, dv, dout, q, k, v, i, reference_first(a, s, i),
                                        reference_last(a, s, i), h, a);
}

/* ---- loss ---- */

/* Returns −Σ weight·log_probability; dx and dw are added to unless NULL. */
REFERENCE double reference_cross_entropy(double *log_probability, double *dx, double *dw,
                                         const double *x, const double *w, const int32_t *targets,
                                         const double *weights, int64_t n, int64_t V, int64_t D) {
    double loss = 0, *z = calloc((size_t)V, sizeof *z);
    for (int64_t i = 0; i < n; i++) {
        double most = -INFINITY, sum = 0;
        for (int64_t v = 0; v < V; v++) {
            z[v] = 0;
            for (int64_t d = 0; d < D; d++)
                z[v] += x[i * D + d] * w[v * D + d];
            most = fmax(most, z[v]);
        }
        for (int64_t v = 0; v < V; v++)
            sum += exp(z[v] - most);
        log_probability[i] = z[targets[i]] - most - log(sum);
        loss -= weights[i] * log_probability[i];
        for (int64_t v = 0; v < V; v++) {
            double dz = weights[i] * (exp(z[v] - most) / sum - (v == targets[i]));
            for (int64_t d = 0; d < D; d++) {
                if (dx != NULL)
                    dx[i * D + d] += dz * w[v * D + d];
                if (dw != NULL)
                    dw[v * D + d] += dz * x[i * D + d];
            }
        }
    }
    free(z);
    return loss;
}

/* Returns Σ weight·divergence from q [m,V]; dx and dw are added to unless NULL. */
REFERENCE double reference_kl_divergence(double *divergence, double *dx, double *dw,
                                         const double *x, const double *w, const double *q,
                                         const int32_t *which, const double *weights, int64_t n,
                                         int64_t V, int64_t D) {
    double loss = 0, *z = calloc((size_t)V, sizeof *z);
    for (int64_t i = 0; i < n; i++) {
        const double *wanted = q + which[i] * V;
        double most = -INFINITY, sum = 0, mass = 0;
        for (int64_t v = 0; v < V; v++) {
            z[v] = 0;
            for (int64_t d = 0; d < D; d++)
                z[v] += x[i * D + d] * w[v * D + d];
            most = fmax(most, z[v]);
        }
        for (int64_t v = 0; v < V; v++)
            sum += exp(z[v] - most);
        divergence[i] = 0;
        for (int64_t v = 0; v < V; v++) {
            mass += wanted[v];
            if (wanted[v] != 0)
                divergence[i] += wanted[v] * (log(wanted[v]) - (z[v] - most - log(sum)));
        }
        loss += weights[i] * divergence[i];
        for (int64_t v = 0; v < V; v++) {
            double dz = weights[i] * (mass * exp(z[v] - most) / sum - wanted[v]);
            for (int64_t d = 0; d < D; d++) {
                if (dx != NULL)
                    dx[i * D + d] += dz * w[v * D + d];
                if (dw != NULL)
                    dw[v * D + d] += dz * x[i * D + d];
            }
        }
    }
    free(z);
    return loss;
}

#endif
