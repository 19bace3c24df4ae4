/*
 * Attention over the paged cache. A sequence with one row (decoding) is cut along its places into
 * parts of PART, done by any thread for all query heads of a key/value head together, so that the
 * cache is read once; their results are merged in order. A sequence with more rows (a chunk of a
 * prompt) goes through the blocks of the forward pass. How one sequence is computed depends on
 * itself alone, so that its bits do not depend on its neighbours or on the number of threads.
 */
#include <math.h>
#include <omp.h>

#include "kernel/cpu/cpu.h"

enum {
    PART = 512,     /* places; whole vectors */
    QUERY_RUN = 64, /* queries that one thread takes at a time: one block */
};

/* One call: its operands, and what follows from them. */
struct cached {
    const struct cpu_kernels *kernels;
    struct tensor out, q, keys, values, pages;
    const int32_t *offsets, *lengths;
    struct attention_shape shape;
    int64_t page_size, count; /* sequences */
    int64_t group;            /* query heads of a key/value head */
    int64_t parts, runs;      /* at most, of a sequence */
    int64_t work;
    float *partial;       /* [count·H·parts, partial_size] where parts > 1 */
    int64_t partial_size; /* C, padded, and a maximum and a total */
    float *scratch;       /* of each thread */
    size_t scratch_size;
};

/* Lengths within the pages, and pages within the cache, as far as lengths use them. */
static bool pages_hold(struct device *device, const struct cached *c, int64_t page_count) {
    for (int64_t s = 0; s < c->count; s++) {
        int64_t length = c->lengths[s], rows = c->offsets[s + 1] - c->offsets[s];
        int64_t room = c->pages.columns * c->page_size;
        if (rows < 1 || length < rows || length > room) {
            device_fail(device,
                        "attention_cached: sequence %lld has %lld rows and length %lld; it must "
                        "have at least one row, and a length from its rows to %lld",
                        (long long)s, (long long)rows, (long long)length, (long long)room);
            return false;
        }
        struct tensor used = tensor_columns(tensor_rows(c->pages, s, 1), 0,
                                            (length + c->page_size - 1) / c->page_size);
        if (!cpu_ids_below(device, "attention_cached", "pages", used, page_count))
            return false;
    }
    return true;
}

/* ---- one row: parts of its places ---- */

/* The places that the only row of a sequence sees, and the parts that they lie in. */
struct places {
    int64_t first, end;
    int64_t first_part, parts;
};

static struct places places_of(const struct cached *c, int64_t sequence) {
    int64_t end = c->lengths[sequence], window = c->shape.window;
    int64_t first = window > 0 && window < end ? end - window : 0;
    return (struct places){first, end, first / PART, (end - 1) / PART - first / PART + 1};
}

static bool decodes(const struct cached *c, int64_t sequence) {
    return c->offsets[sequence + 1] - c->offsets[sequence] == 1;
}

static float *partial_of(const struct cached *c, int64_t sequence, int64_t head, int64_t part) {
    return c->partial + ((sequence * c->shape.heads + head) * c->parts + part) * c->partial_size;
}

/* The query head's parts of the sequence. */
static struct attention_head head_of(const struct cached *c, int64_t sequence, int64_t head) {
    int64_t row = c->offsets[sequence], rows = c->offsets[sequence + 1] - row;
    int64_t size = c->shape.head_size, kv_column = head / c->group * size;
    return (struct attention_head){
        .q = f32_row(c->q, row) + head * size,
        .k = (const float *)c->keys.data + kv_column,
        .v = (const float *)c->values.data + kv_column,
        .out = f32_row(c->out, row) + head * size,
        .q_stride = c->q.stride,
        .k_stride = c->keys.stride,
        .v_stride = c->values.stride,
        .out_stride = c->out.stride,
        .pages = i32_row(c->pages, sequence),
        .page_size = c->page_size,
        .rows = rows,
        .before = c->lengths[sequence] - rows,
        .window = c->shape.window,
        .head_size = size,
        .scale = c->shape.scale,
        .causal = true,
    };
}

/*
 * One part of a sequence for one key/value head. The thread's scratch holds the group's scores,
 * results, maxima and totals.
 */
static void decode_part(const struct cached *c, int64_t sequence, int64_t kv_head, int64_t part,
                        float *scratch) {
    struct places places = places_of(c, sequence);
    if (part >= places.parts)
        return;
    int64_t first = (places.first_part + part) * PART, end = first + PART;
    first = first > places.first ? first : places.first;
    end = end < places.end ? end : places.end;
    int64_t size = c->shape.head_size, group = c->group;
    struct attention_head head = head_of(c, sequence, kv_head * group);
    float *out = scratch + group * PART, *maxima = out + group * size, *totals = maxima + group;
    bool whole = places.parts == 1;
    c->kernels->attention->decode(&head, group, first, end - first, whole ? head.out : out, maxima,
                                  totals, scratch);
    for (int64_t i = 0; i < group; i++)
        if (whole) {
            c->kernels->rows->scale(head.out + i * size, 1.0f / totals[i], size);
        } else {
            float *partial = partial_of(c, sequence, kv_head * group + i, part);
            for (int64_t k = 0; k < size; k++)
                partial[k] = out[i * size + k];
            partial[c->partial_size - 2] = maxima[i];
            partial[c->partial_size - 1] = totals[i];
        }
}

/* The parts of one query head, each scaled to the largest of their maxima, added in order. */
static void merge_parts(const struct cached *c, int64_t sequence, int64_t head) {
    int64_t parts = places_of(c, sequence).parts, size = c->shape.head_size;
    float *out = f32_row(c->out, c->offsets[sequence]) + head * size;
    float most = -INFINITY, total = 0;
    for (int64_t part = 0; part < parts; part++) {
        float maximum = partial_of(c, sequence, head, part)[c->partial_size - 2];
        most = maximum > most ? maximum : most;
    }
    for (int64_t part = 0; part < parts; part++) {
        float *partial = partial_of(c, sequence, head, part);
        float share = expf(partial[c->partial_size - 2] - most);
        total += share * partial[c->partial_size - 1];
        for (int64_t k = 0; k < size; k++)
            out[k] = share * partial[k] + (part > 0 ? out[k] : 0);
    }
    c->kernels->rows->scale(out, 1.0f / total, size);
}

static void decode_all(const struct cached *c, int team) {
    int64_t kv_heads = c->shape.kv_heads, tasks = c->count * kv_heads * c->parts;
#pragma omp parallel for num_threads(team) schedule(dynamic, 1) if (team > 1)
    for (int64_t task = 0; task < tasks; task++) {
        int64_t sequence = task / c->parts / kv_heads;
        if (decodes(c, sequence))
            decode_part(c, sequence, task / c->parts % kv_heads, task % c->parts,
                        c->scratch + c->scratch_size * (size_t)omp_get_thread_num());
    }
    for (int64_t sequence = 0; c->parts > 1 && sequence < c->count; sequence++)
        if (decodes(c, sequence) && places_of(c, sequence).parts > 1)
            for (int64_t head = 0; head < c->shape.heads; head++)
                merge_parts(c, sequence, head);
}

/* ---- several rows: blocks ---- */

static void attend_chunks(const struct cached *c, int team) {
    int64_t heads = c->shape.heads, tasks = c->count * heads * c->runs;
#pragma omp parallel for num_threads(team) schedule(dynamic, 2) if (team > 1)
    for (int64_t task = 0; task < tasks; task++) {
        int64_t run = c->runs - 1 - task % c->runs; /* the last run is the longest */
        int64_t sequence = task / c->runs / heads;
        struct attention_head head = head_of(c, sequence, task / c->runs % heads);
        int64_t first = run * QUERY_RUN, rest = head.rows - first;
        if (head.rows > 1 && rest > 0)
            c->kernels->attention->forward(&head, first, rest < QUERY_RUN ? rest : QUERY_RUN,
                                           c->scratch +
                                               c->scratch_size * (size_t)omp_get_thread_num());
    }
}

/* ---- both ---- */

/* How many parts and runs there are at most, and how much work all of it is. */
static void measure(struct cached *c) {
    int64_t cells = 0;
    for (int64_t s = 0; s < c->count; s++) {
        int64_t rows = c->offsets[s + 1] - c->offsets[s], runs = (rows + QUERY_RUN - 1) / QUERY_RUN;
        struct places places = places_of(c, s);
        if (rows == 1 && places.parts > c->parts)
            c->parts = places.parts;
        if (rows > 1 && runs > c->runs)
            c->runs = runs;
        cells += (places.end - places.first) * (rows > 1 ? rows / 2 + 1 : 1);
    }
    c->work = 16 * cells * c->shape.heads * c->shape.head_size;
}

static bool reserve(struct device *device, struct cached *c, int team) {
    int64_t size = c->shape.head_size;
    size_t decoding = (size_t)(c->group * (PART + size + 2));
    size_t blocks = c->kernels->attention->scratch(size, 0);
    c->scratch_size = ((decoding > blocks ? decoding : blocks) + 15) / 16 * 16;
    c->partial_size = (size + 2 + 15) / 16 * 16;
    size_t partials = c->parts > 1 ? (size_t)(c->count * c->shape.heads * c->parts) : 0;
    partials *= (size_t)c->partial_size;
    c->scratch = cpu_scratch(device, SCRATCH_WORK, partials + c->scratch_size * (size_t)team);
    if (c->scratch == NULL)
        return false;
    c->partial = c->scratch;
    c->scratch += partials;
    return true;
}

void cpu_attention_cached(struct device *device, struct tensor out, struct tensor q,
                          struct tensor keys, struct tensor values, struct tensor pages,
                          struct tensor lengths, struct sequences sequences, int64_t page_size,
                          struct attention_shape shape) {
    struct cached c = {
        .kernels = cpu_of(device)->kernels,
        .out = out,
        .q = q,
        .keys = keys,
        .values = values,
        .pages = pages,
        .offsets = sequences.offsets.data,
        .lengths = lengths.data,
        .shape = shape,
        .page_size = page_size,
        .count = sequences.count,
        .group = shape.heads / shape.kv_heads,
    };
    if (!cpu_offsets_hold(device, "attention_cached", sequences, q.rows) ||
        !pages_hold(device, &c, keys.rows / page_size))
        return;
    measure(&c);
    int team = cpu_team(device, c.work);
    if (!reserve(device, &c, team))
        return;
    if (c.parts > 0)
        decode_all(&c, team);
    if (c.runs > 0)
        attend_chunks(&c, team);
}
