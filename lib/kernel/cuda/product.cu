/*
 * Matrix products by cuBLASLt. It counts in column-major order, where a row-major [R,C] matrix is
 * its own transpose [C,R]; so y = x·wᵀ is asked for as yᵀ = w·xᵀ. What algorithm a shape takes is
 * asked once and kept; algorithms that merge partial sums in an order of chance are ruled out. A
 * product for which it has none is computed plainly, an element by a thread.
 */
#include <cstdlib>
#include <cstring>

#include "kernel/cuda/lanes.h"

/* ---- rounding ---- */

struct round_rows {
    struct tensor to, from;
    __device__ void operator()(int64_t row, int64_t column) const {
        uint16_t *at = static_cast<uint16_t *>(to.data) + row * to.stride + column;
        *at = narrow_bf16(value_at(from, row, column)); /* of bf16: itself */
    }
};

/* Four at once: 16 bytes in, 8 out. */
struct round_packs {
    struct tensor to, from;
    __device__ void operator()(int64_t row, int64_t column) const {
        pack<4> x = load<4>(f32_at(from, row, column));
        uint2 halves;
        halves.x = two_bf16(x.at[0], x.at[1]);
        halves.y = two_bf16(x.at[2], x.at[3]);
        uint16_t *at = static_cast<uint16_t *>(to.data) + row * to.stride + column;
        *reinterpret_cast<uint2 *>(at) = halves;
    }
};

static void enqueue_rounding(struct device *device, struct tensor to, struct tensor from) {
    if (from.type == DTYPE_F32 && cuda_width(from) == 4)
        launch_elements<4>(device, from.rows, from.columns, round_packs{to, from});
    else
        launch_elements<1>(device, from.rows, from.columns, round_rows{to, from});
}

struct tensor cuda_rounded(struct device *device, enum scratch_use use, struct tensor from) {
    int64_t stride = (from.columns + 7) / 8 * 8;
    struct tensor to = {};
    to.type = DTYPE_BF16;
    to.rows = from.rows;
    to.columns = from.columns;
    to.stride = stride;
    to.data = cuda_scratch(device, use, (size_t)from.rows * (size_t)stride * sizeof(uint16_t));
    if (to.data != nullptr && from.rows > 0 && from.columns > 0)
        enqueue_rounding(device, to, from);
    return to;
}

/* ---- biases ---- */

struct copy_bias {
    cells to;
    struct tensor bias;
    __device__ void operator()(int64_t, int64_t column) const {
        to.put(column, value_at(bias, 0, column));
    }
};

/* The bias as cuBLASLt wants it beside a result of that dtype: of the same, and aligned. */
static const void *aligned_bias(struct device *device, struct tensor bias, enum dtype type) {
    if (bias.type == type && (uintptr_t)bias.data % 16 == 0)
        return bias.data;
    void *room = cuda_scratch(device, SCRATCH_BIAS, (size_t)bias.columns * dtype_size(type));
    if (room != nullptr)
        launch_elements<1>(device, 1, bias.columns, copy_bias{{room, type == DTYPE_BF16}, bias});
    return room;
}

/* y = bias + addend (none: 0): a product over nothing. */
struct empty_product {
    struct tensor y, bias, addend;
    __device__ void operator()(int64_t row, int64_t column) const {
        float sum = bias.data != nullptr ? value_at(bias, 0, column) : 0;
        sum += addend.data != nullptr ? value_at(addend, row, column) : 0;
        cells_at(y, row, column).put(0, sum);
    }
};

/* ---- plans ---- */

/* What tells one product from another: d[m,n] = op(a)·op(b) (+ bias) + beta·c, column-major. */
struct product_key {
    int64_t m, n, k;
    int64_t a_leading, b_leading, c_leading, d_leading;
    int32_t a_transposed, b_transposed, narrow, biased;
    int32_t narrow_result, unused;
    uint32_t alignment[4]; /* of a, b, c, d */
};

struct product_plan {
    struct product_key key;
    cublasLtMatmulDesc_t matmul;
    cublasLtMatrixLayout_t a, b, c, d;
    bool plain; /* cuBLASLt has no algorithm for it */
    cublasLtMatmulAlgo_t algorithm;
};

struct product_call {
    const char *operation;
    struct product_key key;
    const void *a, *b, *bias, *c;
    void *d;
    float beta;
};

static void plan_free(struct product_plan *plan) {
    if (plan == nullptr)
        return;
    cublasLtMatrixLayout_t layouts[] = {plan->a, plan->b, plan->c, plan->d};
    for (cublasLtMatrixLayout_t layout : layouts)
        if (layout != nullptr)
            cublasLtMatrixLayoutDestroy(layout);
    if (plan->matmul != nullptr)
        cublasLtMatmulDescDestroy(plan->matmul);
    free(plan);
}

void cuda_products_close(struct cuda_device *cuda) {
    for (struct product_plan *&plan : cuda->plans) {
        plan_free(plan);
        plan = nullptr;
    }
}

/* The largest power of two up to 256 that divides an address. */
static uint32_t alignment_of(const void *data) {
    uint32_t alignment = 256;
    while ((uintptr_t)data % alignment != 0)
        alignment /= 2;
    return alignment;
}

static size_t slot_of(const struct product_key *key) {
    const uint8_t *bytes = reinterpret_cast<const uint8_t *>(key);
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < sizeof *key; i++)
        hash = (hash ^ bytes[i]) * 1099511628211u;
    return (size_t)((hash ^ hash >> 32) % PLANS);
}

/* With a bias that lies somewhere: cuBLASLt may want to know before it chooses. */
static cublasStatus_t describe_matmul(struct product_plan *plan, const void *bias) {
    const struct product_key *key = &plan->key;
    cublasOperation_t a = key->a_transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    cublasOperation_t b = key->b_transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    cublasLtEpilogue_t epilogue = key->biased ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
    cudaDataType_t bias_type = key->narrow_result ? CUDA_R_16BF : CUDA_R_32F;
    struct {
        cublasLtMatmulDescAttributes_t name;
        const void *value;
        size_t size;
    } attributes[] = {
        {CUBLASLT_MATMUL_DESC_TRANSA, &a, sizeof a},
        {CUBLASLT_MATMUL_DESC_TRANSB, &b, sizeof b},
        {CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue},
        {CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &bias_type, sizeof bias_type},
        {CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias},
    };
    cublasStatus_t status = cublasLtMatmulDescCreate(&plan->matmul, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    for (size_t i = 0; i < (key->biased ? 5 : 3) && status == CUBLAS_STATUS_SUCCESS; i++)
        status = cublasLtMatmulDescSetAttribute(plan->matmul, attributes[i].name,
                                                attributes[i].value, attributes[i].size);
    return status;
}

static cublasStatus_t describe_layouts(struct product_plan *plan) {
    const struct product_key *key = &plan->key;
    cudaDataType_t type = key->narrow ? CUDA_R_16BF : CUDA_R_32F;
    cudaDataType_t result = key->narrow_result ? CUDA_R_16BF : CUDA_R_32F;
    int64_t m = key->m, n = key->n, k = key->k;
    struct {
        cublasLtMatrixLayout_t *layout;
        cudaDataType_t type;
        int64_t rows, columns, leading;
    } all[] = {
        {&plan->a, type, key->a_transposed ? k : m, key->a_transposed ? m : k, key->a_leading},
        {&plan->b, type, key->b_transposed ? n : k, key->b_transposed ? k : n, key->b_leading},
        {&plan->c, result, m, n, key->c_leading},
        {&plan->d, result, m, n, key->d_leading},
    };
    cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
    for (size_t i = 0; i < 4 && status == CUBLAS_STATUS_SUCCESS; i++)
        status = cublasLtMatrixLayoutCreate(all[i].layout, all[i].type, (uint64_t)all[i].rows,
                                            (uint64_t)all[i].columns, all[i].leading);
    return status;
}

static cublasStatus_t choose_algorithm(struct cuda_device *cuda, struct product_plan *plan) {
    cublasLtMatmulPreference_t preference;
    cublasStatus_t status = cublasLtMatmulPreferenceCreate(&preference);
    if (status != CUBLAS_STATUS_SUCCESS)
        return status;
    uint64_t workspace = WORKSPACE;
    uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    const uint32_t *alignment = plan->key.alignment;
    struct {
        cublasLtMatmulPreferenceAttributes_t name;
        const void *value;
        size_t size;
    } attributes[] = {
        {CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof workspace},
        {CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &reductions, sizeof reductions},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &alignment[0], sizeof *alignment},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &alignment[1], sizeof *alignment},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &alignment[2], sizeof *alignment},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &alignment[3], sizeof *alignment},
    };
    for (size_t i = 0; i < 6 && status == CUBLAS_STATUS_SUCCESS; i++)
        status = cublasLtMatmulPreferenceSetAttribute(preference, attributes[i].name,
                                                      attributes[i].value, attributes[i].size);
    cublasLtMatmulHeuristicResult_t result = {};
    int found = 0;
    if (status == CUBLAS_STATUS_SUCCESS)
        status = cublasLtMatmulAlgoGetHeuristic(cuda->blas, plan->matmul, plan->a, plan->b, plan->c,
                                                plan->d, preference, 1, &result, &found);
    cublasLtMatmulPreferenceDestroy(preference);
    plan->plain = status == CUBLAS_STATUS_NOT_SUPPORTED || found == 0;
    plan->algorithm = result.algo;
    return status == CUBLAS_STATUS_NOT_SUPPORTED ? CUBLAS_STATUS_SUCCESS : status;
}

/* The plan of a call; one of another shape may give up its place for it. */
static struct product_plan *plan_of(struct cuda_device *cuda, const struct product_call *call,
                                    cublasStatus_t *status) {
    const struct product_key *key = &call->key;
    struct product_plan **slot = &cuda->plans[slot_of(key)];
    *status = CUBLAS_STATUS_SUCCESS;
    if (*slot != nullptr && memcmp(&(*slot)->key, key, sizeof *key) == 0)
        return *slot;
    plan_free(*slot);
    *slot = nullptr;
    struct product_plan *plan = static_cast<struct product_plan *>(calloc(1, sizeof *plan));
    if (plan == nullptr)
        return nullptr;
    plan->key = *key;
    *status = describe_matmul(plan, call->bias);
    if (*status == CUBLAS_STATUS_SUCCESS)
        *status = describe_layouts(plan);
    if (*status == CUBLAS_STATUS_SUCCESS)
        *status = choose_algorithm(cuda, plan);
    if (*status == CUBLAS_STATUS_SUCCESS)
        return *slot = plan;
    plan_free(plan);
    return nullptr;
}

/* d[column, row] of a call: from one to the next column, memory goes on. */
struct plain_product {
    struct product_call call;
    __device__ void operator()(int64_t row, int64_t column) const {
        const struct product_key &key = call.key;
        int64_t a_step = key.a_transposed ? 1 : key.a_leading;
        int64_t b_step = key.b_transposed ? key.b_leading : 1;
        const cells a = cells{const_cast<void *>(call.a), key.narrow != 0} +
                        column * (key.a_transposed ? key.a_leading : 1);
        const cells b = cells{const_cast<void *>(call.b), key.narrow != 0} +
                        row * (key.b_transposed ? 1 : key.b_leading);
        const cells bias = {const_cast<void *>(call.bias), key.narrow_result != 0};
        const cells c = {const_cast<void *>(call.c), key.narrow_result != 0};
        float sum = 0;
        for (int64_t i = 0; i < key.k; i++)
            sum += a[i * a_step] * b[i * b_step];
        if (call.beta != 0)
            sum += call.beta * c[row * key.c_leading + column];
        if (key.biased)
            sum += bias[column];
        cells{call.d, key.narrow_result != 0}.put(row * key.d_leading + column, sum);
    }
};

static void enqueue_product(struct device *device, struct product_call *call) {
    struct cuda_device *cuda = cuda_of(device);
    struct product_key *key = &call->key;
    const void *operands[] = {call->a, call->b, call->c, call->d};
    for (int i = 0; i < 4; i++)
        key->alignment[i] = alignment_of(operands[i]);
    cublasStatus_t status;
    struct product_plan *plan = plan_of(cuda, call, &status);
    if (plan != nullptr && plan->plain) {
        launch_elements<1>(device, key->n, key->m, plain_product{*call});
        return;
    }
    if (plan != nullptr && key->biased)
        status = cublasLtMatmulDescSetAttribute(plan->matmul, CUBLASLT_MATMUL_DESC_BIAS_POINTER,
                                                &call->bias, sizeof call->bias);
    float one = 1;
    if (plan != nullptr && status == CUBLAS_STATUS_SUCCESS)
        status = cublasLtMatmul(cuda->blas, plan->matmul, &one, call->a, plan->a, call->b, plan->b,
                                &call->beta, call->c, plan->c, call->d, plan->d, &plan->algorithm,
                                cuda->workspace, WORKSPACE, cuda->stream);
    if (plan == nullptr || status != CUBLAS_STATUS_SUCCESS)
        device_fail(device, "%s of %s [%lld,%lld] over %lld: %s: cuBLASLt: %s", call->operation,
                    key->narrow ? "bf16" : "f32", (long long)key->n, (long long)key->m,
                    (long long)key->k, device->name,
                    plan == nullptr && status == CUBLAS_STATUS_SUCCESS
                        ? "no memory"
                        : cublasLtGetStatusString(status));
}

/* ---- the three products ---- */

/*
 * An operand as the product wants it: rounded into scratch where it is f32 and shall be bf16, and
 * copied there where bf16 does not lie as tensor cores read it, rows at multiples of 16 bytes.
 */
static bool operand(struct device *device, enum scratch_use use, struct tensor *tensor,
                    bool narrow) {
    bool lies = (uintptr_t)tensor->data % 16 == 0 && tensor->stride % 8 == 0;
    if (narrow && (tensor->type == DTYPE_F32 || !lies))
        *tensor = cuda_rounded(device, use, *tensor);
    return tensor->data != nullptr;
}

/* The distance between rows, which cuBLASLt wants to hold a row even of a single one. */
static int64_t leading(struct tensor tensor) {
    return tensor.stride > tensor.columns ? tensor.stride : tensor.columns;
}

void cuda_product_forward(struct device *device, const char *operation, struct tensor y,
                          struct tensor x, struct tensor w, struct tensor bias,
                          struct tensor addend, bool narrow) {
    if (x.columns == 0) {
        launch_elements<1>(device, y.rows, y.columns, empty_product{y, bias, addend});
        return;
    }
    if (!operand(device, SCRATCH_LEFT, &x, narrow) || !operand(device, SCRATCH_RIGHT, &w, narrow))
        return;
    struct product_call call = {};
    if (bias.data != nullptr && (call.bias = aligned_bias(device, bias, y.type)) == nullptr)
        return;
    bool adds = addend.data != nullptr;
    call.operation = operation;
    call.key.m = y.columns;
    call.key.n = y.rows;
    call.key.k = x.columns;
    call.key.a_leading = leading(w);
    call.key.b_leading = leading(x);
    call.key.c_leading = leading(adds ? addend : y);
    call.key.d_leading = leading(y);
    call.key.a_transposed = true;
    call.key.narrow = narrow;
    call.key.narrow_result = y.type == DTYPE_BF16;
    call.key.biased = bias.data != nullptr;
    call.a = w.data;
    call.b = x.data;
    call.c = adds ? addend.data : y.data;
    call.d = y.data;
    call.beta = adds ? 1.0f : 0.0f;
    enqueue_product(device, &call);
}

void cuda_product_input(struct device *device, const char *operation, struct tensor dx,
                        struct tensor dy, struct tensor w, bool accumulate, bool narrow) {
    if (dy.columns == 0) {
        if (!accumulate)
            launch_elements<1>(device, dx.rows, dx.columns, empty_product{dx, {}, {}});
        return;
    }
    if (!operand(device, SCRATCH_LEFT, &dy, narrow) || !operand(device, SCRATCH_RIGHT, &w, narrow))
        return;
    struct product_call call = {};
    call.operation = operation;
    call.key.m = dx.columns;
    call.key.n = dx.rows;
    call.key.k = dy.columns;
    call.key.a_leading = leading(w);
    call.key.b_leading = leading(dy);
    call.key.c_leading = call.key.d_leading = leading(dx);
    call.key.narrow = narrow;
    call.key.narrow_result = dx.type == DTYPE_BF16;
    call.a = w.data;
    call.b = dy.data;
    call.c = call.d = dx.data;
    call.beta = accumulate ? 1.0f : 0.0f;
    enqueue_product(device, &call);
}

void cuda_product_weight(struct device *device, const char *operation, struct tensor dw,
                         struct tensor dy, struct tensor x, bool accumulate, bool narrow) {
    narrow = narrow || dy.type == DTYPE_BF16 || x.type == DTYPE_BF16;
    if (dy.rows == 0) {
        if (!accumulate)
            device->operations->zero(device, dw);
        return;
    }
    if (!operand(device, SCRATCH_LEFT, &dy, narrow) || !operand(device, SCRATCH_RIGHT, &x, narrow))
        return;
    struct product_call call = {};
    call.operation = operation;
    call.key.m = dw.columns;
    call.key.n = dw.rows;
    call.key.k = dy.rows;
    call.key.a_leading = leading(x);
    call.key.b_leading = leading(dy);
    call.key.c_leading = call.key.d_leading = leading(dw);
    call.key.b_transposed = true;
    call.key.narrow = narrow;
    call.a = x.data;
    call.b = dy.data;
    call.c = call.d = dw.data;
    call.beta = accumulate ? 1.0f : 0.0f;
    enqueue_product(device, &call);
}

void cuda_matmul_forward(struct device *device, struct tensor y, struct tensor x, struct tensor w,
                         struct tensor bias, struct tensor addend) {
    cuda_of(device)->narrow = w.type == DTYPE_BF16;
    cuda_product_forward(device, "matmul_forward", y, x, w, bias, addend, cuda_of(device)->narrow);
    cuda_launched(device, "matmul_forward", y);
}

void cuda_matmul_backward_input(struct device *device, struct tensor dx, struct tensor dy,
                                struct tensor w, bool accumulate) {
    cuda_of(device)->narrow = w.type == DTYPE_BF16;
    cuda_product_input(device, "matmul_backward_input", dx, dy, w, accumulate,
                       cuda_of(device)->narrow);
    cuda_launched(device, "matmul_backward_input", dx);
}

void cuda_matmul_backward_weight(struct device *device, struct tensor dw, struct tensor dy,
                                 struct tensor x, bool accumulate) {
    cuda_product_weight(device, "matmul_backward_weight", dw, dy, x, accumulate,
                        cuda_of(device)->narrow);
    cuda_launched(device, "matmul_backward_weight", dw);
}
