/*
 * Decoding steps as recordings. All steps of as many rows and as long a table of pages are the same
 * operations on the same tensors. The first of them runs as it is, so that the device has the
 * memory that they need; the second is recorded; from there on the recording runs.
 */
#include <stdlib.h>

#include "base/tool.h"
#include "infer/engine_state.h"

static struct replay *replay_of(struct engine *engine, const struct inputs *inputs) {
    for (size_t i = 0; i < engine->replay_count; i++)
        if (engine->replays[i].rows == inputs->rows && engine->replays[i].pages == inputs->pages)
            return &engine->replays[i];
    engine->replays =
        reallocate(engine->replays, engine->replay_count + 1, sizeof *engine->replays);
    engine->replays[engine->replay_count] =
        (struct replay){.rows = inputs->rows, .pages = inputs->pages};
    return &engine->replays[engine->replay_count++];
}

static bool record(struct engine *engine, struct replay *replay, const struct inputs *inputs,
                   struct error *error) {
    struct device *device = engine->model->device;
    recording_free(device, replay->recording);
    recording_begin(device);
    step_enqueue(engine, inputs);
    replay->recording = recording_end(device, error);
    if (replay->recording == NULL)
        return error_place(error, "recording the step of %lld sequences (--no-graphs does without)",
                           (long long)inputs->rows);
    engine->tally.recorded++;
    return true;
}

bool replay_run(struct engine *engine, const struct inputs *inputs, struct error *error) {
    struct device *device = engine->model->device;
    struct replay *replay = replay_of(engine, inputs);
    if (!replay->met) {
        replay->met = true;
        step_enqueue(engine, inputs);
        return true;
    }
    bool there = replay->recording != NULL && recording_valid(device, replay->recording);
    if (!there && !record(engine, replay, inputs, error))
        return false;
    recording_run(device, replay->recording);
    engine->tally.replayed++;
    return true;
}

void replays_close(struct engine *engine) {
    for (size_t i = 0; i < engine->replay_count; i++)
        recording_free(engine->model->device, engine->replays[i].recording);
    free(engine->replays);
}
