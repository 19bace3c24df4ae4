/*
 * The execution shim itself: blocks share their shared memory, warps exchange what they should, and
 * a fault planted in a copy of a kernel shows. The sound kernel runs beside each faulty one. And
 * its graphs: they run what was captured, with the arguments of then, and refuse what CUDA refuses.
 */
#include "kernel/cuda/lanes.h"

#include <cmath>
#include <cstdarg>
#include <cstdlib>
#include <set>
#include <string>

extern "C" {
#include <setjmp.h>

#include <cmocka.h>
}

constexpr int THREADS = 128;
constexpr int TRIES = 20; /* orders of threads */

/* Device memory that goes when the test is over; launches are given the plain pointer. */
static float *room_for(int count) {
    void *memory;
    assert_int_equal(cudaMalloc(&memory, (size_t)count * sizeof(float)), cudaSuccess);
    return static_cast<float *>(memory);
}

static void expect_sound() {
    cudaError_t status = cudaGetLastError();
    if (status != cudaSuccess)
        fail_msg("%s", cudaGetErrorString(status));
}

/* The last launch failed, and says so of this kernel in these words. */
static void expect_fault(const char *kernel, const char *words) {
    cudaError_t status = cudaGetLastError();
    assert_int_not_equal(status, cudaSuccess);
    assert_non_null(strstr(cudaGetErrorString(status), kernel));
    assert_non_null(strstr(cudaGetErrorString(status), words));
}

/* ---- barriers: a copy of block_sum() ---- */

template <bool BARRIER> static __device__ float sum_of_block(float value) {
    SHARED(float, partial, [WARP_LANES]);
    value = warp_sum(value);
    if (lane_here() == 0)
        partial[warp_here()] = value;
    if (BARRIER)
        __syncthreads();
    float total = 0;
    for (unsigned i = 0; i < blockDim.x / WARP_LANES; i++)
        total += partial[i];
    return total;
}

template <bool BARRIER> __global__ void sum_threads(float *sums) {
    sums[threadIdx.x] = sum_of_block<BARRIER>(static_cast<float>(threadIdx.x));
}

/* How many threads got another sum than all should. */
template <bool BARRIER> static int wrong_sums() {
    float *sums = room_for(THREADS);
    LAUNCH(sum_threads<BARRIER>, 1, THREADS, 0, nullptr, sums);
    expect_sound();
    int wrong = 0;
    for (int i = 0; i < THREADS; i++)
        wrong += sums[i] != THREADS * (THREADS - 1) / 2;
    cudaFree(sums);
    return wrong;
}

static void a_missing_barrier_shows(void **) {
    int wrong = 0;
    for (int i = 0; i < TRIES; i++) {
        assert_int_equal(wrong_sums<true>(), 0);
        wrong += wrong_sums<false>() > 0;
    }
    assert_int_equal(wrong, TRIES);
}

__global__ void wait_for_half(float *to) {
    if (threadIdx.x < THREADS / 2)
        __syncthreads();
    to[threadIdx.x] = 0;
}

__global__ void leave_a_warp_alone(float *to) {
    if (lane_here() != 7)
        to[threadIdx.x] = warp_sum(1.0f);
}

static void a_barrier_that_some_never_reach_is_reported(void **) {
    float *to = room_for(THREADS);
    LAUNCH(wait_for_half, 1, THREADS, 0, nullptr, to);
    expect_fault("wait_for_half", "gone another way");
    LAUNCH(leave_a_warp_alone, 1, THREADS, 0, nullptr, to);
    expect_fault("leave_a_warp_alone", "gone another way");
    assert_int_equal(wrong_sums<true>(), 0);
    cudaFree(to);
}

/* ---- races: a copy of a row's shift to the left, in place ---- */

template <bool RACE> __global__ void shift(float *row, int count) {
    int i = static_cast<int>(threadIdx.x);
    float value = i + 1 < count ? row[i + 1] : 0;
    if (!RACE)
        __syncthreads();
    row[i] = value;
}

template <bool RACE> static std::string shifted() {
    float *row = room_for(THREADS);
    for (int i = 0; i < THREADS; i++)
        row[i] = static_cast<float>(i);
    LAUNCH(shift<RACE>, 1, THREADS, 0, nullptr, row, THREADS);
    expect_sound();
    std::string result(reinterpret_cast<char *>(row), THREADS * sizeof(float));
    cudaFree(row);
    return result;
}

static void a_race_gives_different_results(void **) {
    std::set<std::string> sound, racing;
    for (int i = 0; i < TRIES; i++) {
        sound.insert(shifted<false>());
        racing.insert(shifted<true>());
    }
    assert_int_equal(sound.size(), 1);
    assert_true(racing.size() > TRIES / 2);
}

/* ---- writing outside ---- */

__global__ void fill(float *to, int count) {
    for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x))
        to[i] = 1;
}

template <int EXTRA> __global__ void fill_shared(float *to) {
    SHARED(float, room, [THREADS]);
    float *at = room;
    at[(threadIdx.x + EXTRA) % (THREADS + EXTRA)] = 1;
    __syncthreads();
    to[threadIdx.x] = room[threadIdx.x];
}

static void a_write_outside_an_allocation_is_reported(void **) {
    float *one = room_for(100), *other = room_for(100);
    LAUNCH(fill, 1, THREADS, 0, nullptr, one, 100);
    expect_sound();
    LAUNCH(fill, 1, THREADS, 0, nullptr, one, 101);
    expect_fault("fill", "outside an allocation of 400 bytes");
    LAUNCH(fill, 1, THREADS, 0, nullptr, one - 1, 100);
    expect_fault("fill", "outside an allocation of 400 bytes");
    LAUNCH(fill, 1, THREADS, 0, nullptr, other, 100);
    expect_sound();
    cudaFree(one);
    cudaFree(other);
}

static void a_write_outside_a_shared_array_is_reported(void **) {
    float *to = room_for(THREADS);
    LAUNCH(fill_shared<0>, 1, THREADS, 0, nullptr, to);
    expect_sound();
    LAUNCH(fill_shared<1>, 1, THREADS, 0, nullptr, to);
    expect_fault("fill_shared<1>", "outside its array");
    cudaFree(to);
}

/* ---- memory and lanes ---- */

__global__ void share(float *to, float *stale) {
    SHARED(float, room, [THREADS]);
    SHARED_DYNAMIC(float, more);
    stale[blockIdx.x * THREADS + threadIdx.x] = room[threadIdx.x];
    __syncthreads();
    room[threadIdx.x] = static_cast<float>(threadIdx.x + blockIdx.x);
    more[threadIdx.x] = 1000;
    __syncthreads();
    unsigned other = (threadIdx.x + 77) % THREADS;
    to[blockIdx.x * THREADS + threadIdx.x] = room[other] + more[other];
}

static void a_block_shares_memory_that_starts_as_nan(void **) {
    constexpr int BLOCKS = 3;
    float *to = room_for(BLOCKS * THREADS), *stale = room_for(BLOCKS * THREADS);
    LAUNCH(share, BLOCKS, THREADS, THREADS * sizeof(float), nullptr, to, stale);
    expect_sound();
    for (int b = 0; b < BLOCKS; b++)
        for (int i = 0; i < THREADS; i++) {
            assert_true(to[b * THREADS + i] == static_cast<float>((i + 77) % THREADS + b + 1000));
            assert_true(std::isnan(stale[b * THREADS + i]));
        }
    cudaFree(to);
    cudaFree(stale);
}

__global__ void exchange(float *to) {
    int lane = lane_here();
    to[0 * WARP_LANES + lane] = static_cast<float>(__shfl_sync(WHOLE_WARP, lane, 5));
    to[1 * WARP_LANES + lane] = static_cast<float>(__shfl_xor_sync(WHOLE_WARP, lane, 3));
    to[2 * WARP_LANES + lane] = static_cast<float>(__shfl_up_sync(WHOLE_WARP, lane, 2));
    to[3 * WARP_LANES + lane] = static_cast<float>(__ballot_sync(WHOLE_WARP, lane % 3 == 0) & 0xff);
}

static void lanes_exchange_what_cuda_says(void **) {
    float *to = room_for(4 * WARP_LANES);
    LAUNCH(exchange, 1, WARP_LANES, 0, nullptr, to);
    expect_sound();
    for (int i = 0; i < WARP_LANES; i++) {
        assert_true(to[i] == 5);
        assert_true(to[WARP_LANES + i] == static_cast<float>(i ^ 3));
        assert_true(to[2 * WARP_LANES + i] == static_cast<float>(i < 2 ? i : i - 2));
        assert_true(to[3 * WARP_LANES + i] == 0x49);
    }
    cudaFree(to);
}

/* Fragments as PTX's manual lays them out: a[16,16] row by row, b[16,8] column by column. */
__global__ void multiply(float *d, const float *a, const float *b) {
    int group = lane_here() / 4, pair = lane_here() % 4 * 2;
    unsigned left[4], right[2];
    for (int i = 0; i < 4; i++) {
        const float *at = a + (group + i % 2 * 8) * 16 + pair + i / 2 * 8;
        left[i] = narrow_bf16(at[0]) | static_cast<unsigned>(narrow_bf16(at[1])) << 16;
    }
    for (int i = 0; i < 2; i++) {
        const float *at = b + group * 16 + pair + i * 8;
        right[i] = narrow_bf16(at[0]) | static_cast<unsigned>(narrow_bf16(at[1])) << 16;
    }
    float sum[4] = {1, 1, 1, 1};
    mma_bf16(sum, left, right);
    for (int i = 0; i < 4; i++)
        d[(group + i / 2 * 8) * 8 + pair + i % 2] = sum[i];
}

static void the_tensor_core_multiplies(void **) {
    float *a = room_for(256), *b = room_for(128), *d = room_for(128);
    for (int i = 0; i < 256; i++)
        a[i] = static_cast<float>(i * 37 % 17 - 8);
    for (int i = 0; i < 128; i++)
        b[i] = static_cast<float>(i * 23 % 13 - 6) / 4;
    LAUNCH(multiply, 1, WARP_LANES, 0, nullptr, d, a, b);
    expect_sound();
    for (int m = 0; m < 16; m++)
        for (int n = 0; n < 8; n++) {
            float want = 1;
            for (int k = 0; k < 16; k++)
                want += a[m * 16 + k] * b[n * 16 + k];
            assert_true(d[m * 8 + n] == want);
        }
    cudaFree(a);
    cudaFree(b);
    cudaFree(d);
}

/* ---- what CUDA refuses ---- */

__global__ void use_dynamic(float *to) {
    SHARED_DYNAMIC(float, room);
    room[threadIdx.x] = 1;
    to[threadIdx.x] = room[threadIdx.x];
}

static void more_shared_memory_than_permitted_is_refused(void **) {
    constexpr int USUAL = 48 << 10, MORE = 64 << 10, MOST = 99 << 10;
    float *to = room_for(THREADS);
    LAUNCH(use_dynamic, 1, THREADS, USUAL, nullptr, to);
    expect_sound();
    LAUNCH(use_dynamic, 1, THREADS, USUAL + 1, nullptr, to);
    expect_fault("use_dynamic", "than it was permitted");
    assert_int_equal(
        cudaFuncSetAttribute(use_dynamic, cudaFuncAttributeMaxDynamicSharedMemorySize, MORE),
        cudaSuccess);
    LAUNCH(use_dynamic, 1, THREADS, MORE, nullptr, to);
    expect_sound();
    LAUNCH(use_dynamic, 1, THREADS, MORE + 1, nullptr, to);
    expect_fault("use_dynamic", "than it was permitted");
    assert_int_equal(
        cudaFuncSetAttribute(use_dynamic, cudaFuncAttributeMaxDynamicSharedMemorySize, MOST + 1),
        cudaErrorInvalidValue);
    assert_int_equal(cudaGetLastError(), cudaErrorInvalidValue);
    cudaFree(to);
}

static void rows_too_far_apart_are_refused(void **) {
    constexpr size_t FAR = (size_t)1 << 31, WIDTH = 400;
    float *one = room_for(100), *other = room_for(100);
    const size_t pitches[] = {FAR, WIDTH - 1};
    for (size_t pitch : pitches) {
        assert_int_equal(cudaMemset2DAsync(one, pitch, 0, WIDTH, 1, nullptr),
                         cudaErrorInvalidPitchValue);
        assert_int_equal(cudaMemcpy2DAsync(one, pitch, other, WIDTH, WIDTH, 1,
                                           cudaMemcpyDeviceToDevice, nullptr),
                         cudaErrorInvalidPitchValue);
        assert_int_equal(cudaMemcpy2DAsync(one, WIDTH, other, pitch, WIDTH, 1,
                                           cudaMemcpyDeviceToDevice, nullptr),
                         cudaErrorInvalidPitchValue);
    }
    assert_int_equal(cudaGetLastError(), cudaErrorInvalidPitchValue);
    assert_int_equal(cudaMemset2DAsync(one, FAR - 1, 0, WIDTH, 1, nullptr), cudaSuccess);
    assert_true(one[99] == 0);
    cudaFree(one);
    cudaFree(other);
}

/* ---- graphs ---- */

__global__ void add_once(float *to, float what) {
    if (threadIdx.x == 0)
        to[0] += what;
}

static void a_graph_runs_what_was_captured_with_the_arguments_of_then(void **) {
    float *to = room_for(1), *from = room_for(1), what = 3;
    cudaStream_t stream;
    cudaGraph_t graph;
    cudaGraphExec_t executable;
    to[0] = 100, from[0] = 10;
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    assert_int_equal(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
    cudaMemcpyAsync(to, from, sizeof *to, cudaMemcpyDeviceToDevice, stream);
    LAUNCH(add_once, 1, THREADS, 0, stream, to, what);
    what = 1000;
    assert_int_equal(cudaStreamEndCapture(stream, &graph), cudaSuccess);
    assert_int_equal(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
    cudaGraphDestroy(graph);
    assert_true(to[0] == 100);
    for (int i = 1; i <= 3; i++) {
        from[0] = static_cast<float>(10 * i);
        assert_int_equal(cudaGraphLaunch(executable, stream), cudaSuccess);
        assert_true(to[0] == static_cast<float>(10 * i + 3));
    }
    LAUNCH(add_once, 1, THREADS, 0, stream, to, what);
    assert_true(to[0] == 1033);
    expect_sound();
    cudaGraphExecDestroy(executable);
    cudaStreamDestroy(stream);
    cudaFree(to);
    cudaFree(from);
}

/* What no graph can hold. */
static cudaError_t allocate_memory(cudaStream_t, cudaEvent_t) {
    void *memory;
    return cudaMalloc(&memory, 64);
}

static cudaError_t free_memory(cudaStream_t, cudaEvent_t) {
    return cudaFree(nullptr);
}

static cudaError_t pin_memory(cudaStream_t, cudaEvent_t) {
    void *memory;
    return cudaHostAlloc(&memory, 64, cudaHostAllocDefault);
}

static cudaError_t wait_for_all(cudaStream_t stream, cudaEvent_t) {
    return cudaStreamSynchronize(stream);
}

/* As a copy does that the host waits for. */
static cudaError_t wait_for_an_event(cudaStream_t stream, cudaEvent_t event) {
    cudaEventRecord(event, stream);
    return cudaEventSynchronize(event);
}

static cudaError_t capture_again(cudaStream_t stream, cudaEvent_t) {
    return cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
}

static void what_no_graph_can_hold_fails_and_breaks_the_capture(void **) {
    static const struct {
        cudaError_t (*call)(cudaStream_t, cudaEvent_t);
        cudaError_t fails, ends;
    } calls[] = {
        {allocate_memory, cudaErrorStreamCaptureUnsupported, cudaErrorStreamCaptureInvalidated},
        {free_memory, cudaErrorStreamCaptureUnsupported, cudaErrorStreamCaptureInvalidated},
        {pin_memory, cudaErrorStreamCaptureUnsupported, cudaErrorStreamCaptureInvalidated},
        {wait_for_all, cudaErrorStreamCaptureUnsupported, cudaErrorStreamCaptureInvalidated},
        {wait_for_an_event, cudaErrorCapturedEvent, cudaErrorStreamCaptureInvalidated},
        {capture_again, cudaErrorIllegalState, cudaSuccess},
    };
    cudaStream_t stream;
    cudaEvent_t event;
    cudaGraph_t graph;
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
    for (auto &one : calls) {
        cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
        assert_int_equal(one.call(stream, event), one.fails);
        assert_int_equal(cudaGetLastError(), one.fails);
        assert_int_equal(cudaStreamEndCapture(stream, &graph), one.ends);
        assert_int_equal(cudaGetLastError(), one.ends);
        assert_true((graph == nullptr) == (one.ends != cudaSuccess));
        cudaGraphDestroy(graph);
        assert_int_equal(cudaStreamEndCapture(stream, &graph), cudaErrorIllegalState);
        assert_int_equal(cudaGetLastError(), cudaErrorIllegalState);
    }
    cudaEventDestroy(event);
    cudaStreamDestroy(stream);
}

int main() {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_barrier_shows),
        cmocka_unit_test(a_barrier_that_some_never_reach_is_reported),
        cmocka_unit_test(a_race_gives_different_results),
        cmocka_unit_test(a_write_outside_an_allocation_is_reported),
        cmocka_unit_test(a_write_outside_a_shared_array_is_reported),
        cmocka_unit_test(a_block_shares_memory_that_starts_as_nan),
        cmocka_unit_test(lanes_exchange_what_cuda_says),
        cmocka_unit_test(the_tensor_core_multiplies),
        cmocka_unit_test(more_shared_memory_than_permitted_is_refused),
        cmocka_unit_test(rows_too_far_apart_are_refused),
        cmocka_unit_test(a_graph_runs_what_was_captured_with_the_arguments_of_then),
        cmocka_unit_test(what_no_graph_can_hold_fails_and_breaks_the_capture),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
