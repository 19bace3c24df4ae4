/*
 * The execution shim's cuBLASLt: the few calls of product.cu, answered by OpenBLAS. Matrices are in
 * column-major order, as there; bf16 operands are widened first. A product that is captured keeps
 * its description, which may change or go before the graph is launched.
 */
#include "kernel/cuda/shim.h"

#include <cblas.h>
#include <cstdlib>
#include <vector>

struct shim_blas {};

struct shim_matmul {
    bool transposed[2];
    cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    const void *bias;
    cudaDataType_t bias_type;
};

struct shim_layout {
    cudaDataType_t type;
    uint64_t rows, columns;
    int64_t leading;
};

struct shim_preference {};

namespace {

float element(const void *data, cudaDataType_t type, size_t at) {
    if (type == CUDA_R_32F)
        return static_cast<const float *>(data)[at];
    return __uint_as_float((unsigned)static_cast<const uint16_t *>(data)[at] << 16);
}

void put(void *data, cudaDataType_t type, size_t at, float x) {
    if (type == CUDA_R_32F)
        static_cast<float *>(data)[at] = x;
    else
        static_cast<uint16_t *>(data)[at] = narrow_bf16(x);
}

/* What cuBLASLt's table of dtypes allows: factors alike, c as d, bf16 results of bf16 factors, and
 * a bias as the result. */
bool types_go(const shim_matmul *matmul, const shim_layout *a, const shim_layout *b,
              const shim_layout *c, const shim_layout *d) {
    return a->type == b->type && c->type == d->type &&
           (d->type == CUDA_R_32F || a->type == CUDA_R_16BF) &&
           (matmul->epilogue != CUBLASLT_EPILOGUE_BIAS || matmul->bias_type == d->type);
}

/* What one call asks for. */
struct shim_product {
    shim_matmul matmul;
    shim_layout a_layout, b_layout, c_layout, d_layout;
    const void *a, *b, *c;
    void *d;
    float alpha, beta;
};

/* A dense copy in f32, in the same order; `leading` becomes the rows. */
std::vector<float> widened(const void *data, const shim_layout &layout) {
    std::vector<float> copy(layout.rows * layout.columns + 1);
    for (uint64_t j = 0; j < layout.columns; j++)
        for (uint64_t i = 0; i < layout.rows; i++)
            copy[j * layout.rows + i] = element(data, layout.type, j * (size_t)layout.leading + i);
    return copy;
}

bool fits(const shim_product &p, uint64_t m, uint64_t n, uint64_t k, uint64_t other) {
    return p.d_layout.rows == m && p.d_layout.columns == n && k == other &&
           types_go(&p.matmul, &p.a_layout, &p.b_layout, &p.c_layout, &p.d_layout) &&
           (p.c != p.d || p.c_layout.leading == p.d_layout.leading) &&
           p.a_layout.leading >= (int64_t)p.a_layout.rows &&
           p.b_layout.leading >= (int64_t)p.b_layout.rows && p.d_layout.leading >= (int64_t)m;
}

void multiply(const shim_product &p, uint64_t m, uint64_t n, uint64_t k) {
    bool biased = p.matmul.epilogue == CUBLASLT_EPILOGUE_BIAS;
    std::vector<float> left = widened(p.a, p.a_layout), right = widened(p.b, p.b_layout);
    std::vector<float> sum = p.beta != 0 ? widened(p.c, p.c_layout) : std::vector<float>(m * n + 1);
    cblas_sgemm(CblasColMajor, p.matmul.transposed[0] ? CblasTrans : CblasNoTrans,
                p.matmul.transposed[1] ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, p.alpha,
                left.data(), (int)p.a_layout.rows, right.data(), (int)p.b_layout.rows, p.beta,
                sum.data(), (int)m);
    for (uint64_t j = 0; j < n; j++)
        for (uint64_t i = 0; i < m; i++)
            put(p.d, p.d_layout.type, j * (size_t)p.d_layout.leading + i,
                sum[j * m + i] + (biased ? element(p.matmul.bias, p.matmul.bias_type, i) : 0));
}

} // namespace

const char *cublasLtGetStatusString(cublasStatus_t status) {
    return status == CUBLAS_STATUS_SUCCESS         ? "success"
           : status == CUBLAS_STATUS_INVALID_VALUE ? "invalid value"
                                                   : "not supported";
}

size_t cublasLtGetVersion() {
    return 0;
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle) {
    *handle = new shim_blas();
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *matmul, cublasComputeType_t,
                                        cudaDataType_t) {
    *matmul = new shim_matmul();
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t matmul) {
    delete matmul;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t matmul,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void *value, size_t) {
    switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
        matmul->transposed[0] = *static_cast<const cublasOperation_t *>(value) == CUBLAS_OP_T;
        break;
    case CUBLASLT_MATMUL_DESC_TRANSB:
        matmul->transposed[1] = *static_cast<const cublasOperation_t *>(value) == CUBLAS_OP_T;
        break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
        matmul->epilogue = *static_cast<const cublasLtEpilogue_t *>(value);
        break;
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
        matmul->bias = *static_cast<const void *const *>(value);
        break;
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
        matmul->bias_type = *static_cast<const cudaDataType_t *>(value);
        break;
    }
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout, cudaDataType_t type,
                                          uint64_t rows, uint64_t columns, int64_t leading) {
    *layout = new shim_layout{type, rows, columns, leading};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
    delete layout;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *preference) {
    *preference = new shim_preference();
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
    delete preference;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t,
                                                    cublasLtMatmulPreferenceAttributes_t,
                                                    const void *, size_t) {
    return CUBLAS_STATUS_SUCCESS;
}

/* None if the environment says LOCKPICK_SHIM_REFUSES. */
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t matmul,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                              cublasLtMatmulPreference_t, int,
                                              cublasLtMatmulHeuristicResult_t *results,
                                              int *found) {
    if (matmul->epilogue == CUBLASLT_EPILOGUE_BIAS && matmul->bias == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    results[0] = {};
    *found = getenv("LOCKPICK_SHIM_REFUSES") == nullptr ? 1 : 0;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t matmul, const void *alpha,
                              const void *a, cublasLtMatrixLayout_t a_layout, const void *b,
                              cublasLtMatrixLayout_t b_layout, const void *beta, const void *c,
                              cublasLtMatrixLayout_t c_layout, void *d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t *, void *,
                              size_t, cudaStream_t stream) {
    shim_product p = {*matmul,
                      *a_layout,
                      *b_layout,
                      *c_layout,
                      *d_layout,
                      a,
                      b,
                      c,
                      d,
                      *static_cast<const float *>(alpha),
                      *static_cast<const float *>(beta)};
    uint64_t m = matmul->transposed[0] ? a_layout->columns : a_layout->rows;
    uint64_t k = matmul->transposed[0] ? a_layout->rows : a_layout->columns;
    uint64_t n = matmul->transposed[1] ? b_layout->rows : b_layout->columns;
    uint64_t other = matmul->transposed[1] ? b_layout->columns : b_layout->rows;
    if (!fits(p, m, n, k, other))
        return CUBLAS_STATUS_NOT_SUPPORTED;
    shim_enqueue(stream, [=] { multiply(p, m, n, k); });
    return CUBLAS_STATUS_SUCCESS;
}
