/*
 * What is chosen for each group (cells.h): the option, a value for each choice field, with the best
 * mean. Groups that have the fields `within` in common share a choice, made by the mean over them.
 * An option is a run of cells, one a seed; a group, a run of options.
 */
#include <math.h>
#include <stdlib.h>

#include "result/cells.h"

struct option {
    size_t start, end;
    double mean;
};

struct choice {
    const struct sorted *sorted;
    struct option *options;
    size_t option_count;
    size_t *first; /* option of each group; [group_count + 1] */
    size_t group_count;
    size_t *order;  /* of the groups: those that share a choice side by side */
    size_t *within; /* the places of the fields `within` among the keys */
    size_t within_count;
};

/* The seeds of a run stand in order; those without a seed first. */
static bool check_seeds(const struct sorted *sorted, size_t start, size_t end,
                        struct error *error) {
    const size_t seed = sorted->tally->width - 1;
    if (end - start < 2 || sorted_keys(sorted, start)[seed].kind != KEY_MISSING)
        return true;
    error_set(error,
              "some of its records have a '%s' and some have none; "
              "give all of them one, or group by what sets them apart",
              sorted->tally->fields[seed]);
    return sorted_place(sorted, start, seed, error);
}

static bool list_options(struct choice *choice, struct error *error) {
    const struct sorted *sorted = choice->sorted;
    const size_t by = sorted->tally->settings->by.count, seed = sorted->tally->width - 1;
    const size_t cells = sorted->tally->names.count;
    choice->options = allocate(cells + 1, sizeof *choice->options);
    choice->first = allocate(cells + 1, sizeof *choice->first);
    for (size_t start = 0; start < cells;) {
        const size_t limit = sorted_run_end(sorted, start, cells, by);
        choice->first[choice->group_count++] = choice->option_count;
        while (start < limit) {
            const size_t end = sorted_run_end(sorted, start, limit, seed);
            if (!check_seeds(sorted, start, end, error))
                return false;
            choice->options[choice->option_count++] =
                (struct option){start, end, sorted_measure(sorted, start, end, TALLY_ALL).mean};
            start = end;
        }
    }
    choice->first[choice->group_count] = choice->option_count;
    return true;
}

static const struct option *option_of(const struct choice *choice, size_t group, size_t number) {
    return &choice->options[choice->first[group] + number];
}

static size_t options_of(const struct choice *choice, size_t group) {
    return choice->first[group + 1] - choice->first[group];
}

static const struct key *keys_of(const struct choice *choice, const struct option *option) {
    return sorted_keys(choice->sorted, option->start);
}

/* ---- the groups that share a choice ---- */

static int compare_within(const struct choice *choice, size_t a, size_t b) {
    const struct key *x = keys_of(choice, option_of(choice, a, 0));
    const struct key *y = keys_of(choice, option_of(choice, b, 0));
    for (size_t i = 0; i < choice->within_count; i++) {
        const int order = key_compare(&x[choice->within[i]], &y[choice->within[i]]);
        if (order != 0)
            return order;
    }
    return 0;
}

static int compare_groups(const void *a, const void *b, void *context) {
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    const int order = compare_within(context, x, y);
    return order ? order : (x > y) - (x < y);
}

static void order_groups(struct choice *choice) {
    const struct tally_settings *settings = choice->sorted->tally->settings;
    const struct fields *within = settings->within.count > 0 ? &settings->within : &settings->by;
    choice->within = allocate(settings->by.count + 1, sizeof *choice->within);
    for (size_t i = 0; i < settings->by.count; i++)
        if (fields_contain(within, settings->by.items[i]))
            choice->within[choice->within_count++] = i;
    choice->order = allocate(choice->group_count + 1, sizeof *choice->order);
    for (size_t i = 0; i < choice->group_count; i++)
        choice->order[i] = i;
    qsort_r(choice->order, choice->group_count, sizeof *choice->order, compare_groups, choice);
}

/* ---- choosing ---- */

static bool same_seeds(const struct sorted *sorted, const struct option *a,
                       const struct option *b) {
    const size_t seed = sorted->tally->width - 1;
    if (a->end - a->start != b->end - b->start)
        return false;
    for (size_t i = 0; i < a->end - a->start; i++)
        if (key_compare(&sorted_keys(sorted, a->start + i)[seed],
                        &sorted_keys(sorted, b->start + i)[seed]) != 0)
            return false;
    return true;
}

/* Of one group: the options' seeds. */
static bool check_group(const struct choice *choice, size_t group, struct error *error) {
    const struct sorted *sorted = choice->sorted;
    for (size_t i = 1; i < options_of(choice, group); i++) {
        const struct option *option = option_of(choice, group, i);
        if (same_seeds(sorted, option_of(choice, group, 0), option))
            continue;
        error_set(error,
                  "has other seeds than another '%s'; the best is chosen among values "
                  "that were all measured with the same seeds",
                  sorted->tally->settings->choose.items[0]);
        return sorted_place(sorted, option->start, sorted->tally->width - 1, error);
    }
    return true;
}

/* Of two groups that share a choice: what there is to choose from. */
static bool check_alike(const struct choice *choice, size_t first, size_t group,
                        struct error *error) {
    const struct sorted *sorted = choice->sorted;
    const struct tally_settings *settings = sorted->tally->settings;
    const size_t by = settings->by.count, count = options_of(choice, group);
    bool alike = count == options_of(choice, first);
    for (size_t i = 0; alike && i < count; i++)
        alike = compare_keys(keys_of(choice, option_of(choice, first, i)) + by,
                             keys_of(choice, option_of(choice, group, i)) + by,
                             settings->choose.count) == 0;
    if (alike)
        return true;
    error_set(error,
              "has other values of '%s' than another group it shares its choice with; a choice "
              "is made among values that were measured in all of them",
              settings->choose.items[0]);
    return sorted_place(sorted, option_of(choice, group, 0)->start, by, error);
}

/* Sets the choice of the groups order[start … end − 1]. */
static bool choose_one(const struct choice *choice, size_t start, size_t end, struct group *groups,
                       struct error *error) {
    const size_t first = choice->order[start];
    size_t best = 0;
    double best_mean = -INFINITY;
    for (size_t i = start; i < end; i++)
        if (!check_group(choice, choice->order[i], error) ||
            !check_alike(choice, first, choice->order[i], error))
            return false;
    for (size_t number = 0; number < options_of(choice, first); number++) {
        double total = 0;
        for (size_t i = start; i < end; i++)
            total += option_of(choice, choice->order[i], number)->mean;
        if (total / (double)(end - start) > best_mean) {
            best_mean = total / (double)(end - start);
            best = number;
        }
    }
    for (size_t i = start; i < end; i++) {
        const struct option *option = option_of(choice, choice->order[i], best);
        groups[choice->order[i]] = (struct group){option->start, option->end};
    }
    return true;
}

struct group *choose_groups(const struct sorted *sorted, size_t *count, struct error *error) {
    struct choice choice = {.sorted = sorted};
    struct group *groups = NULL;
    bool fine = list_options(&choice, error);
    if (fine) {
        order_groups(&choice);
        groups = allocate(choice.group_count + 1, sizeof *groups);
    }
    for (size_t start = 0; fine && start < choice.group_count;) {
        size_t end = start + 1;
        while (end < choice.group_count &&
               compare_within(&choice, choice.order[start], choice.order[end]) == 0)
            end++;
        fine = choose_one(&choice, start, end, groups, error);
        start = end;
    }
    *count = choice.group_count;
    if (!fine) {
        free(groups);
        groups = NULL;
    }
    free(choice.options);
    free(choice.first);
    free(choice.order);
    free(choice.within);
    return groups;
}
