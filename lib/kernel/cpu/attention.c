/*
 * Attention over packed sequences: which thread does which head of which sequence. The arithmetic
 * is in isa_attention.c.
 */
#include <omp.h>

#include "kernel/cpu/cpu.h"

enum { QUERY_RUN = 256 }; /* queries that one thread takes at a time; a multiple of the block */

/* Work of scores, exponentials and weighted values, as if every sequence were the longest. */
static int64_t attention_work(struct sequences sequences, int64_t tokens,
                              struct attention_shape shape) {
    int64_t seen = sequences.longest;
    if (shape.window > 0 && shape.window < seen)
        seen = shape.window;
    return 8 * tokens * seen * shape.heads * shape.head_size;
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
        .window = shape.window,
    };
}

/* Tasks are runs of queries of one head of one sequence. */
void cpu_attention_forward(struct device *device, struct tensor out, struct tensor log_sum,
                           struct tensor q, struct tensor k, struct tensor v,
                           struct sequences sequences, struct attention_shape shape) {
    if (!cpu_offsets_hold(device, "attention_forward", sequences, q.rows))
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
    if (!cpu_offsets_hold(device, "attention_backward", sequences, q.rows))
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
