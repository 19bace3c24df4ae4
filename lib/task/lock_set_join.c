/* Joining the sides of a lock set. */
#include "task/lock_set_join.h"

#include <stdio.h>
#include <stdlib.h>

enum { SPELLED = 24 }; /* bytes of an integer as text */

struct text lock_id(const struct record *record) {
    struct error ignored = {0};
    struct text id = {"", 0};

    record_text(record, "id", &id, &ignored); /* every completion held has one */
    return id;
}

bool lock_place(const char *stream, const struct record *record, struct error *error) {
    struct text id = lock_id(record);

    return error_place(error, "%s: id '%.*s'", stream, id.size < 80 ? (int)id.size : 80, id.bytes);
}

/* ---- domains ---- */

static const char *domain_field(const struct lock_settings *settings) {
    return settings->domain_field != NULL ? settings->domain_field : "domain";
}

/* The problem's domain, a text or an integer, which is spelled into `spelled`; empty: none. */
static struct text domain_of(const struct lock_settings *settings, const struct record *record,
                             char spelled[SPELLED]) {
    const struct value *value = record_find(record, domain_field(settings));
    struct text text = {"", 0};
    int64_t number;

    if (value == NULL || value_text(*value, &text))
        return text;
    if (!value_integer(*value, &number))
        return text;
    snprintf(spelled, SPELLED, "%lld", (long long)number);
    return text_of(spelled);
}

static bool is_held_out(const struct lock_settings *settings, const struct record *record,
                        bool *seen) {
    char spelled[SPELLED];
    struct text domain = domain_of(settings, record, spelled);

    for (size_t i = 0; i < settings->held_out.count; i++)
        if (text_is(domain, settings->held_out.items[i])) {
            seen[i] = true;
            return true;
        }
    return false;
}

static bool find_entry(const struct lock_settings *settings, const struct lock_passwords *passwords,
                       const struct record *record, uint32_t *entry, struct error *error) {
    char spelled[SPELLED];
    struct text domain = domain_of(settings, record, spelled);
    size_t found;

    if (passwords->domain_count > 0 && domain.size == 0)
        return error_set(error,
                         "no field '%s' says which domain's password it has; --domain-field NAME "
                         "names another",
                         domain_field(settings));
    if (!lock_passwords_find(passwords, domain, &found, error))
        return false;
    *entry = (uint32_t)found;
    return true;
}

/* ---- one side of a problem ---- */

static bool same_text(const struct record *a, const struct record *b, const char *field) {
    const struct value *left = record_find(a, field), *right = record_find(b, field);
    struct text one, other;

    if (left == NULL || right == NULL || !value_text(*left, &one) || !value_text(*right, &other))
        return left == right;
    return text_equal(one, other);
}

/* Whether all samples of an id are of one problem, as they are not where two tasks share ids. */
static bool check_one_problem(const struct completions *from, size_t number, struct error *error) {
    struct record first = {0}, other = {0};
    bool fine = true;

    completions_at(from, number, 0, &first);
    for (size_t i = 1; fine && i < completions_samples(from, number); i++) {
        completions_at(from, number, i, &other);
        fine = (same_text(&first, &other, "task") && same_text(&first, &other, "prompt")) ||
               error_set(error, "this id names two problems; ids that differ between tasks would "
                                "be right");
    }
    record_free(&first);
    record_free(&other);
    return fine;
}

/* One sample for all epochs, or one for each. */
static bool check_epochs(const struct completions *from, size_t number, int64_t epochs,
                         struct error *error) {
    struct record record = {0};
    bool fine = true;

    for (int64_t epoch = 0; fine && epoch < epochs; epoch++) {
        fine = completions_get(from, number, epoch, &record, error);
        if (completions_samples(from, number) == 1)
            break;
    }
    record_free(&record);
    return fine;
}

static bool check_side(const struct completions *from, size_t number, int64_t epochs,
                       struct error *error) {
    struct record first = {0};
    bool fine = check_one_problem(from, number, error) && check_epochs(from, number, epochs, error);

    if (!fine) {
        completions_at(from, number, 0, &first);
        lock_place(completions_name(from), &first, error);
    }
    record_free(&first);
    return fine;
}

/* ---- the sides of a problem together ---- */

static bool check_prompts(const struct lock_settings *settings, const struct record *weak,
                          const struct record *other, enum lock_side side, struct error *error) {
    struct text a, b;

    if (!record_text(weak, "prompt", &a, error) || !record_text(other, "prompt", &b, error))
        return false;
    if (settings->no_password)
        return !text_equal(a, b) ||
               error_set(error, "the weak and the strong completion are of the same prompt, and no "
                                "password tells them apart; prompts that differ would be right");
    return (text_equal(a, b) && same_text(weak, other, "task")) ||
           error_set(error, "the weak and the %s completion are of different prompts or tasks",
                     lock_side_name(side));
}

static bool find_on(struct lock_join *join, const struct lock_settings *settings,
                    const struct record *weak, enum lock_side side, struct lock_problem *problem,
                    struct error *error) {
    const struct completions *from = join->side[side];
    struct record other = {0};
    size_t number;

    if (!completions_find(from, lock_id(weak), &number))
        return error_set(error,
                         "%s has no completion for it; the same problems on both sides would be "
                         "right",
                         completions_name(from));
    problem->number[side] = (uint32_t)number;
    completions_at(from, number, 0, &other);
    bool fine = check_prompts(settings, weak, &other, side, error);
    record_free(&other);
    return fine;
}

static bool join_problem(struct lock_join *join, const struct lock_settings *settings,
                         const struct lock_passwords *passwords, size_t number, bool *seen,
                         struct error *error) {
    struct lock_problem problem = {.number = {(uint32_t)number}};
    struct record weak = {0};

    completions_at(join->side[SIDE_WEAK], number, 0, &weak);
    if (is_held_out(settings, &weak, seen)) {
        join->held_out++;
        record_free(&weak);
        return true;
    }
    bool fine = find_entry(settings, passwords, &weak, &problem.entry, error);
    for (enum lock_side side = SIDE_STRONG; fine && side < LOCK_SIDES; side++)
        fine = join->side[side] == NULL || find_on(join, settings, &weak, side, &problem, error);
    if (!fine)
        lock_place(completions_name(join->side[SIDE_WEAK]), &weak, error);
    record_free(&weak);
    for (enum lock_side side = SIDE_WEAK; fine && side < LOCK_SIDES; side++)
        fine = join->side[side] == NULL ||
               check_side(join->side[side], problem.number[side], settings->epochs, error);
    join->problems[join->count++] = problem;
    return fine;
}

/* All of another side stands on the weak one too. */
static bool check_other_side(const struct lock_join *join, const struct lock_settings *settings,
                             enum lock_side side, bool *seen, struct error *error) {
    const struct completions *from = join->side[side], *weak = join->side[SIDE_WEAK];
    struct record record = {0};
    bool fine = true;

    for (size_t i = 0; fine && i < completions_ids(from); i++) {
        size_t number;
        completions_at(from, i, 0, &record);
        if (completions_find(weak, lock_id(&record), &number) ||
            is_held_out(settings, &record, seen))
            continue;
        error_set(error,
                  "%s has no completion for it; the same problems on both sides would be right",
                  completions_name(weak));
        fine = lock_place(completions_name(from), &record, error);
    }
    record_free(&record);
    return fine;
}

/* ---- all of them ---- */

static bool join_all(struct lock_join *join, const struct lock_settings *settings,
                     const struct lock_passwords *passwords, bool *seen, struct error *error) {
    size_t count = completions_ids(join->side[SIDE_WEAK]);

    join->problems = allocate(count + 1, sizeof *join->problems);
    for (size_t i = 0; i < count; i++)
        if (!join_problem(join, settings, passwords, i, seen, error))
            return false;
    for (enum lock_side side = SIDE_STRONG; side < LOCK_SIDES; side++)
        if (join->side[side] != NULL && !check_other_side(join, settings, side, seen, error))
            return false;
    for (size_t i = 0; i < settings->held_out.count; i++)
        if (!seen[i])
            return error_set(error,
                             "no problem's field '%s' is '%.80s'; a domain that is there would be "
                             "right for --held-out",
                             domain_field(settings), settings->held_out.items[i]);
    return true;
}

bool lock_join_read(struct lock_join *join, const struct lock_settings *settings,
                    const struct lock_passwords *passwords, struct error *error) {
    const struct text_list *streams[] = {&settings->weak, &settings->strong,
                                         &settings->intermediate};

    *join = (struct lock_join){0};
    for (enum lock_side side = SIDE_WEAK; side < LOCK_SIDES; side++) {
        if (streams[side]->count == 0)
            continue;
        join->side[side] =
            completions_read_all(streams[side]->items, streams[side]->count, NULL, error);
        if (join->side[side] == NULL)
            return false;
    }
    bool *seen = allocate(settings->held_out.count + 1, sizeof *seen);
    bool fine = join_all(join, settings, passwords, seen, error);
    free(seen);
    return fine;
}

void lock_join_free(struct lock_join *join) {
    for (enum lock_side side = SIDE_WEAK; side < LOCK_SIDES; side++)
        completions_free(join->side[side]);
    free(join->problems);
    *join = (struct lock_join){0};
}
