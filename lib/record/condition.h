/*
 * FIELD=VALUE as people write it on a command line, to select records by or to set fields with.
 * VALUE is JSON where it parses as JSON (5, true, null, [1,2], "5"), and text otherwise.
 */
#ifndef LOCKPICK_RECORD_CONDITION_H
#define LOCKPICK_RECORD_CONDITION_H

#include "record/record.h"

struct condition {
    char *field;
    bool unequal;         /* FIELD!=VALUE */
    struct text spelling; /* VALUE as written, borrowed */
    struct buffer value;  /* packed */
};

/* Whether an operand is one of these and not a file: NAME=… where NAME has no slash. */
bool is_condition(const char *operand);

void condition_init(struct condition *condition, const char *operand);
void condition_free(struct condition *condition);

/*
 * FIELD=VALUE holds where the field is that value (1 equals 1.0) or text so spelled; a field that
 * is missing equals nothing. FIELD!=VALUE holds everywhere else.
 */
bool condition_holds(const struct condition *condition, const struct record *record);

#endif
