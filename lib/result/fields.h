/*
 * Field names and conditions on fields, as a command line gives them: "model,k" and "method=sft".
 */
#ifndef LOCKPICK_RESULT_FIELDS_H
#define LOCKPICK_RESULT_FIELDS_H

#include "record/record.h"

struct conditions;

/* All zero is an empty list. */
struct fields {
    const char **items;
    size_t count;
    char *storage; /* what the items point into, where that is not borrowed */
};

/* Reads a list with commas; refuses empty and repeated names. "" is an empty list. */
bool fields_parse(struct fields *fields, const char *text, struct error *error);
bool fields_contain(const struct fields *fields, const char *name);
/* Puts a borrowed name behind the others, once: one that is there already moves to the end. */
void fields_put_last(struct fields *fields, const char *name);
/* The same for each that is not there yet. */
void fields_join(struct fields *fields, const struct fields *others);
/* The fields that conditions are on. */
void fields_join_conditions(struct fields *fields, const struct conditions *conditions);
/* A list of its own of all but `name`; the names stay borrowed. */
struct fields fields_without(const struct fields *fields, const char *name);
void fields_free(struct fields *fields);

struct condition {
    char *field;
    char *value; /* "" for a missing field; see key_is() */
};

/* All zero is an empty list, which every record meets. */
struct conditions {
    struct condition *items;
    size_t count;
};

/* Appends one condition, FIELD=VALUE. */
bool conditions_add(struct conditions *conditions, const char *text, struct error *error);
/* Appends the conditions of a list with commas. */
bool conditions_parse(struct conditions *conditions, const char *text, struct error *error);
/* Appends copies of those of `others` whose fields have no condition yet. */
void conditions_inherit(struct conditions *conditions, const struct conditions *others);

/* Whether for every field that is named, one of its conditions holds. */
bool conditions_hold(const struct conditions *conditions, const struct record *record);
void conditions_free(struct conditions *conditions);

#endif
