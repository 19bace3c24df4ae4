/*
 * Writing a checkpoint directory: weights and low halves streamed from the device side by side, the
 * digest taken on the way; the configuration; lockpick.json; the tokenizer's files copied.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/safetensors.h"
#include "model/storage.h"

#define COPY_LIMIT ((size_t)256 << 20)

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

struct saving {
    struct model *model;
    struct stored_tensor *stored;
    size_t count;
    struct safetensors_writer values;
    struct safetensors_writer lows; /* of bf16 models only */
    struct digest digest;
};

static bool create(struct safetensors_writer *writer, const struct saving *saving,
                   const char *directory, const char *name, const char *dtype,
                   struct error *error) {
    struct safetensors_entry *entries = allocate(saving->count, sizeof *entries);
    for (size_t i = 0; i < saving->count; i++) {
        const struct stored_tensor *stored = &saving->stored[i];
        entries[i] = (struct safetensors_entry){.name = stored->name, .dtype = dtype};
        if (!stored->vector)
            entries[i].shape[entries[i].dimensions++] = stored->rows;
        entries[i].shape[entries[i].dimensions++] = stored->columns;
    }
    char *path = path_join(directory, name);
    bool fine = safetensors_create(writer, path, entries, saving->count, error);
    free(path);
    free(entries);
    return fine;
}

/* One stored tensor from the device to the file, a chunk of rows at a time. */
static bool stream(struct saving *saving, struct safetensors_writer *writer,
                   const struct tensor *weight, const struct stored_tensor *stored,
                   struct error *error) {
    int64_t step = stored_chunk_rows(stored);
    size_t row_size = (size_t)stored->columns * dtype_size(weight->type);
    uint8_t *bytes = allocate((size_t)step, row_size);
    digest_tensor(&saving->digest, stored, weight->type);
    bool fine = true;
    for (int64_t row = 0; fine && row < stored->rows; row += step) {
        int64_t rows = stored->rows - row < step ? stored->rows - row : step;
        size_t size = (size_t)rows * row_size;
        device_download(saving->model->device, bytes, stored_rows(weight, stored, row, rows));
        digest_bytes(&saving->digest, bytes, size);
        fine = safetensors_write(writer, bytes, size, error);
    }
    free(bytes);
    return fine;
}

static bool stream_all(struct saving *saving, struct error *error) {
    for (size_t i = 0; i < saving->count; i++) {
        const struct stored_tensor *stored = &saving->stored[i];
        const struct learning_weight *weight = &saving->model->weights[stored->index];
        if (!stream(saving, &saving->values, &weight->value, stored, error))
            return false;
        if (weight->low.data != NULL && !stream(saving, &saving->lows, &weight->low, stored, error))
            return false;
    }
    return device_finish(saving->model->device, error);
}

static bool save_weights(struct model *model, const char *directory, struct error *error) {
    struct saving saving = {.model = model};
    saving.stored = model_stored_tensors(&model->config, &saving.count);
    bool halves = model->config.type == DTYPE_BF16;
    digest_start(&saving.digest);
    bool fine =
        create(&saving.values, &saving, directory, "model.safetensors", halves ? "BF16" : "F32",
               error) &&
        (!halves || create(&saving.lows, &saving, directory, "low.safetensors", "I16", error)) &&
        stream_all(&saving, error) && safetensors_commit(&saving.values, error) &&
        (!halves || safetensors_commit(&saving.lows, error));
    digest_finish(&saving.digest, model->digest);
    safetensors_abandon(&saving.values); /* nothing is left to do after a commit */
    safetensors_abandon(&saving.lows);
    free(saving.stored);
    return fine;
}

/* ---- the small files ---- */

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

static bool save_note(const struct model *model, const char *directory, const char *made_by,
                      struct error *error) {
    json_t *maker = json_string(made_by); /* NULL where it is not UTF-8 */
    json_t *note = json_pack("{si ss sI so}", "format", 1, "digest", model->digest, "parameters",
                             (json_int_t)model_config_parameters(&model->config), "made_by",
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
                                        "merges.txt",
                                        "chat_template.jinja"};
    bool fine = true;
    for (size_t i = 0; fine && i < sizeof names / sizeof *names; i++) {
        char *from = path_join(source, names[i]);
        struct stat status;
        if (stat(from, &status) == 0) {
            fine = copy_file(from, directory, names[i], error);
            *found += i < 2;
        }
        free(from);
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
    if (!save_weights(model, directory, error) ||
        !save_json(model->config.json, directory, "config.json", error))
        return false;
    size_t found = 0;
    bool fine = tokenizer_source != NULL ? save_tokenizer(tokenizer_source, directory, error)
                : model->directory != NULL
                    ? copy_directory(model->directory, directory, &found, error)
                    : true;
    return fine && save_note(model, directory, made_by, error);
}
