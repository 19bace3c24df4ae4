/*
 * Grouping values: what a record says in a field that results are grouped by, seeded by or filtered
 * by. Text, numbers and booleans; a field that is missing or nil is a value of its own. Equal
 * numbers are one value however they are packed.
 */
#ifndef LOCKPICK_RESULT_KEY_H
#define LOCKPICK_RESULT_KEY_H

#include "record/record.h"

enum { KEY_TEXT_LIMIT = 4096 }; /* bytes of a text that can be grouped by */

enum key_kind {
    KEY_MISSING,
    KEY_BOOLEAN,
    KEY_INTEGER,
    KEY_UNSIGNED, /* above INT64_MAX */
    KEY_REAL,     /* not a whole number within ±2^53 */
    KEY_TEXT,
};

struct key {
    enum key_kind kind;
    union {
        bool boolean;
        int64_t integer;
        uint64_t whole;
        double real;
        struct text text; /* borrowed */
    };
};

/* False where the field is a list, a map, binary, not finite, or a text above KEY_TEXT_LIMIT. */
bool key_find(const struct record *record, const char *field, struct key *key, struct error *error);

/* One msgpack value; equal keys have equal bytes. */
void key_pack(const struct key *key, struct buffer *out);
/* Of bytes that key_pack() made; text is borrowed from them. */
struct key key_unpack(struct value packed);

/*
 * A total order: missing, false, true, numbers by value, texts. Texts are compared with runs of
 * digits as numbers (sft-9 before sft-10), then byte by byte.
 */
int key_compare(const struct key *a, const struct key *b);

/* As a person writes it; a missing one is "". Reals in the fewest digits that read back the same.
 */
void key_print(const struct key *key, struct buffer *out);

/* Whether `text` denotes it: "" a missing one, "true", "1e3", or the text itself. */
bool key_is(const struct key *key, const char *text);

/* Sets the field; a missing key leaves the record without it. */
void key_set(const struct key *key, struct record *record, const char *field);

#endif
