/*
 * Attention over packed sequences and over the paged cache: which thread does which head of which
 * sequence. The arithmetic is in isa_attention.c.
 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "kernel/cpu/cpu.h"

enum { QUERY_RUN = 256 }; /* queries that one thread takes at a time; a multiple of the block */

/* Offsets that begin at 0, rise to T and hold no sequence longer than said. */
static bool offsets_hold(struct device *device, const char *operation, struct sequences sequences,
                         int64_t tokens) {
    const int32_t *offsets = sequences.offsets.data;
    bool right = offsets[0] == 0 && offsets[sequences.count] == tokens;
    for (int64_t s = 0; right && s < sequences.count; s++)
        right = offsets[s] <= offsets[s + 1] &&
                (int64_t)offsets[s + 1] - offsets[s] <= sequences.longest;
    if (!right)
        device_fail(device,
                    "%s: offsets must rise from 0 to the %lld rows, each sequence having at most "
                    "%lld",
                    operation, (long long)tokens, (long long)sequences.longest);
    return right;
}

/* Work of scores, exponentials and weighted values, as if every sequence were the longest. */
static int64_t attention_work(struct sequences sequences, int64_t tokens,
                              struct attention_shape shape) {
    return 8 * tokens * sequences.longest * shape.heads * shape.head_size;
}

static size_t thread_scratch(const struct cpu_device *cpu, struct sequences sequences,
                             struct attention_shape shape) {
    size_t floats = cpu->kernels->attention->scratch(shape.head_size, sequences.longest);
    return (floats + 15) / 16 * 16;
}

/* The parts of one query head in one sequence. */
static struct attention_head head_at(struct tensor out, struct tensor log_sum, struct tensor q,
                                     struct tensor k, struct tensor v, struct sequences sequences,
                                     struct attention_shape shape, int64_t sequence, int64_t head) {
    const int32_t *offsets = (const int32_t *)sequences.offsets.data + sequence;
    int64_t column = head * shape.head_size;
    int64_t kv_column = head * shape.kv_heads / shape.heads * shape.head_size;
    return (struct attention_head){
        .q = f32_row(q, offsets[0]) + column,
        .k = f32_row(k, offsets[0]) + kv_column,
        .v = f32_row(v, offsets[0]) + kv_column,
        .out = f32_row(out, offsets[0]) + column,
        .log_sum = f32_row(log_sum, offsets[0]) + head,
        .q_stride = q.stride,
        .k_stride = k.stride,
        .v_stride = v.stride,
        .out_stride = out.stride,
        .log_sum_stride = log_sum.stride,
        .rows = offsets[1] - offsets[0],
        .head_size = shape.head_size,
        .scale = shape.scale,
        .causal = shape.causal,
    };
}

/* Tasks are runs of queries of one head of one sequence. */
void cpu_attention_forward(struct device *device, struct tensor out, struct tensor log_sum,
                           struct tensor q, struct tensor k, struct tensor v,
                           struct sequences sequences, struct attention_shape shape) {
    if (!offsets_hold(device, "attention_forward", sequences, q.rows))
        return;
    struct cpu_device *cpu = cpu_of(device);
    int team = cpu_team(device, attention_work(sequences, q.rows, shape));
    size_t size = thread_scratch(cpu, sequences, shape);
    float *scratch = cpu_scratch(device, SCRATCH_WORK, size * (size_t)team);
    if (scratch == NULL)
        return;
    int64_t runs = (sequences.longest + QUERY_RUN - 1) / QUERY_RUN;
    int64_t tasks = sequences.count * shape.heads * runs;
#pragma omp parallel for num_threads(team) schedule(dynamic, 8) if (team > 1)
    for (int64_t task = 0; task < tasks; task++) {
        int64_t run = runs - 1 - task % runs; /* a causal sequence's last run is the longest */
        int64_t head = task / runs % shape.heads, sequence = task / runs / shape.heads;
        struct attention_head at = head_at(out, log_sum, q, k, v, sequences, shape, sequence, head);
        int64_t first = run * QUERY_RUN, rest = at.rows - first;
        if (rest > 0)
            cpu->kernels->attention->forward(&at, first, rest < QUERY_RUN ? rest : QUERY_RUN,
                                             scratch + size * (size_t)omp_get_thread_num());
    }
}

/* Tasks are key/value heads of sequences: each gradient row belongs to exactly one. */
void cpu_attention_backward(struct device *device, struct tensor dq, struct tensor dk,
                            struct tensor dv, struct tensor dout, struct tensor out,
                            struct tensor log_sum, struct tensor q, struct tensor k,
                            struct tensor v, struct sequences sequences,
                            struct attention_shape shape) {
    if (!offsets_hold(device, "attention_backward", sequences, q.rows))
        return;
    struct cpu_device *cpu = cpu_of(device);
    int team = cpu_team(device, 2 * attention_work(sequences, q.rows, shape));
    size_t size = thread_scratch(cpu, sequences, shape);
    float *scratch = cpu_scratch(device, SCRATCH_WORK, size * (size_t)team);
    if (scratch == NULL)
        return;
    const int32_t *offsets = sequences.offsets.data;
    int64_t tasks = sequences.count * shape.kv_heads, group = shape.heads / shape.kv_heads;
#pragma omp parallel for num_threads(team) schedule(dynamic, 1) if (team > 1)
    for (int64_t task = 0; task < tasks; task++) {
        int64_t sequence = task / shape.kv_heads, kv_head = task % shape.kv_heads;
        int64_t row = offsets[sequence], column = kv_head * group * shape.head_size;
        int64_t kv_column = kv_head * shape.head_size;
        struct attention_gradient gradient = {
            .head = head_at(out, log_sum, q, k, v, sequences, shape, sequence, kv_head * group),
            .dout = f32_row(dout, row) + column,
            .dq = f32_row(dq, row) + column,
            .dk = f32_row(dk, row) + kv_column,
            .dv = f32_row(dv, row) + kv_column,
            .dout_stride = dout.stride,
            .dq_stride = dq.stride,
            .dk_stride = dk.stride,
            .dv_stride = dv.stride,
            .group = group,
        };
        if (gradient.head.rows > 0)
            cpu->kernels->attention->backward(&gradient,
                                              scratch + size * (size_t)omp_get_thread_num());
    }
}

/* ---- decoding ---- */

/* Lengths within the pages, and pages within the cache, as far as lengths use them. */
static bool pages_hold(struct device *device, struct tensor pages, struct tensor lengths,
                       int64_t page_size, int64_t page_count) {
    for (int64_t b = 0; b < lengths.columns; b++) {
        int64_t length = i32_row(lengths, 0)[b];
        if (length < 1 || length > pages.columns * page_size) {
            device_fail(device,
                        "attention_decode: sequence %lld has length %lld; it must lie in 1 ... "
                        "%lld",
                        (long long)b, (long long)length, (long long)(pages.columns * page_size));
            return false;
        }
        struct tensor used =
            tensor_columns(tensor_rows(pages, b, 1), 0, (length + page_size - 1) / page_size);
        if (!cpu_ids_below(device, "attention_decode", "pages", used, page_count))
            return false;
    }
    return true;
}

/* What one query head of one sequence reads. */
struct decoding {
    const float *q;
    float *out;
    const int32_t *pages;
    int64_t length, page_size, kv_column;
};

static void decode_head(const struct cpu_kernels *kernels, const struct decoding *d,
                        struct tensor keys, struct tensor values, struct attention_shape shape,
                        float *scores) {
    int64_t size = shape.head_size;
    for (int64_t at = 0; at < d->length; at += d->page_size) {
        int64_t rest = d->length - at, count = rest < d->page_size ? rest : d->page_size;
        const float *k = f32_row(keys, d->pages[at / d->page_size] * d->page_size) + d->kv_column;
        kernels->attention->scores(scores + at, d->q, k, keys.stride, count, size, shape.scale);
    }
    float most = kernels->rows->maximum(scores, d->length);
    float total = kernels->rows->exponential(scores, scores, most, d->length);
    memset(d->out, 0, (size_t)size * sizeof(float));
    for (int64_t at = 0; at < d->length; at += d->page_size) {
        int64_t rest = d->length - at, count = rest < d->page_size ? rest : d->page_size;
        const float *v = f32_row(values, d->pages[at / d->page_size] * d->page_size) + d->kv_column;
        kernels->attention->weigh(d->out, scores + at, v, values.stride, count, size);
    }
    kernels->rows->scale(d->out, 1.0f / total, size);
}

void cpu_attention_decode(struct device *device, struct tensor out, struct tensor q,
                          struct tensor keys, struct tensor values, struct tensor pages,
                          struct tensor lengths, int64_t page_size, struct attention_shape shape) {
    if (!pages_hold(device, pages, lengths, page_size, keys.rows / page_size))
        return;
    const struct cpu_kernels *kernels = cpu_of(device)->kernels;
    int64_t longest = 0, total = 0;
    for (int64_t b = 0; b < q.rows; b++) {
        int64_t length = i32_row(lengths, 0)[b];
        total += length;
        longest = length > longest ? length : longest;
    }
    int team = cpu_team(device, 16 * total * shape.heads * shape.head_size);
    size_t size = ((size_t)longest + 15) / 16 * 16;
    float *scratch = cpu_scratch(device, SCRATCH_WORK, size * (size_t)team);
    if (scratch == NULL)
        return;
#pragma omp parallel for num_threads(team) schedule(dynamic, 4) if (team > 1)
    for (int64_t task = 0; task < q.rows * shape.heads; task++) {
        int64_t b = task / shape.heads, head = task % shape.heads;
        struct decoding decoding = {
            .q = f32_row(q, b) + head * shape.head_size,
            .out = f32_row(out, b) + head * shape.head_size,
            .pages = i32_row(pages, b),
            .length = i32_row(lengths, 0)[b],
            .page_size = page_size,
            .kv_column = head * shape.kv_heads / shape.heads * shape.head_size,
        };
        decode_head(kernels, &decoding, keys, values, shape,
                    scratch + size * (size_t)omp_get_thread_num());
    }
}
