/*
 * What a device is inside: a name, the failure that sticks to it, and its table of operations. The
 * public functions of kernel.h check shapes and dtypes once for all devices and then call through
 * this table, so that an implementation sees only operands that fit together. Private to
 * lib/kernel.
 */
#ifndef LOCKPICK_KERNEL_DEVICE_H
#define LOCKPICK_KERNEL_DEVICE_H

#include "kernel/kernel.h"

struct device_operations;

/* The first member of every implementation's own struct. */
struct device {
    const struct device_operations *operations;
    int threads;
    bool narrow_activations; /* they may be bf16 */
    bool recording;          /* between recording_begin() and recording_end() */
    bool failed;
    struct error failure; /* the first since the last device_finish() */
    char name[32];
    char description[256];
};

/* Keeps the first failure: "operation: what is wrong; what would be right". */
void device_fail(struct device *device, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether that may go on: while recording it makes the device fail. */
bool device_not_recording(struct device *device, const char *operation);

/* Opens the CPU device: lib/kernel/cpu/device.c. */
struct device *cpu_device_open(int threads, struct error *error);

/* Opens "cuda" or "cuda:N" from the library that has it: lib/kernel/load.c. */
struct device *cuda_device_open(const char *name, int threads, struct error *error);
/* Whether a driver's files say that asking is worth loading CUDA's libraries for. */
bool cuda_device_likely(void);
/* What that library exports as lockpick_cuda_open: lib/kernel/cuda/device.cu. */
typedef struct device *cuda_open(const char *name, int index, int threads, size_t operations_size,
                                 struct error *error);

/*
 * One implementation. Every member is the function of the same name in kernel.h, called with
 * operands already checked and never with an empty output; the first group manages memory, the
 * second is NULL where nothing can be recorded.
 */
struct device_operations {
    void (*close)(struct device *device);
    void (*finish)(struct device *device);
    size_t (*memory)(const struct device *device);
    size_t (*scratch)(const struct device *device, struct workload workload);
    void *(*allocate)(struct device *device, size_t size, struct error *error); /* 64-byte */
    void (*release)(struct device *device, void *memory, size_t size);
    void (*fresh)(struct device *device, void *memory, size_t size); /* newly cut: may poison */
    void (*upload)(struct device *device, struct tensor to, const void *from);
    void (*download)(struct device *device, void *to, struct tensor from);
    void (*zero)(struct device *device, struct tensor tensor);
    void (*copy)(struct device *device, struct tensor to, struct tensor from);

    void (*record_begin)(struct device *device);
    struct recording *(*record_end)(struct device *device); /* NULL: it failed */
    bool (*record_valid)(const struct device *device, const struct recording *recording);
    void (*record_run)(struct device *device, const struct recording *recording);
    void (*record_free)(struct recording *recording);

    void (*matmul_forward)(struct device *device, struct tensor y, struct tensor x, struct tensor w,
                           struct tensor bias, struct tensor addend);
    void (*matmul_backward_input)(struct device *device, struct tensor dx, struct tensor dy,
                                  struct tensor w, bool accumulate);
    void (*matmul_backward_weight)(struct device *device, struct tensor dw, struct tensor dy,
                                   struct tensor x, bool accumulate);
    void (*bias_backward)(struct device *device, struct tensor dbias, struct tensor dy);

    void (*embedding_forward)(struct device *device, struct tensor y, struct tensor tokens,
                              struct tensor w);
    void (*embedding_backward)(struct device *device, struct tensor dw, struct tensor dy,
                               struct tensor tokens);
    void (*rms_norm_forward)(struct device *device, struct tensor y, struct tensor scale,
                             struct tensor x, struct tensor gain, float epsilon);
    void (*rms_norm_backward)(struct device *device, struct tensor dx, struct tensor dgain,
                              struct tensor dy, struct tensor x, struct tensor gain,
                              struct tensor scale, bool accumulate);
    void (*layer_norm_forward)(struct device *device, struct tensor y, struct tensor mean,
                               struct tensor scale, struct tensor x, struct tensor gain,
                               struct tensor bias, float epsilon);
    void (*layer_norm_backward)(struct device *device, struct tensor dx, struct tensor dgain,
                                struct tensor dbias, struct tensor dy, struct tensor x,
                                struct tensor gain, struct tensor mean, struct tensor scale,
                                bool accumulate);
    void (*head_norm_forward)(struct device *device, struct tensor y, struct tensor scale,
                              struct tensor x, struct tensor gain, int64_t heads, float epsilon);
    void (*head_norm_backward)(struct device *device, struct tensor dx, struct tensor dgain,
                               struct tensor dy, struct tensor x, struct tensor gain,
                               struct tensor scale, int64_t heads);
    void (*rotary)(struct device *device, struct tensor x, struct tensor positions,
                   struct tensor cosine, struct tensor sine, int64_t heads, bool inverse);
    void (*attention_forward)(struct device *device, struct tensor out, struct tensor log_sum,
                              struct tensor q, struct tensor k, struct tensor v,
                              struct sequences sequences, struct attention_shape shape);
    void (*attention_backward)(struct device *device, struct tensor dq, struct tensor dk,
                               struct tensor dv, struct tensor dout, struct tensor out,
                               struct tensor log_sum, struct tensor q, struct tensor k,
                               struct tensor v, struct sequences sequences,
                               struct attention_shape shape);
    void (*swiglu_forward)(struct device *device, struct tensor y, struct tensor gate_up);
    void (*swiglu_backward)(struct device *device, struct tensor dgate_up, struct tensor dy,
                            struct tensor gate_up);
    void (*gelu_forward)(struct device *device, struct tensor y, struct tensor x,
                         enum gelu_form form);
    void (*gelu_backward)(struct device *device, struct tensor dx, struct tensor dy,
                          struct tensor x, enum gelu_form form);
    void (*add_rows)(struct device *device, struct tensor y, struct tensor x);
    void (*mean_rows)(struct device *device, struct tensor y, struct tensor x,
                      struct sequences sequences);
    void (*normalize_rows)(struct device *device, struct tensor x);
    void (*gather_rows)(struct device *device, struct tensor y, struct tensor x,
                        struct tensor rows);
    void (*scatter_rows)(struct device *device, struct tensor y, struct tensor x,
                         struct tensor rows);

    void (*cross_entropy)(struct device *device, struct tensor log_probability, struct tensor dx,
                          struct tensor dw, struct tensor x, struct tensor w, struct tensor targets,
                          struct tensor weights);
    void (*kl_divergence)(struct device *device, struct tensor divergence, struct tensor dx,
                          struct tensor dw, struct tensor x, struct tensor w,
                          struct tensor distributions, struct tensor which, struct tensor weights);
    void (*sum_of_squares)(struct device *device, struct tensor sum, struct tensor x,
                           bool accumulate);
    void (*clip_factor)(struct device *device, struct tensor factor, struct tensor sum,
                        float limit);
    void (*adamw_update)(struct device *device, struct learning_weight weight,
                         struct tensor gradient, struct tensor first, struct tensor second,
                         struct tensor factor, struct optimizer_step step);
    void (*lion_update)(struct device *device, struct learning_weight weight,
                        struct tensor gradient, struct tensor momentum, struct tensor factor,
                        struct optimizer_step step);

    void (*cache_append)(struct device *device, struct tensor keys, struct tensor values,
                         struct tensor k, struct tensor v, struct tensor slots);
    void (*attention_cached)(struct device *device, struct tensor out, struct tensor q,
                             struct tensor keys, struct tensor values, struct tensor pages,
                             struct tensor lengths, struct sequences sequences, int64_t page_size,
                             struct attention_shape shape);
    void (*choose_tokens)(struct device *device, struct tensor token, struct tensor log_probability,
                          struct tensor logits, struct tensor uniform, struct sampling sampling);
};

#endif
