/*
 * Field names and conditions on fields, as a command line gives them: "model,k" and "method=sft".
 */
#ifndef LOCKPICK_RESULT_FIELDS_H
#define LOCKPICK_RESULT_FIELDS_H

#include "record/record.h"

/* All zero is an empty list. */
struct fields {
    const char **items;
    size_t count;
    char *storage; /* what the items point into */
};

/* Reads a list with commas; refuses empty and repeated names. "" is an empty list. */
bool fields_parse(struct fields *fields, const char *text, struct error *error);
bool fields_contain(const struct fields *fields, const char *name);
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
