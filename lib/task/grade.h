/*
 * What a completion was given by its grader, as a number that completions can be ordered by: for
 * those who keep the best, or set the better against the worse.
 */
#ifndef LOCKPICK_TASK_GRADE_H
#define LOCKPICK_TASK_GRADE_H

#include "record/record.h"

#define GRADE_CHOICES "correct|score"
enum grade_by { GRADE_CORRECT, GRADE_SCORE };

/* By `correct` 1 or 0; by `score` that number, which must be finite. Fails without the field. */
bool grade_read(const struct record *record, enum grade_by by, double *grade, struct error *error);

/* An integer field; `missing` where the record has none. False where it is no integer. */
bool grade_integer(const struct record *record, const char *field, int64_t missing, int64_t *number,
                   struct error *error);

#endif
