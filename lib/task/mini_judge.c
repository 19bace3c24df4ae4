/*
 * mini-judge: how good is a program for a problem of mini-code? One digit, for a judge to learn:
 *
 *     5  right
 *     4  off by one in one place
 *     3  another operation or number in one place, or off by one in two
 *     2  another computation, or other operations or numbers in several places
 *     1  the program of another problem, or one that ends in the middle
 */
#include "task/mini.h"
#include "task/mini_broken.h"

/* What is done to the program, and how often. */
enum damage { DAMAGE_NONE, DAMAGE_ONE, DAMAGE_TWO, DAMAGE_NUMBERS, DAMAGE_OTHER, DAMAGE_CUT };
static const enum damage damages[] = {DAMAGE_NONE,  DAMAGE_NONE,    DAMAGE_NONE,    DAMAGE_NONE,
                                      DAMAGE_NONE,  DAMAGE_ONE,     DAMAGE_ONE,     DAMAGE_ONE,
                                      DAMAGE_TWO,   DAMAGE_NUMBERS, DAMAGE_NUMBERS, DAMAGE_NUMBERS,
                                      DAMAGE_OTHER, DAMAGE_CUT};
enum { DAMAGES = sizeof damages / sizeof *damages, NUMBERS = 4 };

/* ---- other numbers ---- */

/* Where the numbers of a program are that its statement names; how many. Not how often something is
 * repeated: twenty multiplications are too many. */
static unsigned find_numbers(struct mini_program *program, int *numbers[NUMBERS]) {
    enum mini_family family = program->family;
    bool one_step = family == MINI_RANGE || family == MINI_LIST || family == MINI_DIGITS;
    unsigned count = 0;

    numbers[count++] = &program->steps[0].constant;
    if (!one_step)
        numbers[count++] = &program->steps[1].constant;
    if (program->relation != MINI_ALWAYS)
        numbers[count++] = &program->constant;
    if (family == MINI_RANGE)
        numbers[count++] = &program->first;
    return count;
}

/* What weak models write for a number: another that stands there, or any. Off by one is a break. */
static int confuse(int number, int *const numbers[], unsigned count, struct random *random) {
    int other = number;

    while (other >= number - 1 && other <= number + 1)
        other = random_below(random, 2) == 0
                    ? *numbers[random_below(random, count)]
                    : MINI_LEAST + (int)random_below(random, MINI_MOST - MINI_LEAST + 1);
    return other;
}

/* The program with some numbers for others; how many goes to `changed`. */
static struct mini_program confuse_numbers(const struct mini_broken *problem, unsigned *changed,
                                           struct random *random) {
    struct mini_program right = problem->right, other;
    int *from[NUMBERS], *to[NUMBERS];
    unsigned count = find_numbers(&right, from);

    do {
        other = right;
        find_numbers(&other, to);
        *changed = 0;
        for (unsigned i = 0; i < count; i++)
            if (random_below(random, 2) == 0) {
                *to[i] = confuse(*from[i], from, count, random);
                ++*changed;
            }
    } while (*changed == 0 || !mini_tests_catch(&problem->tests, &right, &other));
    return other;
}

/* ---- other damage ---- */

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

/* Does to the program what was drawn, and rates it. */
static struct mini_program damaged(struct mini_broken *problem, enum damage damage, int *rating,
                                   struct random *random) {
    struct mini_program other = problem->right;
    unsigned changed = 0;

    *rating = 1;
    switch (damage) {
    case DAMAGE_NONE:
        *rating = 5;
        break;
    case DAMAGE_ONE:
        *rating = mini_break_rating(problem->broken.kind);
        return problem->broken.program;
    case DAMAGE_TWO:
        *rating = rate_twice(problem, random);
        return problem->broken.program;
    case DAMAGE_NUMBERS:
        other = confuse_numbers(problem, &changed, random);
        *rating = changed == 1 ? 3 : 2;
        break;
    case DAMAGE_OTHER:
        return draw_other(problem, random);
    case DAMAGE_CUT:
        break;
    }
    return other;
}

bool mini_judge_make(const struct mini_settings *settings, struct random *random,
                     struct record *record, struct error *error) {
    static const char *const names[] = {"right",         "one break",         "two breaks",
                                        "other numbers", "another problem's", "cut off"};
    enum damage damage = damages[random_below(random, DAMAGES)];
    struct mini_broken problem;
    struct mini_program shown;
    int rating;
    char digit;

    (void)settings;
    (void)error;
    mini_broken_draw(&problem, random);
    shown = damaged(&problem, damage, &rating, random);
    mini_broken_set(&problem, &shown, record, random);
    if (damage == DAMAGE_CUT)
        cut_program(record, random);
    digit = (char)('0' + rating);
    record_set_text(record, "reference", (struct text){&digit, 1});
    record_set_text(record, "solution", (struct text){&digit, 1});
    record_set_text(record, "domain", text_of(names[damage]));
    return true;
}
