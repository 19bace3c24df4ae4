/*
 * Answers that were paid for, on disk. An entry is a record stream of one record,
 * FOLDER/ab/cdef….rec, named by the XXH3-128 of what was asked: the endpoint's name, the kind of
 * call, the index of the sample and the request's body (model, messages, temperature, seed, …),
 * never the key. The record holds all of that as well and is compared with the question, so that an
 * answer to another one is never taken for ours. Entries appear whole or not at all; a damaged one
 * counts for nothing and is written anew.
 */
#ifndef LOCKPICK_REMOTE_CACHE_H
#define LOCKPICK_REMOTE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

/* What identifies an answer; borrowed. */
struct cache_question {
    const char *kind; /* "chat" */
    uint64_t sample;
    struct text body;
};

struct cache;

/*
 * `folder` NULL: lockpick/ask below $XDG_CACHE_HOME or ~/.cache; it is made where it is missing,
 * for its owner alone. `endpoint` is copied.
 */
struct cache *cache_open(const char *folder, const char *endpoint, struct error *error);
/* The key in 32 hex digits. */
void cache_key(const struct cache *cache, const struct cache_question *question, char key[33]);
/* Puts the answer into the buffer, replacing what is there; false where there is none. */
bool cache_find(const struct cache *cache, const struct cache_question *question,
                struct buffer *answer);
bool cache_store(const struct cache *cache, const struct cache_question *question,
                 struct text answer, struct error *error);
void cache_close(struct cache *cache); /* NULL is fine */

#endif
