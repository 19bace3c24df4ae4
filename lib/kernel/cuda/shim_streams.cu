/*
 * The execution shim's streams: what is enqueued runs at once, or is kept for a graph while its
 * stream is being captured. What no graph can hold fails then, and breaks the capture.
 */
#include "kernel/cuda/shim.h"

#include <climits>
#include <vector>

struct shim_graph {
    std::vector<std::function<void()>> work;
};

struct shim_executable {
    std::vector<std::function<void()>> work;
};

struct shim_stream {
    shim_graph *graph; /* where it is being captured */
    bool broken;       /* by a call that no graph can hold */
};

struct shim_event {
    bool captured; /* the last time that it was recorded */
};

/* The stream that is being captured, by this thread. */
static thread_local cudaStream_t capturing;

static cudaError_t refuse(cudaError_t status) {
    return shim_fail(status, "%s", cudaGetErrorString(status));
}

bool shim_allowed() {
    if (capturing == nullptr)
        return true;
    capturing->broken = true;
    refuse(cudaErrorStreamCaptureUnsupported);
    return false;
}

void shim_enqueue(cudaStream_t stream, const std::function<void()> &work) {
    if (stream == nullptr || stream->graph == nullptr)
        work();
    else
        stream->graph->work.push_back(work);
}

/* ---- streams and events ---- */

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
    *stream = new shim_stream();
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    delete stream->graph;
    delete stream;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t) {
    return shim_allowed() ? cudaSuccess : cudaErrorStreamCaptureUnsupported;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned) {
    *event = new shim_event();
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    delete event;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    event->captured = stream != nullptr && stream->graph != nullptr;
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    if (!event->captured)
        return cudaSuccess;
    if (capturing != nullptr)
        capturing->broken = true;
    return refuse(cudaErrorCapturedEvent);
}

/* ---- graphs ---- */

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
    if (stream == nullptr || capturing != nullptr)
        return refuse(cudaErrorIllegalState);
    capturing = stream;
    stream->graph = new shim_graph();
    stream->broken = false;
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) {
    *graph = nullptr;
    if (stream == nullptr || stream != capturing)
        return refuse(cudaErrorIllegalState);
    capturing = nullptr;
    if (stream->broken)
        delete stream->graph;
    else
        *graph = stream->graph;
    stream->graph = nullptr;
    return stream->broken ? refuse(cudaErrorStreamCaptureInvalidated) : cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *executable, cudaGraph_t graph,
                                 unsigned long long) {
    *executable = new shim_executable{graph->work};
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
    delete executable;
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
    for (const std::function<void()> &work : executable->work)
        shim_enqueue(stream, work);
    return cudaSuccess;
}

/* ---- copies ---- */

/* A row and the distance to the next one, as CUDA takes them. */
static bool pitch_holds(size_t pitch, size_t width) {
    return width <= pitch && pitch <= INT_MAX;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t size, cudaMemcpyKind,
                            cudaStream_t stream) {
    shim_enqueue(stream, [=] { memmove(to, from, size); });
    return cudaSuccess;
}

cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind, cudaStream_t stream) {
    if (!pitch_holds(to_pitch, width) || !pitch_holds(from_pitch, width))
        return refuse(cudaErrorInvalidPitchValue);
    shim_enqueue(stream, [=] {
        for (size_t i = 0; i < height; i++)
            memmove(static_cast<uint8_t *>(to) + i * to_pitch,
                    static_cast<const uint8_t *>(from) + i * from_pitch, width);
    });
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *memory, int value, size_t size, cudaStream_t stream) {
    shim_enqueue(stream, [=] { memset(memory, value, size); });
    return cudaSuccess;
}

cudaError_t cudaMemset2DAsync(void *memory, size_t pitch, int value, size_t width, size_t height,
                              cudaStream_t stream) {
    if (!pitch_holds(pitch, width))
        return refuse(cudaErrorInvalidPitchValue);
    shim_enqueue(stream, [=] {
        for (size_t i = 0; i < height; i++)
            memset(static_cast<uint8_t *>(memory) + i * pitch, value, width);
    });
    return cudaSuccess;
}
