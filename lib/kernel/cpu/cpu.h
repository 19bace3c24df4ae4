/*
 * The CPU device: f32 arithmetic on OpenMP threads, OpenBLAS for large products, functions compiled
 * per instruction set for the rest. Operations run at once, in the calling thread and its team.
 *
 * Repeatability: how work is cut depends on shapes and the number of threads alone; sums over rows
 * are cut into chunks that depend on shapes alone and merged in order.
 */
#ifndef LOCKPICK_KERNEL_CPU_CPU_H
#define LOCKPICK_KERNEL_CPU_CPU_H

#include "kernel/cpu/isa.h"
#include "kernel/device.h"

/* Scratch memory: what an operation needs itself, widened vectors beside it, logits beside both. */
enum {
    CPU_PANEL = 4 << 20, /* floats of a widened panel: 16 MiB */
    CPU_MOST_CHUNKS = 64 /* of rows, each with sums of its own */
};

enum scratch_use { SCRATCH_WORK, SCRATCH_VECTORS, SCRATCH_LOGITS, SCRATCH_USES };

struct cpu_device {
    struct device device;
    const struct cpu_kernels *kernels;
    bool poison; /* LOCKPICK_POISON: fresh memory is NaN */
    float *scratch[SCRATCH_USES];
    size_t scratch_size[SCRATCH_USES]; /* floats */
};

static inline struct cpu_device *cpu_of(struct device *device) {
    return (struct cpu_device *)device;
}

/* At least `floats`, 64-byte aligned, until the next call for this use; NULL: the device failed. */
/* Logits that a cross-entropy of so many rows has at once. */
size_t cpu_loss_floats(int64_t rows, int64_t vocabulary);
float *cpu_scratch(struct device *device, enum scratch_use use, size_t floats);

/*
 * Threads worth waking for `work`, in operations of a matrix product: an element of other work
 * counts as what a product does in that time, from 8 for a copy to 64 for an exponential. Waking a
 * thread costs some ten microseconds when waiting is passive.
 */
int cpu_team(const struct device *device, int64_t work);

/* Part `part` of `count` things cut into `parts` nearly equal runs of multiples of `unit`. */
struct span {
    int64_t first, count;
};
struct span cpu_part(int64_t count, int64_t parts, int64_t part, int64_t unit);

static inline float *f32_row(struct tensor tensor, int64_t row) {
    return (float *)tensor.data + row * tensor.stride;
}

static inline int32_t *i32_row(struct tensor tensor, int64_t row) {
    return (int32_t *)tensor.data + row * tensor.stride;
}

/* The tensor with rows × columns as one row where it has no gaps. */
struct tensor cpu_flat(struct tensor tensor);
/* A [1,n] weight as f32: itself, or widened into `room`. */
const float *cpu_gain(const struct cpu_device *cpu, struct tensor gain, float *room);
/* Offsets that begin at 0, rise to `rows` and hold no sequence longer than said; or it fails. */
bool cpu_offsets_hold(struct device *device, const char *operation, struct sequences sequences,
                      int64_t rows);
/* All ids in [0, limit), or the device fails naming the operation. */
bool cpu_ids_below(struct device *device, const char *operation, const char *name,
                   struct tensor ids, int64_t limit);

/* The operations, by file. */
void cpu_matmul_forward(struct device *, struct tensor y, struct tensor x, struct tensor w,
                        struct tensor bias, struct tensor addend);
void cpu_matmul_backward_input(struct device *, struct tensor dx, struct tensor dy, struct tensor w,
                               bool accumulate);
void cpu_matmul_backward_weight(struct device *, struct tensor dw, struct tensor dy,
                                struct tensor x, bool accumulate);
void cpu_bias_backward(struct device *, struct tensor dbias, struct tensor dy);

void cpu_upload(struct device *, struct tensor to, const void *from);
void cpu_download(struct device *, void *to, struct tensor from);
void cpu_zero(struct device *, struct tensor tensor);
void cpu_copy(struct device *, struct tensor to, struct tensor from);
void cpu_embedding_forward(struct device *, struct tensor y, struct tensor tokens, struct tensor w);
void cpu_embedding_backward(struct device *, struct tensor dw, struct tensor dy,
                            struct tensor tokens);
void cpu_gather_rows(struct device *, struct tensor y, struct tensor x, struct tensor rows);
void cpu_scatter_rows(struct device *, struct tensor y, struct tensor x, struct tensor rows);
void cpu_cache_append(struct device *, struct tensor keys, struct tensor values, struct tensor k,
                      struct tensor v, struct tensor slots);

void cpu_rms_norm_forward(struct device *, struct tensor y, struct tensor scale, struct tensor x,
                          struct tensor gain, float epsilon);
void cpu_rms_norm_backward(struct device *, struct tensor dx, struct tensor dgain, struct tensor dy,
                           struct tensor x, struct tensor gain, struct tensor scale,
                           bool accumulate);
void cpu_layer_norm_forward(struct device *, struct tensor y, struct tensor mean,
                            struct tensor scale, struct tensor x, struct tensor gain,
                            struct tensor bias, float epsilon);
void cpu_layer_norm_backward(struct device *, struct tensor dx, struct tensor dgain,
                             struct tensor dbias, struct tensor dy, struct tensor x,
                             struct tensor gain, struct tensor mean, struct tensor scale,
                             bool accumulate);
void cpu_head_norm_forward(struct device *, struct tensor y, struct tensor scale, struct tensor x,
                           struct tensor gain, int64_t heads, float epsilon);
void cpu_head_norm_backward(struct device *, struct tensor dx, struct tensor dgain,
                            struct tensor dy, struct tensor x, struct tensor gain,
                            struct tensor scale, int64_t heads);

void cpu_rotary(struct device *, struct tensor x, struct tensor positions, struct tensor cosine,
                struct tensor sine, int64_t heads, bool inverse);
void cpu_swiglu_forward(struct device *, struct tensor y, struct tensor gate_up);
void cpu_swiglu_backward(struct device *, struct tensor dgate_up, struct tensor dy,
                         struct tensor gate_up);
void cpu_gelu_forward(struct device *, struct tensor y, struct tensor x, enum gelu_form form);
void cpu_gelu_backward(struct device *, struct tensor dx, struct tensor dy, struct tensor x,
                       enum gelu_form form);

void cpu_add_rows(struct device *, struct tensor y, struct tensor x);
void cpu_mean_rows(struct device *, struct tensor y, struct tensor x, struct sequences sequences);
void cpu_normalize_rows(struct device *, struct tensor x);

void cpu_attention_forward(struct device *, struct tensor out, struct tensor log_sum,
                           struct tensor q, struct tensor k, struct tensor v,
                           struct sequences sequences, struct attention_shape shape);
void cpu_attention_backward(struct device *, struct tensor dq, struct tensor dk, struct tensor dv,
                            struct tensor dout, struct tensor out, struct tensor log_sum,
                            struct tensor q, struct tensor k, struct tensor v,
                            struct sequences sequences, struct attention_shape shape);
void cpu_attention_cached(struct device *, struct tensor out, struct tensor q, struct tensor keys,
                          struct tensor values, struct tensor pages, struct tensor lengths,
                          struct sequences sequences, int64_t page_size,
                          struct attention_shape shape);

void cpu_cross_entropy(struct device *, struct tensor log_probability, struct tensor dx,
                       struct tensor dw, struct tensor x, struct tensor w, struct tensor targets,
                       struct tensor weights);
void cpu_kl_divergence(struct device *, struct tensor divergence, struct tensor dx,
                       struct tensor dw, struct tensor x, struct tensor w,
                       struct tensor distributions, struct tensor which, struct tensor weights);

void cpu_sum_of_squares(struct device *, struct tensor sum, struct tensor x, bool accumulate);
void cpu_clip_factor(struct device *, struct tensor factor, struct tensor sum, float limit);
void cpu_adamw_update(struct device *, struct learning_weight weight, struct tensor gradient,
                      struct tensor first, struct tensor second, struct tensor factor,
                      struct optimizer_step step);
void cpu_lion_update(struct device *, struct learning_weight weight, struct tensor gradient,
                     struct tensor momentum, struct tensor factor, struct optimizer_step step);

void cpu_choose_tokens(struct device *, struct tensor token, struct tensor log_probability,
                       struct tensor logits, struct tensor uniform, struct sampling sampling);

#endif
