/* The files of a checkpoint that hold tensors: one, or shards with an index. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/checkpoint.h"

#define INDEX_LIMIT ((size_t)64 << 20)

void weight_files_close(struct weight_files *all) {
    for (size_t i = 0; i < all->count; i++) {
        safetensors_close(&all->files[i]);
        free(all->paths[i]);
    }
    free(all->files);
    free(all->paths);
    free(all->sources);
    *all = (struct weight_files){0};
}

/* ---- finding tensors ---- */

static int by_name(const void *left, const void *right) {
    const struct weight_source *a = left, *b = right;
    return strcmp(a->entry->name, b->entry->name);
}

static bool list_sources(struct weight_files *all, struct error *error) {
    size_t total = 0;
    for (size_t i = 0; i < all->count; i++)
        total += all->files[i].count;
    all->sources = allocate(total, sizeof *all->sources);
    for (size_t i = 0; i < all->count; i++)
        for (size_t k = 0; k < all->files[i].count; k++)
            all->sources[all->source_count++] =
                (struct weight_source){.entry = &all->files[i].entries[k], .path = all->paths[i]};
    qsort(all->sources, total, sizeof *all->sources, by_name);
    for (size_t i = 1; i < total; i++)
        if (by_name(&all->sources[i - 1], &all->sources[i]) == 0)
            return error_set(error, "%s: tensor '%.200s' is there twice, also in %s",
                             all->sources[i].path, all->sources[i].entry->name,
                             all->sources[i - 1].path);
    return true;
}

struct weight_source *weight_files_find(const struct weight_files *all, const char *name) {
    struct safetensors_entry entry = {.name = name};
    struct weight_source wanted = {.entry = &entry};
    if (all->source_count == 0)
        return NULL;
    return bsearch(&wanted, all->sources, all->source_count, sizeof wanted, by_name);
}

/* ---- opening ---- */

/* `names` are files of `directory` (NULL: paths), each once. */
static bool open_named(struct weight_files *all, const char *directory, const char *const *names,
                       size_t count, struct error *error) {
    *all = (struct weight_files){.paths = allocate(count, sizeof *all->paths),
                                 .files = allocate(count, sizeof *all->files)};
    bool fine = true;
    for (size_t i = 0; fine && i < count; i++) {
        all->paths[i] = directory ? path_join(directory, names[i]) : copy_text(names[i]);
        all->count++;
        fine = safetensors_open(&all->files[i], all->paths[i], error);
    }
    fine = fine && list_sources(all, error);
    if (!fine)
        weight_files_close(all);
    return fine;
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

static bool is_there(const char *directory, const char *name) {
    char *path = path_join(directory, name);
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

static bool no_files(const char *directory, struct error *error) {
    if (is_there(directory, "pytorch_model.bin") ||
        is_there(directory, "pytorch_model.bin.index.json"))
        return error_set(error,
                         "%s: has its weights as pytorch_model.bin, which may run code when read; "
                         "save it as safetensors first (transformers: from_pretrained(), then "
                         "save_pretrained())",
                         directory);
    return error_set(error,
                     "%s: holds neither model.safetensors nor model.safetensors.index.json; "
                     "weights of other formats must be converted to safetensors first",
                     directory);
}

bool weight_files_open(struct weight_files *all, const char *directory, struct error *error) {
    static const char *const single = "model.safetensors";
    static const char *const index = "model.safetensors.index.json";
    *all = (struct weight_files){0};
    if (is_there(directory, single))
        return open_named(all, directory, &single, 1, error);
    if (!is_there(directory, index))
        return no_files(directory, error);
    char *path = path_join(directory, index);
    bool fine = open_shards(all, directory, path, error);
    free(path);
    return fine;
}

bool weight_file_open(struct weight_files *all, const char *path, struct error *error) {
    return open_named(all, NULL, &path, 1, error);
}
