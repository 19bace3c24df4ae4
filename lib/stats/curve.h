/*
 * Where a learning curve reaches a level: the number of demonstrations that recovers a share of the
 * gap between floor and ceiling, and how two such numbers compare. What was not measured is not
 * made up: a curve that starts above the level gives "at most k", one that never reaches it "above
 * k", and quotients of such bounds are bounds, or undefined.
 */
#ifndef LOCKPICK_STATS_CURVE_H
#define LOCKPICK_STATS_CURVE_H

#include <stdbool.h>
#include <stddef.h>

struct curve_point {
    double x; /* > 0 */
    double y;
};

enum relation {
    RELATION_NONE,     /* undefined: there is no value */
    RELATION_EQUAL,    /* = */
    RELATION_AT_MOST,  /* <= */
    RELATION_AT_LEAST, /* >= */
    RELATION_BELOW,    /* < */
    RELATION_ABOVE,    /* > */
};

struct bound {
    enum relation relation;
    double value;
};

/* A gap narrower than this is noise: no share of it is computed. */
#define SMALLEST_GAP 0.05

/*
 * The smallest x at which the curve reaches `level` from below. Points ascend in x; between
 * neighbours y is linear in log x. First point at or above the level: at most its x. No point at or
 * above it: above the last x. No points: none.
 */
struct bound curve_reaches(const struct curve_point *points, size_t count, double level);

/*
 * curve_reaches() for floor + share · (ceiling − floor). None where ceiling − floor is below
 * SMALLEST_GAP or either is NAN.
 */
struct bound curve_recovers(const struct curve_point *points, size_t count, double floor,
                            double ceiling, double share);

/* a / b of positive values, as far as it is known. */
struct bound bound_quotient(struct bound a, struct bound b);

/*
 * The interval that leaves (1 − level)/2 of resampled bounds out on each side, each end being one
 * of them. What is undefined in a resample may lie anywhere, and a bound anywhere beyond: they
 * count as below what the low end is sought among, and as above for the high end, so the interval
 * is never narrower than what is known. The bounds are sorted on the way.
 */
void bounds_interval(struct bound *bounds, size_t count, double level, struct bound *low,
                     struct bound *high);

/* "=", "<=", …; "" for none. */
const char *relation_sign(enum relation relation);

#endif
