/* Gradients, moments, clipping, updates, and the optimizer's file. */
#include "train/optimizer.h"

#include <stdlib.h>
#include <string.h>

#include "model/safetensors.h"

static void cut_gradients(struct optimizer *optimizer, struct arena *arena, size_t first,
                          size_t count) {
    for (size_t i = first; i < first + count; i++) {
        const struct tensor *value = &optimizer->model->weights[i].value;
        optimizer->gradients[i] = arena_tensor(arena, DTYPE_F32, value->rows, value->columns);
    }
}

/* All groups in one place, but a tied embedding apart: its gradient begins with the loss. */
static void cut_groups(struct optimizer *optimizer, struct arena *arena) {
    const struct model *model = optimizer->model;
    size_t first = model_output(model) == model_embedding(model) ? 1 : 0, most = 0;
    cut_gradients(optimizer, arena, 0, first);
    for (size_t i = first; i < model->weight_count; i += gradient_group(model, i)) {
        struct arena measured = arena_measure();
        cut_gradients(optimizer, &measured, i, gradient_group(model, i));
        most = measured.used > most ? measured.used : most;
    }
    struct tensor place = arena_tensor(arena, DTYPE_F32, 1, (int64_t)(most / sizeof(float)));
    for (size_t i = first; i < model->weight_count; i += gradient_group(model, i)) {
        struct arena group = {arena->device, place.data, most, 0};
        cut_gradients(optimizer, &group, i, gradient_group(model, i));
    }
}

void optimizer_open(struct optimizer *optimizer, const struct optimizer_settings *settings,
                    struct model *model, struct arena *arena) {
    size_t count = model->weight_count;
    *optimizer = (struct optimizer){.settings = *settings, .model = model};
    bool lion = settings->kind == OPTIMIZER_LION;
    optimizer->gradients = allocate(count, sizeof(struct tensor));
    optimizer->sink.gradients = optimizer->gradients;
    optimizer->first = allocate(count, sizeof(struct tensor));
    optimizer->second = lion ? NULL : allocate(count, sizeof(struct tensor));
    if (settings->by_group)
        cut_groups(optimizer, arena);
    else
        cut_gradients(optimizer, arena, 0, count);
    for (size_t i = 0; i < count; i++) {
        const struct tensor *value = &model->weights[i].value;
        enum dtype momentum = lion ? value->type : DTYPE_F32;
        optimizer->first[i] = arena_tensor(arena, momentum, value->rows, value->columns);
        if (!lion)
            optimizer->second[i] = arena_tensor(arena, DTYPE_F32, value->rows, value->columns);
    }
    optimizer->sum = arena_tensor(arena, DTYPE_F32, 1, 1);
    optimizer->factor = arena_tensor(arena, DTYPE_F32, 1, 1);
}

void optimizer_close(struct optimizer *optimizer) {
    free(optimizer->gradients);
    free(optimizer->first);
    free(optimizer->second);
    *optimizer = (struct optimizer){0};
}

void optimizer_reset(struct optimizer *optimizer) {
    struct device *device = optimizer->model->device;
    optimizer->step = 0;
    for (size_t i = 0; i < optimizer->model->weight_count; i++) {
        device_zero(device, optimizer->first[i]);
        if (optimizer->second)
            device_zero(device, optimizer->second[i]);
    }
}

/* ---- a step ---- */

/* Those gradients that the first backward pass adds to. */
static void zero_group(void *context, size_t first, size_t count) {
    const struct optimizer *optimizer = context;
    for (size_t i = first; i < first + count; i++)
        if (gradient_adds(optimizer->model, i))
            device_zero(optimizer->model->device, optimizer->gradients[i]);
}

static void update_weights(struct optimizer *optimizer, size_t first, size_t count,
                           struct tensor factor) {
    const struct optimizer_settings *settings = &optimizer->settings;
    struct device *device = optimizer->model->device;
    const struct optimizer_step step = {
        .rate = (float)optimizer->rate,
        .beta1 = (float)settings->beta1,
        .beta2 = (float)settings->beta2,
        .epsilon = (float)settings->epsilon,
        .decay = (float)settings->decay,
        .step = optimizer->step,
    };
    for (size_t i = first; i < first + count; i++) {
        struct learning_weight weight = optimizer->model->weights[i];
        if (settings->kind == OPTIMIZER_LION)
            lion_update(device, weight, optimizer->gradients[i], optimizer->first[i], factor, step);
        else
            adamw_update(device, weight, optimizer->gradients[i], optimizer->first[i],
                         optimizer->second[i], factor, step);
    }
}

static void update_group(void *context, size_t first, size_t count) {
    update_weights(context, first, count, (struct tensor){0});
}

void optimizer_at_once(struct optimizer *optimizer, double rate) {
    optimizer->rate = rate;
    optimizer->step++;
    optimizer->sink.fresh = true;
    optimizer->sink.begin = zero_group;
    optimizer->sink.end = update_group;
    optimizer->sink.context = optimizer;
}

void optimizer_start_gradients(struct optimizer *optimizer) {
    optimizer->sink.fresh = true;
    optimizer->sink.begin = optimizer->sink.end = NULL;
    zero_group(optimizer, 0, optimizer->model->weight_count);
}

void optimizer_more_gradients(struct optimizer *optimizer) {
    optimizer->sink.fresh = false;
}

void optimizer_update(struct optimizer *optimizer, double rate) {
    const struct optimizer_settings *settings = &optimizer->settings;
    struct device *device = optimizer->model->device;
    size_t count = optimizer->model->weight_count;
    struct tensor factor = {0};
    if (settings->clip > 0) {
        for (size_t i = 0; i < count; i++)
            sum_of_squares(device, optimizer->sum, optimizer->gradients[i], i > 0);
        clip_factor(device, optimizer->factor, optimizer->sum, (float)settings->clip);
        factor = optimizer->factor;
    }
    optimizer->rate = rate;
    optimizer->step++;
    update_weights(optimizer, 0, count, factor);
}

/* ---- the file ---- */

/* One moment of one weight, as it is stored. */
struct moment_tensor {
    char name[96]; /* "first.12" */
    struct tensor *tensor;
};

static struct moment_tensor *list_moments(struct optimizer *optimizer, size_t *count) {
    size_t weights = optimizer->model->weight_count;
    struct moment_tensor *list = allocate(2 * weights, sizeof *list);
    *count = 0;
    for (size_t i = 0; i < weights; i++) {
        char weight[64];
        model_weight_name(optimizer->model, i, weight);
        struct moment_tensor *next = &list[(*count)++];
        snprintf(next->name, sizeof next->name, "first: %s", weight);
        next->tensor = &optimizer->first[i];
    }
    for (size_t i = 0; optimizer->second && i < weights; i++) {
        char weight[64];
        model_weight_name(optimizer->model, i, weight);
        struct moment_tensor *next = &list[(*count)++];
        snprintf(next->name, sizeof next->name, "second: %s", weight);
        next->tensor = &optimizer->second[i];
    }
    return list;
}

static const char *stored_dtype(enum dtype type) {
    return type == DTYPE_BF16 ? "BF16" : "F32";
}

static size_t tensor_bytes(const struct tensor *tensor) {
    return (size_t)(tensor->rows * tensor->columns) * dtype_size(tensor->type);
}

static struct safetensors_entry step_entry(void) {
    return (struct safetensors_entry){
        .name = "step", .dtype = "I64", .shape = {1}, .dimensions = 1};
}

static bool write_moment(struct optimizer *optimizer, struct safetensors_writer *writer,
                         const struct tensor *tensor, struct error *error) {
    size_t size = tensor_bytes(tensor);
    void *bytes = allocate_sized(size, 1, "the optimizer's moments", error);
    if (bytes == NULL)
        return false;
    device_download(optimizer->model->device, bytes, *tensor);
    bool fine = device_finish(optimizer->model->device, error) &&
                safetensors_write(writer, bytes, size, error);
    free(bytes);
    return fine;
}

bool optimizer_save(struct optimizer *optimizer, const char *path, struct error *error) {
    size_t count;
    struct moment_tensor *list = list_moments(optimizer, &count);
    struct safetensors_entry *entries = allocate(count + 1, sizeof *entries);
    entries[0] = step_entry();
    for (size_t i = 0; i < count; i++)
        entries[i + 1] = (struct safetensors_entry){
            .name = list[i].name,
            .dtype = stored_dtype(list[i].tensor->type),
            .shape = {list[i].tensor->rows, list[i].tensor->columns},
            .dimensions = 2,
        };
    struct safetensors_writer writer;
    bool fine = safetensors_create(&writer, path, entries, count + 1, error);
    if (fine) {
        fine = safetensors_write(&writer, &optimizer->step, sizeof optimizer->step, error);
        for (size_t i = 0; fine && i < count; i++)
            fine = write_moment(optimizer, &writer, list[i].tensor, error);
        if (fine)
            fine = safetensors_commit(&writer, error);
        else
            safetensors_abandon(&writer);
    }
    free(entries);
    free(list);
    return fine;
}

static bool read_moment(struct optimizer *optimizer, const struct safetensors *file,
                        const struct moment_tensor *moment, struct error *error) {
    const struct safetensors_entry *entry = safetensors_find(file, moment->name);
    const struct tensor *tensor = moment->tensor;
    if (entry == NULL)
        return error_set(error, "tensor '%s' is missing", moment->name);
    if (strcmp(entry->dtype, stored_dtype(tensor->type)) != 0 || entry->dimensions != 2 ||
        entry->shape[0] != tensor->rows || entry->shape[1] != tensor->columns)
        return error_set(error, "tensor '%s' has not the dtype and shape of the weight",
                         moment->name);
    device_upload(optimizer->model->device, *tensor, entry->data);
    return true;
}

static bool read_moments(struct optimizer *optimizer, const struct safetensors *file,
                         struct error *error) {
    const struct safetensors_entry *step = safetensors_find(file, "step");
    if (step == NULL || strcmp(step->dtype, "I64") != 0 || step->size != sizeof optimizer->step)
        return error_set(error, "tensor 'step' (I64 [1]) is missing");
    memcpy(&optimizer->step, step->data, sizeof optimizer->step);
    size_t count;
    struct moment_tensor *list = list_moments(optimizer, &count);
    bool fine = file->count == count + 1 ||
                error_set(error, "has %zu tensors; %zu would be right for this optimizer",
                          file->count, count + 1);
    for (size_t i = 0; fine && i < count; i++)
        fine = read_moment(optimizer, file, &list[i], error);
    free(list);
    return fine && device_finish(optimizer->model->device, error);
}

bool optimizer_load(struct optimizer *optimizer, const char *path, struct error *error) {
    struct safetensors file;
    if (!safetensors_open(&file, path, error))
        return false;
    bool fine = read_moments(optimizer, &file, error) || error_place(error, "%s", path);
    safetensors_close(&file);
    return fine;
}
