/* Pooling on top of the bidirectional transformer, and what a checkpoint says about it. */
#include "model/sentence_encoder.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SETTINGS_LIMIT ((size_t)1 << 20)

/* ---- what the checkpoint says ---- */

/* *json stays NULL where there is no such file. */
static bool read_optional(json_t **json, const struct model *model, const char *name,
                          struct error *error) {
    *json = NULL;
    char *path = path_join(model->directory ? model->directory : ".", name);
    bool there = model->directory != NULL && access(path, F_OK) == 0;
    if (there)
        *json = json_file(path, SETTINGS_LIMIT, error);
    free(path);
    return !there || *json != NULL;
}

/* Flags pooling_mode_…, of which one is set; in newer files the name in pooling_mode. */
static bool read_pooling(struct sentence_encoder *encoder, const json_t *json,
                         struct error *error) {
    const char *name, *key;
    bool first, mean;
    if (!json_get_text(json, "pooling_mode", false, NULL, &name, error) ||
        !json_get_boolean(json, "pooling_mode_cls_token", false, false, &first, error) ||
        !json_get_boolean(json, "pooling_mode_mean_tokens", false, false, &mean, error))
        return false;
    json_t *value;
    bool others = first && mean;
    json_object_foreach((json_t *)(uintptr_t)json, key, value) {
        bool known = strcmp(key, "pooling_mode_cls_token") == 0 ||
                     strcmp(key, "pooling_mode_mean_tokens") == 0;
        if (strncmp(key, "pooling_mode_", 13) == 0 && !known && json_is_true(value))
            others = true;
    }
    if (name != NULL) {
        first = strcmp(name, "cls") == 0;
        mean = strcmp(name, "mean") == 0;
    }
    encoder->pooling = first ? POOLING_FIRST : POOLING_MEAN;
    return (!others && (first || mean)) ||
           error_set(error, "asks for a pooling that is not supported; the mean of the tokens or "
                            "the first one ([CLS]) alone are");
}

/* modules.json is a list, which json_file() refuses; what matters of it is whether it names a
 * module of that kind. */
static bool read_modules(struct sentence_encoder *encoder, struct error *error) {
    struct buffer text = {0};
    char *path =
        path_join(encoder->model->directory ? encoder->model->directory : ".", "modules.json");
    bool fine = true;
    if (encoder->model->directory != NULL && access(path, F_OK) == 0) {
        json_error_t trouble;
        fine = file_read(path, SETTINGS_LIMIT, &text, error);
        json_t *list =
            fine ? json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &trouble)
                 : NULL;
        if (fine && !json_is_array(list))
            fine = error_set(error, "%s: is no JSON list of modules", path);
        for (size_t i = 0; fine && i < json_array_size(list); i++) {
            const char *type = json_string_value(json_object_get(json_array_get(list, i), "type"));
            const char *kind = type ? strrchr(type, '.') : NULL;
            kind = kind ? kind + 1 : "of no type";
            encoder->normalized = encoder->normalized || strcmp(kind, "Normalize") == 0;
            fine = strcmp(kind, "Normalize") == 0 || strcmp(kind, "Transformer") == 0 ||
                   strcmp(kind, "Pooling") == 0 ||
                   error_set(error,
                             "%s: the module '%.60s' is not supported; Transformer, Pooling and "
                             "Normalize are",
                             path, kind);
        }
        json_decref(list);
    }
    buffer_free(&text);
    free(path);
    return fine;
}

static bool read_settings(struct sentence_encoder *encoder, struct error *error) {
    static const char pooling[] = "1_Pooling/config.json", lengths[] = "sentence_bert_config.json";
    int64_t positions = encoder->model->config.positions;
    json_t *json;
    encoder->longest = positions;
    if (!read_modules(encoder, error) || !read_optional(&json, encoder->model, pooling, error))
        return false;
    bool fine = json == NULL || read_pooling(encoder, json, error) ||
                error_place(error, "%s/%s", encoder->model->directory, pooling);
    json_decref(json);
    if (!fine || !read_optional(&json, encoder->model, lengths, error))
        return false;
    fine = json == NULL ||
           (json_get_integer(json, "max_seq_length", false, positions, 1, positions,
                             &encoder->longest, error) &&
            json_get_boolean(json, "do_lower_case", false, false, &encoder->lower_case, error)) ||
           error_place(error, "%s/%s", encoder->model->directory, lengths);
    json_decref(json);
    return fine;
}

/* ---- opening ---- */

static void lay_out(struct sentence_encoder *encoder, struct arena *arena) {
    const struct model_config *config = &encoder->model->config;
    int64_t room = encoder->room, most = encoder->most;
    pass_open(&encoder->pass, arena, encoder->model, room, room, PASS_FORWARD);
    encoder->tokens = arena_tensor(arena, DTYPE_I32, 1, room);
    encoder->positions = arena_tensor(arena, DTYPE_I32, 1, room);
    encoder->offsets = arena_tensor(arena, DTYPE_I32, 1, most + 1);
    encoder->first = arena_tensor(arena, DTYPE_I32, 1, most);
    encoder->embeddings = arena_tensor(arena, DTYPE_F32, most, config->width);
}

bool sentence_encoder_open(struct sentence_encoder *encoder, struct model *model, int64_t room,
                           int64_t most, struct error *error) {
    *encoder = (struct sentence_encoder){.model = model, .room = room, .most = most};
    if (model->config.causal)
        return error_set(error, "the model is a decoder; an encoder would be right");
    if (!read_settings(encoder, error))
        return false;
    if (encoder->room < encoder->longest)
        encoder->room = encoder->longest;
    struct arena measure = arena_measure();
    lay_out(encoder, &measure);
    pass_close(&encoder->pass);
    if (!transformer_open(&encoder->transformer, model, error))
        return false;
    if (!arena_open(&encoder->arena, model->device, measure.used, error)) {
        transformer_close(&encoder->transformer);
        return error_place(error, "embedding %" PRId64 " tokens at once", encoder->room);
    }
    lay_out(encoder, &encoder->arena);
    int64_t most_numbers = encoder->room > most ? encoder->room : most;
    encoder->host = allocate((size_t)most_numbers, sizeof *encoder->host);
    return true;
}

void sentence_encoder_close(struct sentence_encoder *encoder) {
    if (encoder->host != NULL) {
        pass_close(&encoder->pass);
        arena_close(&encoder->arena);
        transformer_close(&encoder->transformer);
        free(encoder->host);
    }
    *encoder = (struct sentence_encoder){0};
}

/* ---- embedding ---- */

static bool check_texts(const struct sentence_encoder *encoder, const int32_t *offsets,
                        int64_t count, int64_t *longest, struct error *error) {
    *longest = 0;
    if (count > encoder->most || offsets[count] > encoder->room)
        return error_set(error,
                         "%" PRId64 " texts of %d tokens do not fit the room for %" PRId64
                         " and %" PRId64,
                         count, offsets[count], encoder->most, encoder->room);
    for (int64_t s = 0; s < count; s++) {
        int64_t length = offsets[s + 1] - offsets[s];
        if (length < 1 || length > encoder->longest)
            return error_set(
                error, "text %" PRId64 " has %" PRId64 " tokens; 1 to %" PRId64 " would be right",
                s, length, encoder->longest);
        *longest = length > *longest ? length : *longest;
    }
    return true;
}

static struct tensor upload(struct sentence_encoder *encoder, struct tensor to, const int32_t *from,
                            int64_t count) {
    struct tensor part = tensor_columns(to, 0, count);
    device_upload(encoder->model->device, part, from);
    return part;
}

static struct batch make_batch(struct sentence_encoder *encoder, const int32_t *tokens,
                               const int32_t *offsets, int64_t count, int64_t longest) {
    int64_t total = offsets[count];
    for (int64_t s = 0; s < count; s++)
        for (int32_t t = offsets[s]; t < offsets[s + 1]; t++)
            encoder->host[t] = t - offsets[s];
    return (struct batch){
        .tokens = upload(encoder, encoder->tokens, tokens, total),
        .positions = upload(encoder, encoder->positions, encoder->host, total),
        .sequences = {upload(encoder, encoder->offsets, offsets, count + 1), count, longest},
    };
}

bool sentence_encoder_forward(struct sentence_encoder *encoder, const int32_t *tokens,
                              const int32_t *offsets, int64_t count, float *embeddings,
                              struct error *error) {
    struct device *device = encoder->model->device;
    int64_t longest;
    if (count == 0)
        return true;
    if (!check_texts(encoder, offsets, count, &longest, error))
        return false;
    struct batch batch = make_batch(encoder, tokens, offsets, count, longest);
    struct tensor rows = tensor_rows(encoder->pass.output, 0, offsets[count]);
    struct tensor pooled = tensor_rows(encoder->embeddings, 0, count);
    transformer_forward(&encoder->transformer, &encoder->pass, &batch, NULL);
    if (encoder->pooling == POOLING_MEAN)
        mean_rows(device, pooled, rows, batch.sequences);
    else
        gather_rows(device, pooled, rows, upload(encoder, encoder->first, offsets, count));
    if (encoder->normalized)
        normalize_rows(device, pooled);
    device_download(device, embeddings, pooled);
    return device_finish(device, error);
}
