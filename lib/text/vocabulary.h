/*
 * A vocabulary: token texts and their ids, both ways. An open-addressed hash table (XXH3, linear
 * probing, at most half full); texts lie one behind the other in one run of bytes. Private to
 * lib/text.
 */
#ifndef LOCKPICK_TEXT_VOCABULARY_H
#define LOCKPICK_TEXT_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

enum { VOCABULARY_MOST = 1 << 22 }; /* ids are below this */

/* All zero is an empty one. */
struct vocabulary {
    struct buffer bytes;
    struct vocabulary_word {
        size_t start;
        uint32_t size;
        int32_t id;
    } * words;
    size_t count, capacity;
    uint32_t *table; /* [mask + 1]: place in `words` + 1, or 0 */
    size_t mask;
    uint64_t seed;   /* of the table */
    uint32_t *by_id; /* [size]: place in `words` + 1, or 0 */
    int64_t size;    /* highest id + 1 */
    size_t by_id_capacity;
};

/*
 * Adds a token; one that is there already under the same id is no error. Fails where its text has
 * another id, its id another text, or the id is out of range.
 */
bool vocabulary_add(struct vocabulary *vocabulary, struct text token, int64_t id,
                    struct error *error);
/* All of a JSON object of texts and ids. */
bool vocabulary_add_json(struct vocabulary *vocabulary, json_t *object, struct error *error);
void vocabulary_free(struct vocabulary *vocabulary);

int32_t vocabulary_id(const struct vocabulary *vocabulary, struct text token); /* −1: none */
/* The text of an id within [0, size); {NULL, 0} where no token has it. */
struct text vocabulary_token(const struct vocabulary *vocabulary, int32_t id);

#endif
