/*
 * Records in, questions to a remote model, records with its answers out, in the order they came.
 */
#ifndef LOCKPICK_REMOTE_ASKER_H
#define LOCKPICK_REMOTE_ASKER_H

#include "record/filter.h"
#include "remote/answer_fields.h"
#include "remote/conversation.h"
#include "remote/questions.h"
#include "remote/shots.h"

/* What becomes of an answer. */
enum ask_mode {
    ASK_COMPLETION, /* the completion group */
    ASK_FIELDS,     /* the fields of --into */
    ASK_RATING,     /* `judge` and `rating_logprobs` */
    ASK_EMBEDDING,  /* `embedding`, `reference_embedding`, `embedder` */
};

struct asker_settings {
    enum ask_mode mode;
    const struct conversation *conversation; /* not for embeddings */
    struct shots *shots;                     /* NULL: none */
    int64_t shot_count;
    const char *policy;
    int64_t samples;
    const struct answer_fields *fields;
    const char *embed, *embed_reference; /* fields of text; either may be NULL */
    size_t window;                       /* records that wait for answers at once */
    size_t flush_every; /* records after which a batch is sent even if it is not full */
    bool sets_aside;    /* the filter has --rejects */
};

struct asker;

struct asker *asker_open(const struct asker_settings *settings, struct filter *filter,
                         struct questions *questions);
/*
 * Asks for one record, and writes those whose turn has come. A record whose question cannot be
 * made, or that the endpoint fails for after all tries, is bad; an endpoint that would fail for
 * every record is an error whatever is set aside.
 */
bool asker_add(struct asker *asker, const struct record *record, struct error *error);
/* Waits for all answers and writes the rest. */
bool asker_finish(struct asker *asker, struct error *error);
void asker_close(struct asker *asker); /* NULL is fine */

#endif
