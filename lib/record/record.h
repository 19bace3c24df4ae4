/*
 * A record: a msgpack map with string keys, held as a list of fields in their order. Fields that a
 * filter does not touch keep their bytes; fields set here live in memory of the record's own.
 */
#ifndef LOCKPICK_RECORD_RECORD_H
#define LOCKPICK_RECORD_RECORD_H

#include "record/value.h"

struct field {
    struct text key;
    struct value value;
    struct value packed; /* key and value as they lie in the input or in `owned` */
};

/* All zero is an empty record. Reuse one record for a whole stream; record_free() at the end. */
struct record {
    struct field *fields;
    size_t count;
    size_t capacity;
    struct value whole;    /* all of it as it was read; size 0 once a field has changed */
    struct buffer **owned; /* packed values and keys that were set; stable addresses */
    size_t owned_count, owned_used, owned_capacity;
};

/*
 * Reads one record from exactly `size` bytes, which must outlive it. Refuses what is no map, keys
 * that are no strings or come twice, and bytes left over.
 */
bool record_parse(struct record *record, const uint8_t *bytes, size_t size, struct error *error);
/*
 * The same where more may lie behind the record, or the record is not all there yet: returns its
 * size; 0 with *incomplete when the bytes are right but end too early, 0 with an error otherwise.
 */
size_t record_parse_front(struct record *record, const uint8_t *bytes, size_t size,
                          bool *incomplete, struct error *error);
/* A copy with memory of its own. */
void record_copy(struct record *to, const struct record *from);
void record_clear(struct record *record);
void record_free(struct record *record);

/* NULL where there is no such field. */
const struct value *record_find(const struct record *record, const char *key);

/*
 * The field's value in the wanted type; an error that names the field, what it is and what it
 * should be, where it is missing or of another type. Text is borrowed from the record.
 */
bool record_text(const struct record *record, const char *key, struct text *out,
                 struct error *error);
bool record_integer(const struct record *record, const char *key, int64_t *out,
                    struct error *error);
bool record_real(const struct record *record, const char *key, double *out, struct error *error);
bool record_boolean(const struct record *record, const char *key, bool *out, struct error *error);

/* Sets a field: in its place where it exists, behind all others where not. Values are copied. */
void record_set_text(struct record *record, const char *key, struct text value);
void record_set_integer(struct record *record, const char *key, int64_t value);
void record_set_unsigned(struct record *record, const char *key, uint64_t value);
void record_set_real(struct record *record, const char *key, double value);
void record_set_boolean(struct record *record, const char *key, bool value);
void record_set_value(struct record *record, const char *key, struct value packed);
void record_remove(struct record *record, const char *key);

/* Groups of fields and what they were made from (DESIGN 2; the table stands in groups.c). */
enum record_group {
    GROUP_PROBLEM,
    GROUP_COMPLETION,
    GROUP_LOCK_EXAMPLE,
    GROUP_EMBEDDING,
    GROUP_GRADED,
    GROUP_PAIR,
    GROUP_METRIC,
    GROUP_RESULT,
};

/* Removes the fields of `group` and of every group made from it: to be called before writing it. */
void record_begin_group(struct record *record, enum record_group group);

/* Appends the record as one msgpack map. */
void record_pack(const struct record *record, struct buffer *buffer);

/* The id for error messages: "id 'x'" when there is one (bounded), else "record N". */
void record_describe(const struct record *record, uint64_t number, char text[96]);

#endif
