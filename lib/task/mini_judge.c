/*
 * mini-judge: how good is a program for a problem of mini-code? One digit, for a judge to learn:
 *
 *     5  right
 *     4  off by one in one place
 *     3  another operation or value in one place, or off by one in two
 *     2  another computation, or worse in two places
 *     1  the program of another problem, or one that ends in the middle
 */
#include "task/mini.h"
#include "task/mini_broken.h"

/* What is done to the program, and how often. */
enum damage { DAMAGE_NONE, DAMAGE_ONE, DAMAGE_TWO, DAMAGE_OTHER, DAMAGE_CUT };
static const enum damage damages[] = {DAMAGE_NONE, DAMAGE_NONE, DAMAGE_NONE,  DAMAGE_NONE,
                                      DAMAGE_ONE,  DAMAGE_ONE,  DAMAGE_ONE,   DAMAGE_ONE,
                                      DAMAGE_TWO,  DAMAGE_TWO,  DAMAGE_OTHER, DAMAGE_CUT};
enum { DAMAGES = sizeof damages / sizeof *damages };

/* The program of another problem, in the letters of this one. */
static struct mini_program draw_other(const struct mini_broken *problem, struct random *random) {
    struct mini_program other;

    do {
        mini_program_draw(&other, random);
        other.names = problem->right.names;
    } while (other.family == problem->right.family ||
             !mini_tests_catch(&problem->tests, &problem->right, &other));
    return other;
}

/* A second break makes it one worse than the worse of the two. */
static int rate_twice(struct mini_broken *problem, struct random *random) {
    int rating = mini_break_rating(problem->broken.kind), other;
    enum mini_break_kind second;

    if (!mini_broken_twice(problem, &second, random))
        return rating;
    other = mini_break_rating(second);
    rating = other < rating ? other : rating;
    return rating > 2 ? rating - 1 : 2;
}

/* Ends the program somewhere behind its first lines, which all have, and before its last two bytes.
 */
static void cut_program(struct record *record, struct random *random) {
    enum { HEAD = 29 }; /* "#include <cstdio>\nint main(){" */
    struct text program = {0};
    struct error never;
    struct buffer part = {0};

    record_text(record, "program", &program, &never);
    buffer_append(&part, program.bytes, HEAD + random_below(random, program.size - HEAD - 1));
    mini_set_text(record, "program", &part);
    buffer_free(&part);
}

bool mini_judge_make(const struct mini_settings *settings, struct random *random,
                     struct record *record, struct error *error) {
    static const char *const names[] = {"right", "one break", "two breaks", "another problem's",
                                        "cut off"};
    enum damage damage = damages[random_below(random, DAMAGES)];
    struct mini_broken problem;
    struct mini_program shown;
    int rating = 1;
    char digit;

    (void)settings;
    (void)error;
    mini_broken_draw(&problem, random);
    if (damage == DAMAGE_ONE)
        rating = mini_break_rating(problem.broken.kind);
    else if (damage == DAMAGE_TWO)
        rating = rate_twice(&problem, random);
    else if (damage == DAMAGE_NONE)
        rating = 5;
    if (damage == DAMAGE_ONE || damage == DAMAGE_TWO)
        shown = problem.broken.program;
    else
        shown = damage == DAMAGE_OTHER ? draw_other(&problem, random) : problem.right;
    mini_broken_set(&problem, &shown, record, random);
    if (damage == DAMAGE_CUT)
        cut_program(record, random);
    digit = (char)('0' + rating);
    record_set_text(record, "reference", (struct text){&digit, 1});
    record_set_text(record, "solution", (struct text){&digit, 1});
    record_set_text(record, "domain", text_of(names[damage]));
    return true;
}
