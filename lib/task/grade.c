/* Grades as numbers: see grade.h. */
#include "task/grade.h"

#include <math.h>

bool grade_read(const struct record *record, enum grade_by by, double *grade, struct error *error) {
    bool correct = false;
    if (by == GRADE_CORRECT) {
        if (!record_boolean(record, "correct", &correct, error))
            return false;
        *grade = correct ? 1 : 0;
        return true;
    }
    if (!record_real(record, "score", grade, error))
        return false;
    if (!isfinite(*grade))
        return error_set(error, "field 'score' is %g; a finite number would be right", *grade);
    return true;
}

bool grade_integer(const struct record *record, const char *field, int64_t missing, int64_t *number,
                   struct error *error) {
    const struct value *value = record_find(record, field);
    *number = missing;
    return value == NULL || value_type(*value) == VALUE_NIL ||
           record_integer(record, field, number, error);
}
