/*
 * Copies between host and device, through pieces of pinned memory: while one is copied, others are
 * filled or emptied, by one thread or by several that copy different tensors at once. A thread
 * holds a piece from its first byte on the host's side to its last.
 */
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "kernel/cuda/device.h"

constexpr size_t SLOT = 2 << 20; /* bytes of a piece */
constexpr int SLOTS = 16;

struct staging {
    std::mutex lock;
    std::condition_variable given;
    uint8_t *memory; /* [SLOTS · SLOT] */
    cudaEvent_t copied[SLOTS];
    bool held[SLOTS];
    int next; /* where to look first: the one given back longest ago */
};

cudaError_t cuda_staging_open(struct cuda_device *cuda) {
    struct staging *staging = new struct staging();
    cuda->staging = staging;
    void *memory = nullptr;
    cudaError_t status = cudaHostAlloc(&memory, SLOTS * SLOT, cudaHostAllocDefault);
    staging->memory = static_cast<uint8_t *>(memory);
    for (int i = 0; i < SLOTS && status == cudaSuccess; i++)
        status = cudaEventCreateWithFlags(&staging->copied[i], cudaEventDisableTiming);
    return status;
}

void cuda_staging_close(struct cuda_device *cuda) {
    struct staging *staging = cuda->staging;
    if (staging == nullptr)
        return;
    cudaFreeHost(staging->memory);
    for (cudaEvent_t event : staging->copied)
        if (event != nullptr)
            cudaEventDestroy(event);
    delete staging;
    cuda->staging = nullptr;
}

/* ---- slots ---- */

/* One that nobody holds, −1 where all are held and the caller does not wait. The stream may still
 * have an upload from it to do. */
static int slot_take(struct staging *staging, bool wait) {
    std::unique_lock<std::mutex> lock(staging->lock);
    for (;;) {
        for (int i = 0; i < SLOTS; i++) {
            int slot = (staging->next + i) % SLOTS;
            if (staging->held[slot])
                continue;
            staging->held[slot] = true;
            staging->next = (slot + 1) % SLOTS;
            return slot;
        }
        if (!wait)
            return -1;
        staging->given.wait(lock);
    }
}

static void slot_give(struct staging *staging, int slot) {
    {
        std::lock_guard<std::mutex> lock(staging->lock);
        staging->held[slot] = false;
    }
    staging->given.notify_one();
}

static uint8_t *slot_memory(const struct staging *staging, int slot) {
    return staging->memory + (size_t)slot * SLOT;
}

/* cuda_ok() for threads that copy at once. */
static bool copy_ok(struct device *device, cudaError_t status, const char *operation,
                    struct tensor about) {
    if (status == cudaSuccess)
        return true;
    std::lock_guard<std::mutex> lock(cuda_of(device)->staging->lock);
    return cuda_ok(device, status, operation, about);
}

/* ---- pieces ---- */

/* What of a tensor goes through a slot: some whole rows, or a part of one row. */
struct piece {
    uint8_t *device;
    size_t host; /* offset */
    size_t width, rows;
    size_t pitch; /* on the device; of one row its width, since CUDA takes none of 2 GiB */
};

struct pieces {
    struct tensor tensor; /* flat */
    size_t rows_each, width_each, across, count;
};

static struct pieces pieces_of(struct tensor tensor) {
    struct pieces p = {};
    p.tensor = cuda_flat(tensor);
    size_t width = cuda_row_bytes(p.tensor), rows = (size_t)p.tensor.rows;
    p.rows_each = width < SLOT ? SLOT / width : 1;
    p.width_each = width < SLOT ? width : SLOT;
    p.across = (width + p.width_each - 1) / p.width_each;
    p.count = p.across * ((rows + p.rows_each - 1) / p.rows_each);
    return p;
}

static struct piece piece_at(const struct pieces *p, size_t index) {
    size_t row = index / p->across * p->rows_each, column = index % p->across * p->width_each;
    size_t width = cuda_row_bytes(p->tensor), rows = (size_t)p->tensor.rows - row;
    struct piece piece = {};
    piece.device = static_cast<uint8_t *>(p->tensor.data) + row * cuda_pitch(p->tensor) + column;
    piece.host = row * width + column;
    piece.width = width - column < p->width_each ? width - column : p->width_each;
    piece.rows = rows < p->rows_each ? rows : p->rows_each;
    piece.pitch = piece.rows == 1 ? piece.width : cuda_pitch(p->tensor);
    return piece;
}

/* ---- copies ---- */

static cudaError_t send(struct cuda_device *cuda, const struct pieces *pieces, size_t index,
                        int slot, const uint8_t *from) {
    struct staging *staging = cuda->staging;
    struct piece piece = piece_at(pieces, index);
    cudaError_t status = cudaEventSynchronize(staging->copied[slot]);
    memcpy(slot_memory(staging, slot), from + piece.host, piece.width * piece.rows);
    if (status == cudaSuccess)
        status =
            cudaMemcpy2DAsync(piece.device, piece.pitch, slot_memory(staging, slot), piece.width,
                              piece.width, piece.rows, cudaMemcpyHostToDevice, cuda->stream);
    if (status == cudaSuccess)
        status = cudaEventRecord(staging->copied[slot], cuda->stream);
    return status;
}

void cuda_upload(struct device *device, struct tensor to, const void *from) {
    struct cuda_device *cuda = cuda_of(device);
    struct pieces pieces = pieces_of(to);
    cudaError_t status = cudaSetDevice(cuda->index); /* the thread may be a new one */
    for (size_t i = 0; i < pieces.count && status == cudaSuccess; i++) {
        int slot = slot_take(cuda->staging, true);
        status = send(cuda, &pieces, i, slot, static_cast<const uint8_t *>(from));
        slot_give(cuda->staging, slot);
    }
    copy_ok(device, status, "device_upload", to);
}

static cudaError_t fetch(struct cuda_device *cuda, const struct pieces *pieces, size_t index,
                         int slot) {
    struct staging *staging = cuda->staging;
    struct piece piece = piece_at(pieces, index);
    /* Behind whatever the stream still has to copy out of it. */
    cudaError_t status =
        cudaMemcpy2DAsync(slot_memory(staging, slot), piece.width, piece.device, piece.pitch,
                          piece.width, piece.rows, cudaMemcpyDeviceToHost, cuda->stream);
    return status == cudaSuccess ? cudaEventRecord(staging->copied[slot], cuda->stream) : status;
}

static cudaError_t receive(struct cuda_device *cuda, const struct pieces *pieces, size_t index,
                           int slot, uint8_t *to) {
    struct piece piece = piece_at(pieces, index);
    cudaError_t status = cudaEventSynchronize(cuda->staging->copied[slot]);
    if (status == cudaSuccess)
        memcpy(to + piece.host, slot_memory(cuda->staging, slot), piece.width * piece.rows);
    return status;
}

/* One piece is copied out of its slot while the next one comes in, where there is a slot for that
 * one: to wait for it with another in hand might be to wait for each other. */
void cuda_download(struct device *device, void *to, struct tensor from) {
    struct cuda_device *cuda = cuda_of(device);
    struct pieces pieces = pieces_of(from);
    cudaError_t status = cudaSetDevice(cuda->index);
    int slot = -1;
    for (size_t i = 0; i <= pieces.count; i++) {
        int next = -1;
        if (i < pieces.count && (next = slot_take(cuda->staging, slot < 0)) >= 0 &&
            status == cudaSuccess)
            status = fetch(cuda, &pieces, i, next);
        if (slot >= 0) {
            if (status == cudaSuccess)
                status = receive(cuda, &pieces, i - 1, slot, static_cast<uint8_t *>(to));
            slot_give(cuda->staging, slot);
        }
        if (i < pieces.count && next < 0) {
            next = slot_take(cuda->staging, true);
            if (status == cudaSuccess)
                status = fetch(cuda, &pieces, i, next);
        }
        slot = next;
    }
    copy_ok(device, status, "device_download", from);
}
