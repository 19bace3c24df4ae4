/* Choosing breaks. */
#include "task/mini_broken.h"

#include "task/mini.h"

/*
 * How often a kind is drawn. Less often what is seen without reading the statement, and what is
 * hardest to see for a model of a million parameters: one number among others that is off by one.
 */
static const unsigned weights[BREAK_KINDS] = {
    [BREAK_OPERATOR] = 2,  [BREAK_CONSTANT] = 1, [BREAK_COMPARED] = 1, [BREAK_BOUNDARY] = 4,
    [BREAK_RELATION] = 4,  [BREAK_BRANCHES] = 4, [BREAK_INITIAL] = 1,  [BREAK_FIRST] = 1,
    [BREAK_LAST] = 1,      [BREAK_UNREAD] = 1,   [BREAK_ORDER] = 4,    [BREAK_COUNTING] = 4,
    [BREAK_DIRECTION] = 4, [BREAK_IGNORED] = 2};

/*
 * One break of `base`, of any kind but `except`, that shows in the tests of the problem: first its
 * kind is drawn, then which.
 */
static bool choose(const struct mini_broken *problem, const struct mini_program *base, int except,
                   struct mini_break *chosen, struct random *random) {
    struct mini_break breaks[MINI_BREAKS];
    unsigned count = mini_breaks(base, breaks), left = 0, weight = 0;
    bool seen_kind[BREAK_KINDS] = {false};
    enum mini_break_kind kind = BREAK_OPERATOR;

    for (unsigned i = 0; i < count; i++)
        if ((int)breaks[i].kind != except &&
            mini_tests_catch(&problem->tests, &problem->right, &breaks[i].program))
            breaks[left++] = breaks[i];
    for (unsigned i = 0; i < left; i++) {
        enum mini_break_kind next = breaks[i].kind;
        if (seen_kind[next])
            continue;
        seen_kind[next] = true;
        weight += weights[next];
        if (random_below(random, weight) < weights[next])
            kind = next;
    }
    for (unsigned i = 0, seen = 0; i < left; i++)
        if (breaks[i].kind == kind && random_below(random, ++seen) == 0)
            *chosen = breaks[i];
    return left > 0;
}

void mini_broken_draw(struct mini_broken *problem, struct random *random) {
    do {
        mini_program_draw(&problem->right, random);
        mini_tests_draw(&problem->right, &problem->tests, random);
    } while (!choose(problem, &problem->right, -1, &problem->broken, random));
}

void mini_broken_again(struct mini_broken *problem, struct random *random) {
    choose(problem, &problem->right, -1, &problem->broken, random);
}

bool mini_broken_twice(struct mini_broken *problem, enum mini_break_kind *second,
                       struct random *random) {
    struct mini_break more = problem->broken;

    if (!choose(problem, &problem->broken.program, (int)problem->broken.kind, &more, random))
        return false;
    problem->broken.program = more.program;
    *second = more.kind;
    return true;
}

void mini_broken_set(const struct mini_broken *problem, const struct mini_program *shown,
                     struct record *record, struct random *random) {
    struct buffer text = {0};
    struct mini_style style;

    mini_program_statement(&problem->right, &text);
    mini_set_text(record, "prompt", &text);
    text.size = 0;
    mini_style_draw(&style, random);
    mini_program_write(shown, &style, &text);
    mini_set_text(record, "program", &text);
    mini_tests_set(&problem->tests, &problem->right, record);
    record_set_integer(record, "level", mini_family_level(problem->right.family));
    buffer_free(&text);
}
