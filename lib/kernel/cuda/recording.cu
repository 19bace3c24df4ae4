/*
 * Recordings as CUDA graphs: the stream is captured, the graph instantiated once, and launched. A
 * graph holds the addresses that its operations had, of scratch memory too.
 */
#include <cstdlib>
#include <cstring>

#include "kernel/cuda/device.h"

struct recording {
    cudaGraphExec_t graph;
    void *scratch[SCRATCH_USES]; /* as it lay then */
    bool narrow;                 /* what its last product leaves behind: device.h */
};

void cuda_record_begin(struct device *device) {
    cuda_ok(device,
            cudaStreamBeginCapture(cuda_of(device)->stream, cudaStreamCaptureModeThreadLocal),
            "recording_begin", {});
}

struct recording *cuda_record_end(struct device *device) {
    struct cuda_device *cuda = cuda_of(device);
    cudaGraph_t graph = nullptr;
    struct recording *recording = static_cast<struct recording *>(calloc(1, sizeof *recording));
    bool fine = cuda_ok(device, cudaStreamEndCapture(cuda->stream, &graph), "recording_end", {});
    if (recording == nullptr)
        device_fail(device, "recording_end: %s: no memory", device->name);
    if (fine && recording != nullptr)
        cuda_ok(device, cudaGraphInstantiate(&recording->graph, graph, 0), "recording_end", {});
    if (graph != nullptr)
        cudaGraphDestroy(graph);
    cudaGetLastError(); /* what spoiled the recording has been told */
    if (recording == nullptr)
        return nullptr;
    memcpy(recording->scratch, cuda->scratch, sizeof recording->scratch);
    recording->narrow = cuda->narrow;
    return recording;
}

bool cuda_record_valid(const struct device *device, const struct recording *recording) {
    const struct cuda_device *cuda = reinterpret_cast<const struct cuda_device *>(device);
    return memcmp(recording->scratch, cuda->scratch, sizeof recording->scratch) == 0;
}

void cuda_record_run(struct device *device, const struct recording *recording) {
    cuda_of(device)->narrow = recording->narrow;
    cuda_ok(device, cudaGraphLaunch(recording->graph, cuda_of(device)->stream), "recording_run",
            {});
    cuda_launched(device, "recording_run", {});
}

void cuda_record_free(struct recording *recording) {
    if (recording->graph != nullptr)
        cudaGraphExecDestroy(recording->graph);
    free(recording);
}
