/* From records to rows: see aggregation.h. */
#include "result/aggregation.h"

#include <stdlib.h>

struct aggregation {
    const struct aggregation_settings *settings;
    struct tally_settings tally_settings;
    struct tally *tally; /* or, of rows, what was read */
    struct rows rows;
};

struct aggregation *aggregation_new(const struct aggregation_settings *settings) {
    struct aggregation *aggregation = allocate(1, sizeof *aggregation);
    aggregation->settings = settings;
    aggregation->tally_settings = settings->tally;
    aggregation->tally_settings.problems = settings->bootstrap.level > 0 || settings->compare;
    if (!settings->reads_rows)
        aggregation->tally = tally_new(&aggregation->tally_settings);
    return aggregation;
}

void aggregation_free(struct aggregation *aggregation) {
    if (aggregation == NULL)
        return;
    tally_free(aggregation->tally);
    rows_free(&aggregation->rows);
    free(aggregation);
}

bool aggregation_add(struct aggregation *aggregation, const struct record *record,
                     struct error *error) {
    const struct aggregation_settings *settings = aggregation->settings;
    double measure;
    if (aggregation->tally)
        return tally_add(aggregation->tally, record, error);
    if ((settings->recovery || settings->gap) && !row_measure(record, &measure, error))
        return false;
    return rows_add_copy(&aggregation->rows, record, error);
}

/* Puts the rows of the work in the place of those that it was done on. */
static bool replace(struct rows *rows, struct rows *made, bool fine) {
    if (fine) {
        rows_free(rows);
        *rows = *made;
    } else {
        rows_free(made);
    }
    return fine;
}

static bool compare(const struct aggregation *aggregation, const struct sources *sources,
                    struct rows *rows, struct aggregation_notes *notes, struct error *error) {
    struct outcomes outcomes;
    struct rows made = {0};
    outcomes_gather(&outcomes, aggregation->tally, sources);
    const bool fine = compare_rows(aggregation->settings->compare, rows, &outcomes, &made,
                                   &notes->unpaired, error);
    outcomes_free(&outcomes);
    return replace(rows, &made, fine);
}

static bool draw(const struct aggregation *aggregation, const struct sources *sources,
                 struct replicates *replicates, struct error *error) {
    struct outcomes outcomes;
    outcomes_gather(&outcomes, aggregation->tally, sources);
    const bool fine =
        replicates_draw(replicates, &outcomes, &aggregation->settings->bootstrap, error);
    outcomes_free(&outcomes);
    return fine;
}

/* What is made of rows, and of their replicates where there are any. */
static bool finish(const struct aggregation_settings *settings, const struct over_parts *parts,
                   struct rows *rows, const struct replicates *replicates,
                   struct aggregation_notes *notes, struct error *error) {
    const double level = settings->bootstrap.level;
    if (settings->recovery) {
        struct rows made = {0};
        return replace(rows, &made,
                       recovery_rows(settings->recovery, rows,
                                     replicates->count > 0 ? replicates : NULL, &made,
                                     &notes->left_out, error));
    }
    if (replicates->count > 0)
        replicates_set(replicates, level, rows);
    return !settings->gap || gap_set(settings->gap, parts, rows, replicates, level, error);
}

/* The same, of rows that are combined over a field first where the settings say so. */
static bool combine_and_finish(const struct aggregation_settings *settings, struct rows *rows,
                               struct replicates *replicates, struct aggregation_notes *notes,
                               struct error *error) {
    struct over_parts parts = {0};
    if (settings->over && !over_combine(settings->over, rows, replicates, &parts, error))
        return false;
    const bool fine =
        finish(settings, settings->over ? &parts : NULL, rows, replicates, notes, error);
    over_parts_free(&parts);
    return fine;
}

static bool tally_to_rows(struct aggregation *aggregation, struct rows *rows,
                          struct replicates *replicates, struct aggregation_notes *notes,
                          struct error *error) {
    const struct aggregation_settings *settings = aggregation->settings;
    struct sources sources = {0};
    bool fine = tally_rows(aggregation->tally, rows, &sources, &notes->uneven, error);
    if (fine && settings->compare)
        fine = compare(aggregation, &sources, rows, notes, error);
    else if (fine && settings->bootstrap.level > 0)
        fine = draw(aggregation, &sources, replicates, error);
    sources_free(&sources);
    return fine;
}

bool aggregation_rows(struct aggregation *aggregation, struct rows *rows,
                      struct aggregation_notes *notes, struct error *error) {
    struct replicates replicates = {0};
    bool fine = true;
    *notes = (struct aggregation_notes){0};
    *rows = (struct rows){0};
    if (aggregation->tally) {
        fine = tally_to_rows(aggregation, rows, &replicates, notes, error);
    } else {
        *rows = aggregation->rows;
        aggregation->rows = (struct rows){0};
    }
    if (fine && !aggregation->settings->compare)
        fine = combine_and_finish(aggregation->settings, rows, &replicates, notes, error);
    replicates_free(&replicates);
    return fine;
}
