/*
 * Writing the weights of a checkpoint: values, in shards where they are large, and low halves,
 * streamed from the device a piece at a time, the digest taken on the way. While one thread writes
 * its piece, others fetch and hash the next ones.
 */
#include <omp.h>
#include <stdlib.h>

#include "model/checkpoint.h"

#define SHARD_SIZE ((int64_t)5 * 1000 * 1000 * 1000) /* as transformers has had it */

/* One series of tensors on its way to files: the values, in shards, or the low halves. */
struct series {
    struct safetensors_writer writer;
    struct digest digest;
    const char *dtype;
    bool low;
    size_t *shard_end; /* for each file, the number of the tensor behind its last */
    size_t shards, shard;
};

struct saving {
    struct model *model;
    const char *directory;
    struct stored_tensor *stored;
    size_t count;
    int threads;
    uint8_t *bytes; /* one piece for each of them */
};

enum { MOST_THREADS = 4 }; /* more would wait for the file */

static size_t stored_bytes(const struct saving *saving, size_t i, enum dtype type) {
    return (size_t)(saving->stored[i].rows * saving->stored[i].columns) * dtype_size(type);
}

/* Cuts as transformers does: a file is full when the next tensor would make it larger than `most`.
 */
static void cut_shards(struct series *series, const struct saving *saving, enum dtype type,
                       int64_t most) {
    size_t size = 0;
    series->shard_end = allocate(saving->count, sizeof *series->shard_end);
    for (size_t i = 0; i < saving->count; i++) {
        size_t bytes = stored_bytes(saving, i, type);
        if (i > 0 && size + bytes > (size_t)most) {
            series->shard_end[series->shards++] = i;
            size = 0;
        }
        size += bytes;
    }
    series->shard_end[series->shards++] = saving->count;
}

static char *shard_name(const struct series *series, size_t shard) {
    if (series->low)
        return copy_text("low.safetensors");
    if (series->shards == 1)
        return copy_text("model.safetensors");
    return format_text("model-%05zu-of-%05zu.safetensors", shard + 1, series->shards);
}

static bool start_shard(struct series *series, const struct saving *saving, struct error *error) {
    size_t first = series->shard > 0 ? series->shard_end[series->shard - 1] : 0;
    size_t count = series->shard_end[series->shard] - first;
    struct safetensors_entry *entries = allocate(count, sizeof *entries);
    for (size_t i = 0; i < count; i++) {
        const struct stored_tensor *stored = &saving->stored[first + i];
        entries[i] = (struct safetensors_entry){.name = stored->name, .dtype = series->dtype};
        if (!stored->vector)
            entries[i].shape[entries[i].dimensions++] = stored->rows;
        entries[i].shape[entries[i].dimensions++] = stored->columns;
    }
    char *name = shard_name(series, series->shard), *path = path_join(saving->directory, name);
    bool fine = safetensors_create(&series->writer, path, entries, count, error);
    free(name);
    free(path);
    free(entries);
    return fine;
}

/* One stored tensor from the device to the file, a piece at a time. */
static bool stream(struct series *series, const struct saving *saving, const struct tensor *weight,
                   const struct stored_tensor *stored, struct error *error) {
    size_t width = dtype_size(weight->type);
    size_t total = (size_t)(stored->rows * stored->columns) * width;
    size_t pieces = digest_pieces(total);
    struct piece_digest *digests = allocate(pieces, sizeof *digests);
    bool fine = true;
#pragma omp parallel for ordered schedule(static, 1) num_threads(saving->threads) if (pieces > 1)
    for (size_t i = 0; i < pieces; i++) {
        size_t start = i * DIGEST_PIECE;
        size_t size = total - start < DIGEST_PIECE ? total - start : DIGEST_PIECE;
        uint8_t *bytes = saving->bytes + (size_t)omp_get_thread_num() * DIGEST_PIECE;
        struct piece_hash hash;
        download_stored(saving->model->device, weight, stored, (int64_t)(start / width),
                        (int64_t)(size / width), bytes);
        piece_start(&hash);
        piece_add(&hash, bytes, size);
        piece_finish(&hash, &digests[i]);
#pragma omp ordered
        fine = fine && safetensors_write(&series->writer, bytes, size, error);
    }
    digest_tensor(&series->digest, stored, dtype_name(weight->type), digests, pieces);
    free(digests);
    return fine;
}

static bool stream_all(struct series *series, const struct saving *saving, struct error *error) {
    size_t i = 0;
    digest_start(&series->digest, series->low);
    for (series->shard = 0; series->shard < series->shards; series->shard++) {
        if (!start_shard(series, saving, error))
            return false;
        for (; i < series->shard_end[series->shard]; i++) {
            const struct stored_tensor *stored = &saving->stored[i];
            const struct learning_weight *weight = &saving->model->weights[stored->index];
            if (!stream(series, saving, series->low ? &weight->low : &weight->value, stored, error))
                return false;
        }
        if (!safetensors_commit(&series->writer, error))
            return false;
    }
    return device_finish(saving->model->device, error);
}

static void series_close(struct series *series) {
    safetensors_abandon(&series->writer); /* nothing is left to do after a commit */
    free(series->shard_end);
}

/* model.safetensors.index.json: which tensor lies in which shard. */
static bool save_index(const struct series *series, const struct saving *saving,
                       struct error *error) {
    enum dtype type = saving->model->config.type;
    json_t *map = json_object();
    json_int_t total = 0;
    size_t shard = 0;
    for (size_t i = 0; i < saving->count; i++) {
        shard += i == series->shard_end[shard];
        char *name = shard_name(series, shard);
        json_object_set_new(map, saving->stored[i].name, json_string(name));
        total += (json_int_t)stored_bytes(saving, i, type);
        free(name);
    }
    json_t *index = json_pack("{s{sIsI} so}", "metadata", "total_parameters",
                              (json_int_t)model_config_parameters(&saving->model->config),
                              "total_size", total, "weight_map", map);
    bool fine =
        checkpoint_save_json(index, saving->directory, "model.safetensors.index.json", error);
    json_decref(index);
    return fine;
}

/* Sets model->digest; `low` becomes the low digest. */
static bool save_series(struct saving *saving, char low[33], struct error *error) {
    struct model *model = saving->model;
    bool halves = model->weights[0].low.data != NULL;
    struct series values = {.dtype = model->config.type == DTYPE_BF16 ? "BF16" : "F32"};
    struct series lows = {.dtype = "I16", .low = true};
    cut_shards(&values, saving, model->config.type,
               model->shard_size > 0 ? model->shard_size : SHARD_SIZE);
    cut_shards(&lows, saving, DTYPE_I16, INT64_MAX);
    bool fine = stream_all(&values, saving, error) &&
                (values.shards == 1 || save_index(&values, saving, error));
    low[0] = '\0';
    if (fine && halves) {
        fine = stream_all(&lows, saving, error);
        digest_low(&lows.digest, low);
    }
    digest_whole(&values.digest, low, model->digest);
    series_close(&values);
    series_close(&lows);
    return fine;
}

bool checkpoint_save_weights(struct model *model, const char *directory, char low[33],
                             struct error *error) {
    int threads = device_threads(model->device);
    struct saving saving = {.model = model,
                            .directory = directory,
                            .threads = threads < MOST_THREADS ? threads : MOST_THREADS};
    saving.bytes = allocate(DIGEST_PIECE, (size_t)saving.threads);
    saving.stored = model_stored_tensors(&model->config, &saving.count);
    bool fine = save_series(&saving, low, error);
    free(saving.stored);
    free(saving.bytes);
    return fine;
}
