/*
 * Choosing tokens from logits: greedy, or by temperature, top-k, top-p and the inverse of the
 * cumulative distribution in the order of ids. Exponentials are f32, their sums f64 over runs. Only
 * logits near the largest are looked at one by one, however large the vocabulary.
 */
#include <float.h>
#include <math.h>
#include <omp.h>

#include "kernel/cpu/cpu.h"

enum { RUN = 1024 }; /* logits whose exponentials are summed in f32 */

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

/* ---- one row ---- */

/* A row of logits and what is worked out about it; the arrays are a thread's scratch. */
struct row {
    const struct row_kernels *kernels;
    const float *z;
    int64_t vocabulary;
    float most;
    struct sampling sampling;
    float *shares; /* exp((z − most)/temperature) */
    double *runs;  /* sums of shares, a run each */
    double total;  /* their sum */
    int32_t *ids;  /* of the logits looked at */
    struct candidate *heap;
};

static void work_out_shares(struct row *row) {
    float factor = fminf(1.0f / row->sampling.temperature, FLT_MAX); /* 0·∞ would be NaN */
    row->total = 0;
    for (int64_t v = 0; v < row->vocabulary; v += RUN) {
        int64_t rest = row->vocabulary - v;
        double sum = row->kernels->shares(row->shares + v, row->z + v, row->most, factor,
                                          rest < RUN ? rest : RUN);
        row->runs[v / RUN] = sum;
        row->total += sum;
    }
}

/*
 * The ids of the largest logits: top_k at least, or (top_k 0) what top-p needs. Those within a
 * distance of the largest, which grows until there are enough.
 */
static int64_t look_at(const struct row *row, int64_t top_k) {
    double wanted = (double)row->sampling.top_p * row->total * (1 + 1e-6);
    for (int distance = 2;; distance *= 2) { /* in temperatures */
        bool all = distance > 100;
        float nearest = row->most - (float)distance * row->sampling.temperature;
        int64_t count =
            row->kernels->at_least(row->ids, row->z, all ? -INFINITY : nearest, row->vocabulary);
        double sum = 0;
        for (int64_t i = 0; i < count; i++)
            sum += (double)row->shares[row->ids[i]];
        if (all || (top_k > 0 ? count >= top_k : sum >= wanted))
            return count;
    }
}

/* The worst token kept by top-k, then by top-p among those. */
static struct candidate cut(const struct row *row) {
    int64_t top_k = row->sampling.top_k;
    bool limited = top_k > 0 && top_k < row->vocabulary;
    int64_t count = look_at(row, limited ? top_k : 0), left = count;
    struct candidate *heap = row->heap;
    for (int64_t i = 0; i < count; i++)
        heap[i] = (struct candidate){row->z[row->ids[i]], row->ids[i]};
    for (int64_t at = count / 2; at-- > 0;)
        sift(heap, count, at);
    int64_t limit = limited && top_k < count ? top_k : count;
    double total = limited ? 0 : row->total, reached = 0;
    for (int64_t i = 0; limited && i < limit; i++)
        total += (double)row->shares[take_best(heap, &left).id];
    struct candidate last = heap[0];
    for (int64_t i = 0; i < limit; i++) {
        last = limited ? heap[count - 1 - i] : take_best(heap, &left);
        reached += (double)row->shares[last.id];
        if (row->sampling.top_p < 1 && reached >= (double)row->sampling.top_p * total)
            break;
    }
    return last;
}

/* The first of `count` tokens at which the cumulative sum of shares passes `limit`; ids NULL: the
 * tokens from `first` on. */
static int32_t walk(const struct row *row, const int32_t *ids, int64_t first, int64_t count,
                    double limit) {
    double sum = 0;
    int32_t last = 0;
    for (int64_t i = 0; i < count; i++) {
        int32_t id = ids != NULL ? ids[i] : (int32_t)(first + i);
        if (row->shares[id] == 0)
            continue;
        sum += (double)row->shares[id];
        last = id;
        if (sum > limit)
            break;
    }
    return last;
}

static int32_t draw_kept(const struct row *row, struct candidate worst, double uniform) {
    int64_t count = row->kernels->at_least(row->ids, row->z, worst.value, row->vocabulary),
            kept = 0;
    double total = 0;
    for (int64_t i = 0; i < count; i++) {
        int32_t id = row->ids[i];
        if (row->z[id] == worst.value && id > worst.id)
            continue; /* among equal logits the lower ids are better */
        row->ids[kept++] = id;
        total += (double)row->shares[id];
    }
    return walk(row, row->ids, 0, kept, uniform * total);
}

/* From all tokens: first the run, then the token in it. */
static int32_t draw(const struct row *row, double uniform) {
    double limit = uniform * row->total, before = 0;
    int64_t last = 0, runs = (row->vocabulary + RUN - 1) / RUN;
    for (int64_t run = 0; run < runs; run++) {
        if (row->runs[run] == 0)
            continue;
        last = run;
        if (before + row->runs[run] > limit)
            break;
        before += row->runs[run];
    }
    int64_t first = last * RUN, rest = row->vocabulary - first;
    return walk(row, NULL, first, rest < RUN ? rest : RUN, limit - before);
}

static int32_t choose(struct row *row, float uniform) {
    const struct sampling *sampling = &row->sampling;
    if (sampling->temperature == 0) {
        row->kernels->at_least(row->ids, row->z, row->most, row->vocabulary);
        return row->ids[0];
    }
    work_out_shares(row);
    if ((sampling->top_k > 0 && sampling->top_k < row->vocabulary) || sampling->top_p < 1)
        return draw_kept(row, cut(row), (double)uniform);
    return draw(row, (double)uniform);
}

static float log_probability_of(const struct row *row, int32_t token) {
    double total = 0;
    for (int64_t v = 0; v < row->vocabulary; v += RUN) {
        int64_t rest = row->vocabulary - v;
        total += row->kernels->shares(NULL, row->z + v, row->most, 1, rest < RUN ? rest : RUN);
    }
    return (float)((double)row->z[token] - (double)row->most - log(total));
}

/* ---- all rows ---- */

/* Every row has a largest logit that is a number. */
static bool rows_hold(struct device *device, struct tensor logits, float *most, int team) {
    const struct row_kernels *rows = cpu_of(device)->kernels->rows;
#pragma omp parallel for num_threads(team) schedule(static) if (team > 1)
    for (int64_t b = 0; b < logits.rows; b++)
        most[b] = rows->maximum(f32_row(logits, b), logits.columns);
    for (int64_t b = 0; b < logits.rows; b++)
        if (!isfinite(most[b])) {
            device_fail(device,
                        "choose_tokens: row %lld of the logits holds a NaN, an infinity or "
                        "nothing finite; the model's weights are damaged or diverged",
                        (long long)b);
            return false;
        }
    return true;
}

/* The scratch of one thread, in floats. */
static size_t row_scratch(int64_t vocabulary) {
    size_t width = (size_t)(vocabulary + 15) / 16 * 16, runs = (width + RUN - 1) / RUN;
    return 4 * width + (2 * runs + 15) / 16 * 16; /* shares, ids, candidates of two, sums */
}

static void lay_out(struct row *row, float *scratch) {
    size_t width = (size_t)(row->vocabulary + 15) / 16 * 16;
    row->shares = scratch;
    row->ids = (int32_t *)(void *)(scratch + width);
    row->heap = (struct candidate *)(void *)(scratch + 2 * width);
    row->runs = (double *)(void *)(scratch + 4 * width);
}

void cpu_choose_tokens(struct device *device, struct tensor token, struct tensor log_probability,
                       struct tensor logits, struct tensor uniform, struct sampling sampling) {
    const struct row_kernels *rows = cpu_of(device)->kernels->rows;
    int64_t vocabulary = logits.columns;
    int team = cpu_team(device, logits.rows * vocabulary * 64);
    size_t maxima = ((size_t)logits.rows + 15) / 16 * 16, size = row_scratch(vocabulary);
    float *most = cpu_scratch(device, SCRATCH_WORK, maxima + size * (size_t)team);
    if (most == NULL || !rows_hold(device, logits, most, team))
        return;
#pragma omp parallel for num_threads(team) schedule(dynamic, 1) if (team > 1)
    for (int64_t b = 0; b < logits.rows; b++) {
        struct row row = {.kernels = rows,
                          .z = f32_row(logits, b),
                          .vocabulary = vocabulary,
                          .most = most[b],
                          .sampling = sampling};
        lay_out(&row, most + maxima + size * (size_t)omp_get_thread_num());
        int32_t chosen = choose(&row, sampling.temperature > 0 ? f32_row(uniform, 0)[b] : 0);
        i32_row(token, 0)[b] = chosen;
        f32_row(log_probability, 0)[b] = log_probability_of(&row, chosen);
    }
}
