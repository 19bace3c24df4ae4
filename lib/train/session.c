/* Checkpoints, states and metrics of one run. */
#include "train/session.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/tool.h"

enum { STATE_FORMAT = 3, TRAINING_JSON_LIMIT = 1 << 20 };

static const char OPTIMIZER_FILE[] = "optimizer.safetensors";
static const char REFERENCE_FILE[] = "reference.safetensors";
static const char MOMENTS[] = "moments";

/* ---- training.json ---- */

/* Where it is not required and missing, the digest is empty. */
static bool read_digest(const json_t *json, const char *key, bool required, char *digest,
                        size_t size, struct error *error) {
    const char *text;
    if (!json_get_text(json, key, required, "", &text, error))
        return false;
    if (strlen(text) != size - 1 && (required || text[0] != '\0'))
        return error_set(error, "'%s' is no digest", key);
    memcpy(digest, text, strlen(text) + 1);
    return true;
}

static bool read_tally(const json_t *json, struct session_tally *tally, struct error *error) {
    return json_get_integer(json, "examples", true, 0, 0, INT64_MAX, &tally->examples, error) &&
           json_get_integer(json, "tokens", true, 0, 0, INT64_MAX, &tally->tokens, error) &&
           json_get_integer(json, "terms", true, 0, 0, INT64_MAX, &tally->terms, error) &&
           json_get_real(json, "loss", true, 0, &tally->loss, error) &&
           json_get_real(json, "margin", true, 0, &tally->margin, error) &&
           json_get_integer(json, "ahead", true, 0, 0, INT64_MAX, &tally->ahead, error);
}

static bool read_schedule(const json_t *json, struct learning_rate *schedule, struct error *error) {
    return json_get_integer(json, "warmup", true, 0, 0, INT64_MAX, &schedule->warmup, error) &&
           json_get_integer(json, "cooldown", true, 0, 0, INT64_MAX, &schedule->cooldown, error) &&
           json_get_integer(json, "total_steps", true, 0, 0, INT64_MAX, &schedule->total, error);
}

static bool take_up(struct session *session, const json_t *json, struct error *error) {
    int64_t format;
    const char *arguments;
    if (!json_get_integer(json, "format", true, 0, 1, INT64_MAX, &format, error))
        return false;
    if (format != STATE_FORMAT) {
        session->misfit = true;
        return error_set(error, "was made by another version of lockpick; that one, or removing "
                                "the state, would be right");
    }
    if (!json_get_integer(json, "step", true, 0, 0, INT64_MAX, &session->step, error) ||
        !json_get_text(json, "arguments", true, NULL, &arguments, error))
        return false;
    if (strcmp(arguments, session->settings.arguments) != 0) {
        session->misfit = true;
        return error_set(error, "was made with other arguments; the same ones, or removing the "
                                "state, would be right");
    }
    return read_schedule(json, &session->schedule, error) &&
           read_digest(json, "example_digest", true, session->digest, sizeof session->digest,
                       error) &&
           read_digest(json, "model", true, session->origin, sizeof session->origin, error) &&
           read_digest(json, "reference_digest", false, session->reference_digest,
                       sizeof session->reference_digest, error) &&
           read_tally(json, &session->tally, error);
}

static bool read_training_json(struct session *session, struct error *error) {
    char *path = path_join(session->state, "training.json");
    json_t *json = json_file(path, TRAINING_JSON_LIMIT, error);
    bool fine = json != NULL && (take_up(session, json, error) || error_place(error, "%s", path));
    json_decref(json);
    free(path);
    return fine;
}

static bool write_training_json(const struct session *session, const char *directory, int64_t step,
                                struct error *error) {
    const struct session_tally *tally = &session->tally;
    const struct learning_rate *schedule = &session->schedule;
    json_t *json =
        json_pack("{s:i, s:s, s:I, s:s, s:s, s:I, s:I, s:I, s:s, s:I, s:I, s:I, s:f, s:f, s:I}",
                  "format", STATE_FORMAT, "made_by", "lockpick train " LOCKPICK_VERSION, "step",
                  (json_int_t)step, "arguments", session->settings.arguments, "model",
                  session->origin, "warmup", (json_int_t)schedule->warmup, "cooldown",
                  (json_int_t)schedule->cooldown, "total_steps", (json_int_t)schedule->total,
                  "example_digest", session->digest, "examples", (json_int_t)tally->examples,
                  "tokens", (json_int_t)tally->tokens, "terms", (json_int_t)tally->terms, "loss",
                  tally->loss, "margin", tally->margin, "ahead", (json_int_t)tally->ahead);
    if (json == NULL)
        return error_set(error, "training.json: the arguments are no UTF-8");
    if (session->pairs != NULL) {
        char digest[17];
        examples_reference_digest(session->pairs, digest);
        json_object_set_new(json, "reference_digest", json_string(digest));
    }
    struct buffer text = {0};
    json_write(json, &text);
    json_decref(json);
    char *path = path_join(directory, "training.json");
    bool fine = file_write(path, text.data, text.size, error);
    free(path);
    buffer_free(&text);
    return fine;
}

/* ---- opening ---- */

static bool take_up_moments(struct session *session, struct error *error) {
    char *moments = path_join(session->state, MOMENTS);
    bool fine = link_tree(moments, session->output.partial, error);
    free(moments);
    return fine;
}

bool session_open(struct session *session, const struct session_settings *settings,
                  struct error *error) {
    *session = (struct session){.settings = *settings};
    if (!checkpoint_directory_open(&session->output, settings->output, settings->replace, error))
        return false;
    size_t name = strlen(settings->output); /* "out/" has its state in "out.state" */
    while (name > 1 && settings->output[name - 1] == '/')
        name--;
    session->state = format_text("%.*s.state", (int)name, settings->output);
    directory_bring_back(session->state);
    session->resuming = settings->resume && directory_exists(session->state);
    return !session->resuming || read_training_json(session, error);
}

bool session_fits_model(struct session *session, struct device *device, struct error *error) {
    char digest[33];
    if (!session->resuming)
        return true;
    if (!model_digest(session->settings.model, device, digest, error))
        return false;
    session->misfit = strcmp(digest, session->origin) != 0;
    return !session->misfit ||
           error_set(error,
                     "%s: was made from another model than %s is now; that one, or removing the "
                     "state, would be right",
                     session->state, session->settings.model);
}

/* What the learning rates follow from: a stream that is longer now has another warm-up. */
static bool same_schedule(const struct learning_rate *one, const struct learning_rate *other) {
    return one->warmup == other->warmup && one->cooldown == other->cooldown &&
           (one->cooldown == 0 || one->total == other->total);
}

bool session_fits_examples(struct session *session, const struct learning_rate *schedule,
                           const char digest[17], struct error *error) {
    session->misfit = session->resuming && (strcmp(digest, session->digest) != 0 ||
                                            !same_schedule(&session->schedule, schedule));
    session->schedule = *schedule;
    return !session->misfit ||
           error_set(error,
                     "%s: was made from other examples; the same input, or removing the state, "
                     "would be right",
                     session->state);
}

void session_close(struct session *session) {
    if (session->state == NULL)
        return;
    directory_abandon(&session->output);
    free(session->state);
    buffer_free(&session->metric_records);
    *session = (struct session){0};
}

const char *session_model(const struct session *session) {
    return session->resuming ? session->state : session->settings.model;
}

/* ---- metrics ---- */

bool session_metric(struct session *session, const struct record *record, struct error *error) {
    record_pack(record, &session->metric_records);
    return record_writer_add(session->metrics, record, error);
}

static bool save_metrics(struct session *session, const char *directory, struct error *error) {
    char *path = path_join(directory, "metrics.rec");
    struct provenance provenance = {.tool = text_of("train"), .version = text_of(LOCKPICK_VERSION)};
    struct record_writer *writer = record_writer_open(path, &provenance, 0, error);
    bool fine = writer != NULL;
    struct buffer *all = &session->metric_records;
    for (size_t at = 0; fine && at < all->size;) {
        size_t size = value_check(all->data + at, all->size - at, error);
        fine = size > 0 && record_writer_add_packed(writer, all->data + at, size, error);
        at += size;
    }
    if (fine)
        fine = record_writer_close(writer, error);
    else
        record_writer_abandon(writer);
    free(path);
    return fine;
}

static bool load_metrics(struct session *session, struct error *error) {
    char *path = path_join(session->state, "metrics.rec");
    struct record_reader *reader = record_reader_open(path, error);
    free(path);
    if (reader == NULL)
        return false;
    struct record record = {0};
    enum read_result result;
    bool fine = true;
    while (fine && (result = record_reader_next(reader, &record, error)) != READ_END)
        fine = result == READ_RECORD && session_metric(session, &record, error);
    record_free(&record);
    record_reader_close(reader);
    return fine;
}

static bool load_reference(struct session *session, struct error *error) {
    if (session->pairs == NULL)
        return true;
    char *path = path_join(session->state, REFERENCE_FILE), digest[17];
    bool fine = examples_load_reference(session->pairs, path, error);
    if (fine) {
        examples_reference_digest(session->pairs, digest);
        fine =
            strcmp(digest, session->reference_digest) == 0 ||
            error_set(error, "%s: is not what training.json says; remove the state and begin again",
                      path);
    }
    free(path);
    return fine;
}

bool session_continue(struct session *session, struct trainer *trainer, struct error *error) {
    if (!session->resuming)
        return true;
    char *path = path_join(session->state, OPTIMIZER_FILE);
    bool fine = optimizer_load(&trainer->optimizer, path, error);
    free(path);
    if (fine && trainer->optimizer.step != session->step)
        fine =
            error_set(error,
                      "%s: the optimizer is at step %lld and training.json at %lld; "
                      "remove the state and begin again",
                      session->state, (long long)trainer->optimizer.step, (long long)session->step);
    return fine && load_reference(session, error) && load_metrics(session, error) &&
           take_up_moments(session, error);
}

/* ---- saving ---- */

static bool save_optimizer(struct trainer *trainer, const char *directory, struct error *error) {
    char *path = path_join(directory, OPTIMIZER_FILE);
    bool fine = optimizer_save(&trainer->optimizer, path, error);
    free(path);
    return fine;
}

static bool save_reference(const struct session *session, const char *directory,
                           struct error *error) {
    if (session->pairs == NULL)
        return true;
    char *path = path_join(directory, REFERENCE_FILE);
    bool fine = examples_save_reference(session->pairs, path, error);
    free(path);
    return fine;
}

/* What lockpick.json says of a checkpoint of ours. */
static bool save_checkpoint(struct trainer *trainer, const char *directory, struct error *error) {
    char *made_by = format_text("lockpick train %s, step %lld", LOCKPICK_VERSION,
                                (long long)trainer->optimizer.step);
    bool fine = model_save(trainer->model, directory, NULL, made_by, error);
    free(made_by);
    return fine;
}

bool session_save_state(struct session *session, struct trainer *trainer, struct error *error) {
    struct output_directory state;
    if (!directory_open(&state, session->state, true, error))
        return false;
    char *moments = path_join(state.partial, MOMENTS);
    bool fine = save_checkpoint(trainer, state.partial, error) &&
                save_optimizer(trainer, state.partial, error) &&
                save_reference(session, state.partial, error) &&
                save_metrics(session, state.partial, error) &&
                write_training_json(session, state.partial, trainer->optimizer.step, error) &&
                link_tree(session->output.partial, moments, error);
    free(moments);
    if (fine)
        return directory_commit(&state, error);
    directory_abandon(&state);
    return false;
}

bool session_save_moment(struct session *session, struct trainer *trainer, const char *label,
                         struct error *error) {
    char *path = path_join(session->output.partial, label);
    bool fine = mkdir(path, 0777) == 0 || error_set_errno(error, "%s: cannot be made", path);
    fine = fine && save_checkpoint(trainer, path, error);
    free(path);
    return fine;
}

bool session_save_final(struct session *session, struct trainer *trainer, struct error *error) {
    const char *directory = session->output.partial;
    return save_checkpoint(trainer, directory, error) &&
           (!session->settings.keep_optimizer || save_optimizer(trainer, directory, error));
}

bool session_finish(struct session *session, struct error *error) {
    bool fine =
        directory_commit(&session->output, error) && directory_remove(session->state, error);
    session_close(session);
    return fine;
}
