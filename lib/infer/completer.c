/* The line of records that wait for the engine: in at one end, written at the other. */
#include "infer/completer.h"

#include <stdlib.h>
#include <string.h>

#include "infer/pending.h"

/* So many requests wait at least while there is input, in units of the batch: one that takes long
 * must not leave the others idle, since results leave in order. */
enum { WAITING_BATCHES = 8 };

struct completer {
    struct filter *filter;
    struct engine *engine;
    struct answering answering;
    struct pending *first, **last; /* waiting, in order */
    size_t waiting;
    size_t most_waiting;
};

/* ---- opening ---- */

/* The model's end tokens and those named by the settings. */
static bool gather_stop_tokens(struct answering *answering, const struct model_config *config,
                               struct error *error) {
    struct completer_settings *settings = &answering->settings;
    size_t count = 0;
    answering->stop_tokens = allocate(config->end_token_count + settings->stop_words.count,
                                      sizeof *answering->stop_tokens);
    for (size_t i = 0; i < config->end_token_count; i++)
        answering->stop_tokens[count++] = config->end_tokens[i];
    for (size_t i = 0; i < settings->stop_words.count; i++) {
        const char *word = settings->stop_words.items[i];
        int32_t id = tokenizer_id(answering->tokenizer, text_of(word));
        if (id < 0)
            return error_set(error, "--stop-token: the vocabulary has no token '%s'", word);
        answering->stop_tokens[count++] = id;
    }
    settings->engine.stop_tokens = answering->stop_tokens;
    settings->engine.stop_token_count = count;
    return true;
}

/* A judge has to see what it rates. */
static bool check_rating(const struct answering *answering, struct error *error) {
    const char *rate = answering->settings.rate;
    return rate == NULL || prompts_use(answering->prompts, "completion") ||
           prompts_use(answering->prompts, "program") ||
           error_set(error,
                     "--rate %s: no completion would reach the judge; a template with "
                     "{{completion}} or {{program}} would be right",
                     rate);
}

struct completer *completer_open(struct filter *filter, struct model *model,
                                 const struct tokenizer *tokenizer,
                                 const struct completer_settings *settings, struct error *error) {
    struct completer *completer = allocate(1, sizeof *completer);
    completer->filter = filter;
    completer->last = &completer->first;
    completer->most_waiting = WAITING_BATCHES * (size_t)engine_batch(model, &settings->engine);
    struct answering *answering = &completer->answering;
    *answering =
        (struct answering){.settings = *settings, .tokenizer = tokenizer, .config = &model->config};
    struct engine_settings *engine = &answering->settings.engine;
    if (settings->stop_texts.count > 0) {
        engine->listener = pending_hear;
        engine->listener_context = answering;
    }
    answering->encoder = encoder_open(tokenizer);
    answering->prompts =
        prompts_open(settings->rate != NULL ? settings->rate : settings->template, error);
    if (answering->prompts != NULL && check_rating(answering, error) &&
        gather_stop_tokens(answering, &model->config, error))
        completer->engine = engine_open(model, engine, error);
    if (completer->engine != NULL)
        return completer;
    completer_close(completer);
    return NULL;
}

void completer_close(struct completer *completer) {
    if (completer == NULL)
        return;
    while (completer->first != NULL) {
        struct pending *pending = completer->first;
        completer->first = pending->next;
        pending_free(pending);
    }
    engine_close(completer->engine);
    answering_free(&completer->answering);
    free(completer);
}

/* ---- writing ---- */

/* Writes what is finished at the head of the line. */
static bool write_finished(struct completer *completer, struct error *error) {
    struct generation generation = {0};
    while (completer->first != NULL) {
        struct pending *pending = completer->first;
        if (!pending->ready && !engine_take(completer->engine, &generation))
            break;
        bool fine =
            pending->ready || pending_finish(&completer->answering, pending, &generation, error);
        generation_free(&generation);
        fine = fine && filter_write(completer->filter, &pending->record, error);
        completer->first = pending->next;
        if (completer->first == NULL)
            completer->last = &completer->first;
        completer->waiting--;
        pending_free(pending);
        if (!fine)
            return false;
    }
    return true;
}

/* Runs the engine until at most `most` are waiting. */
static bool run_until(struct completer *completer, size_t most, struct error *error) {
    if (!write_finished(completer, error))
        return false;
    while (completer->waiting > most)
        if (!engine_step(completer->engine, error) || !write_finished(completer, error))
            return false;
    return true;
}

bool completer_add(struct completer *completer, const struct record *problem, struct error *error) {
    const struct completer_settings *settings = &completer->answering.settings;
    int64_t samples = settings->score || settings->rate != NULL ? 1 : settings->samples;
    for (int64_t sample = 0; sample < samples; sample++) {
        struct pending *pending =
            pending_start(&completer->answering, completer->engine, problem, sample, error);
        if (pending == NULL)
            return filter_reject(completer->filter, problem, error);
        *completer->last = pending;
        completer->last = &pending->next;
        completer->waiting++;
        if (!run_until(completer, completer->most_waiting, error))
            return false;
    }
    return true;
}

bool completer_flush(struct completer *completer, struct error *error) {
    const char *digest;
    for (size_t i = 0; (digest = prompts_digest(completer->answering.prompts, i)) != NULL; i++)
        filter_add_source(completer->filter, "template", digest);
    return run_until(completer, 0, error);
}
