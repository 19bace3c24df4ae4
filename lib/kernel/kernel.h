/*
 * Devices and operations: the one interface that the CPU device and the CUDA device implement.
 *
 * Everything is a matrix. A tensor here has rows and columns; a row is usually a token. Sequences
 * of different lengths lie packed behind one another, without padding: `offsets` says where each
 * begins. Letters, the same in every comment:
 *
 *     T  tokens (rows) of the packed batch     D  width of the model     F  width of the MLP
 *     H  query heads   G  key/value heads (G divides H)   C  width of a head   V  vocabulary
 *     S  sequences     n  rows that carry a loss          B  sequences decoded at once
 *
 * Operations are asynchronous: they enqueue on the device's one stream and return nothing. Shapes
 * and dtypes are checked when called; the first failure sticks to the device, later operations do
 * nothing, and device_finish() reports it. Activations and their gradients are f32, or bf16 on the
 * CUDA device where they meet bf16 weights; weights may be f32 or bf16 (read as f32), their
 * gradients are f32. Nothing is allocated inside an operation except scratch
 * memory of the device's own, which grows once. Results repeat bit for bit for the same device,
 * instruction set, number of threads and input.
 *
 * "forward"/"backward" pairs stand together. Unless said otherwise outputs must not overlap inputs.
 */
#ifndef LOCKPICK_KERNEL_KERNEL_H
#define LOCKPICK_KERNEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum dtype { DTYPE_F32, DTYPE_BF16, DTYPE_I16, DTYPE_I32 };

size_t dtype_size(enum dtype type);      /* bytes an element */
const char *dtype_name(enum dtype type); /* "f32", … */

/* A matrix in row-major order on a device. data NULL: no tensor (where an operand is optional). */
struct tensor {
    void *data;
    enum dtype type;
    int64_t rows;
    int64_t columns;
    int64_t stride; /* elements from one row to the next, at least columns */
};

/* `count` columns of `tensor` from column `first`: a view. */
struct tensor tensor_columns(struct tensor tensor, int64_t first, int64_t count);
/* `count` rows from row `first`: a view. */
struct tensor tensor_rows(struct tensor tensor, int64_t first, int64_t count);

/* ---- devices ---- */

struct device;

/*
 * Opens "cpu", "cuda", "cuda:N" or "auto" (cuda where there is one, else cpu). `threads` is the
 * number of CPU threads, 0: all cores. NULL and an error where there is no such device.
 */
struct device *device_open(const char *name, int threads, struct error *error);
void device_close(struct device *device);
const char *device_name(const struct device *device);        /* "cpu" */
const char *device_description(const struct device *device); /* "cpu avx2, 2 threads, OpenBLAS …" */
int device_threads(const struct device *device);
/* Waits for all that was enqueued; false and the first failure since the last call. */
bool device_finish(struct device *device, struct error *error);
/* Bytes that a new arena could have now. */
size_t device_memory(const struct device *device);

/*
 * What activations and their gradients are kept as beside weights of that dtype: f32, or on the
 * CUDA device bf16 beside bf16 weights. Arithmetic is f32 either way.
 */
enum dtype device_activations(const struct device *device, enum dtype weights);

/* The sizes of a training step that scratch memory grows with. */
struct workload {
    int64_t rows;       /* T */
    int64_t longest;    /* rows of a sequence, at most */
    int64_t widest;     /* columns of the widest matrix but the logits */
    int64_t heads;      /* H */
    int64_t head_size;  /* C */
    int64_t vocabulary; /* V */
    enum dtype weights;
};

/* Bytes that the operations of such a step will take for themselves, beside arenas, at most. */
size_t device_scratch(const struct device *device, struct workload workload);

/* ---- memory ---- */

/*
 * A run of device memory from which tensors are cut, all freed at once. An arena opened with
 * arena_measure() has no memory: its tensors have no data, and `used` says what a real one needs.
 */
struct arena {
    struct device *device; /* NULL when measuring */
    uint8_t *memory;
    size_t size;
    size_t used;
};

struct arena arena_measure(void);
bool arena_open(struct arena *arena, struct device *device, size_t size, struct error *error);
void arena_close(struct arena *arena);
/*
 * Cuts a tensor, 64-byte aligned, stride = columns, contents undefined (the CPU device fills
 * memory with NaN when LOCKPICK_POISON is set). An arena too small makes the device fail.
 */
struct tensor arena_tensor(struct arena *arena, enum dtype type, int64_t rows, int64_t columns);

/* Host and device: rows packed on the host side without gaps. download waits. Several threads may
 * copy at once, while nothing else is asked of the device. */
void device_upload(struct device *device, struct tensor to, const void *from);
void device_download(struct device *device, void *to, struct tensor from);
void device_zero(struct device *device, struct tensor tensor);
void device_copy(struct device *device, struct tensor to,
                 struct tensor from); /* same shape, dtype */

/* ---- recordings ---- */

/*
 * A series of operations that is recorded once and run many times, each time for the price of one
 * call (a CUDA graph). It runs on the tensors and numbers it was recorded with: what is to change
 * from run to run must lie in device memory. Results have the same bits as those of the operations
 * called one by one.
 */
struct recording;

/* Whether the device can record: the CUDA device can. */
bool device_records(const struct device *device);
/*
 * From here to recording_end() operations are checked and recorded but not run. Uploads, downloads,
 * device_finish() and new arenas are refused meanwhile and spoil the recording, and so does an
 * operation that needs more scratch memory than the device has: run the same operations once
 * before.
 */
void recording_begin(struct device *device);
/* To be freed; NULL and an error where anything since recording_begin() failed. */
struct recording *recording_end(struct device *device, struct error *error);
/* False when the device's scratch memory has moved since: it must be recorded anew. */
bool recording_valid(const struct device *device, const struct recording *recording);
/* Enqueues all of it. */
void recording_run(struct device *device, const struct recording *recording);
/* Also takes NULL; before the device and the tensors go. */
void recording_free(struct device *device, struct recording *recording);

/* ---- matrix product ---- */

/*
 * y[T,N] = x[T,K] · w[N,K]ᵀ (+ bias[1,N], the same for every row) (+ addend[T,N]). `bias` may be no
 * tensor; `addend` may be no tensor, another one, or y itself, of the dtype of y; w, bias f32 or
 * bf16.
 */
void matmul_forward(struct device *device, struct tensor y, struct tensor x, struct tensor w,
                    struct tensor bias, struct tensor addend);
/* dx[T,K] = dy[T,N] · w[N,K], added to dx when `accumulate`. */
void matmul_backward_input(struct device *device, struct tensor dx, struct tensor dy,
                           struct tensor w, bool accumulate);
/* dw[N,K] = dy[T,N]ᵀ · x[T,K], added to dw when `accumulate`; dw f32. */
void matmul_backward_weight(struct device *device, struct tensor dw, struct tensor dy,
                            struct tensor x, bool accumulate);
/* dbias[1,N] += Σ_t dy[t]; dbias f32. */
void bias_backward(struct device *device, struct tensor dbias, struct tensor dy);

/* ---- embedding ---- */

/* y[T,D] = w[tokens[t]]; tokens i32 [1,T]; an id outside [0, V) makes the device fail. */
void embedding_forward(struct device *device, struct tensor y, struct tensor tokens,
                       struct tensor w);
/* dw[tokens[t]] += dy[t], in the order of t. */
void embedding_backward(struct device *device, struct tensor dw, struct tensor dy,
                        struct tensor tokens);

/* ---- normalization ---- */

/*
 * RMS norm (Zhang and Sennrich 2019): y = x · r · gain with r = 1/sqrt(mean(x²) + epsilon).
 * y, x [T,D]; gain [1,D]; scale [1,T] f32 keeps r for the backward pass.
 */
void rms_norm_forward(struct device *device, struct tensor y, struct tensor scale, struct tensor x,
                      struct tensor gain, float epsilon);
/* dx[T,D] (+)= r·gain·dy − x·r³·mean(dy·gain·x); dgain[1,D] += Σ_t dy·x·r. */
void rms_norm_backward(struct device *device, struct tensor dx, struct tensor dgain,
                       struct tensor dy, struct tensor x, struct tensor gain, struct tensor scale,
                       bool accumulate);

/*
 * Layer norm (Ba et al. 2016): y = (x − m)·r·gain (+ bias) with m = mean(x) and
 * r = 1/sqrt(mean((x − m)²) + epsilon). y, x [T,D]; gain, bias [1,D] f32 or bf16, bias may be no
 * tensor; mean and scale, f32 [1,T], keep m and r for the backward pass.
 */
void layer_norm_forward(struct device *device, struct tensor y, struct tensor mean,
                        struct tensor scale, struct tensor x, struct tensor gain,
                        struct tensor bias, float epsilon);
/*
 * With n = (x − m)·r and g = gain·dy: dx[T,D] (+)= r·(g − mean(g) − n·mean(g·n));
 * dgain[1,D] += Σ_t dy·n; dbias[1,D] += Σ_t dy where it is a tensor.
 */
void layer_norm_backward(struct device *device, struct tensor dx, struct tensor dgain,
                         struct tensor dbias, struct tensor dy, struct tensor x, struct tensor gain,
                         struct tensor mean, struct tensor scale, bool accumulate);

/*
 * RMS norm of every head by itself, as Qwen 3 has it on queries and keys: y, x [T,heads·C], one
 * gain [1,C] for all heads, scale [T,heads] f32 keeps each head's r. y may be x itself.
 */
void head_norm_forward(struct device *device, struct tensor y, struct tensor scale, struct tensor x,
                       struct tensor gain, int64_t heads, float epsilon);
/* dx[T,heads·C] written, and it may be dy itself; dgain[1,C] += over all rows and heads. */
void head_norm_backward(struct device *device, struct tensor dx, struct tensor dgain,
                        struct tensor dy, struct tensor x, struct tensor gain, struct tensor scale,
                        int64_t heads);

/* ---- rotary position ---- */

/*
 * Rotates in place the first R ≤ C columns of every head of x[T, heads·C] by the row's position
 * (Su et al. 2021, in the half-split order of Hugging Face): for i < R/2 the pair (x_i, x_{i+R/2})
 * turns by the angle whose cosine and sine are table rows. cosine, sine: f32 [positions, R/2];
 * positions i32 [1,T]. `inverse` turns back: the backward pass.
 */
void rotary(struct device *device, struct tensor x, struct tensor positions, struct tensor cosine,
            struct tensor sine, int64_t heads, bool inverse);

/* ---- attention ---- */

/* Where the packed sequences lie: sequence s holds rows offsets[s] … offsets[s+1] − 1. */
struct sequences {
    struct tensor offsets; /* i32 [1, S+1] on the device; offsets[0] = 0, offsets[S] = T */
    int64_t count;         /* S */
    int64_t longest;       /* rows of the longest sequence */
};

struct attention_shape {
    int64_t heads;     /* H */
    int64_t kv_heads;  /* G: query head h reads key/value head h·G/H */
    int64_t head_size; /* C */
    float scale;       /* of the scores, usually 1/sqrt(C) */
    bool causal;       /* row i sees rows j ≤ i of its sequence; false: all rows of it */
    int64_t window;    /* causal only: of those, rows j > i − window (Mistral's); 0: no window */
};

/*
 * out[T,H·C] = softmax(scale · q kᵀ) v within each sequence. q [T,H·C], k, v [T,G·C] may be views
 * of one matrix. log_sum [T,H] keeps the logarithm of the softmax's denominator (of the scaled
 * scores).
 */
void attention_forward(struct device *device, struct tensor out, struct tensor log_sum,
                       struct tensor q, struct tensor k, struct tensor v,
                       struct sequences sequences, struct attention_shape shape);
/* dq, dk, dv (written, not added to; may be views of one matrix) from dout and what was kept. */
void attention_backward(struct device *device, struct tensor dq, struct tensor dk, struct tensor dv,
                        struct tensor dout, struct tensor out, struct tensor log_sum,
                        struct tensor q, struct tensor k, struct tensor v,
                        struct sequences sequences, struct attention_shape shape);

/* ---- SwiGLU ---- */

/* y[T,F] = silu(gate) · up, gate and up the left and right half of gate_up[T,2F] (Shazeer 2020). */
void swiglu_forward(struct device *device, struct tensor y, struct tensor gate_up);
void swiglu_backward(struct device *device, struct tensor dgate_up, struct tensor dy,
                     struct tensor gate_up);

/* ---- GELU ---- */

/* Hendrycks and Gimpel 2016: x·Φ(x), or its approximation by the hyperbolic tangent. */
enum gelu_form {
    GELU_EXACT, /* x·(1 + erf(x/√2))/2 */
    GELU_TANH,  /* x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2 */
};

/* y, x, dx, dy of one shape, f32. */
void gelu_forward(struct device *device, struct tensor y, struct tensor x, enum gelu_form form);
/* dx = dy·gelu'(x), written; dx may be dy itself. */
void gelu_backward(struct device *device, struct tensor dx, struct tensor dy, struct tensor x,
                   enum gelu_form form);

/* ---- rows ---- */

/* y += x; the same shape. */
void add_rows(struct device *device, struct tensor y, struct tensor x);
/* y[S,D]: row s is the mean of the rows of sequence s of x[T,D]; zero for an empty sequence. */
void mean_rows(struct device *device, struct tensor y, struct tensor x, struct sequences sequences);
/* Each row of x to Euclidean length 1, in place; a row shorter than 1e-12 is divided by 1e-12. */
void normalize_rows(struct device *device, struct tensor x);

/* y[i] = x[rows[i]]; rows i32 [1,n]. */
void gather_rows(struct device *device, struct tensor y, struct tensor x, struct tensor rows);
/* y = 0 but y[rows[i]] = x[i]; the rows are distinct. */
void scatter_rows(struct device *device, struct tensor y, struct tensor x, struct tensor rows);

/* ---- loss ---- */

/*
 * Cross-entropy fused with the output projection: with z = x[n,D]·w[V,D]ᵀ, worked through in chunks
 * so that the logits of a whole batch never exist,
 *
 *     log_probability[i] = z_i[target_i] − log Σ_v exp z_i[v]      (f32 [1,n])
 *     loss = −Σ_i weight_i · log_probability[i]
 *
 * and dx[n,D] = ∂loss/∂x (written) where dx is a tensor, dw[V,D] += ∂loss/∂w where dw is one.
 * targets i32 [1,n]; weights f32 [1,n] (needed with dx or dw only).
 */
void cross_entropy(struct device *device, struct tensor log_probability, struct tensor dx,
                   struct tensor dw, struct tensor x, struct tensor w, struct tensor targets,
                   struct tensor weights);
/*
 * The same for wanted distributions in place of wanted tokens: with q_i the row which_i of
 * distributions (f32 [m,V]) and p_i = softmax(z_i),
 *
 *     divergence[i] = KL(q_i ‖ p_i) = Σ_v q_i[v] · (log q_i[v] − log p_i[v])      (f32 [1,n])
 *     loss = Σ_i weight_i · divergence[i]
 *
 * where a token with q = 0 adds nothing. A q that does not sum to 1 is taken as it is; a negative
 * one gives NaN. which i32 [1,n], in [0, m).
 */
void kl_divergence(struct device *device, struct tensor divergence, struct tensor dx,
                   struct tensor dw, struct tensor x, struct tensor w, struct tensor distributions,
                   struct tensor which, struct tensor weights);

/* ---- optimizers ---- */

/* sum[1,1] (+)= Σ x², in f64 inside, f32 out. */
void sum_of_squares(struct device *device, struct tensor sum, struct tensor x, bool accumulate);
/* factor[1,1] = min(1, limit / (sqrt(sum) + 1e-6)): what gradients are multiplied with (PyTorch's
 * clip_grad_norm_). */
void clip_factor(struct device *device, struct tensor factor, struct tensor sum, float limit);

/*
 * A weight that learns: f32 alone (low has no data), or an f32 master in two halves: value = the
 * nearest bf16, low = the signed 16-bit remainder, (value << 16) + low = the master's bits. Midway
 * between two bf16 the one further from zero is taken: the other would leave +32768.
 */
struct learning_weight {
    struct tensor value; /* f32 or bf16 */
    struct tensor low;   /* i16 of the same shape with bf16 */
};

/*
 * AdamW (Loshchilov and Hutter 2019), `step` from 1:
 *     g = factor·gradient;  m = β₁m + (1−β₁)g;  v = β₂v + (1−β₂)g²
 *     w −= rate·(decay·w + (m/(1−β₁^step)) / (sqrt(v/(1−β₂^step)) + epsilon))
 * Lion (Chen et al. 2023, algorithm 2):
 *     w −= rate·(sign(β₁m + (1−β₁)g) + decay·w);  m = β₂m + (1−β₂)g
 * gradient, first, second: f32 (first and second may be bf16 for bf16 weights); factor f32 [1,1] or
 * no tensor (1). Updates are made on the f32 master.
 */
struct optimizer_step {
    float rate;
    float beta1;
    float beta2;
    float epsilon; /* AdamW only */
    float decay;
    int64_t step; /* from 1 */
};

void adamw_update(struct device *device, struct learning_weight weight, struct tensor gradient,
                  struct tensor first, struct tensor second, struct tensor factor,
                  struct optimizer_step step);
void lion_update(struct device *device, struct learning_weight weight, struct tensor gradient,
                 struct tensor momentum, struct tensor factor, struct optimizer_step step);

/* ---- decoding ---- */

/*
 * The key/value cache is paged: row page·page_size + i of keys and values [pages·page_size, G·C] is
 * place i of that page. Appending: keys[slots[t]] = k[t], values[slots[t]] = v[t]; slots i32 [1,T].
 */
void cache_append(struct device *device, struct tensor keys, struct tensor values, struct tensor k,
                  struct tensor v, struct tensor slots);
/*
 * Attention over the cache: decoding steps, and chunks of prompts behind what is cached already,
 * mixed in one batch. Sequence s of the packed q, out [T,H·C] has m ≥ 1 rows; they are the last m
 * of its lengths[s] ≥ m places, appended before. Its row i (from 0) sees places 0 … lengths[s] − m
 * + i, of those the last `window` where there is one. pages i32 [S, most pages]: place p of
 * sequence s lies in page pages[s][p / page_size]; lengths i32 [1,S]. shape.causal must be set.
 *
 * The bits of a row's result do not depend on the other sequences of the batch nor on the number of
 * threads; those of a row in a chunk of several rows do not depend on how the prompt is cut into
 * chunks (a row alone is computed another way).
 */
void attention_cached(struct device *device, struct tensor out, struct tensor q, struct tensor keys,
                      struct tensor values, struct tensor pages, struct tensor lengths,
                      struct sequences sequences, int64_t page_size, struct attention_shape shape);

/* How a token is drawn from logits, in this order: temperature, top-k, top-p. */
struct sampling {
    float temperature; /* 0: greedy, the lowest id among equals */
    int64_t top_k;     /* 0: all */
    float top_p;       /* 1: all; else the fewest most likely tokens whose probabilities reach it */
};

/*
 * token[b] (i32 [1,B]) from logits[B,V]: greedy, or by inverting the cumulative distribution (in
 * the order of ids) at uniform[b] in [0,1) (f32 [1,B]; unused when greedy). log_probability[b] (f32
 * [1,B]) is the token's under softmax(logits) itself: temperature 1, nothing cut off. A row with a
 * NaN makes the device fail.
 */
void choose_tokens(struct device *device, struct tensor token, struct tensor log_probability,
                   struct tensor logits, struct tensor uniform, struct sampling sampling);

#endif
