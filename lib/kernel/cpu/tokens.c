/*
 * Choosing tokens from logits: greedy, or by temperature, top-k, top-p and the inverse of the
 * cumulative distribution in the order of ids, summed in f64.
 */
#include <math.h>
#include <omp.h>

#include "kernel/cpu/cpu.h"

/* What the cut-offs leave: all tokens at least as good as the worst one kept. */
struct kept {
    float value; /* logit of the worst */
    int32_t id;  /* among equal logits the lower ids are better */
};

struct candidate {
    float value;
    int32_t id;
};

static bool better(struct candidate a, struct candidate b) {
    return a.value > b.value || (a.value == b.value && a.id < b.id);
}

/* Restores the heap (best on top) below `at`. */
static void sift(struct candidate *heap, int64_t count, int64_t at) {
    struct candidate moving = heap[at];
    for (int64_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && better(heap[child + 1], heap[child]))
            child++;
        if (!better(heap[child], moving))
            break;
        heap[at] = heap[child];
    }
    heap[at] = moving;
}

/* Takes the best from the heap and leaves it in the place that came free behind it. */
static struct candidate take_best(struct candidate *heap, int64_t *count) {
    struct candidate best = heap[0];
    heap[0] = heap[--*count];
    if (*count > 1)
        sift(heap, *count, 0);
    heap[*count] = best;
    return best;
}

/* Probability of a logit before division by the sum. */
static double mass(float value, float most, float temperature) {
    return exp(((double)value - (double)most) / (double)temperature);
}

/* The worst token kept by top-k, then by top-p among those. */
static struct kept cut(const float *z, int64_t vocabulary, float most, struct sampling sampling,
                       struct candidate *heap) {
    for (int64_t v = 0; v < vocabulary; v++)
        heap[v] = (struct candidate){z[v], (int32_t)v};
    for (int64_t at = vocabulary / 2; at-- > 0;)
        sift(heap, vocabulary, at);
    bool limited = sampling.top_k > 0 && sampling.top_k < vocabulary;
    int64_t limit = limited ? sampling.top_k : vocabulary, left = vocabulary;
    double total = 0;
    for (int64_t i = 0; i < limit; i++)
        total += mass(limited ? take_best(heap, &left).value : z[i], most, sampling.temperature);
    struct candidate last = heap[0];
    double reached = 0;
    for (int64_t i = 0; i < limit; i++) {
        last = limited ? heap[vocabulary - 1 - i] : take_best(heap, &left);
        reached += mass(last.value, most, sampling.temperature);
        if (sampling.top_p < 1 && reached >= (double)sampling.top_p * total)
            break;
    }
    return (struct kept){last.value, last.id};
}

static bool is_kept(struct kept kept, float value, int64_t id) {
    return value > kept.value || (value == kept.value && id <= kept.id);
}

/* The first token at which the cumulative sum passes uniform × total. */
static int32_t draw(const float *z, int64_t vocabulary, float most, struct kept kept,
                    float temperature, float uniform) {
    double total = 0, sum = 0;
    for (int64_t v = 0; v < vocabulary; v++)
        if (is_kept(kept, z[v], v))
            total += mass(z[v], most, temperature);
    int32_t last = 0;
    for (int64_t v = 0; v < vocabulary; v++) {
        double share = is_kept(kept, z[v], v) ? mass(z[v], most, temperature) : 0;
        if (share == 0)
            continue;
        sum += share;
        last = (int32_t)v;
        if (sum > (double)uniform * total)
            break;
    }
    return last;
}

static int32_t choose(const float *z, int64_t vocabulary, float most, float uniform,
                      struct sampling sampling, struct candidate *heap) {
    if (sampling.temperature == 0) {
        int64_t v = 0;
        while (z[v] != most)
            v++;
        return (int32_t)v;
    }
    struct kept kept = {-INFINITY, INT32_MAX};
    bool cuts = (sampling.top_k > 0 && sampling.top_k < vocabulary) || sampling.top_p < 1;
    if (cuts)
        kept = cut(z, vocabulary, most, sampling, heap);
    return draw(z, vocabulary, most, kept, sampling.temperature, uniform);
}

static float log_probability_of(const float *z, int64_t vocabulary, float most, int32_t token) {
    double total = 0;
    for (int64_t v = 0; v < vocabulary; v++)
        total += exp((double)z[v] - (double)most);
    return (float)((double)z[token] - (double)most - log(total));
}

/* Every row has a largest logit that is a number. */
static bool rows_hold(struct device *device, struct tensor logits) {
    const struct row_kernels *rows = cpu_of(device)->kernels->rows;
    for (int64_t b = 0; b < logits.rows; b++)
        if (!isfinite(rows->maximum(f32_row(logits, b), logits.columns))) {
            device_fail(device,
                        "choose_tokens: row %lld of the logits holds a NaN, an infinity or "
                        "nothing finite; the model's weights are damaged or diverged",
                        (long long)b);
            return false;
        }
    return true;
}

void cpu_choose_tokens(struct device *device, struct tensor token, struct tensor log_probability,
                       struct tensor logits, struct tensor uniform, struct sampling sampling) {
    if (!rows_hold(device, logits))
        return;
    const struct row_kernels *rows = cpu_of(device)->kernels->rows;
    int64_t vocabulary = logits.columns;
    int team = cpu_team(device, logits.rows * vocabulary * 64);
    struct candidate *heaps = (struct candidate *)(void *)cpu_scratch(
        device, SCRATCH_WORK, (size_t)team * 2 * (size_t)vocabulary);
    if (heaps == NULL)
        return;
#pragma omp parallel for num_threads(team) schedule(static) if (team > 1)
    for (int64_t b = 0; b < logits.rows; b++) {
        const float *z = f32_row(logits, b);
        float most = rows->maximum(z, vocabulary);
        float u = sampling.temperature > 0 ? f32_row(uniform, 0)[b] : 0;
        int32_t chosen = choose(z, vocabulary, most, u, sampling,
                                heaps + (int64_t)omp_get_thread_num() * vocabulary);
        i32_row(token, 0)[b] = chosen;
        f32_row(log_probability, 0)[b] = log_probability_of(z, vocabulary, most, chosen);
    }
}
