/*
 * The CUDA device itself: opening and closing, memory, copies within it, and what went wrong.
 * Compiled for the host under the shim as well, where the device is the host.
 */
#include "kernel/cuda/device.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

/* ---- errors ---- */

bool cuda_ok(struct device *device, cudaError_t status, const char *operation,
             struct tensor about) {
    if (status == cudaSuccess)
        return true;
    if (about.data == nullptr)
        device_fail(device, "%s: %s: %s", operation, device->name, cudaGetErrorString(status));
    else
        device_fail(device, "%s of %s [%lld,%lld]: %s: %s", operation, dtype_name(about.type),
                    (long long)about.rows, (long long)about.columns, device->name,
                    cudaGetErrorString(status));
    return false;
}

bool cuda_launched(struct device *device, const char *operation, struct tensor about) {
    return cuda_ok(device, cudaGetLastError(), operation, about);
}

static void fail_by_fault(struct device *device, const struct fault *fault) {
    const int64_t *n = fault->numbers;
    switch (fault->taken) {
    case FAULT_ID:
        device_fail(device, "%s: %s has %d at place %lld; it must lie in 0 ... %lld",
                    fault->operation, fault->name, (int)n[0], (long long)n[1], (long long)n[2] - 1);
        break;
    case FAULT_OFFSETS:
        device_fail(device,
                    "%s: offsets must rise from 0 to the %lld rows, each sequence having at most "
                    "%lld",
                    fault->operation, (long long)n[0], (long long)n[1]);
        break;
    case FAULT_LENGTH:
        device_fail(device,
                    "%s: sequence %lld has %lld rows and length %lld; it must have at least one "
                    "row, and a length from its rows to %lld",
                    fault->operation, (long long)n[0], (long long)n[1], (long long)n[2],
                    (long long)n[3]);
        break;
    default:
        device_fail(device,
                    "%s: row %lld of the logits holds a NaN, an infinity or nothing finite; the "
                    "model's weights are damaged or diverged",
                    fault->operation, (long long)n[0]);
    }
}

/* A fault of the device was enqueued before whatever the host failed with: it goes first. */
static void cuda_finish(struct device *device) {
    struct cuda_device *cuda = cuda_of(device);
    struct fault fault = {};
    cudaError_t status =
        cudaMemcpyAsync(&fault, cuda->fault, sizeof fault, cudaMemcpyDeviceToHost, cuda->stream);
    if (status == cudaSuccess)
        status = cudaStreamSynchronize(cuda->stream);
    if (!cuda_ok(device, status, "device_finish: an operation before it", {}) ||
        fault.taken == FAULT_NONE)
        return;
    device->failed = false;
    fail_by_fault(device, &fault);
    cuda_ok(device, cudaMemsetAsync(cuda->fault, 0, sizeof fault, cuda->stream), "device_finish",
            {});
}

/* ---- memory ---- */

static size_t cuda_memory(const struct device *) {
    size_t available = 0, total = 0;
    if (cudaMemGetInfo(&available, &total) != cudaSuccess)
        return 0;
    /* Scratch grows beside arenas. */
    size_t kept = total / 32;
    return available > kept ? available - kept : 0;
}

static void *cuda_allocate(struct device *device, size_t size, struct error *error) {
    void *memory = nullptr;
    cudaError_t status = cudaErrorMemoryAllocation;
    if (size <= (size_t)INT64_MAX)
        status = cudaMalloc(&memory, size > 0 ? size : 64);
    if (status == cudaSuccess)
        return memory;
    cudaGetLastError(); /* out of memory is no lasting state */
    error_set(error,
              "no memory for an arena of %zu bytes on %s, of which %zu are free (%s); use a "
              "smaller batch or model",
              size, device->name, cuda_memory(device), cudaGetErrorString(status));
    return nullptr;
}

static void cuda_release(struct device *device, void *memory, size_t) {
    cudaStreamSynchronize(cuda_of(device)->stream);
    cudaFree(memory);
}

static void cuda_fresh(struct device *device, void *memory, size_t size) {
    if (cuda_of(device)->poison)
        cuda_ok(device, cudaMemsetAsync(memory, 0xff, size, cuda_of(device)->stream),
                "arena_tensor", {});
}

void *cuda_scratch(struct device *device, enum scratch_use use, size_t size) {
    struct cuda_device *cuda = cuda_of(device);
    if (cuda->scratch[use] != nullptr && size <= cuda->scratch_size[use])
        return cuda->scratch[use];
    if (device->recording) {
        device_fail(device,
                    "%zu bytes of scratch are needed on %s while recording, and it has %zu; run "
                    "the operations once before",
                    size, device->name, cuda->scratch_size[use]);
        return nullptr;
    }
    cudaFree(cuda->scratch[use]); /* waits for whoever uses it */
    cuda->scratch[use] = nullptr;
    cuda->scratch_size[use] = 0;
    if (cudaMalloc(&cuda->scratch[use], size > 0 ? size : 64) == cudaSuccess) {
        cuda->scratch_size[use] = size;
        return cuda->scratch[use];
    }
    cudaGetLastError();
    cuda->scratch[use] = nullptr;
    device_fail(device,
                "no memory for %zu bytes of scratch on %s, of which %zu are free; use a smaller "
                "batch, or leave more memory outside arenas",
                size, device->name, cuda_memory(device));
    return nullptr;
}

/* The larger of what each use is for, and what lies beside it in memory. */
static size_t cuda_scratch_needed(const struct device *, struct workload workload) {
    bool narrow = workload.weights == DTYPE_BF16;
    size_t widest = (size_t)(workload.widest + 7) / 8 * 8, rows = (size_t)workload.rows;
    size_t chunks = (rows + LEAST_ROWS - 1) / LEAST_ROWS; /* and of heads even more */
    chunks = chunks < MOST_CHUNKS ? chunks : MOST_CHUNKS;
    size_t work = 2 * chunks * (widest + 32) * sizeof(float);
    size_t heads = (size_t)MOST_CHUNKS * ((size_t)workload.head_size + 32) * sizeof(float);
    work = heads > work ? heads : work;
    /* bf16 activations are multiplied as they lie, if their rows are whole 16 bytes. */
    size_t operands = narrow && workload.widest % 8 != 0 ? 2 * rows * widest * 2 : 0;
    size_t deltas = rows * (size_t)workload.heads * sizeof(float);
    work = deltas > work ? deltas : work;
    return operands + widest * sizeof(float) + work +
           cuda_loss_scratch(workload.rows, workload.vocabulary, narrow);
}

int cuda_width(struct tensor a, struct tensor b, struct tensor c, struct tensor d) {
    const struct tensor *all[] = {&a, &b, &c, &d};
    for (const struct tensor *t : all)
        if (t->data != nullptr && ((uintptr_t)t->data % (4 * dtype_size(t->type)) != 0 ||
                                   t->columns % 4 != 0 || (t->rows > 1 && t->stride % 4 != 0)))
            return 1;
    return 4;
}

/* ---- on the device ---- */

/* CUDA takes no rows of 2 GiB, nor such a distance between them; a single one is no row to it. */
static void cuda_zero(struct device *device, struct tensor tensor) {
    struct tensor t = cuda_flat(tensor);
    cudaStream_t stream = cuda_of(device)->stream;
    size_t width = cuda_row_bytes(t);
    cuda_ok(device,
            t.rows == 1
                ? cudaMemsetAsync(t.data, 0, width, stream)
                : cudaMemset2DAsync(t.data, cuda_pitch(t), 0, width, (size_t)t.rows, stream),
            "device_zero", tensor);
}

static void cuda_copy(struct device *device, struct tensor to, struct tensor from) {
    struct tensor flat = cuda_flat(to), source = cuda_flat(from);
    cudaStream_t stream = cuda_of(device)->stream;
    if (flat.rows != 1 || source.rows != 1)
        flat = to, source = from;
    size_t width = cuda_row_bytes(flat);
    cuda_ok(device,
            flat.rows == 1
                ? cudaMemcpyAsync(flat.data, source.data, width, cudaMemcpyDeviceToDevice, stream)
                : cudaMemcpy2DAsync(flat.data, cuda_pitch(flat), source.data, cuda_pitch(source),
                                    width, (size_t)flat.rows, cudaMemcpyDeviceToDevice, stream),
            "device_copy", to);
}

/* ---- opening and closing ---- */

static void cuda_close(struct device *device) {
    struct cuda_device *cuda = cuda_of(device);
    cudaStreamSynchronize(cuda->stream);
    cuda_products_close(cuda);
    for (int use = 0; use < SCRATCH_USES; use++)
        cudaFree(cuda->scratch[use]);
    cudaFree(cuda->workspace);
    cudaFree(cuda->fault);
    cuda_staging_close(cuda);
    if (cuda->blas != nullptr)
        cublasLtDestroy(cuda->blas);
    if (cuda->stream != nullptr)
        cudaStreamDestroy(cuda->stream);
    free(cuda);
}

static struct device_operations operations_table() {
    struct device_operations t = {};
    t.close = cuda_close;
    t.finish = cuda_finish;
    t.memory = cuda_memory;
    t.scratch = cuda_scratch_needed;
    t.allocate = cuda_allocate;
    t.release = cuda_release;
    t.fresh = cuda_fresh;
    t.upload = cuda_upload;
    t.download = cuda_download;
    t.zero = cuda_zero;
    t.copy = cuda_copy;
    t.record_begin = cuda_record_begin;
    t.record_end = cuda_record_end;
    t.record_valid = cuda_record_valid;
    t.record_run = cuda_record_run;
    t.record_free = cuda_record_free;
    t.matmul_forward = cuda_matmul_forward;
    t.matmul_backward_input = cuda_matmul_backward_input;
    t.matmul_backward_weight = cuda_matmul_backward_weight;
    t.bias_backward = cuda_bias_backward;
    t.embedding_forward = cuda_embedding_forward;
    t.embedding_backward = cuda_embedding_backward;
    t.rms_norm_forward = cuda_rms_norm_forward;
    t.rms_norm_backward = cuda_rms_norm_backward;
    t.layer_norm_forward = cuda_layer_norm_forward;
    t.layer_norm_backward = cuda_layer_norm_backward;
    t.head_norm_forward = cuda_head_norm_forward;
    t.head_norm_backward = cuda_head_norm_backward;
    t.rotary = cuda_rotary;
    t.attention_forward = cuda_attention_forward;
    t.attention_backward = cuda_attention_backward;
    t.swiglu_forward = cuda_swiglu_forward;
    t.swiglu_backward = cuda_swiglu_backward;
    t.gelu_forward = cuda_gelu_forward;
    t.gelu_backward = cuda_gelu_backward;
    t.add_rows = cuda_add_rows;
    t.mean_rows = cuda_mean_rows;
    t.normalize_rows = cuda_normalize_rows;
    t.gather_rows = cuda_gather_rows;
    t.scatter_rows = cuda_scatter_rows;
    t.cross_entropy = cuda_cross_entropy;
    t.kl_divergence = cuda_kl_divergence;
    t.sum_of_squares = cuda_sum_of_squares;
    t.clip_factor = cuda_clip_factor;
    t.adamw_update = cuda_adamw_update;
    t.lion_update = cuda_lion_update;
    t.cache_append = cuda_cache_append;
    t.attention_cached = cuda_attention_cached;
    t.choose_tokens = cuda_choose_tokens;
    return t;
}

static const struct device_operations cuda_operations = operations_table();

/* Stream, pinned buffers, workspace; the name of what failed, or NULL. */
static const char *acquire(struct cuda_device *cuda, cudaError_t *status) {
    *status = cudaStreamCreateWithFlags(&cuda->stream, cudaStreamNonBlocking);
    if (*status != cudaSuccess)
        return "a stream";
    *status = cuda_staging_open(cuda);
    if (*status != cudaSuccess)
        return "pinned memory";
    void *memory = nullptr;
    *status = cudaMalloc(&memory, sizeof *cuda->fault);
    cuda->fault = static_cast<struct fault *>(memory);
    if (*status == cudaSuccess)
        *status = cudaMemsetAsync(cuda->fault, 0, sizeof *cuda->fault, cuda->stream);
    if (*status == cudaSuccess)
        *status = cudaMalloc(&cuda->workspace, WORKSPACE);
    return *status == cudaSuccess ? nullptr : "memory";
}

static bool describe(struct cuda_device *cuda, const char *name, struct error *error) {
    cudaDeviceProp properties = {};
    cudaError_t status = cudaSetDevice(cuda->index);
    if (status == cudaSuccess)
        status = cudaGetDeviceProperties(&properties, cuda->index);
    if (status != cudaSuccess)
        return error_set(error, "device %s: %s", name, cudaGetErrorString(status));
    if (properties.major < 8)
        return error_set(error,
                         "device %s: %s has compute capability %d.%d; it must be 8.0 or more, use "
                         "--device cpu",
                         name, properties.name, properties.major, properties.minor);
    cuda->processors = properties.multiProcessorCount;
    cuda->shared_limit = properties.sharedMemPerBlockOptin;
    snprintf(cuda->device.name, sizeof cuda->device.name, "%s", name);
    snprintf(cuda->device.description, sizeof cuda->device.description,
             "%s %.100s, compute capability %d.%d, %.1f GiB, cuBLASLt %zu", name, properties.name,
             properties.major, properties.minor, (double)properties.totalGlobalMem / (1 << 30),
             cublasLtGetVersion());
    return true;
}

/*
 * What lib/kernel/load.c calls: device `index` under `name`, for a kernel library whose table of
 * operations has that size. NULL and an error where it cannot be.
 */
extern "C" __attribute__((visibility("default"))) struct device *
lockpick_cuda_open(const char *name, int index, int threads, size_t operations_size,
                   struct error *error) {
    int count = 0;
    cudaError_t status = cudaGetDeviceCount(&count);
    if (operations_size != sizeof cuda_operations) {
        error_set(error, "device %s: the CUDA library is of another build; build both again", name);
        return nullptr;
    }
    if (status != cudaSuccess || index < 0 || index >= count) {
        error_set(error, "device %s: %d CUDA devices here (%s); use --device cpu or another number",
                  name, status == cudaSuccess ? count : 0, cudaGetErrorString(status));
        return nullptr;
    }
    struct cuda_device *cuda = static_cast<struct cuda_device *>(calloc(1, sizeof *cuda));
    if (cuda == nullptr) {
        error_set(error, "device %s: no memory for it", name);
        return nullptr;
    }
    cuda->device.operations = &cuda_operations;
    cuda->device.threads = threads > 0 ? threads : (int)std::thread::hardware_concurrency();
    if (cuda->device.threads < 1)
        cuda->device.threads = 1;
    cuda->device.narrow_activations = true;
    cuda->index = index;
    const char *poison = getenv("LOCKPICK_POISON");
    cuda->poison = poison != nullptr && *poison != 0;
    const char *lacking = nullptr;
    bool described = describe(cuda, name, error);
    if (described)
        lacking = acquire(cuda, &status);
    if (described && lacking == nullptr && cublasLtCreate(&cuda->blas) != CUBLAS_STATUS_SUCCESS)
        lacking = "a cuBLASLt handle";
    if (described && lacking == nullptr)
        return &cuda->device;
    if (lacking != nullptr)
        error_set(error, "device %s: %s could not be had: %s", name, lacking,
                  cudaGetErrorString(status));
    cuda_close(&cuda->device);
    return nullptr;
}
