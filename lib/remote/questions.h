/*
 * Questions to a remote model and their answers: asked once however many want to know, answered
 * from the cache where it knows, texts to be embedded gathered into batches.
 */
#ifndef LOCKPICK_REMOTE_QUESTIONS_H
#define LOCKPICK_REMOTE_QUESTIONS_H

#include "remote/answer.h"
#include "remote/cache.h"
#include "remote/exchange.h"

struct questions_settings {
    enum call_kind kind;
    struct request_settings request;
    int64_t batch; /* texts in one embedding call */
};

enum question_state { QUESTION_OPEN, QUESTION_ANSWERED, QUESTION_FAILED };

/* Borrowed from the questions, until question_release(). */
struct question {
    enum question_state state;
    struct answer answer; /* where it is answered */
    struct error error;   /* where it failed */
    bool hopeless;        /* as in struct post */

    struct question *next; /* from here on for this module alone */
    unsigned holders;
    uint64_t hash;
    uint64_t sample;
    struct buffer body;
    struct buffer text; /* to be embedded */
};

struct questions_counts {
    uint64_t asked;           /* that went to the endpoint and were answered */
    uint64_t cached;          /* that the cache knew, or another question of this run */
    struct token_usage usage; /* of what was answered by the endpoint */
};

struct questions;

/* `cache` NULL: none. Both must outlive the questions, but for exchange_close(), which comes first.
 */
struct questions *questions_open(const struct questions_settings *settings,
                                 struct exchange *exchange, struct cache *cache);
/* NULL where the text is no UTF-8 or the messages do not fit the kind of call. */
struct question *questions_ask(struct questions *questions, const struct message *messages,
                               size_t count, uint64_t sample, struct error *error);
struct question *questions_ask_embedding(struct questions *questions, struct text text,
                                         struct error *error);
void question_release(struct questions *questions, struct question *question);

/* Sends the batch that is not full yet. */
void questions_flush(struct questions *questions);
/* Notes what has been answered in the meantime. False when an answer could not be kept. */
bool questions_collect(struct questions *questions, struct error *error);
/* Waits until something is answered (or has failed), and collects it. */
bool questions_wait(struct questions *questions, struct error *error);
struct questions_counts questions_counts(const struct questions *questions);
/* After exchange_close(), or when nothing is under way. NULL is fine. */
void questions_close(struct questions *questions);

#endif
