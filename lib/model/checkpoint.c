/*
 * Reading a checkpoint directory. First everything is checked against the configuration: each
 * tensor's name, shape and dtype, in one file or in shards; only then is memory reserved and are
 * the bytes copied to the device, the digest taken on the way.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/safetensors.h"
#include "model/storage.h"

#define INDEX_LIMIT ((size_t)64 << 20)
#define NOTE_LIMIT ((size_t)1 << 20)

/* The files of one directory that hold the weights. */
struct weight_files {
    char **paths;
    struct safetensors *files;
    size_t count;
};

/* What will be read: for every stored tensor its value and, where there is one, its low half. */
struct plan {
    struct stored_tensor *stored;
    const struct safetensors_entry **values;
    const struct safetensors_entry **lows;
    size_t count;
    enum dtype type; /* of all values */
};

static bool exists(const char *path) {
    struct stat status;
    return stat(path, &status) == 0;
}

/* ---- files ---- */

static void weight_files_close(struct weight_files *all) {
    for (size_t i = 0; i < all->count; i++) {
        safetensors_close(&all->files[i]);
        free(all->paths[i]);
    }
    free(all->files);
    free(all->paths);
    *all = (struct weight_files){0};
}

/* `names` are files of `directory`, each once. */
static bool open_named(struct weight_files *all, const char *directory, const char *const *names,
                       size_t count, struct error *error) {
    *all = (struct weight_files){.paths = allocate(count, sizeof *all->paths),
                                 .files = allocate(count, sizeof *all->files)};
    for (size_t i = 0; i < count; i++) {
        all->paths[i] = path_join(directory, names[i]);
        all->count++;
        if (!safetensors_open(&all->files[i], all->paths[i], error)) {
            weight_files_close(all);
            return false;
        }
    }
    return true;
}

static int by_text(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* The distinct shards that an index names, sorted. */
static bool shard_names(json_t *index, const char ***names, size_t *count, struct error *error) {
    json_t *map = json_object_get(index, "weight_map");
    if (!json_is_object(map) || json_object_size(map) == 0)
        return error_set(error, "'weight_map' must be an object of tensors and their files");
    const char **all = allocate(json_object_size(map), sizeof *all);
    size_t total = 0;
    const char *tensor;
    json_t *value;
    json_object_foreach(map, tensor, value) {
        const char *name = json_string_value(value);
        if (name == NULL || *name == '\0' || *name == '.' || strchr(name, '/') != NULL) {
            free(all);
            return error_set(error, "the file of tensor '%.200s' is no plain file name", tensor);
        }
        all[total++] = name;
    }
    qsort(all, total, sizeof *all, by_text);
    *count = 0;
    for (size_t i = 0; i < total; i++)
        if (i == 0 || strcmp(all[i], all[i - 1]) != 0)
            all[(*count)++] = all[i];
    *names = all;
    return true;
}

/* Which tensor lies in which shard is seen in the shards themselves. */
static bool open_shards(struct weight_files *all, const char *directory, const char *index_path,
                        struct error *error) {
    json_t *index = json_file(index_path, INDEX_LIMIT, error);
    if (index == NULL)
        return false;
    const char **names = NULL;
    size_t count = 0;
    bool fine = shard_names(index, &names, &count, error) || error_place(error, "%s", index_path);
    if (fine) {
        fine = open_named(all, directory, names, count, error);
        free(names);
    }
    json_decref(index);
    return fine;
}

static bool weight_files_open(struct weight_files *all, const char *directory,
                              struct error *error) {
    static const char *const single_name = "model.safetensors";
    char *single = path_join(directory, single_name);
    char *index = path_join(directory, "model.safetensors.index.json");
    bool fine;
    if (exists(single))
        fine = open_named(all, directory, &single_name, 1, error);
    else if (exists(index))
        fine = open_shards(all, directory, index, error);
    else
        fine = error_set(error,
                         "%s: holds neither model.safetensors nor model.safetensors.index.json; "
                         "weights of other formats must be converted to safetensors first",
                         directory);
    free(single);
    free(index);
    return fine;
}

/* ---- checks ---- */

static bool check_shape(const struct safetensors_entry *entry, const struct stored_tensor *stored,
                        struct error *error) {
    bool fits = stored->vector ? entry->dimensions == 1 && entry->shape[0] == stored->columns
                               : entry->dimensions == 2 && entry->shape[0] == stored->rows &&
                                     entry->shape[1] == stored->columns;
    if (fits)
        return true;
    char shape[128];
    safetensors_shape(entry, shape);
    if (stored->vector)
        return error_set(error, "has the shape %s; [%" PRId64 "] would be right by config.json",
                         shape, stored->columns);
    return error_set(error,
                     "has the shape %s; [%" PRId64 ", %" PRId64 "] would be right by config.json",
                     shape, stored->rows, stored->columns);
}

/* One value: its place in the plan, its shape, and the one dtype of all. */
static bool plan_value(struct plan *plan, size_t i, const struct weight_files *all,
                       struct error *error) {
    const struct stored_tensor *stored = &plan->stored[i];
    size_t file = 0;
    while (file < all->count &&
           (plan->values[i] = safetensors_find(&all->files[file], stored->name)) == NULL)
        file++;
    if (file == all->count)
        return error_set(error, "%s: tensor '%s' is missing",
                         all->count > 0 ? all->paths[0] : "no file", stored->name);
    const struct safetensors_entry *entry = plan->values[i];
    bool wide = strcmp(entry->dtype, "F32") == 0;
    enum dtype type = wide ? DTYPE_F32 : DTYPE_BF16;
    bool fine = true;
    if (!wide && strcmp(entry->dtype, "BF16") != 0)
        fine = error_set(error, "is of dtype %s; F32 and BF16 are supported", entry->dtype);
    else if (i > 0 && type != plan->type)
        fine = error_set(error, "is of dtype %s, others are not; all must have the same",
                         entry->dtype);
    plan->type = type;
    fine = fine && check_shape(entry, stored, error);
    return fine || error_place(error, "%s: tensor '%s'", all->paths[file], stored->name);
}

/* Tables that old checkpoints carry although they follow from the configuration. */
static bool is_ignored(const char *name) {
    static const char ending[] = ".rotary_emb.inv_freq";
    size_t size = strlen(name), length = sizeof ending - 1;
    return size >= length && strcmp(name + size - length, ending) == 0;
}

/* Every tensor of `file` is ignored or one of the `count` in `wanted`. */
static bool check_extra(const struct safetensors *file, const char *path,
                        const struct safetensors_entry *const *wanted, size_t count,
                        struct error *error) {
    for (size_t k = 0; k < file->count; k++) {
        const struct safetensors_entry *entry = &file->entries[k];
        size_t i = 0;
        while (i < count && wanted[i] != entry)
            i++;
        if (i == count && !is_ignored(entry->name))
            return error_set(error,
                             "%s: tensor '%.200s' is not part of the model that config.json "
                             "describes, or is there twice",
                             path, entry->name);
    }
    return true;
}

static bool plan_values(struct plan *plan, const struct model_config *config,
                        const struct weight_files *all, struct error *error) {
    plan->stored = model_stored_tensors(config, &plan->count);
    plan->values = allocate(plan->count, sizeof *plan->values);
    plan->lows = allocate(plan->count, sizeof *plan->lows);
    for (size_t i = 0; i < plan->count; i++)
        if (!plan_value(plan, i, all, error))
            return false;
    for (size_t k = 0; k < all->count; k++)
        if (!check_extra(&all->files[k], all->paths[k], plan->values, plan->count, error))
            return false;
    return true;
}

/* The low halves, where low.safetensors is there: all of them. */
static bool plan_lows(struct plan *plan, const struct safetensors *low, const char *path,
                      struct error *error) {
    if (plan->type != DTYPE_BF16)
        return error_set(error, "%s: low halves belong to bf16 weights, but these are f32", path);
    for (size_t i = 0; i < plan->count; i++) {
        const struct stored_tensor *stored = &plan->stored[i];
        const struct safetensors_entry *entry = safetensors_find(low, stored->name);
        if (entry == NULL)
            return error_set(error, "%s: tensor '%s' is missing", path, stored->name);
        if (strcmp(entry->dtype, "I16") != 0)
            return error_set(error, "%s: tensor '%s' is of dtype %s; I16 would be right", path,
                             stored->name, entry->dtype);
        if (!check_shape(entry, stored, error))
            return error_place(error, "%s: tensor '%s'", path, stored->name);
        plan->lows[i] = entry;
    }
    return check_extra(low, path, plan->lows, plan->count, error);
}

static void plan_free(struct plan *plan) {
    free(plan->stored);
    free(plan->values);
    free(plan->lows);
}

/* ---- copying ---- */

/* One stored tensor to the device and into the digest; `entry` NULL: zeros, from `zeros`. */
static void copy_tensor(const struct model *model, const struct tensor *weight,
                        const struct stored_tensor *stored, const struct safetensors_entry *entry,
                        const uint8_t *zeros, struct digest *digest) {
    digest_tensor(digest, stored, weight->type);
    int64_t step = stored_chunk_rows(stored);
    size_t row_size = (size_t)stored->columns * dtype_size(weight->type);
    for (int64_t row = 0; row < stored->rows; row += step) {
        int64_t rows = stored->rows - row < step ? stored->rows - row : step;
        const uint8_t *bytes = entry ? entry->data + (size_t)row * row_size : zeros;
        digest_bytes(digest, bytes, (size_t)rows * row_size);
        if (entry != NULL)
            device_upload(model->device, stored_rows(weight, stored, row, rows), bytes);
    }
}

static bool copy_weights(struct model *model, const struct plan *plan, struct error *error) {
    size_t most = 0; /* bytes of the largest chunk of low halves that are not stored */
    for (size_t i = 0; i < plan->count && plan->lows[i] == NULL; i++) {
        size_t size = (size_t)(stored_chunk_rows(&plan->stored[i]) * plan->stored[i].columns) *
                      dtype_size(DTYPE_I16);
        most = size > most ? size : most;
    }
    uint8_t *zeros = allocate(most, 1);
    struct digest digest;
    digest_start(&digest);
    for (size_t i = 0; i < plan->count; i++) {
        const struct stored_tensor *stored = &plan->stored[i];
        struct learning_weight *weight = &model->weights[stored->index];
        copy_tensor(model, &weight->value, stored, plan->values[i], NULL, &digest);
        if (weight->low.data == NULL)
            continue;
        if (plan->lows[i] == NULL)
            device_zero(model->device, stored_rows(&weight->low, stored, 0, stored->rows));
        copy_tensor(model, &weight->low, stored, plan->lows[i], zeros, &digest);
    }
    digest_finish(&digest, model->digest);
    free(zeros);
    return device_finish(model->device, error); /* the mappings may go after this */
}

/* ---- lockpick.json ---- */

/* The digest that a checkpoint of ours says it has; of others there is none to compare with. */
static bool check_digest(const struct model *model, struct error *error) {
    char *path = path_join(model->directory, "lockpick.json");
    bool fine = true;
    if (exists(path)) {
        json_t *note = json_file(path, NOTE_LIMIT, error);
        int64_t format;
        const char *digest;
        fine = note != NULL;
        if (fine && (!json_get_integer(note, "format", true, 0, 1, 1, &format, error) ||
                     !json_get_text(note, "digest", true, NULL, &digest, error)))
            fine = error_place(error, "%s", path);
        else if (fine && strcmp(digest, model->digest) != 0)
            fine = error_set(error,
                             "%s: the weights are not those that were saved: their digest is %s, "
                             "not %.32s; delete lockpick.json if the change was wanted",
                             path, model->digest, digest);
        json_decref(note);
    }
    free(path);
    return fine;
}

/* ---- opening ---- */

/* Reserves and fills the memory for what the plan found. */
static bool take_weights(struct model *model, const struct plan *plan, struct error *error) {
    if (plan->type != model->config.type)
        model_config_set_type(&model->config, plan->type);
    return model_reserve(model, error) && copy_weights(model, plan, error) &&
           check_digest(model, error);
}

static bool read_weights(struct model *model, const struct weight_files *all, struct error *error) {
    struct plan plan = {0};
    struct safetensors low = {0};
    char *path = path_join(model->directory, "low.safetensors");
    bool fine = plan_values(&plan, &model->config, all, error);
    if (fine && exists(path))
        fine = safetensors_open(&low, path, error) && plan_lows(&plan, &low, path, error);
    fine = fine && take_weights(model, &plan, error);
    safetensors_close(&low);
    free(path);
    plan_free(&plan);
    return fine;
}

bool model_open(struct model *model, const char *directory, struct device *device,
                struct error *error) {
    *model = (struct model){.device = device, .directory = copy_text(directory)};
    struct weight_files all = {0};
    char *path = path_join(directory, "config.json");
    bool fine = model_config_read(&model->config, path, error) &&
                weight_files_open(&all, directory, error) && read_weights(model, &all, error);
    free(path);
    weight_files_close(&all);
    if (!fine)
        model_close(model);
    return fine;
}
