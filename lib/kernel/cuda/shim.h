/*
 * The execution shim: enough of CUDA on the host that the very kernels of this folder run without a
 * GPU, slowly, and under the sanitizers. Included by device.h alone, instead of CUDA's headers.
 *
 * A block's threads are fibers on one thread of the host. A thread runs until it waits for its warp
 * or its block; who runs next is drawn at random from a seed (LOCKPICK_SHIM_SEED), and so are the
 * order of blocks and whether a block's warps keep step or run ahead of one another, so that a
 * result that depends on the order shows. Shared memory starts as NaN in
 * every block. Allocations and shared arrays lie between guard zones that are looked at after every
 * launch. What goes wrong in a launch (a guard overwritten, a barrier that some threads never
 * reach) is reported like an error of CUDA's, with the kernel's name.
 *
 * What is enqueued runs at once, unless its stream is being captured: then it is kept, with the
 * arguments that it had, and runs whenever the graph is launched. As on a device, what cannot be
 * part of a graph (allocating, freeing, waiting) fails while the thread captures, and the capture
 * with it.
 *
 * What it cannot show: two threads that add to the same place between two barriers without an
 * atomic, because neither is interrupted in the middle of the addition.
 */
#ifndef LOCKPICK_KERNEL_CUDA_SHIM_H
#define LOCKPICK_KERNEL_CUDA_SHIM_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <tuple>

/* ---- the language ---- */

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(bytes) alignas(bytes)
#define UNROLL
#define UNROLL_FOUR
#define NO_UNROLL

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned wide = 1, unsigned high = 1, unsigned deep = 1) : x(wide), y(high), z(deep) {
    }
};

struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};

/* One thread of the block that runs. */
struct shim_thread {
    dim3 thread, block; /* threadIdx, blockIdx */
    dim3 block_size, grid_size;
};
extern const shim_thread *shim_self;

#define threadIdx (shim_self->thread)
#define blockIdx (shim_self->block)
#define blockDim (shim_self->block_size)
#define gridDim (shim_self->grid_size)

enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInvalidPitchValue = 12,
    cudaErrorInvalidDevice = 101,
    cudaErrorIllegalState = 401,
    cudaErrorLaunchFailure = 719,
    cudaErrorStreamCaptureUnsupported = 900,
    cudaErrorStreamCaptureInvalidated = 901,
    cudaErrorCapturedEvent = 907,
};
typedef struct shim_stream *cudaStream_t;

/* Keeps a failure for cudaGetLastError(), the first one. */
cudaError_t shim_fail(cudaError_t status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Whether a call may go on that no graph can hold; if not, the capture is broken. */
bool shim_allowed();
/* Runs `work` now; or, where `stream` is being captured, with every launch of the graph. */
void shim_enqueue(cudaStream_t stream, const std::function<void()> &work);
/* Enqueues `body` once for every thread of the grid; `kernel` is who may ask for shared memory. */
void shim_launch(const char *name, const void *kernel, dim3 grid, dim3 block, size_t shared,
                 cudaStream_t stream, const std::function<void()> &body);
/* The same for a kernel with the arguments that it has now. */
template <class... Parameters, class... Arguments>
void shim_launch_kernel(const char *name, dim3 grid, dim3 block, size_t shared, cudaStream_t stream,
                        void (*kernel)(Parameters...), Arguments... arguments) {
    std::tuple<Parameters...> bound(arguments...);
    shim_launch(name, reinterpret_cast<const void *>(kernel), grid, block, shared, stream,
                [=] { std::apply(kernel, bound); });
}
/* The block's array of that call site: poisoned at first use, then the same for all threads. */
void *shim_shared(const void *site, size_t size);
void *shim_dynamic_shared();

#define LAUNCH(kernel, grid, block, shared, stream, ...)                                           \
    shim_launch_kernel(#kernel, grid, block, shared, stream, kernel, __VA_ARGS__)
#define SHARED(type, name, ...)                                                                    \
    static char site_of_##name;                                                                    \
    type(&name) __VA_ARGS__ = *reinterpret_cast<type(*) __VA_ARGS__>(                              \
        shim_shared(&site_of_##name, sizeof(type __VA_ARGS__)))
#define SHARED_DYNAMIC(type, name) type *name = static_cast<type *>(shim_dynamic_shared())

/* ---- waiting and exchanging ---- */

void __syncthreads();
void __syncwarp(unsigned mask = 0xffffffffu);

constexpr int SHIM_SLOT = 32; /* bytes that a lane can show its warp */

/* Shows `size` bytes to the warp and waits for all lanes; the slots of all 32. */
const uint8_t *shim_exchange(unsigned mask, const void *value, size_t size);

template <class T> T shim_value_of(const uint8_t *slots, int lane) {
    T value;
    memcpy(&value, slots + lane * SHIM_SLOT, sizeof value);
    return value;
}

inline int shim_lane() {
    return (int)(threadIdx.x % 32);
}

template <class T> T __shfl_sync(unsigned mask, T value, int lane) {
    return shim_value_of<T>(shim_exchange(mask, &value, sizeof value), lane & 31);
}

template <class T> T __shfl_xor_sync(unsigned mask, T value, int lanes) {
    return shim_value_of<T>(shim_exchange(mask, &value, sizeof value), shim_lane() ^ lanes);
}

template <class T> T __shfl_up_sync(unsigned mask, T value, int distance) {
    const uint8_t *slots = shim_exchange(mask, &value, sizeof value);
    return shim_lane() < distance ? value : shim_value_of<T>(slots, shim_lane() - distance);
}

inline unsigned __ballot_sync(unsigned mask, int predicate) {
    const uint8_t *slots = shim_exchange(mask, &predicate, sizeof predicate);
    unsigned votes = 0;
    for (int lane = 0; lane < 32; lane++)
        votes |= shim_value_of<int>(slots, lane) != 0 ? 1u << lane : 0;
    return votes;
}

template <class T> T atomicAdd(T *to, T value) {
    T old = *to;
    *to = old + value;
    return old;
}

template <class T> T atomicMin(T *to, T value) {
    T old = *to;
    *to = value < old ? value : old;
    return old;
}

template <class T> T atomicCAS(T *to, T compare, T value) {
    T old = *to;
    *to = old == compare ? value : old;
    return old;
}

/* ---- arithmetic ---- */

inline unsigned __float_as_uint(float x) {
    unsigned bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

inline float __uint_as_float(unsigned bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

inline int __popc(unsigned bits) {
    return __builtin_popcount(bits);
}

inline float rsqrtf(float x) {
    return 1.0f / sqrtf(x);
}

/* The nearest bf16, ties to even; a NaN stays one. */
inline uint16_t narrow_bf16(float x) {
    unsigned bits = __float_as_uint(x);
    if (x != x)
        return 0x7fff;
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

inline unsigned two_bf16(float low, float high) {
    return narrow_bf16(low) | (unsigned)narrow_bf16(high) << 16;
}

inline float larger_or_nan(float a, float b) {
    return a > b || a != a ? a : b;
}

inline float power_of_two(float x) {
    return exp2f(x);
}

/*
 * The tensor core's product of bf16 fragments, d[16,8] += a[16,16]·b[16,8], with the layout of
 * PTX's mma.sync.m16n8k16: lane l holds of a the rows l/4 and l/4 + 8, of b the column l/4, of d
 * the rows of a and the columns 2·(l%4) and one more.
 */
void mma_bf16(float d[4], const unsigned a[4], const unsigned b[2]);

/*
 * Four 8×8 matrices of 16-bit numbers, as PTX's ldmatrix.x4: lane l points at row l%8 of matrix
 * l/8, and gets of each matrix the numbers 2·(l%4) and one more of row l/4; transposed, of column.
 */
template <bool TRANSPOSED> void load_matrices(unsigned to[4], const uint16_t *row) {
    const uint8_t *slots = shim_exchange(0xffffffffu, &row, sizeof row);
    int outer = shim_lane() / 4, inner = shim_lane() % 4 * 2;
    for (int matrix = 0; matrix < 4; matrix++) {
        unsigned halves[2];
        for (int i = 0; i < 2; i++) {
            int at = TRANSPOSED ? inner + i : outer, column = TRANSPOSED ? outer : inner + i;
            halves[i] = shim_value_of<const uint16_t *>(slots, matrix * 8 + at)[column];
        }
        to[matrix] = halves[0] | halves[1] << 16;
    }
}

/* ---- the runtime ---- */

enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum { cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2, cudaHostAllocDefault = 0 };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };
typedef struct shim_event *cudaEvent_t;
typedef struct shim_graph *cudaGraph_t;
typedef struct shim_executable *cudaGraphExec_t;

struct cudaDeviceProp {
    char name[256];
    int major, minor, multiProcessorCount;
    size_t totalGlobalMem, sharedMemPerBlockOptin;
};

const char *cudaGetErrorString(cudaError_t status);
cudaError_t cudaGetLastError();
cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaMalloc(void **memory, size_t size);
cudaError_t cudaFree(void *memory);
cudaError_t cudaHostAlloc(void **memory, size_t size, unsigned flags);
cudaError_t cudaFreeHost(void *memory);
cudaError_t cudaMemGetInfo(size_t *available, size_t *total);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t size, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind kind,
                              cudaStream_t stream);
cudaError_t cudaMemsetAsync(void *memory, int value, size_t size, cudaStream_t stream);
cudaError_t cudaMemset2DAsync(void *memory, size_t pitch, int value, size_t width, size_t height,
                              cudaStream_t stream);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *executable, cudaGraph_t graph,
                                 unsigned long long flags);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable);
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream);
/* Lets a kernel be launched with so much dynamic shared memory, beyond the 48 KiB that all may. */
cudaError_t shim_permit_shared(const void *kernel, int bytes);
template <class T> cudaError_t cudaFuncSetAttribute(T *kernel, cudaFuncAttribute, int value) {
    return shim_permit_shared(reinterpret_cast<const void *>(kernel), value);
}

/* ---- cuBLASLt, as far as product.cu uses it ---- */

enum cublasStatus_t {
    CUBLAS_STATUS_SUCCESS = 0,
    CUBLAS_STATUS_INVALID_VALUE = 7,
    CUBLAS_STATUS_NOT_SUPPORTED = 15,
};
enum cublasOperation_t { CUBLAS_OP_N, CUBLAS_OP_T };
enum cublasComputeType_t { CUBLAS_COMPUTE_32F = 68 };
enum cudaDataType_t { CUDA_R_32F = 0, CUDA_R_16BF = 14 };
enum cublasLtMatmulDescAttributes_t {
    CUBLASLT_MATMUL_DESC_TRANSA,
    CUBLASLT_MATMUL_DESC_TRANSB,
    CUBLASLT_MATMUL_DESC_EPILOGUE,
    CUBLASLT_MATMUL_DESC_BIAS_POINTER,
    CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE,
};
enum cublasLtEpilogue_t { CUBLASLT_EPILOGUE_DEFAULT = 1, CUBLASLT_EPILOGUE_BIAS = 4 };
enum cublasLtMatmulPreferenceAttributes_t {
    CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES,
    CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
};
enum { CUBLASLT_REDUCTION_SCHEME_NONE = 0, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE = 2 };
typedef struct shim_blas *cublasLtHandle_t;
typedef struct shim_matmul *cublasLtMatmulDesc_t;
typedef struct shim_layout *cublasLtMatrixLayout_t;
typedef struct shim_preference *cublasLtMatmulPreference_t;
struct cublasLtMatmulAlgo_t {
    uint64_t data[8];
};
struct cublasLtMatmulHeuristicResult_t {
    cublasLtMatmulAlgo_t algo;
    size_t workspaceSize;
    cublasStatus_t state;
};

const char *cublasLtGetStatusString(cublasStatus_t status);
size_t cublasLtGetVersion();
cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle);
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle);
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *matmul, cublasComputeType_t compute,
                                        cudaDataType_t scale);
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t matmul);
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t matmul,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void *value, size_t size);
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout, cudaDataType_t type,
                                          uint64_t rows, uint64_t columns, int64_t leading);
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout);
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *preference);
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference);
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void *value, size_t size);
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t matmul,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int wanted,
                                              cublasLtMatmulHeuristicResult_t *results, int *found);
cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t matmul,
                              const void *alpha, const void *a, cublasLtMatrixLayout_t a_layout,
                              const void *b, cublasLtMatrixLayout_t b_layout, const void *beta,
                              const void *c, cublasLtMatrixLayout_t c_layout, void *d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t *algo,
                              void *workspace, size_t workspace_size, cudaStream_t stream);

#endif
