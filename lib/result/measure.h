/*
 * Numbers that a description asks for, taken from result rows with their uncertainty. A number is
 * asked for in JSON:
 *
 *     0.5                                    the number itself
 *     "floor"                                what the description's `values` call so
 *     {"where": {"method": "sft", "k": 64}}  a row's field (`field`, default correctness)
 *     {"gap": V, "floor": V, "ceiling": V}   (gap − floor) / (ceiling − floor); floor and ceiling
 *                                            are the values of these names by default
 *     {"difference": [V, V]}                 the first less the second
 *     {"ratio": [V, V]}                      the first by the second
 *     {"mean": [V, …]}
 *     {"reaches": 0.8, "along": "k", "where": {…}, "floor": V, "ceiling": V}
 *                                            the k at which the rows' curve has that share of the
 *                                            gap (curve_recovers())
 *
 * A condition's value is text, a number, true or false, null for a field that is missing, or a list
 * of such of which one must hold. Where several rows meet the conditions, `take` says what is
 * meant: "mean", "least", "most", or "first" and "last" in the order of the number `along`
 * ("all" is behind every number).
 *
 * The uncertainty is one standard error: the row's `sem` (or the field that `error` names); for a
 * share of problems without one, that of sampling n problems, as if two more had been asked and one
 * of them solved, so that it is not 0 for none and all. Those of a combination are propagated as
 * independent.
 */
#ifndef LOCKPICK_RESULT_MEASURE_H
#define LOCKPICK_RESULT_MEASURE_H

#include "base/json.h"
#include "result/fields.h"
#include "result/rows.h"
#include "stats/curve.h"

struct measure {
    enum relation relation; /* RELATION_NONE: there is no such number, and `why` says why */
    double value;
    double error; /* one standard error; NAN: unknown */
    char why[400];
};

/* What numbers are taken from. All borrowed. */
struct measuring {
    const struct rows *rows;
    const json_t *values;           /* the description's named numbers, or NULL */
    const struct conditions *where; /* hold for all rows, but for those on fields named nearer */
};

/* False where `json` asks for nothing that there is: a mistake in the description. */
bool measure_take(const struct measuring *measuring, const json_t *json, struct measure *measure,
                  struct error *error);

/* Appends conditions from a JSON object. */
bool conditions_from_json(struct conditions *conditions, const json_t *json, struct error *error);

/* False where an object has a key that is none of `keys` (ends with NULL). */
bool json_known_keys(const json_t *object, const char *const *keys, struct error *error);

/* Appends "0.930 ± 0.012", "≤ 4", …, or why there is no number. */
void measure_print(const struct measure *measure, struct buffer *out);
/* Appends a number with as many decimals as suit its size. */
void measure_print_number(double value, struct buffer *out);

#endif
