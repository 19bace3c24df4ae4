/*
 * Inside of lib/result: the curves that recovery is about, found among rows.
 */
#ifndef LOCKPICK_RESULT_RECOVERY_CURVES_H
#define LOCKPICK_RESULT_RECOVERY_CURVES_H

#include "result/recovery.h"
#include "stats/curve.h"

enum { CURVE_POINTS_LIMIT = 4096 };

struct curve {
    size_t row; /* one that has the fields of the curve */
    size_t set; /* of levels */
    struct curve_point *points;
    size_t *rows; /* of the points */
    size_t count;
    size_t baseline; /* curve number, or LEVELS_NONE */
    struct bound reached;
};

struct recovery {
    const struct recovery_settings *settings;
    const struct rows *rows;
    struct levels levels;
    struct names names;
    struct curve *curves; /* by number of their names */
    size_t *order;        /* of the curves, by their fields */
    struct curve_point *scratch;
};

/*
 * Fills the curves, their levels, points, order and baselines. `left_out`: see recovery_rows(). The
 * settings and rows are set already; recovery_free() also after a failure.
 */
bool recovery_find(struct recovery *recovery, size_t *left_out, struct error *error);
void recovery_free(struct recovery *recovery);

#endif
