/*
 * Records that wait for their answers: a ring, written from its head. What is asked together
 * depends on the input alone, never on how fast answers come.
 */
#include "remote/asker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUESTIONS_EACH = 2 };

struct job {
    struct record record;
    char place[512];
    struct question *questions[QUESTIONS_EACH]; /* NULL behind the last */
    const char *targets[QUESTIONS_EACH];        /* of embeddings: the field that each goes into */
    struct buffer input;                        /* the prompt as rendered */
    int64_t sample;
    struct error bad; /* no question could be made */
};

struct asker {
    struct asker_settings settings;
    struct filter *filter;
    struct questions *questions;
    struct job *jobs; /* [window], a ring */
    size_t head, count;
    uint64_t seen; /* records */
    struct message_list messages;
    struct buffer packed;
};

struct asker *asker_open(const struct asker_settings *settings, struct filter *filter,
                         struct questions *questions) {
    struct asker *asker = allocate(1, sizeof *asker);

    asker->settings = *settings;
    asker->filter = filter;
    asker->questions = questions;
    asker->jobs = allocate(settings->window, sizeof *asker->jobs);
    return asker;
}

void asker_close(struct asker *asker) {
    if (asker == NULL)
        return;
    for (size_t i = 0; i < asker->settings.window; i++) {
        record_free(&asker->jobs[i].record);
        buffer_free(&asker->jobs[i].input);
    }
    free(asker->jobs);
    message_list_free(&asker->messages);
    buffer_free(&asker->packed);
    free(asker);
}

/* ---- asking ---- */

static bool ask_text(struct asker *asker, struct job *job, struct error *error) {
    const struct asker_settings *settings = &asker->settings;
    const struct record *const *examples = NULL;

    if (settings->shots != NULL && !shots_draw(settings->shots, &job->record, &examples, error))
        return false;
    if (!conversation_render(settings->conversation, &job->record, examples,
                             (size_t)settings->shot_count, &asker->messages, error))
        return false;
    job->input.size = 0;
    messages_as_text(&asker->messages, &job->input);
    job->questions[0] = questions_ask(asker->questions, asker->messages.items,
                                      asker->messages.count, (uint64_t)job->sample, error);
    return job->questions[0] != NULL;
}

/* Asks for the embedding of a field, to go into `target`. An empty text may be without one. */
static bool ask_embedding(struct asker *asker, struct job *job, const char *field,
                          const char *target, bool may_be_empty, struct error *error) {
    size_t place = job->questions[0] != NULL;
    struct text text = {0};

    if (field == NULL)
        return true;
    if (!record_text(&job->record, field, &text, error))
        return false;
    if (text.size == 0 && may_be_empty)
        return true;
    job->targets[place] = target;
    job->questions[place] = questions_ask_embedding(asker->questions, text, error);
    return job->questions[place] != NULL || error_place(error, "field '%s'", field);
}

static bool ask(struct asker *asker, struct job *job, struct error *error) {
    const struct asker_settings *settings = &asker->settings;

    if (settings->mode != ASK_EMBEDDING)
        return ask_text(asker, job, error);
    return ask_embedding(asker, job, settings->embed, "embedding", true, error) &&
           ask_embedding(asker, job, settings->embed_reference, "reference_embedding", false,
                         error);
}

/* ---- writing ---- */

static void set_completion(struct asker *asker, struct job *job, const struct answer *answer) {
    struct record *record = &job->record;

    record_begin_group(record, GROUP_COMPLETION);
    record_set_text(record, "input", (struct text){(const char *)job->input.data, job->input.size});
    record_set_text(record, "completion",
                    (struct text){(const char *)answer->text.data, answer->text.size});
    record_set_text(record, "policy", text_of(asker->settings.policy));
    record_set_integer(record, "sample", job->sample);
    record_set_text(record, "finish", text_of(answer->finish));
    if (answer->has_logprob)
        record_set_real(record, "logprob", answer->logprob);
    if (answer->token_count >= 0)
        record_set_integer(record, "n_tokens", answer->token_count);
}

/* The verdict goes, other opinions about the completion stay. */
static void set_rating(struct asker *asker, struct job *job, const struct answer *answer) {
    size_t count = 0;

    for (size_t i = 0; i < DIGIT_COUNT; i++)
        count += isfinite(answer->digits[i]) != 0;
    asker->packed.size = 0;
    pack_map(&asker->packed, count);
    for (size_t i = 0; i < DIGIT_COUNT; i++)
        if (isfinite(answer->digits[i])) {
            char digit = (char)('0' + i);
            pack_text(&asker->packed, (struct text){&digit, 1});
            pack_real(&asker->packed, answer->digits[i]);
        }
    record_begin_group(&job->record, GROUP_GRADED);
    record_set_text(&job->record, "judge", text_of(asker->settings.policy));
    record_set_value(&job->record, "rating_logprobs",
                     (struct value){asker->packed.data, asker->packed.size});
}

/* An array of 32-bit reals: what embeddings have, in half the room of 64-bit ones. */
static void set_embedding(struct asker *asker, struct job *job, const char *field,
                          const struct answer *answer) {
    enum { REAL_32 = 0xca };

    asker->packed.size = 0;
    pack_array(&asker->packed, answer->width);
    for (size_t i = 0; i < answer->width; i++) {
        uint32_t bits;
        memcpy(&bits, &answer->embedding[i], sizeof bits);
        uint8_t bytes[] = {REAL_32, (uint8_t)(bits >> 24), (uint8_t)(bits >> 16),
                           (uint8_t)(bits >> 8), (uint8_t)bits};
        buffer_append(&asker->packed, bytes, sizeof bytes);
    }
    record_set_value(&job->record, field, (struct value){asker->packed.data, asker->packed.size});
}

static void set_embeddings(struct asker *asker, struct job *job) {
    record_begin_group(&job->record, GROUP_EMBEDDING);
    for (size_t i = 0; i < QUESTIONS_EACH && job->questions[i] != NULL; i++)
        set_embedding(asker, job, job->targets[i], &job->questions[i]->answer);
    record_set_text(&job->record, "embedder", text_of(asker->settings.policy));
}

/* Fails where the answer, though whole, is not what the record needs. */
static bool use_answer(struct asker *asker, struct job *job, struct error *error) {
    if (asker->settings.mode == ASK_EMBEDDING) { /* any number of answers, none for an empty text */
        set_embeddings(asker, job);
        return true;
    }
    const struct answer *answer = &job->questions[0]->answer;
    struct text text = {(const char *)answer->text.data, answer->text.size};

    switch (asker->settings.mode) {
    case ASK_FIELDS:
        if (strcmp(answer->finish, "stop") != 0)
            return error_set(error, "the answer was cut off (finish: %s)", answer->finish);
        return answer_fields_take(asker->settings.fields, text, &job->record, error);
    case ASK_RATING:
        set_rating(asker, job, answer);
        return true;
    default:
        set_completion(asker, job, answer);
        return true;
    }
}

/* ---- the ring ---- */

static const struct question *first_in(const struct job *job, enum question_state state) {
    for (size_t i = 0; i < QUESTIONS_EACH; i++)
        if (job->questions[i] != NULL && job->questions[i]->state == state)
            return job->questions[i];
    return NULL;
}

/* Sets the record aside, or fails at the place it came from. */
static bool set_aside(struct asker *asker, const struct job *job, struct error *error) {
    if (asker->settings.sets_aside)
        return filter_reject(asker->filter, &job->record, error);
    return error_place(error, "%s", job->place);
}

static bool write_job(struct asker *asker, struct job *job, struct error *error) {
    const struct question *failed = first_in(job, QUESTION_FAILED);

    if (job->bad.text[0] != '\0') {
        *error = job->bad;
        return set_aside(asker, job, error);
    }
    if (failed != NULL) {
        *error = failed->error;
        return failed->hopeless ? error_place(error, "%s", job->place)
                                : set_aside(asker, job, error);
    }
    return use_answer(asker, job, error) ? filter_write(asker->filter, &job->record, error)
                                         : set_aside(asker, job, error);
}

/* Waits for the record at the head, writes it, and frees its place. */
static bool settle_head(struct asker *asker, struct error *error) {
    struct job *job = &asker->jobs[asker->head];

    while (first_in(job, QUESTION_OPEN) != NULL)
        if (!questions_wait(asker->questions, error))
            return false;
    if (!write_job(asker, job, error))
        return false;
    for (size_t i = 0; i < QUESTIONS_EACH; i++)
        if (job->questions[i] != NULL)
            question_release(asker->questions, job->questions[i]);
    job->questions[0] = job->questions[1] = NULL;
    asker->head = (asker->head + 1) % asker->settings.window;
    asker->count--;
    return true;
}

bool asker_add(struct asker *asker, const struct record *record, struct error *error) {
    bool good = true;

    for (int64_t sample = 0; good && sample < asker->settings.samples; sample++) {
        if (asker->count == asker->settings.window && !settle_head(asker, error))
            return false;
        struct job *job = &asker->jobs[(asker->head + asker->count++) % asker->settings.window];
        record_copy(&job->record, record);
        filter_place(asker->filter, record, job->place);
        job->sample = sample;
        job->bad.text[0] = '\0';
        good = ask(asker, job, &job->bad);
    }
    if (++asker->seen % asker->settings.flush_every == 0)
        questions_flush(asker->questions);
    return questions_collect(asker->questions, error);
}

bool asker_finish(struct asker *asker, struct error *error) {
    questions_flush(asker->questions);
    while (asker->count > 0)
        if (!settle_head(asker, error))
            return false;
    return true;
}
