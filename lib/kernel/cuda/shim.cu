/*
 * The execution shim's runtime: fibers, warps and blocks, memory between guard zones. Not part of
 * the CUDA library; shim_streams.cu has streams and graphs, shim_blas.cu answers cuBLASLt.
 */
#include "kernel/cuda/shim.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>
#include <vector>

#include <sys/mman.h>

#ifndef __x86_64__
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define SHIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHIM_ASAN 1
#endif
#endif
#ifdef SHIM_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace {

constexpr int WARP = 32;
constexpr int MOST_THREADS = 1024;
constexpr int STACK = 256 << 10; /* bytes; only what is touched takes memory */
constexpr int GUARD = 256;       /* bytes on either side of an allocation and of a shared array */
constexpr int SHARED_BYTES = 256 << 10;
constexpr int MOST_SHARED = 48 << 10; /* that a kernel may declare, or use unasked */
constexpr int MOST_PERMITTED = 99 << 10;
constexpr int GUARD_BYTE = 0xa5;
constexpr int POISON_BYTE = 0xff;

/* ---- fibers ---- */

#ifdef __x86_64__
extern "C" void shim_switch(void **from, void *to);
/* Saves what a called function must keep, and the stack pointer; goes on with the other's. */
asm(".text\n"
    ".type shim_switch,@function\n"
    "shim_switch:\n"
    "    pushq %rbp\n    pushq %rbx\n    pushq %r12\n"
    "    pushq %r13\n    pushq %r14\n    pushq %r15\n"
    "    movq %rsp, (%rdi)\n"
    "    movq %rsi, %rsp\n"
    "    popq %r15\n    popq %r14\n    popq %r13\n"
    "    popq %r12\n    popq %rbx\n    popq %rbp\n"
    "    ret\n"
    ".size shim_switch, .-shim_switch\n");
#endif

struct stack {
    uint8_t *memory;
};

enum state { FRESH, RUNNABLE, WAITS_FOR_WARP, WAITS_FOR_BLOCK, DONE };

struct fiber {
    struct shim_thread self;
    enum state state;
    struct stack stack;
    void *fake_stack; /* AddressSanitizer's */
#ifdef __x86_64__
    void *pointer;
#else
    ucontext_t context;
#endif
};

struct shared_array {
    const void *site;
    uint8_t *memory;
    size_t size;
};

struct warp {
    int arrived;
    int parity;
    alignas(16) uint8_t slots[2][WARP * SHIM_SLOT];
};

/* What runs: one launch at a time, by one thread of the host. */
struct machine {
    std::vector<fiber> fibers;
    std::vector<warp> warps;
    std::vector<struct stack> free_stacks;
    std::vector<struct shared_array> shared;
    std::vector<int> order, warp_order; /* of threads, of warps */
    std::vector<unsigned> blocks;
    const std::function<void()> *body;
    const char *kernel;
    fiber *running;
    int threads, live, waiting;
    uint8_t *shared_memory;
    size_t shared_used, dynamic_size;
    size_t permitted; /* dynamic shared memory */
    uint64_t random;
    const char *trouble; /* of this launch */
#ifdef __x86_64__
    void *scheduler;
#else
    ucontext_t scheduler;
#endif
#ifdef SHIM_ASAN
    void *fake_stack;
    const void *bottom;
    size_t bottom_size;
#endif
};

machine *the_machine;
cudaError_t last_status;
char last_message[512] = "no error";

uint64_t draw(machine *m) {
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return m->random * 2685821657736338717u >> 32;
}

template <class T> void shuffle(machine *m, std::vector<T> &items) {
    for (size_t i = items.size(); i > 1; i--)
        std::swap(items[i - 1], items[draw(m) % i]);
}

machine *machine_here() {
    if (the_machine != nullptr)
        return the_machine;
    the_machine = new machine();
    const char *seed = getenv("LOCKPICK_SHIM_SEED");
    the_machine->random = 88172645463325252u ^ (seed ? strtoull(seed, nullptr, 10) << 20 : 0);
    the_machine->shared_memory = static_cast<uint8_t *>(aligned_alloc(64, SHARED_BYTES));
    return the_machine;
}

struct stack take_stack(machine *m) {
    struct stack stack;
    if (!m->free_stacks.empty()) {
        stack = m->free_stacks.back();
        m->free_stacks.pop_back();
        return stack;
    }
    void *memory = mmap(nullptr, STACK, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        abort(); /* a test machine without address space */
    return {static_cast<uint8_t *>(memory)};
}

/* From the running fiber back to the scheduler. */
void leave(machine *m, fiber *f, bool for_good) {
#ifdef SHIM_ASAN
    __sanitizer_start_switch_fiber(for_good ? nullptr : &f->fake_stack, m->bottom, m->bottom_size);
#else
    (void)for_good;
#endif
#ifdef __x86_64__
    shim_switch(&f->pointer, m->scheduler);
#else
    swapcontext(&f->context, &m->scheduler);
#endif
#ifdef SHIM_ASAN
    __sanitizer_finish_switch_fiber(f->fake_stack, nullptr, nullptr);
#endif
}

void fiber_main() {
    machine *m = the_machine;
#ifdef SHIM_ASAN
    __sanitizer_finish_switch_fiber(nullptr, &m->bottom, &m->bottom_size);
#endif
    (*m->body)();
    m->running->state = DONE;
    leave(m, m->running, true);
    abort(); /* nobody resumes what is done */
}

void prepare(machine *m, fiber *f) {
    f->stack = take_stack(m);
    f->state = RUNNABLE;
    f->fake_stack = nullptr;
#ifdef __x86_64__
    /* Six registers and the address to return to; behind it the stack is off by 8, as in a call. */
    void **top = reinterpret_cast<void **>(f->stack.memory + STACK);
    *--top = nullptr;
    *--top = reinterpret_cast<void *>(fiber_main);
    for (int i = 0; i < 6; i++)
        *--top = nullptr;
    f->pointer = top;
#else
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = f->stack.memory;
    f->context.uc_stack.ss_size = STACK;
    f->context.uc_link = nullptr;
    makecontext(&f->context, fiber_main, 0);
#endif
}

void resume(machine *m, fiber *f) {
    if (f->state == FRESH)
        prepare(m, f);
    m->running = f;
    shim_self = &f->self;
#ifdef SHIM_ASAN
    __sanitizer_start_switch_fiber(&m->fake_stack, f->stack.memory, STACK);
#endif
#ifdef __x86_64__
    shim_switch(&m->scheduler, f->pointer);
#else
    swapcontext(&m->scheduler, &f->context);
#endif
#ifdef SHIM_ASAN
    __sanitizer_finish_switch_fiber(m->fake_stack, nullptr, nullptr);
#endif
    if (f->state == DONE) {
        m->free_stacks.push_back(f->stack);
        m->live--;
    }
}

/* ---- blocks ---- */

void fill_guards(uint8_t *memory, size_t size) {
    memset(memory - GUARD, GUARD_BYTE, GUARD);
    memset(memory + size, GUARD_BYTE, GUARD);
}

bool guards_hold(const uint8_t *memory, size_t size) {
    for (size_t i = 0; i < GUARD; i++)
        if (memory[size + i] != GUARD_BYTE || memory[-(ptrdiff_t)i - 1] != GUARD_BYTE)
            return false;
    return true;
}

void *take_shared(machine *m, const void *site, size_t size) {
    size_t room = (size + 63) / 64 * 64;
    if (m->shared_used + room + 2 * GUARD > SHARED_BYTES) {
        m->trouble = "more shared memory than a multiprocessor has";
        m->shared_used = 0;
    }
    uint8_t *memory = m->shared_memory + m->shared_used + GUARD;
    m->shared_used += room + 2 * GUARD;
    memset(memory, POISON_BYTE, room);
    fill_guards(memory, size);
    m->shared.push_back({site, memory, size});
    return memory;
}

void check_shared(machine *m) {
    size_t declared = 0;
    for (const shared_array &array : m->shared) {
        if (!guards_hold(array.memory, array.size))
            m->trouble = "shared memory was written outside its array";
        declared += array.site != nullptr ? array.size : 0;
    }
    if (declared > MOST_SHARED)
        m->trouble = "more static shared memory than 48 KiB";
    else if (declared + m->dynamic_size > MOST_SHARED && m->dynamic_size > m->permitted)
        m->trouble = "more dynamic shared memory than it was permitted";
    else if (declared + m->dynamic_size > MOST_PERMITTED)
        m->trouble = "more shared memory than a block can have";
}

/* Threads that will never be resumed: their stacks are wiped and given back. */
void abandon(machine *m) {
    for (fiber &f : m->fibers)
        if (f.state != DONE && f.state != FRESH) {
#ifdef SHIM_ASAN
            __asan_unpoison_memory_region(f.stack.memory, STACK);
#endif
            m->free_stacks.push_back(f.stack);
        }
}

void start_block(machine *m, dim3 grid, dim3 block, unsigned index) {
    for (int i = 0; i < m->threads; i++) {
        fiber &f = m->fibers[(size_t)i];
        unsigned at = (unsigned)i;
        f.self.thread = dim3(at % block.x, at / block.x % block.y, at / block.x / block.y);
        f.self.block = dim3(index % grid.x, index / grid.x % grid.y, index / grid.x / grid.y);
        f.self.block_size = block;
        f.self.grid_size = grid;
        f.state = FRESH;
    }
    for (warp &w : m->warps)
        w.arrived = w.parity = 0;
    m->live = m->threads;
    m->waiting = 0;
    m->shared.clear();
    m->shared_used = 0;
    if (m->dynamic_size > 0)
        take_shared(m, nullptr, m->dynamic_size);
}

/* Runs those of the threads named that can go on; whether there were any. */
bool run_threads(machine *m, std::vector<int> &threads) {
    bool moved = false;
    shuffle(m, threads);
    for (int i : threads) {
        fiber *f = &m->fibers[(size_t)i];
        if (f->state != FRESH && f->state != RUNNABLE)
            continue;
        resume(m, f);
        moved = true;
    }
    return moved;
}

/* Each warp in turn, as far as it comes alone. */
bool run_warps(machine *m) {
    bool moved = false;
    shuffle(m, m->warp_order);
    for (int w : m->warp_order) {
        std::vector<int> lanes(WARP);
        for (int i = 0; i < WARP; i++)
            lanes[(size_t)i] = w * WARP + i;
        while (run_threads(m, lanes))
            moved = true;
    }
    return moved;
}

/*
 * Some blocks let all threads go on by turns; in others a warp runs ahead of the rest until it has
 * to wait for them. Either shows what the other may hide.
 */
void run_block(machine *m) {
    bool ahead = draw(m) % 2 == 0;
    while (m->live > 0) {
        if (ahead ? run_warps(m) : run_threads(m, m->order))
            continue;
        m->trouble = "some threads wait for others that have gone another way";
        abandon(m);
        break;
    }
    check_shared(m);
}

/* ---- allocations ---- */

struct allocation {
    uint8_t *memory;
    size_t size;
};

std::vector<allocation> &allocations() {
    static std::vector<allocation> all;
    return all;
}

const char *check_allocations(size_t *size) {
    for (const allocation &a : allocations())
        if (!guards_hold(a.memory, a.size)) {
            *size = a.size;
            fill_guards(a.memory, a.size);
            return "memory was written outside an allocation";
        }
    return nullptr;
}

} // namespace

cudaError_t shim_fail(cudaError_t status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (last_status == cudaSuccess) {
        last_status = status;
        vsnprintf(last_message, sizeof last_message, format, arguments);
    }
    va_end(arguments);
    return status;
}

/* ---- what kernels call ---- */

const shim_thread *shim_self;

void *shim_shared(const void *site, size_t size) {
    for (const shared_array &array : the_machine->shared)
        if (array.site == site)
            return array.memory;
    return take_shared(the_machine, site, size);
}

void *shim_dynamic_shared() {
    if (the_machine->dynamic_size == 0) {
        the_machine->trouble = "the kernel wants dynamic shared memory and was launched with none";
        return take_shared(the_machine, nullptr, 64);
    }
    return the_machine->shared[0].memory;
}

void __syncthreads() {
    machine *m = the_machine;
    if (++m->waiting < m->threads) {
        m->running->state = WAITS_FOR_BLOCK;
        leave(m, m->running, false);
        return;
    }
    m->waiting = 0;
    for (fiber &f : m->fibers)
        if (f.state == WAITS_FOR_BLOCK)
            f.state = RUNNABLE;
}

const uint8_t *shim_exchange(unsigned mask, const void *value, size_t size) {
    machine *m = the_machine;
    size_t index = (size_t)(m->running - m->fibers.data());
    warp &w = m->warps[index / WARP];
    int parity = w.parity;
    if (mask != 0xffffffffu || size > SHIM_SLOT)
        m->trouble = "only whole warps exchange values, and no more than a slot holds";
    else if (size > 0)
        memcpy(w.slots[parity] + index % WARP * SHIM_SLOT, value, size);
    if (++w.arrived < WARP) {
        m->running->state = WAITS_FOR_WARP;
        leave(m, m->running, false);
        return w.slots[parity];
    }
    w.arrived = 0;
    w.parity ^= 1;
    for (size_t i = index / WARP * WARP; i < (index / WARP + 1) * WARP; i++)
        if (m->fibers[i].state == WAITS_FOR_WARP)
            m->fibers[i].state = RUNNABLE;
    return w.slots[parity];
}

void __syncwarp(unsigned mask) {
    shim_exchange(mask, nullptr, 0);
}

/* What a lane shows for mma_bf16(). */
struct fragments {
    unsigned a[4], b[2];
};

void mma_bf16(float d[4], const unsigned a[4], const unsigned b[2]) {
    fragments own = {{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
    const uint8_t *slots = shim_exchange(0xffffffffu, &own, sizeof own);
    int lane = shim_lane();
    for (int at = 0; at < 4; at++) {
        int row = lane / 4, column = lane % 4 * 2 + at % 2, high = at / 2; /* high: row + 8 */
        float sum = 0;
        for (int k = 0; k < 16; k++) {
            int holder = k % 8 / 2, half = k / 8, shift = k % 2 * 16;
            fragments x = shim_value_of<fragments>(slots, row * 4 + holder);
            fragments y = shim_value_of<fragments>(slots, column * 4 + holder);
            sum += __uint_as_float(x.a[half * 2 + high] >> shift << 16) *
                   __uint_as_float(y.b[half] >> shift << 16);
        }
        d[at] += sum;
    }
}

/* All blocks of a grid. */
static void run_grid(const char *kernel, dim3 grid, dim3 block, size_t shared, size_t permitted,
                     const std::function<void()> &body) {
    machine *m = machine_here();
    m->permitted = permitted;
    size_t threads = (size_t)block.x * block.y * block.z;
    m->threads = (int)threads;
    m->fibers.resize(threads);
    m->warps.resize(threads / WARP);
    m->order.resize(threads);
    for (size_t i = 0; i < threads; i++)
        m->order[i] = (int)i;
    m->warp_order.resize(threads / WARP);
    for (size_t i = 0; i < threads / WARP; i++)
        m->warp_order[i] = (int)i;
    m->blocks.resize((size_t)grid.x * grid.y * grid.z);
    for (size_t i = 0; i < m->blocks.size(); i++)
        m->blocks[i] = (unsigned)i;
    shuffle(m, m->blocks);
    m->body = &body;
    m->kernel = kernel;
    m->dynamic_size = shared;
    m->trouble = nullptr;
    for (unsigned index : m->blocks) {
        start_block(m, grid, block, index);
        run_block(m);
        if (m->trouble != nullptr)
            break;
    }
    if (m->trouble != nullptr) {
        shim_fail(cudaErrorLaunchFailure, "%s: %s", kernel, m->trouble);
        return;
    }
    size_t size = 0;
    const char *trouble = check_allocations(&size);
    if (trouble != nullptr)
        shim_fail(cudaErrorLaunchFailure, "%s: %s of %zu bytes", kernel, trouble, size);
}

/* Bytes of dynamic shared memory that kernels were permitted. */
static std::map<const void *, size_t> &permissions() {
    static std::map<const void *, size_t> all;
    return all;
}

cudaError_t shim_permit_shared(const void *kernel, int bytes) {
    if (bytes < 0 || bytes > MOST_PERMITTED)
        return shim_fail(cudaErrorInvalidValue, "no block can have %d bytes of shared memory",
                         bytes);
    permissions()[kernel] = (size_t)bytes;
    return cudaSuccess;
}

void shim_launch(const char *name, const void *kernel, dim3 grid, dim3 block, size_t shared,
                 cudaStream_t stream, const std::function<void()> &body) {
    size_t permitted = permissions()[kernel]; /* 0 where nothing was said */
    size_t threads = (size_t)block.x * block.y * block.z;
    if (threads == 0 || threads > MOST_THREADS || threads % WARP != 0 || grid.x == 0 ||
        grid.y == 0 || grid.z == 0 || grid.y > 65535 || grid.z > 65535)
        shim_fail(cudaErrorLaunchFailure, "%s: %zu threads a block, or a grid that no device takes",
                  name, threads);
    else
        shim_enqueue(stream, [=] { run_grid(name, grid, block, shared, permitted, body); });
}

/* ---- the runtime ---- */

const char *cudaGetErrorString(cudaError_t status) {
    switch (status) {
    case cudaSuccess:
        return "no error";
    case cudaErrorMemoryAllocation:
        return "out of memory";
    case cudaErrorInvalidPitchValue:
        return "invalid pitch argument";
    case cudaErrorInvalidDevice:
        return "invalid device ordinal";
    case cudaErrorIllegalState:
        return "the operation cannot be performed in the present state";
    case cudaErrorStreamCaptureUnsupported:
        return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated:
        return "operation failed due to a previous error during capture";
    case cudaErrorCapturedEvent:
        return "operation not permitted on an event last recorded in a capturing stream";
    default:
        return last_message;
    }
}

cudaError_t cudaGetLastError() {
    cudaError_t status = last_status;
    last_status = cudaSuccess;
    return status;
}

cudaError_t cudaGetDeviceCount(int *count) {
    *count = 1;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device) {
    if (device != 0)
        return cudaErrorInvalidDevice;
    *properties = {};
    snprintf(properties->name, sizeof properties->name, "execution shim on the host");
    properties->major = 8;
    properties->multiProcessorCount = 2;
    properties->sharedMemPerBlockOptin = MOST_PERMITTED;
    return cudaMemGetInfo(&properties->totalGlobalMem, &properties->totalGlobalMem);
}

cudaError_t cudaSetDevice(int device) {
    return device == 0 ? cudaSuccess : cudaErrorInvalidDevice;
}

constexpr int SHIM_MEMORY = 1 << 30; /* bytes that the pretended device has */

cudaError_t cudaMalloc(void **memory, size_t size) {
    size_t room = (size + 255) / 256 * 256, used = 0;
    for (const allocation &a : allocations())
        used += a.size;
    *memory = nullptr;
    if (!shim_allowed())
        return cudaErrorStreamCaptureUnsupported;
    if (size > SHIM_MEMORY || used + size > SHIM_MEMORY)
        return cudaErrorMemoryAllocation;
    uint8_t *whole = static_cast<uint8_t *>(aligned_alloc(256, room + 2 * GUARD));
    if (whole == nullptr)
        return cudaErrorMemoryAllocation;
    memset(whole, POISON_BYTE, room + 2 * GUARD);
    fill_guards(whole + GUARD, size);
    allocations().push_back({whole + GUARD, size});
    *memory = whole + GUARD;
    return cudaSuccess;
}

cudaError_t cudaFree(void *memory) {
    if (!shim_allowed())
        return cudaErrorStreamCaptureUnsupported;
    std::vector<allocation> &all = allocations();
    for (size_t i = 0; i < all.size(); i++)
        if (all[i].memory == memory) {
            free(all[i].memory - GUARD);
            all.erase(all.begin() + (ptrdiff_t)i);
            return cudaSuccess;
        }
    return memory == nullptr ? cudaSuccess : cudaErrorInvalidDevice;
}

cudaError_t cudaHostAlloc(void **memory, size_t size, unsigned) {
    if (!shim_allowed())
        return cudaErrorStreamCaptureUnsupported;
    *memory = malloc(size);
    return *memory != nullptr ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaFreeHost(void *memory) {
    if (!shim_allowed())
        return cudaErrorStreamCaptureUnsupported;
    free(memory);
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *available, size_t *total) {
    size_t used = 0;
    for (const allocation &a : allocations())
        used += a.size;
    *total = SHIM_MEMORY;
    *available = SHIM_MEMORY - used;
    return cudaSuccess;
}
