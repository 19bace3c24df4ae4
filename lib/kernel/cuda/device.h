/*
 * The CUDA device: one GPU, one stream, hand kernels and cuBLASLt. This is the one header that
 * includes CUDA's, or, compiled for the host (LOCKPICK_SHIM), the execution shim's; kernels are
 * launched and declare shared memory through its macros.
 *
 * Precision: arithmetic is f32; activations are f32 or, with bf16 weights, bf16. A product with a
 * bf16 weight rounds f32 activations to bf16 and runs on tensor cores with f32 accumulation; with
 * an f32 weight it is f32 throughout. Operations that see no weight (the gradient of a weight,
 * attention) take the precision of the last weight that was multiplied with: `narrow`.
 *
 * Repeatability: how work is cut depends on shapes alone, sums are merged in order, nothing is
 * added atomically, and cuBLASLt is asked once for each shape which algorithm it would take.
 *
 * Errors: what the host can see is checked when called. What only the device sees (an id out of
 * range, wrong offsets) is written to a `fault` by the first kernel that finds it, and
 * device_finish() turns it into the message. Every kernel leaves out what its own ids and offsets
 * do not allow, so that those behind the first may run: what they compute is thrown away.
 */
#ifndef LOCKPICK_KERNEL_CUDA_DEVICE_H
#define LOCKPICK_KERNEL_CUDA_DEVICE_H

#ifdef LOCKPICK_SHIM
#include "kernel/cuda/shim.h"
#else
#include <cublasLt.h>
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#define LAUNCH(kernel, grid, block, shared, stream, ...)                                           \
    (kernel)<<<grid, block, shared, stream>>>(__VA_ARGS__)
#define UNROLL _Pragma("unroll")
#define UNROLL_FOUR _Pragma("unroll 4")
#define NO_UNROLL _Pragma("unroll 1")
#define SHARED(type, name, ...) __shared__ type name __VA_ARGS__
#define SHARED_DYNAMIC(type, name)                                                                 \
    extern __shared__ __align__(16) unsigned char dynamic_shared_memory[];                         \
    type *name = reinterpret_cast<type *>(dynamic_shared_memory)

static __device__ __forceinline__ uint16_t narrow_bf16(float x) {
    return __bfloat16_as_ushort(__float2bfloat16_rn(x));
}

/* Two numbers as bf16, the first in the low half. */
static __device__ __forceinline__ unsigned two_bf16(float low, float high) {
    __nv_bfloat162 two = __floats2bfloat162_rn(low, high);
    return *reinterpret_cast<const unsigned *>(&two);
}

/* The larger; a NaN in either stays one. */
static __device__ __forceinline__ float larger_or_nan(float a, float b) {
    float larger;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(larger) : "f"(a), "f"(b));
    return larger;
}

/* 2 to the x within 2 units in the last place; 0 where that is no normal number. */
static __device__ __forceinline__ float power_of_two(float x) {
    float power;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
    return power;
}

/* d[16,8] += a[16,16]·b[16,8] of a warp: see shim.h. */
static __device__ __forceinline__ void mma_bf16(float d[4], const unsigned a[4],
                                                const unsigned b[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\n"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/* Four 8×8 matrices of bf16 from shared memory, as fragments: see shim.h. */
template <bool TRANSPOSED>
static __device__ __forceinline__ void load_matrices(unsigned to[4], const uint16_t *row) {
    unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(row));
    if (TRANSPOSED)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                     : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                     : "r"(address)
                     : "memory");
    else
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                     : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                     : "r"(address)
                     : "memory");
}
#endif

extern "C" {
#include "kernel/device.h"
}

/* What a kernel found wrong: written once, by whoever takes it. */
enum fault_kind { FAULT_NONE, FAULT_ID, FAULT_OFFSETS, FAULT_LENGTH, FAULT_LOGITS };

struct fault {
    int taken;                    /* enum fault_kind */
    const char *operation, *name; /* of the host */
    int64_t numbers[4];
};

/* Device memory that operations need for themselves; an operation uses each once at a time. */
enum scratch_use {
    SCRATCH_LEFT, /* operands of a product, rounded */
    SCRATCH_RIGHT,
    SCRATCH_BIAS,   /* a bias widened and aligned */
    SCRATCH_WORK,   /* partial sums */
    SCRATCH_LOGITS, /* of a chunk of rows */
    SCRATCH_NARROW, /* their gradient, rounded */
    SCRATCH_USES,
};

constexpr int WORKSPACE = 64 << 20;  /* bytes for cuBLASLt */
constexpr int PLANS = 1024;          /* shapes of products remembered */
constexpr int MOST_CHUNKS = 4 * 132; /* of rows, each with sums of its own: sums.h */
constexpr int LEAST_ROWS = 8;        /* of a chunk */

struct product_plan; /* product.cu */
struct staging;      /* staging.cu */

struct cuda_device {
    struct device device;
    int index;
    int processors;      /* multiprocessors */
    size_t shared_limit; /* dynamic shared memory that a block may ask for */
    bool poison;         /* LOCKPICK_POISON: fresh memory is NaN */
    bool narrow;         /* the last weight multiplied with was bf16 */
    cudaStream_t stream;
    cublasLtHandle_t blas;
    void *workspace;
    struct product_plan *plans[PLANS];
    struct fault *fault; /* on the device */
    void *scratch[SCRATCH_USES];
    size_t scratch_size[SCRATCH_USES];
    struct staging *staging; /* pinned memory */
};

static inline struct cuda_device *cuda_of(struct device *device) {
    return reinterpret_cast<struct cuda_device *>(device);
}

/* Whether the call succeeded; else the device fails naming the operation and a shape. */
bool cuda_ok(struct device *device, cudaError_t status, const char *operation, struct tensor about);
/* cuda_ok() of the launches since the last time. */
bool cuda_launched(struct device *device, const char *operation, struct tensor about);
/* At least `size` bytes, 256-byte aligned, until the next call for this use; NULL: it failed. */
void *cuda_scratch(struct device *device, enum scratch_use use, size_t size);

/* Blocks of `size` things for `count` of them. */
static inline unsigned blocks_of(int64_t count, int64_t size) {
    return (unsigned)((count + size - 1) / size);
}

/* 4 where every tensor can be read four columns at a time, else 1. */
int cuda_width(struct tensor a, struct tensor b = {}, struct tensor c = {}, struct tensor d = {});

/* ---- staging.cu ---- */

cudaError_t cuda_staging_open(struct cuda_device *cuda);
void cuda_staging_close(struct cuda_device *cuda);
void cuda_upload(struct device *, struct tensor to, const void *from);
void cuda_download(struct device *, void *to, struct tensor from);

static inline size_t cuda_row_bytes(struct tensor tensor) {
    return (size_t)tensor.columns * dtype_size(tensor.type);
}

/* Bytes from one row to the next. */
static inline size_t cuda_pitch(struct tensor tensor) {
    return (size_t)tensor.stride * dtype_size(tensor.type);
}

/* A tensor without gaps as one long row. */
static inline struct tensor cuda_flat(struct tensor tensor) {
    if (tensor.stride == tensor.columns) {
        tensor.columns *= tensor.rows;
        tensor.stride = tensor.columns;
        tensor.rows = 1;
    }
    return tensor;
}

/* ---- product.cu ---- */

/* c (+)= …, where `narrow` says whether operands are rounded to bf16 (bf16 ones must be). */
void cuda_product_forward(struct device *device, const char *operation, struct tensor y,
                          struct tensor x, struct tensor w, struct tensor bias,
                          struct tensor addend, bool narrow);
void cuda_product_input(struct device *device, const char *operation, struct tensor dx,
                        struct tensor dy, struct tensor w, bool accumulate, bool narrow);
void cuda_product_weight(struct device *device, const char *operation, struct tensor dw,
                         struct tensor dy, struct tensor x, bool accumulate, bool narrow);
/* A bf16 copy of rows, at a stride of whole 16 bytes, in scratch; no data: the device failed. */
struct tensor cuda_rounded(struct device *device, enum scratch_use use, struct tensor from);
void cuda_products_close(struct cuda_device *cuda);

/* ---- recording.cu ---- */

void cuda_record_begin(struct device *);
struct recording *cuda_record_end(struct device *);
bool cuda_record_valid(const struct device *, const struct recording *recording);
void cuda_record_run(struct device *, const struct recording *recording);
void cuda_record_free(struct recording *recording);

/* ---- operations, by file ---- */

void cuda_matmul_forward(struct device *, struct tensor y, struct tensor x, struct tensor w,
                         struct tensor bias, struct tensor addend);
void cuda_matmul_backward_input(struct device *, struct tensor dx, struct tensor dy,
                                struct tensor w, bool accumulate);
void cuda_matmul_backward_weight(struct device *, struct tensor dw, struct tensor dy,
                                 struct tensor x, bool accumulate);

void cuda_bias_backward(struct device *, struct tensor dbias, struct tensor dy);
void cuda_embedding_forward(struct device *, struct tensor y, struct tensor tokens,
                            struct tensor w);
void cuda_embedding_backward(struct device *, struct tensor dw, struct tensor dy,
                             struct tensor tokens);
void cuda_add_rows(struct device *, struct tensor y, struct tensor x);
void cuda_mean_rows(struct device *, struct tensor y, struct tensor x, struct sequences sequences);
void cuda_normalize_rows(struct device *, struct tensor x);
void cuda_gather_rows(struct device *, struct tensor y, struct tensor x, struct tensor rows);
void cuda_scatter_rows(struct device *, struct tensor y, struct tensor x, struct tensor rows);
void cuda_cache_append(struct device *, struct tensor keys, struct tensor values, struct tensor k,
                       struct tensor v, struct tensor slots);

void cuda_rms_norm_forward(struct device *, struct tensor y, struct tensor scale, struct tensor x,
                           struct tensor gain, float epsilon);
void cuda_rms_norm_backward(struct device *, struct tensor dx, struct tensor dgain,
                            struct tensor dy, struct tensor x, struct tensor gain,
                            struct tensor scale, bool accumulate);
void cuda_layer_norm_forward(struct device *, struct tensor y, struct tensor mean,
                             struct tensor scale, struct tensor x, struct tensor gain,
                             struct tensor bias, float epsilon);
void cuda_layer_norm_backward(struct device *, struct tensor dx, struct tensor dgain,
                              struct tensor dbias, struct tensor dy, struct tensor x,
                              struct tensor gain, struct tensor mean, struct tensor scale,
                              bool accumulate);
void cuda_head_norm_forward(struct device *, struct tensor y, struct tensor scale, struct tensor x,
                            struct tensor gain, int64_t heads, float epsilon);
void cuda_head_norm_backward(struct device *, struct tensor dx, struct tensor dgain,
                             struct tensor dy, struct tensor x, struct tensor gain,
                             struct tensor scale, int64_t heads);

void cuda_rotary(struct device *, struct tensor x, struct tensor positions, struct tensor cosine,
                 struct tensor sine, int64_t heads, bool inverse);
void cuda_swiglu_forward(struct device *, struct tensor y, struct tensor gate_up);
void cuda_swiglu_backward(struct device *, struct tensor dgate_up, struct tensor dy,
                          struct tensor gate_up);
void cuda_gelu_forward(struct device *, struct tensor y, struct tensor x, enum gelu_form form);
void cuda_gelu_backward(struct device *, struct tensor dx, struct tensor dy, struct tensor x,
                        enum gelu_form form);

void cuda_attention_forward(struct device *, struct tensor out, struct tensor log_sum,
                            struct tensor q, struct tensor k, struct tensor v,
                            struct sequences sequences, struct attention_shape shape);
void cuda_attention_backward(struct device *, struct tensor dq, struct tensor dk, struct tensor dv,
                             struct tensor dout, struct tensor out, struct tensor log_sum,
                             struct tensor q, struct tensor k, struct tensor v,
                             struct sequences sequences, struct attention_shape shape);
void cuda_attention_cached(struct device *, struct tensor out, struct tensor q, struct tensor keys,
                           struct tensor values, struct tensor pages, struct tensor lengths,
                           struct sequences sequences, int64_t page_size,
                           struct attention_shape shape);

/* Bytes for the logits of so many rows and their gradient. */
size_t cuda_loss_scratch(int64_t rows, int64_t vocabulary, bool narrow);
void cuda_cross_entropy(struct device *, struct tensor log_probability, struct tensor dx,
                        struct tensor dw, struct tensor x, struct tensor w, struct tensor targets,
                        struct tensor weights);
void cuda_kl_divergence(struct device *, struct tensor divergence, struct tensor dx,
                        struct tensor dw, struct tensor x, struct tensor w,
                        struct tensor distributions, struct tensor which, struct tensor weights);
void cuda_sum_of_squares(struct device *, struct tensor sum, struct tensor x, bool accumulate);
void cuda_clip_factor(struct device *, struct tensor factor, struct tensor sum, float limit);
void cuda_adamw_update(struct device *, struct learning_weight weight, struct tensor gradient,
                       struct tensor first, struct tensor second, struct tensor factor,
                       struct optimizer_step step);
void cuda_lion_update(struct device *, struct learning_weight weight, struct tensor gradient,
                      struct tensor momentum, struct tensor factor, struct optimizer_step step);
void cuda_choose_tokens(struct device *, struct tensor token, struct tensor log_probability,
                        struct tensor logits, struct tensor uniform, struct sampling sampling);

#endif
