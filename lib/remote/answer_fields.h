/*
 * From an answer to the fields of a record: all of it in one field, or the parts that stand between
 * tags of their names, <program>…</program>, as the prompt asked for them.
 */
#ifndef LOCKPICK_REMOTE_ANSWER_FIELDS_H
#define LOCKPICK_REMOTE_ANSWER_FIELDS_H

#include "record/record.h"

enum answer_form {
    FORM_TEXT, /* without white space at its ends */
    FORM_CODE, /* what stands in its first ``` fence, where it has one, else as text */
    FORM_JSON, /* the value of the JSON text, in a fence or not */
};

struct answer_field {
    char *name;
    char *tag; /* NULL: the whole answer */
    enum answer_form form;
};

struct answer_fields {
    struct answer_field *items;
    size_t count;
};

/*
 * Reads "FIELD[=TAG][:text|code|json],…". One field without a tag is the whole answer; of several,
 * those without one have their own name for a tag.
 */
bool answer_fields_parse(const char *list, struct answer_fields *fields, struct error *error);
void answer_fields_free(struct answer_fields *fields);

/*
 * Sets the fields, and removes what was made from their old contents; the record is as before where
 * the answer lacks a part or it is not of its form.
 */
bool answer_fields_take(const struct answer_fields *fields, struct text answer,
                        struct record *record, struct error *error);

#endif
