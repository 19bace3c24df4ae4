/* Where a learning curve reaches a level: see curve.h. */
#include "stats/curve.h"

#include <math.h>
#include <stdlib.h>

struct bound curve_reaches(const struct curve_point *points, size_t count, double level) {
    const struct bound none = {RELATION_NONE, 0};
    if (count == 0 || isnan(level))
        return none;
    if (points[0].y >= level)
        return (struct bound){RELATION_AT_MOST, points[0].x};
    for (size_t i = 1; i < count; i++) {
        if (points[i].y < level)
            continue;
        const struct curve_point a = points[i - 1], b = points[i];
        const double part = (level - a.y) / (b.y - a.y);
        /* The end point itself, exactly: exp(log(x)) would miss it by a bit. */
        const double x = part >= 1 ? b.x : a.x * pow(b.x / a.x, part);
        return (struct bound){RELATION_EQUAL, x};
    }
    return (struct bound){RELATION_ABOVE, points[count - 1].x};
}

struct bound curve_recovers(const struct curve_point *points, size_t count, double floor,
                            double ceiling, double share) {
    if (!(ceiling - floor >= SMALLEST_GAP))
        return (struct bound){RELATION_NONE, 0};
    return curve_reaches(points, count, floor + share * (ceiling - floor));
}

/* Whether the true value may lie below, or above, the one that is written. */
static bool may_be_below(enum relation relation) {
    return relation == RELATION_AT_MOST || relation == RELATION_BELOW;
}

static bool may_be_above(enum relation relation) {
    return relation == RELATION_AT_LEAST || relation == RELATION_ABOVE;
}

static bool is_strict(enum relation relation) {
    return relation == RELATION_BELOW || relation == RELATION_ABOVE;
}

struct bound bound_quotient(struct bound a, struct bound b) {
    struct bound quotient = {RELATION_NONE, 0};
    if (a.relation == RELATION_NONE || b.relation == RELATION_NONE || !(b.value > 0))
        return quotient;
    const bool below = may_be_below(a.relation) || may_be_above(b.relation);
    const bool above = may_be_above(a.relation) || may_be_below(b.relation);
    if (below && above)
        return quotient;
    const bool strict = is_strict(a.relation) || is_strict(b.relation);
    quotient.value = a.value / b.value;
    if (below)
        quotient.relation = strict ? RELATION_BELOW : RELATION_AT_MOST;
    else if (above)
        quotient.relation = strict ? RELATION_ABOVE : RELATION_AT_LEAST;
    else
        quotient.relation = RELATION_EQUAL;
    return quotient;
}

static int compare_bounds(int class_a, int class_b, const struct bound *a, const struct bound *b) {
    if (class_a != class_b)
        return class_a > class_b ? 1 : -1;
    return (a->value > b->value) - (a->value < b->value);
}

/* Undefined ones first, then what may lie below, then the others by value. */
static int compare_low(const void *a, const void *b) {
    const struct bound *x = a, *y = b;
    const int class_x = x->relation == RELATION_NONE ? 0 : may_be_below(x->relation) ? 1 : 2;
    const int class_y = y->relation == RELATION_NONE ? 0 : may_be_below(y->relation) ? 1 : 2;
    return compare_bounds(class_x, class_y, x, y);
}

/* By value, then what may lie above, then undefined ones. */
static int compare_high(const void *a, const void *b) {
    const struct bound *x = a, *y = b;
    const int class_x = x->relation == RELATION_NONE ? 2 : may_be_above(x->relation) ? 1 : 0;
    const int class_y = y->relation == RELATION_NONE ? 2 : may_be_above(y->relation) ? 1 : 0;
    return compare_bounds(class_x, class_y, x, y);
}

void bounds_interval(struct bound *bounds, size_t count, double level, struct bound *low,
                     struct bound *high) {
    *low = *high = (struct bound){RELATION_NONE, 0};
    if (count == 0)
        return;
    const double last = (double)(count - 1);
    qsort(bounds, count, sizeof *bounds, compare_low);
    *low = bounds[(size_t)floor((1 - level) / 2 * last)];
    qsort(bounds, count, sizeof *bounds, compare_high);
    *high = bounds[(size_t)ceil((1 + level) / 2 * last)];
}

const char *relation_sign(enum relation relation) {
    switch (relation) {
    case RELATION_NONE:
        break;
    case RELATION_EQUAL:
        return "=";
    case RELATION_AT_MOST:
        return "<=";
    case RELATION_AT_LEAST:
        return ">=";
    case RELATION_BELOW:
        return "<";
    case RELATION_ABOVE:
        return ">";
    }
    return "";
}
