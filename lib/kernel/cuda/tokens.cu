/*
 * Choosing tokens from logits: one block for a row. Greedy; or temperature, top-k, top-p and the
 * inverse of the cumulative distribution in the order of ids, summed in f64. What the cut-offs keep
 * is found digit by digit in the logits' bits, from the most likely down: counts for top-k; for
 * top-p probabilities as fixed-point numbers, so that the order of additions does not matter.
 */
#include <climits>

#include "kernel/cuda/lanes.h"

constexpr int TOKEN_THREADS = 512;
constexpr int DIGITS = 256;
constexpr int TOKEN_WARPS = TOKEN_THREADS / WARP_LANES;

/* A row, and what the cut-offs keep of it: keys above `key`, and of those equal ids up to `id`. */
struct token_row {
    const float *z;
    int64_t vocabulary;
    float most, temperature;
    unsigned key;
    int32_t id;
};

/* Larger logits have larger keys; 0 and −0 the same. */
static __device__ __forceinline__ unsigned key_of(float z) {
    unsigned bits = __float_as_uint(z + 0.0f);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static __device__ __forceinline__ float value_of(unsigned key) {
    return __uint_as_float(key & 0x80000000u ? key & 0x7fffffffu : ~key);
}

/* Probability before division by the sum. */
static __device__ __forceinline__ double mass(const token_row &row, float z) {
    return exp((static_cast<double>(z) - static_cast<double>(row.most)) /
               static_cast<double>(row.temperature));
}

static __device__ __forceinline__ double kept_mass(const token_row &row, int64_t v) {
    unsigned key = key_of(row.z[v]);
    return key > row.key || (key == row.key && v <= row.id) ? mass(row, row.z[v]) : 0;
}

/* The lowest id whose logit is the largest. */
static __device__ int32_t greedy(const token_row &row) {
    SHARED(int, lowest, [1]);
    if (threadIdx.x == 0)
        lowest[0] = INT_MAX;
    __syncthreads();
    for (int64_t v = threadIdx.x; v < row.vocabulary; v += blockDim.x)
        if (row.z[v] == row.most) {
            atomicMin(&lowest[0], static_cast<int>(v));
            break;
        }
    __syncthreads();
    return lowest[0];
}

/* ---- cutting off ---- */

typedef unsigned long long fixed;

/* So large that the masses of a whole vocabulary fit 63 bits. */
static __device__ double fixed_scale(int64_t vocabulary) {
    double scale = 4611686018427387904.0;
    for (int64_t size = 1; size < vocabulary; size *= 2)
        scale /= 2;
    return scale;
}

/* What a key counts: 1, or its mass. */
static __device__ __forceinline__ fixed share_of(const token_row &row, float z, double scale) {
    return scale == 0 ? 1 : static_cast<fixed>(mass(row, z) * scale);
}

/* Where a cut-off falls: all keys above `key`, and `equals` of those equal. */
struct cut {
    unsigned key;
    int64_t equals;
    fixed above; /* shares of all keys above */
};

/*
 * From the largest key down, the fewest whose shares reach `wanted`: the first digit with which
 * they would, then the next one among the keys that begin with it. At least one.
 */
static __device__ struct cut descend(const token_row &row, double scale, double wanted) {
    SHARED(fixed, shares, [DIGITS]);
    SHARED(int, chosen, [1]);
    struct cut cut = {0, 1, 0};
    for (int shift = 24; shift >= 0; shift -= 8) {
        for (int i = static_cast<int>(threadIdx.x); i < DIGITS; i += TOKEN_THREADS)
            shares[i] = 0;
        __syncthreads();
        for (int64_t v = threadIdx.x; v < row.vocabulary; v += TOKEN_THREADS) {
            unsigned key = key_of(row.z[v]);
            if (shift == 24 || key >> (shift + 8) == cut.key >> (shift + 8))
                atomicAdd(&shares[key >> shift & 255], share_of(row, row.z[v], scale));
        }
        __syncthreads();
        if (threadIdx.x == 0) {
            int digit = DIGITS - 1, last = -1;
            fixed sum = cut.above;
            for (; digit >= 0; digit--) {
                if (shares[digit] > 0)
                    last = digit;
                if (shares[digit] > 0 && static_cast<double>(sum + shares[digit]) >= wanted)
                    break;
                sum += shares[digit];
            }
            chosen[0] = digit >= 0 ? digit : last >= 0 ? last : 0;
        }
        __syncthreads();
        for (int digit = DIGITS - 1; digit > chosen[0]; digit--)
            cut.above += shares[digit];
        cut.key |= static_cast<unsigned>(chosen[0]) << shift;
        __syncthreads();
    }
    fixed each = share_of(row, value_of(cut.key), scale);
    if (each > 0 && wanted > static_cast<double>(cut.above))
        cut.equals = static_cast<int64_t>(
            ceil((wanted - static_cast<double>(cut.above)) / static_cast<double>(each)));
    return cut;
}

/* Keeps of the keys equal to the cut's as many as it says, the lowest ids. */
static __device__ void keep(token_row *row, const struct cut &cut) {
    row->key = cut.key;
    row->id = INT_MAX;
    int64_t low = -1, high = row->vocabulary - 1;
    while (high - low > 1) { /* more than `equals` up to high, or all; not up to low */
        int64_t middle = (low + high) / 2;
        int count = 0;
        for (int64_t v = threadIdx.x; v <= middle; v += TOKEN_THREADS)
            count += key_of(row->z[v]) == cut.key;
        if (block_sum(count) >= cut.equals)
            high = middle;
        else
            low = middle;
    }
    row->id = static_cast<int32_t>(high);
}

static __device__ void cut_off(token_row *row, const struct sampling &sampling) {
    struct cut cut = {0, row->vocabulary, 0};
    double scale = fixed_scale(row->vocabulary);
    bool limited = sampling.top_k > 0 && sampling.top_k < row->vocabulary;
    if (limited)
        cut = descend(*row, 0, static_cast<double>(sampling.top_k));
    if (sampling.top_p < 1) {
        fixed own = 0;
        for (int64_t v = threadIdx.x; v < row->vocabulary; v += TOKEN_THREADS)
            if (!limited || key_of(row->z[v]) > cut.key)
                own += share_of(*row, row->z[v], scale);
        fixed total = block_sum(own);
        if (limited)
            total += static_cast<fixed>(cut.equals) * share_of(*row, value_of(cut.key), scale);
        struct cut likely =
            descend(*row, scale, static_cast<double>(sampling.top_p) * static_cast<double>(total));
        if (!limited || likely.key > cut.key ||
            (likely.key == cut.key && likely.equals < cut.equals))
            cut = likely;
    }
    keep(row, cut);
}

/* ---- drawing ---- */

/* The last bit set. */
static __device__ int last_of(unsigned bits) {
    int at = -1;
    for (int i = 0; i < WARP_LANES; i++)
        at = bits >> i & 1 ? i : at;
    return at;
}

/* The warp that owns ids first … end − 1 finds where the sum passes `wanted`. */
static __device__ int32_t draw_within(const token_row &row, int64_t first, int64_t end,
                                      double before, double wanted) {
    int32_t last = static_cast<int32_t>(first);
    for (int64_t tile = first; tile < end; tile += WARP_LANES) {
        int64_t v = tile + lane_here();
        double share = v < end ? kept_mass(row, v) : 0, sum = share;
        for (int distance = 1; distance < WARP_LANES; distance *= 2) {
            double other = __shfl_up_sync(WHOLE_WARP, sum, distance);
            sum += lane_here() >= distance ? other : 0;
        }
        unsigned there = __ballot_sync(WHOLE_WARP, share > 0);
        unsigned passed = __ballot_sync(WHOLE_WARP, share > 0 && before + sum > wanted);
        if (passed != 0)
            return static_cast<int32_t>(tile + last_of(passed & (~passed + 1)));
        if (there != 0)
            last = static_cast<int32_t>(tile + last_of(there));
        before += __shfl_sync(WHOLE_WARP, sum, WARP_LANES - 1);
    }
    return last;
}

static __device__ int32_t draw(const token_row &row, float uniform) {
    SHARED(double, sums, [TOKEN_WARPS]);
    SHARED(int, token, [1]);
    int64_t each = (row.vocabulary + TOKEN_THREADS - 1) / TOKEN_THREADS * WARP_LANES;
    int64_t first = warp_here() * each, end = smaller(first + each, row.vocabulary);
    double own = 0;
    for (int64_t v = first + lane_here(); v < end; v += WARP_LANES)
        own += kept_mass(row, v);
    own = warp_sum(own);
    if (lane_here() == 0)
        sums[warp_here()] = own;
    __syncthreads();
    double total = 0, before = 0;
    for (int i = 0; i < TOKEN_WARPS; i++)
        total += sums[i];
    double wanted = static_cast<double>(uniform) * total;
    int owner = 0;
    double sum = 0;
    for (int i = 0; i < TOKEN_WARPS; i++) {
        if (sums[i] > 0) {
            owner = i;
            before = sum;
            if (sum + sums[i] > wanted)
                break;
        }
        sum += sums[i];
    }
    if (warp_here() == owner) {
        int32_t found = draw_within(row, first, end, before, wanted);
        if (lane_here() == 0)
            token[0] = found;
    }
    __syncthreads();
    return token[0];
}

__global__ void choose_token(struct tensor token, struct tensor log_probability,
                             struct tensor logits, struct tensor uniform, struct sampling sampling,
                             struct fault *fault) {
    int64_t b = blockIdx.x;
    token_row row = {f32_at(logits, b, 0), logits.columns, 0, sampling.temperature, 0, INT_MAX};
    float most = row.z[0];
    for (int64_t v = threadIdx.x; v < row.vocabulary; v += TOKEN_THREADS)
        most = larger_or_nan(most, row.z[v]);
    row.most = block_most(most);
    if (!finite(row.most)) {
        if (threadIdx.x == 0)
            report(fault, FAULT_LOGITS, "choose_tokens", nullptr, b, 0, 0, 0);
        return;
    }
    double total = 0;
    for (int64_t v = threadIdx.x; v < row.vocabulary; v += TOKEN_THREADS)
        total += exp(static_cast<double>(row.z[v]) - static_cast<double>(row.most));
    total = block_sum(total);
    int32_t chosen;
    if (sampling.temperature == 0) {
        chosen = greedy(row);
    } else {
        bool limited = sampling.top_k > 0 && sampling.top_k < row.vocabulary;
        if (limited || sampling.top_p < 1)
            cut_off(&row, sampling);
        chosen = draw(row, *f32_at(uniform, 0, b));
    }
    if (threadIdx.x != 0)
        return;
    static_cast<int32_t *>(token.data)[b] = chosen;
    *f32_at(log_probability, 0, b) = static_cast<float>(static_cast<double>(row.z[chosen]) -
                                                        static_cast<double>(row.most) - log(total));
}

void cuda_choose_tokens(struct device *device, struct tensor token, struct tensor log_probability,
                        struct tensor logits, struct tensor uniform, struct sampling sampling) {
    LAUNCH(choose_token, (unsigned)logits.rows, TOKEN_THREADS, 0, cuda_of(device)->stream, token,
           log_probability, logits, uniform, sampling, cuda_of(device)->fault);
    cuda_launched(device, "choose_tokens", logits);
}
