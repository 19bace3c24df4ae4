/*
 * Opening a checkpoint directory. First everything is checked against the configuration: each
 * tensor's name, shape and dtype, in one file or in shards; only then is memory reserved and are
 * the bytes copied to the device, the digest taken on the way.
 */
#include "model/checkpoint.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOTE_LIMIT ((size_t)1 << 20)

/* lockpick.json, where there is one. */
struct note {
    bool there;
    char digest[33], low[33];
};

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

static struct weight_source *find_stored(const struct weight_files *all,
                                         const struct model_config *config,
                                         const struct stored_tensor *stored) {
    char name[128];
    struct weight_source *source = weight_files_find(all, stored->name);
    for (int attempt = 0; source == NULL && stored_alias(config, stored, attempt, name); attempt++)
        source = weight_files_find(all, name);
    return source;
}

static bool is_one_of(const char *name, const char *const *names) {
    while (*names != NULL && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

/* Finds every tensor of the model in `all`, and nothing else there. `dtypes` ends with NULL. */
static bool find_all(const struct safetensors_entry **found, const struct weight_plan *plan,
                     const struct weight_files *all, const struct model_config *config,
                     const char *const *dtypes, struct error *error) {
    for (size_t i = 0; i < plan->count; i++) {
        const struct stored_tensor *stored = &plan->stored[i];
        struct weight_source *source = find_stored(all, config, stored);
        if (source == NULL)
            return error_set(error, "%s: tensor '%s' is missing%s",
                             all->count > 0 ? all->paths[0] : "no file", stored->name,
                             all->count > 1 ? ", also from the other shards" : "");
        bool fine = is_one_of(source->entry->dtype, dtypes) ||
                    error_set(error, "is of dtype %s; %s would be right", source->entry->dtype,
                              dtypes[1] ? "F32, BF16 or F16" : dtypes[0]);
        if (!fine || !check_shape(source->entry, stored, error))
            return error_place(error, "%s: tensor '%s'", source->path, source->entry->name);
        source->used = true;
        found[i] = source->entry;
    }
    for (size_t k = 0; k < all->source_count; k++) {
        const struct weight_source *source = &all->sources[k];
        if (!source->used && !is_ignored_tensor(config, source->entry->name))
            return error_set(error,
                             "%s: tensor '%.200s' is not part of the model that config.json "
                             "describes",
                             source->path, source->entry->name);
    }
    return true;
}

static bool plan_values(struct weight_plan *plan, const struct model_config *config,
                        const struct weight_files *all, struct error *error) {
    static const char *const dtypes[] = {"F32", "BF16", "F16", NULL};
    plan->stored = model_stored_tensors(config, &plan->count);
    plan->values = allocate(plan->count, sizeof *plan->values);
    return find_all(plan->values, plan, all, config, dtypes, error);
}

/* The low halves, where low.safetensors is there: all of them. */
static bool plan_lows(struct weight_plan *plan, const struct model_config *config,
                      const struct weight_files *low, struct error *error) {
    static const char *const dtypes[] = {"I16", NULL};
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->values[i]->dtype, "BF16") != 0)
            return error_set(error,
                             "%s: low halves belong to bf16 weights, but '%s' is %s; remove the "
                             "file if the weights were converted",
                             low->paths[0], plan->stored[i].name, plan->values[i]->dtype);
    plan->lows = allocate(plan->count, sizeof *plan->lows);
    return find_all(plan->lows, plan, low, config, dtypes, error);
}

static void plan_free(struct weight_plan *plan) {
    free(plan->stored);
    free(plan->values);
    free(plan->lows);
}

/* ---- dtype ---- */

/* As asked; else as the configuration says; else the widest of the files. */
static enum dtype choose_type(const struct model_config *config, const struct weight_plan *plan,
                              enum model_type asked) {
    if (asked != MODEL_TYPE_STORED)
        return asked == MODEL_TYPE_BF16 ? DTYPE_BF16 : DTYPE_F32;
    if (config->type_given)
        return config->type;
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->values[i]->dtype, "BF16") != 0)
            return DTYPE_F32;
    return DTYPE_BF16;
}

/* ---- lockpick.json ---- */

static bool take_digest(const json_t *json, const char *key, bool required, char digest[33],
                        struct error *error) {
    const char *text;
    if (!json_get_text(json, key, required, "", &text, error))
        return false;
    if (strlen(text) != 32 && (required || *text != '\0'))
        return error_set(error, "'%s' is no digest of 32 hexadecimal digits", key);
    memcpy(digest, text, strlen(text) + 1);
    return true;
}

static bool read_note(struct note *note, const char *directory, struct error *error) {
    *note = (struct note){0};
    char *path = path_join(directory, "lockpick.json");
    bool fine = true;
    if (access(path, F_OK) == 0) {
        json_t *json = json_file(path, NOTE_LIMIT, error);
        int64_t format;
        note->there = true;
        fine = json != NULL && ((json_get_integer(json, "format", true, 0, 2, 2, &format, error) &&
                                 take_digest(json, "digest", true, note->digest, error) &&
                                 take_digest(json, "low_digest", false, note->low, error)) ||
                                error_place(error, "%s", path));
        json_decref(json);
    }
    free(path);
    return fine;
}

/* The digest that a checkpoint of ours says it has; of others there is none to compare with. */
static bool check_digest(const struct model *model, const struct note *note, struct error *error) {
    return !note->there || strcmp(note->digest, model->digest) == 0 ||
           error_set(error,
                     "%s/lockpick.json: the weights are not those that were saved: their digest is "
                     "%s, not %s; delete lockpick.json if the change was wanted",
                     model->directory, model->digest, note->digest);
}

/* ---- opening ---- */

static bool check_use(const struct model_config *config, enum model_use use, struct error *error) {
    if (config->causal == (use != MODEL_ENCODING))
        return true;
    return config->causal
               ? error_set(error, "describes a decoder; an encoder, such as BertModel, would be "
                                  "right here")
               : error_set(error, "describes an encoder, which predicts no next token; a decoder, "
                                  "such as LlamaForCausalLM, would be right here");
}

static bool read_config(struct model *model, enum model_use use, struct error *error) {
    char *path = path_join(model->directory, "config.json");
    bool fine = model_config_read(&model->config, path, error) &&
                (check_use(&model->config, use, error) || error_place(error, "%s", path));
    free(path);
    path = path_join(model->directory, "generation_config.json");
    if (fine && access(path, F_OK) == 0) {
        json_t *json = json_file(path, NOTE_LIMIT, error);
        fine = json != NULL && (model_config_add_end_tokens(&model->config, json, error) ||
                                error_place(error, "%s", path));
        json_decref(json);
    }
    free(path);
    return fine;
}

/* Whether low.safetensors is read: for halves that learn, or for a digest that nobody noted. */
static bool needs_lows(const struct model *model, bool halves, const struct note *note) {
    char *path = path_join(model->directory, "low.safetensors");
    bool there = access(path, F_OK) == 0;
    free(path);
    return there && (halves || !note->there);
}

static bool open_lows(struct weight_plan *plan, const struct model *model, struct weight_files *low,
                      struct error *error) {
    char *path = path_join(model->directory, "low.safetensors");
    bool fine = weight_file_open(low, path, error) && plan_lows(plan, &model->config, low, error);
    free(path);
    return fine;
}

static bool read_weights(struct model *model, const struct weight_files *all,
                         struct model_opening opening, struct error *error) {
    struct weight_plan plan = {0};
    struct weight_files low = {0};
    struct note note = {0};
    bool fine =
        read_note(&note, model->directory, error) && plan_values(&plan, &model->config, all, error);
    if (fine) {
        model_config_set_type(&model->config, choose_type(&model->config, &plan, opening.type));
        bool learning = opening.use == MODEL_LEARNING;
        bool halves = learning && model->config.type == DTYPE_BF16;
        bool lows = needs_lows(model, learning, &note);
        fine = !lows || open_lows(&plan, model, &low, error);
        if (fine && lows && learning && !halves)
            fine = error_set(error,
                             "%s: has low halves, which belong to bf16 weights; training it as "
                             "f32 would lose them",
                             low.paths[0]);
        fine = fine && model_reserve(model, halves, error) &&
               weight_plan_copy(model, &plan, lows ? NULL : note.low, error) &&
               check_digest(model, &note, error);
    }
    weight_files_close(&low);
    plan_free(&plan);
    return fine;
}

/* The digest of weights that nobody noted. */
static bool digest_weights(struct model *model, const struct weight_files *all,
                           const struct note *note, struct error *error) {
    struct weight_plan plan = {0};
    struct weight_files low = {0};
    bool fine = plan_values(&plan, &model->config, all, error) &&
                (!needs_lows(model, true, note) || open_lows(&plan, model, &low, error)) &&
                weight_plan_copy(model, &plan, NULL, error);
    weight_files_close(&low);
    plan_free(&plan);
    return fine;
}

bool model_digest(const char *directory, struct device *device, char digest[33],
                  struct error *error) {
    struct model model = {.device = device, .directory = copy_text(directory)};
    struct weight_files all = {0};
    struct note note;
    bool fine = read_config(&model, MODEL_LEARNING, error) && read_note(&note, directory, error);
    if (fine && !note.there)
        fine =
            weight_files_open(&all, directory, error) && digest_weights(&model, &all, &note, error);
    if (fine)
        memcpy(digest, note.there ? note.digest : model.digest, sizeof note.digest);
    weight_files_close(&all);
    model_close(&model);
    return fine;
}

bool model_open(struct model *model, const char *directory, struct device *device,
                struct model_opening opening, struct error *error) {
    *model = (struct model){.device = device, .directory = copy_text(directory)};
    struct weight_files all = {0};
    bool fine = read_config(model, opening.use, error) &&
                weight_files_open(&all, directory, error) &&
                read_weights(model, &all, opening, error);
    weight_files_close(&all);
    if (!fine)
        model_close(model);
    return fine;
}
