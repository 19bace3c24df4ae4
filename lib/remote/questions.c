/* Questions: one HTTP request for each, or for a batch of texts to be embedded. */
#include "remote/questions.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* One HTTP request and what it asks. */
struct call {
    struct call *next;
    struct questions *questions;
    struct post post;
    struct buffer body; /* of a batch; a question alone brings its own */
    struct question **asked;
    size_t count;
    struct token_usage usage;
    struct error trouble; /* the answer came, and could not be put into the cache */
};

struct questions {
    struct questions_settings settings;
    struct exchange *exchange;
    struct cache *cache;
    struct question *open;   /* all that are held by somebody */
    struct call *calls;      /* under way */
    struct question **batch; /* [settings.batch], not sent yet */
    size_t batch_count;
    struct buffer found; /* an answer from the cache */
    struct questions_counts counts;
};

struct questions *questions_open(const struct questions_settings *settings,
                                 struct exchange *exchange, struct cache *cache) {
    struct questions *questions = allocate(1, sizeof *questions);

    questions->settings = *settings;
    questions->exchange = exchange;
    questions->cache = cache;
    questions->batch = allocate((size_t)settings->batch, sizeof(struct question *));
    return questions;
}

struct questions_counts questions_counts(const struct questions *questions) {
    return questions->counts;
}

/* ---- answers ---- */

static struct cache_question cache_question(const struct questions *questions,
                                            const struct question *question) {
    return (struct cache_question){call_name(questions->settings.kind),
                                   question->sample,
                                   {(const char *)question->body.data, question->body.size}};
}

/* An answer as the cache keeps it: a whole body, or the numbers of one embedding. */
static bool understand(const struct questions *questions, struct question *question,
                       struct text bytes, struct token_usage *usage, struct error *error) {
    const struct questions_settings *settings = &questions->settings;

    if (settings->kind == CALL_EMBEDDING)
        return answer_embedding(bytes, &question->answer, error);
    return answer_text(settings->kind, &settings->request, bytes, &question->answer, usage, error);
}

static void keep(struct call *call, const struct question *question, struct text bytes) {
    struct cache_question entry = cache_question(call->questions, question);

    if (call->questions->cache != NULL && call->trouble.text[0] == '\0')
        cache_store(call->questions->cache, &entry, bytes, &call->trouble);
}

static bool take_embedding(void *context, size_t index, struct text numbers, struct error *error) {
    struct call *call = context;

    if (!answer_embedding(numbers, &call->asked[index]->answer, error))
        return false;
    keep(call, call->asked[index], numbers);
    return true;
}

/* In the exchange's thread; the questions of a call that is under way are touched by nobody else.
 */
static bool accept(struct post *post, struct text bytes, struct error *error) {
    struct call *call = post->owner;

    if (call->questions->settings.kind == CALL_EMBEDDING)
        return answer_embeddings(bytes, call->count, take_embedding, call, &call->usage, error);
    if (!understand(call->questions, call->asked[0], bytes, &call->usage, error))
        return false;
    keep(call, call->asked[0], bytes);
    return true;
}

/* ---- calls ---- */

static void send_call(struct questions *questions, struct question *const *asked, size_t count,
                      struct text body) {
    struct call *call = allocate(1, sizeof *call);

    call->questions = questions;
    call->asked = allocate(count, sizeof(struct question *));
    memcpy(call->asked, asked, count * sizeof(struct question *));
    call->count = count;
    call->post.path = call_path(questions->settings.kind);
    call->post.body = body;
    call->post.accept = accept;
    call->post.owner = call;
    call->next = questions->calls;
    questions->calls = call;
    exchange_post(questions->exchange, &call->post);
}

static void send_alone(struct questions *questions, struct question *question) {
    send_call(questions, &question, 1,
              (struct text){(const char *)question->body.data, question->body.size});
}

static void free_call(struct call *call) {
    buffer_free(&call->body);
    free(call->asked);
    free(call);
}

void questions_flush(struct questions *questions) {
    size_t count = questions->batch_count;
    struct text *texts = allocate(count, sizeof *texts);
    struct buffer body = {0};
    struct error ignored = {0}; /* each of the texts was good when it came alone */

    questions->batch_count = 0;
    for (size_t i = 0; i < count; i++)
        texts[i] = (struct text){(const char *)questions->batch[i]->text.data,
                                 questions->batch[i]->text.size};
    if (count > 0) {
        request_embedding(&questions->settings.request, texts, count, &body, &ignored);
        send_call(questions, questions->batch, count,
                  (struct text){(const char *)body.data, body.size});
        questions->calls->body = body;
    }
    free(texts);
}

/* What a finished call means for its questions. */
static bool settle_call(struct questions *questions, struct call *call, bool done,
                        struct error *error) {
    struct questions_counts *counts = &questions->counts;

    if (!done && call->post.refused && call->count > 1) {
        /* one text may have spoilt it for the others: each alone */
        for (size_t i = 0; i < call->count; i++)
            send_alone(questions, call->asked[i]);
        return true;
    }
    for (size_t i = 0; i < call->count; i++) {
        struct question *question = call->asked[i];
        question->state = done ? QUESTION_ANSWERED : QUESTION_FAILED;
        question->error = call->post.error;
        question->hopeless = call->post.hopeless;
    }
    if (done) {
        counts->asked += call->count;
        counts->usage.prompt += call->usage.prompt;
        counts->usage.completion += call->usage.completion;
    }
    if (call->trouble.text[0] != '\0')
        return error_set(error, "%s", call->trouble.text);
    return true;
}

bool questions_collect(struct questions *questions, struct error *error) {
    struct call **place = &questions->calls;
    struct call *finished = NULL;
    bool fine = true;

    while (*place != NULL) {
        struct call *call = *place;
        if (exchange_state(questions->exchange, &call->post) == POST_WAITING) {
            place = &call->next;
            continue;
        }
        *place = call->next;
        call->next = finished;
        finished = call;
    }
    while (finished != NULL) {
        struct call *call = finished;
        finished = call->next;
        bool done = exchange_state(questions->exchange, &call->post) == POST_DONE;
        fine = settle_call(questions, call, done, error) && fine;
        free_call(call);
    }
    return fine;
}

bool questions_wait(struct questions *questions, struct error *error) {
    return exchange_wait(questions->exchange, error) && questions_collect(questions, error);
}

/* ---- questions ---- */

static void free_question(struct question *question) {
    answer_free(&question->answer);
    buffer_free(&question->body);
    buffer_free(&question->text);
    free(question);
}

void question_release(struct questions *questions, struct question *question) {
    struct question **place = &questions->open;

    if (--question->holders > 0)
        return;
    while (*place != question)
        place = &(*place)->next;
    *place = question->next;
    free_question(question);
}

/* One that asks the same and is not released yet. */
static struct question *find_same(const struct questions *questions,
                                  const struct question *wanted) {
    for (struct question *question = questions->open; question != NULL; question = question->next)
        if (question->hash == wanted->hash && question->sample == wanted->sample &&
            question->body.size == wanted->body.size &&
            memcmp(question->body.data, wanted->body.data, wanted->body.size) == 0)
            return question;
    return NULL;
}

/* Whether the cache knows; an answer that we do not understand is none. */
static bool answer_from_cache(struct questions *questions, struct question *question) {
    struct cache_question entry = cache_question(questions, question);
    struct token_usage not_paid;
    struct error ignored = {0};

    if (questions->cache == NULL || !cache_find(questions->cache, &entry, &questions->found))
        return false;
    struct text bytes = {(const char *)questions->found.data, questions->found.size};
    return understand(questions, question, bytes, &not_paid, &ignored);
}

static void ask(struct questions *questions, struct question *question) {
    if (answer_from_cache(questions, question)) {
        question->state = QUESTION_ANSWERED;
        questions->counts.cached++;
    } else if (questions->settings.kind == CALL_EMBEDDING) {
        questions->batch[questions->batch_count++] = question;
        if (questions->batch_count == (size_t)questions->settings.batch)
            questions_flush(questions);
    } else {
        send_alone(questions, question);
    }
}

/* Asks a question that is made but for its hash, or finds it asked already. */
static struct question *ask_once(struct questions *questions, struct question *question) {
    question->hash = XXH3_64bits(question->body.data, question->body.size);
    struct question *same = find_same(questions, question);

    if (same != NULL) {
        free_question(question);
        questions->counts.cached++;
        same->holders++;
        return same;
    }
    question->holders = 1;
    question->next = questions->open;
    questions->open = question;
    ask(questions, question);
    return question;
}

struct question *questions_ask(struct questions *questions, const struct message *messages,
                               size_t count, uint64_t sample, struct error *error) {
    struct question *question = allocate(1, sizeof *question);

    question->sample = sample;
    if (request_text(questions->settings.kind, &questions->settings.request, messages, count,
                     sample, &question->body, error))
        return ask_once(questions, question);
    free_question(question);
    return NULL;
}

struct question *questions_ask_embedding(struct questions *questions, struct text text,
                                         struct error *error) {
    struct question *question = allocate(1, sizeof *question);

    buffer_append(&question->text, text.bytes, text.size);
    if (text.size == 0)
        error_set(error, "an empty text has no embedding");
    else if (request_embedding(&questions->settings.request, &text, 1, &question->body, error))
        return ask_once(questions, question);
    free_question(question);
    return NULL;
}

void questions_close(struct questions *questions) {
    if (questions == NULL)
        return;
    while (questions->calls != NULL) {
        struct call *call = questions->calls;
        questions->calls = call->next;
        free_call(call);
    }
    while (questions->open != NULL) {
        struct question *question = questions->open;
        questions->open = question->next;
        free_question(question);
    }
    free(questions->batch);
    buffer_free(&questions->found);
    free(questions);
}
