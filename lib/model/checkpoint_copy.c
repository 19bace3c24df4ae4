/*
 * Copying the tensors of mapped files to the device: pieces of DIGEST_PIECE bytes, dealt out to
 * threads, each hashed, converted and copied in parts that fit a cache, and its pages of the file
 * given back, so that beside the weights only some pieces are resident.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/checkpoint.h"

enum { PART = 1 << 16 }; /* elements that are in hand at once */

/* One piece of one tensor. */
struct job {
    size_t tensor; /* in the plan */
    size_t piece;
    bool low;
    struct piece_digest *digest;
};

/* All pieces, and where the digests of each tensor's pieces begin. */
struct jobs {
    struct job *all;
    size_t count;
    struct piece_digest *digests;
};

/* What a thread converts in. */
struct part_buffers {
    uint32_t bits[PART]; /* f32 */
    uint16_t value[PART];
    int16_t low[PART];
};

/* ---- conversion ---- */

/* f16 to f32: the exponent is moved by a product, which also makes subnormal numbers normal. */
static uint32_t widen_half(uint16_t half) {
    uint32_t bits = (uint32_t)(half & 0x7fff) << 13, sign = (uint32_t)(half & 0x8000) << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    value *= 0x1p112f;
    memcpy(&bits, &value, sizeof bits);
    bits |= (half & 0x7c00) == 0x7c00 ? 0x7f800000u : 0; /* infinity and NaN */
    return bits | sign;
}

/* `bytes` need not be aligned. */
static void to_f32(uint32_t *bits, const uint8_t *bytes, const char *dtype, int64_t count) {
    if (strcmp(dtype, "F32") == 0) {
        memcpy(bits, bytes, (size_t)count * sizeof *bits);
        return;
    }
    bool half = strcmp(dtype, "F16") == 0;
    for (int64_t i = 0; i < count; i++) {
        uint16_t stored;
        memcpy(&stored, bytes + 2 * i, sizeof stored);
        bits[i] = half ? widen_half(stored) : (uint32_t)stored << 16;
    }
}

static void to_halves(struct part_buffers *part, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits = part->bits[i];
        bool nan = (bits & 0x7fffffffu) > 0x7f800000u; /* rounding might make it a number */
        part->value[i] = nan ? (uint16_t)(bits >> 16 | 0x40) : master_value(bits);
        part->low[i] = nan ? 0 : master_low(bits);
    }
}

/* ---- one piece ---- */

static const char *stored_name(enum dtype type) {
    return type == DTYPE_BF16 ? "BF16" : type == DTYPE_I16 ? "I16" : "F32";
}

/* `count` elements of a value from element `first`. */
static void copy_value(const struct model *model, const struct weight_plan *plan, size_t tensor,
                       int64_t first, int64_t count, const uint8_t *bytes,
                       struct part_buffers *part) {
    const struct stored_tensor *stored = &plan->stored[tensor];
    const struct learning_weight *weight = &model->weights[stored->index];
    const char *dtype = plan->values[tensor]->dtype;
    bool same = strcmp(dtype, stored_name(weight->value.type)) == 0;
    if (same) {
        upload_stored(model->device, &weight->value, stored, first, count, bytes);
    } else {
        to_f32(part->bits, bytes, dtype, count);
        if (weight->value.type == DTYPE_BF16)
            to_halves(part, count);
        upload_stored(model->device, &weight->value, stored, first, count,
                      weight->value.type == DTYPE_BF16 ? (const void *)part->value : part->bits);
    }
    if (weight->low.data == NULL || (plan->lows != NULL && plan->lows[tensor] != NULL))
        return;
    if (same)
        memset(part->low, 0, (size_t)count * sizeof *part->low);
    upload_stored(model->device, &weight->low, stored, first, count, part->low);
}

/* The pages of the file that a piece has been read from, but for the last, which the next one may
 * begin in. */
static void give_back(const uint8_t *bytes, size_t size) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = (uintptr_t)bytes / page * page, end = (uintptr_t)(bytes + size) / page * page;
    if (end > start)
        madvise((void *)start, end - start, MADV_DONTNEED);
}

static void copy_piece(const struct model *model, const struct weight_plan *plan,
                       const struct job *job, struct part_buffers *part) {
    const struct stored_tensor *stored = &plan->stored[job->tensor];
    const struct safetensors_entry *entry =
        job->low ? plan->lows[job->tensor] : plan->values[job->tensor];
    const struct learning_weight *weight =
        model->weights != NULL ? &model->weights[stored->index] : NULL;
    size_t width = strcmp(entry->dtype, "F32") == 0 ? 4 : 2;
    size_t start = job->piece * DIGEST_PIECE;
    size_t size = entry->size - start < DIGEST_PIECE ? entry->size - start : DIGEST_PIECE;
    struct piece_hash hash;
    piece_start(&hash);
    for (size_t done = 0, step; done < size; done += step) {
        step = size - done < PART * width ? size - done : PART * width;
        const uint8_t *bytes = entry->data + start + done;
        int64_t first = (int64_t)((start + done) / width), count = (int64_t)(step / width);
        piece_add(&hash, bytes, step);
        if (weight == NULL)
            continue;
        if (!job->low)
            copy_value(model, plan, job->tensor, first, count, bytes, part);
        else if (weight->low.data != NULL)
            upload_stored(model->device, &weight->low, stored, first, count, bytes);
    }
    piece_finish(&hash, job->digest);
    give_back(entry->data + start, size);
}

/* ---- all of them ---- */

static void add_jobs(struct jobs *jobs, size_t tensor, const struct safetensors_entry *entry,
                     bool low) {
    size_t pieces = digest_pieces(entry->size);
    for (size_t piece = 0; piece < pieces; piece++) {
        jobs->all[jobs->count] = (struct job){tensor, piece, low, &jobs->digests[jobs->count]};
        jobs->count++;
    }
}

/* Values in the order of the plan, then low halves. */
static struct jobs list_jobs(const struct weight_plan *plan) {
    size_t most = 0;
    for (size_t i = 0; i < plan->count; i++)
        most += digest_pieces(plan->values[i]->size) +
                (plan->lows ? digest_pieces(plan->lows[i]->size) : 0);
    struct jobs jobs = {.all = allocate(most, sizeof *jobs.all),
                        .digests = allocate(most, sizeof *jobs.digests)};
    for (size_t i = 0; i < plan->count; i++)
        add_jobs(&jobs, i, plan->values[i], false);
    for (size_t i = 0; plan->lows && i < plan->count; i++)
        add_jobs(&jobs, i, plan->lows[i], true);
    return jobs;
}

static const char *digest_dtype(const struct safetensors_entry *entry) {
    static const char *const names[][2] = {
        {"F32", "f32"}, {"BF16", "bf16"}, {"F16", "f16"}, {"I16", "i16"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i][0], entry->dtype) == 0)
            return names[i][1];
    return "unknown";
}

/* Goes on in `digests` where the tensors before ended. */
static const struct piece_digest *digest_entries(struct digest *digest,
                                                 const struct weight_plan *plan,
                                                 const struct safetensors_entry *const *entries,
                                                 const struct piece_digest *digests) {
    for (size_t i = 0; i < plan->count; i++) {
        size_t pieces = digest_pieces(entries[i]->size);
        digest_tensor(digest, &plan->stored[i], digest_dtype(entries[i]), digests, pieces);
        digests += pieces;
    }
    return digests;
}

static void digest_jobs(struct model *model, const struct weight_plan *plan,
                        const struct jobs *jobs, const char *low) {
    struct digest values, lows;
    char low_hex[33] = "";
    digest_start(&values, false);
    const struct piece_digest *next = digest_entries(&values, plan, plan->values, jobs->digests);
    if (plan->lows != NULL) {
        digest_start(&lows, true);
        digest_entries(&lows, plan, plan->lows, next);
        digest_low(&lows, low_hex);
    }
    digest_whole(&values, low != NULL ? low : low_hex, model->digest);
}

bool weight_plan_copy(struct model *model, const struct weight_plan *plan, const char *low,
                      struct error *error) {
    struct jobs jobs = list_jobs(plan);
#pragma omp parallel num_threads(device_threads(model->device))
    {
        struct part_buffers *part = allocate(1, sizeof *part);
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < jobs.count; i++)
            copy_piece(model, plan, &jobs.all[i], part);
        free(part);
    }
    digest_jobs(model, plan, &jobs, low);
    free(jobs.all);
    free(jobs.digests);
    return device_finish(model->device, error); /* the mappings may go after this */
}
