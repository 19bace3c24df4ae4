/*
 * The share of its gap that each row recovered: (row − floor) / (ceiling − floor), SPEC 1.
 */
#ifndef LOCKPICK_RESULT_GAP_H
#define LOCKPICK_RESULT_GAP_H

#include "result/levels.h"
#include "result/over.h"
#include "result/replicates.h"

/*
 * Sets `gap` of each row, nil without floor or ceiling, or where they lie closer than SMALLEST_GAP.
 * With replicates, `gap_low` and `gap_high` too. Of rows that over_combine() made, floor and
 * ceiling are the means over the very values that the row is the mean of: `parts` are what it left,
 * of other rows NULL. Fails as levels_find() does, and where a row says nothing.
 */
bool gap_set(const struct levels_settings *settings, const struct over_parts *parts,
             struct rows *rows, const struct replicates *replicates, double level,
             struct error *error);

#endif
