/*
 * Reading a checkpoint in three steps: the files that hold tensors (weight_files.c), the plan that
 * finds every tensor of the model among them (checkpoint.c), the copying (checkpoint_copy.c); and
 * writing one: the weights (checkpoint_write.c), the small files (checkpoint_save.c). Private to
 * lib/model.
 */
#ifndef LOCKPICK_MODEL_CHECKPOINT_H
#define LOCKPICK_MODEL_CHECKPOINT_H

#include "model/safetensors.h"
#include "model/storage.h"

/* A tensor in one of the files. */
struct weight_source {
    const struct safetensors_entry *entry;
    const char *path; /* of its file */
    bool used;        /* the model has it */
};

struct weight_files {
    char **paths;
    struct safetensors *files;
    size_t count;
    struct weight_source *sources; /* of all files, in order of name */
    size_t source_count;
};

/* model.safetensors, or the shards that model.safetensors.index.json names: mapped, their headers
 * checked, no tensor twice. */
bool weight_files_open(struct weight_files *all, const char *directory, struct error *error);
/* One file. */
bool weight_file_open(struct weight_files *all, const char *path, struct error *error);
void weight_files_close(struct weight_files *all);
/* NULL where there is none of that name. */
struct weight_source *weight_files_find(const struct weight_files *all, const char *name);

/* What will be read: for every stored tensor its value and, where there is one, its low half. */
struct weight_plan {
    struct stored_tensor *stored;
    const struct safetensors_entry **values;
    const struct safetensors_entry **lows; /* NULL: there is no low.safetensors */
    size_t count;
};

/*
 * Copies all values to the weights of `model`, which are reserved, and low halves where it has
 * them: as stored, else what rounding to bf16 left over, else zeros. Sets model->digest; of a model
 * without weights that is all. `low` is the low digest where the caller knows it already and the
 * model has no low halves, else NULL.
 */
bool weight_plan_copy(struct model *model, const struct weight_plan *plan, const char *low,
                      struct error *error);

/* Writes values and low halves, and the index where there are shards. Sets model->digest; `low`
 * becomes the low digest. */
bool checkpoint_save_weights(struct model *model, const char *directory, char low[33],
                             struct error *error);
bool checkpoint_save_json(const json_t *json, const char *directory, const char *name,
                          struct error *error);

#endif
