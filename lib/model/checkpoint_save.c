/*
 * Writing a checkpoint directory: weights, in shards where they are large, and low halves streamed
 * from the device, the digest taken on the way; the configuration; lockpick.json; the files of the
 * tokenizer, and of the sentence encoder's pooling, copied.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/safetensors.h"
#include "model/storage.h"

#define COPY_LIMIT ((size_t)256 << 20)
#define SHARD_SIZE ((int64_t)5 * 1000 * 1000 * 1000) /* as transformers has had it */

/* ---- the place ---- */

static bool is_checkpoint(const char *path) {
    char *config = path_join(path, "config.json");
    bool there = access(config, F_OK) == 0;
    free(config);
    return there;
}

/* An empty directory counts as a folder of checkpoints. */
static bool holds_only_checkpoints(const char *path) {
    DIR *stream = opendir(path);
    if (stream == NULL)
        return false;
    bool fine = true;
    struct dirent *entry;
    while (fine && (entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *inside = path_join(path, entry->d_name);
        fine = is_checkpoint(inside);
        free(inside);
    }
    closedir(stream);
    return fine;
}

bool checkpoint_directory_open(struct output_directory *directory, const char *path, bool replace,
                               struct error *error) {
    struct stat status;
    if (replace && lstat(path, &status) == 0 && !is_checkpoint(path) &&
        !holds_only_checkpoints(path))
        return error_set(error,
                         "%s: is no checkpoint and no folder of them; remove it yourself if "
                         "it may go",
                         path);
    return directory_open(directory, path, replace, error);
}

/* ---- weights ---- */

static bool save_json(const json_t *json, const char *directory, const char *name,
                      struct error *error) {
    struct buffer text = {0};
    json_write(json, &text);
    char *path = path_join(directory, name);
    bool fine = file_write(path, text.data, text.size, error);
    free(path);
    buffer_free(&text);
    return fine;
}

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
    uint8_t *bytes; /* one piece */
};

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
    for (size_t i = 0; fine && i < pieces; i++) {
        size_t start = i * DIGEST_PIECE;
        size_t size = total - start < DIGEST_PIECE ? total - start : DIGEST_PIECE;
        struct piece_hash hash;
        download_stored(saving->model->device, weight, stored, (int64_t)(start / width),
                        (int64_t)(size / width), saving->bytes);
        piece_start(&hash);
        piece_add(&hash, saving->bytes, size);
        piece_finish(&hash, &digests[i]);
        fine = safetensors_write(&series->writer, saving->bytes, size, error);
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
    bool fine = save_json(index, saving->directory, "model.safetensors.index.json", error);
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

static bool save_weights(struct model *model, const char *directory, char low[33],
                         struct error *error) {
    struct saving saving = {
        .model = model, .directory = directory, .bytes = allocate(DIGEST_PIECE, 1)};
    saving.stored = model_stored_tensors(&model->config, &saving.count);
    bool fine = save_series(&saving, low, error);
    free(saving.stored);
    free(saving.bytes);
    return fine;
}

/* ---- the small files ---- */

static bool save_note(const struct model *model, const char *directory, const char *low,
                      const char *made_by, struct error *error) {
    json_t *maker = json_string(made_by); /* NULL where it is not UTF-8 */
    json_t *note = json_pack("{si ss}", "format", 2, "digest", model->digest);
    if (low[0] != '\0')
        json_object_set_new(note, "low_digest", json_string(low));
    json_object_set_new(note, "parameters",
                        json_integer((json_int_t)model_config_parameters(&model->config)));
    json_object_set_new(note, "made_by",
                        maker ? maker : json_string("arguments that are not UTF-8"));
    bool fine = save_json(note, directory, "lockpick.json", error);
    json_decref(note);
    return fine;
}

static bool copy_file(const char *from, const char *directory, const char *name,
                      struct error *error) {
    struct buffer content = {0};
    char *to = path_join(directory, name);
    bool fine = file_read(from, COPY_LIMIT, &content, error) &&
                file_write(to, content.data, content.size, error);
    free(to);
    buffer_free(&content);
    return fine;
}

/* What makes transformers read a bare tokenizer.json as it stands. */
static bool save_tokenizer_config(const char *directory, struct error *error) {
    json_t *json = json_pack("{ss sb}", "tokenizer_class", "PreTrainedTokenizerFast",
                             "clean_up_tokenization_spaces", 0);
    bool fine = save_json(json, directory, "tokenizer_config.json", error);
    json_decref(json);
    return fine;
}

/* `name` may lie in a folder of its own, which is made. */
static bool copy_named(const char *source, const char *directory, const char *name, bool *found,
                       struct error *error) {
    char *from = path_join(source, name), *folder = path_join(directory, name);
    bool fine = true;
    *found = access(from, F_OK) == 0;
    if (*found && strchr(name, '/') != NULL) {
        *strrchr(folder, '/') = '\0';
        fine = mkdir(folder, 0777) == 0 || errno == EEXIST ||
               error_set_errno(error, "%s: cannot be made", folder);
    }
    fine = fine && (!*found || copy_file(from, directory, name, error));
    free(from);
    free(folder);
    return fine;
}

/* `found` counts the files that a tokenizer can be made from. */
static bool copy_directory(const char *source, const char *directory, size_t *found,
                           struct error *error) {
    static const char *const names[] = {"tokenizer.json",
                                        "tokenizer.model",
                                        "tokenizer_config.json",
                                        "special_tokens_map.json",
                                        "generation_config.json",
                                        "added_tokens.json",
                                        "vocab.json",
                                        "vocab.txt",
                                        "merges.txt",
                                        "chat_template.jinja",
                                        "chat_template.json",
                                        "modules.json",
                                        "sentence_bert_config.json",
                                        "config_sentence_transformers.json",
                                        "1_Pooling/config.json"};
    bool fine = true;
    for (size_t i = 0; fine && i < sizeof names / sizeof *names; i++) {
        bool there;
        fine = copy_named(source, directory, names[i], &there, error);
        *found += there && i < 2;
    }
    return fine;
}

static bool save_tokenizer(const char *source, const char *directory, struct error *error) {
    struct stat status;
    if (stat(source, &status) != 0)
        return error_set_errno(error, "%s: cannot be read", source);
    if (!S_ISDIR(status.st_mode))
        return copy_file(source, directory, "tokenizer.json", error) &&
               save_tokenizer_config(directory, error);
    size_t found = 0;
    if (!copy_directory(source, directory, &found, error))
        return false;
    return found > 0 ||
           error_set(error, "%s: holds neither tokenizer.json nor tokenizer.model", source);
}

bool model_save(struct model *model, const char *directory, const char *tokenizer_source,
                const char *made_by, struct error *error) {
    char low[33];
    if (!save_weights(model, directory, low, error) ||
        !save_json(model->config.json, directory, "config.json", error))
        return false;
    size_t found = 0;
    bool fine = tokenizer_source != NULL ? save_tokenizer(tokenizer_source, directory, error)
                : model->directory != NULL
                    ? copy_directory(model->directory, directory, &found, error)
                    : true;
    return fine && save_note(model, directory, low, made_by, error);
}
