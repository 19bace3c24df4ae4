/*
 * mini-critique: say what is wrong with a little program that was broken in one way; and pairs of
 * explanations with labels, for grade-critique --calibrate.
 */
#include "task/mini.h"
#include "task/mini_tests.h"

#include <string.h>

/* A problem, its tests, and one break that these catch. */
struct broken_problem {
    struct mini_program right;
    struct mini_tests tests;
    struct mini_break broken;
};

/* One of the breaks that show, each kind equally likely. */
static bool choose_break(struct broken_problem *problem, struct random *random) {
    struct mini_break breaks[MINI_BREAKS];
    unsigned count = mini_breaks(&problem->right, breaks), left = 0, fitting = 0;
    unsigned kinds[BREAK_KINDS] = {0};
    enum mini_break_kind kind = BREAK_OPERATOR;

    for (unsigned i = 0; i < count; i++)
        if (mini_tests_catch(&problem->tests, &problem->right, &breaks[i].program))
            breaks[left++] = breaks[i];
    for (unsigned i = 0; i < left; i++)
        if (kinds[breaks[i].kind]++ == 0 && random_below(random, ++fitting) == 0)
            kind = breaks[i].kind;
    if (left == 0)
        return false;
    for (unsigned i = 0, seen = 0; i < left; i++)
        if (breaks[i].kind == kind && random_below(random, ++seen) == 0)
            problem->broken = breaks[i];
    return true;
}

static void draw_broken(struct broken_problem *problem, struct random *random) {
    do {
        mini_program_draw(&problem->right, random);
        mini_tests_draw(&problem->right, &problem->tests, random);
    } while (!choose_break(problem, random));
}

static void set_text(struct record *record, const char *key, const struct buffer *text) {
    record_set_text(record, key, (struct text){(const char *)text->data, text->size});
}

static void set_explanation(struct record *record, const char *key,
                            const struct broken_problem *problem, struct random *random) {
    struct buffer text = {0};

    mini_break_explain(&problem->right, &problem->broken,
                       (unsigned)random_below(random, MINI_WORDINGS), &text);
    set_text(record, key, &text);
    buffer_free(&text);
}

static void set_problem(struct record *record, const struct broken_problem *problem,
                        struct random *random) {
    struct buffer text = {0};
    struct mini_style style;

    mini_program_statement(&problem->right, &text);
    set_text(record, "prompt", &text);
    text.size = 0;
    mini_style_draw(&style, random);
    mini_program_write(&problem->broken.program, &style, &text);
    set_text(record, "program", &text);
    set_explanation(record, "reference", problem, random);
    mini_tests_set(&problem->tests, &problem->right, record);
    record_set_text(record, "domain", text_of(mini_break_name(problem->broken.kind)));
    record_set_integer(record, "level", mini_family_level(problem->right.family));
    buffer_free(&text);
}

bool mini_critique_make(const struct mini_settings *settings, struct random *random,
                        struct record *record, struct error *error) {
    struct broken_problem problem;

    (void)settings;
    (void)error;
    draw_broken(&problem, random);
    set_problem(record, &problem, random);
    set_explanation(record, "solution", &problem, random);
    return true;
}

/* ---- labelled pairs ---- */

/* The same break of a program with other constants. */
static void move_constants(struct broken_problem *other, struct random *random) {
    struct mini_break breaks[MINI_BREAKS];
    int more = 1 + (int)random_below(random, 4);

    for (unsigned i = 0; i < 2; i++)
        other->right.steps[i].constant = MINI_LEAST + (other->right.steps[i].constant + more) % 19;
    other->right.constant = MINI_LEAST + (other->right.constant + more) % 19;
    if (other->right.first > 0)
        other->right.first = 1 + (other->right.first + more) % 9;
    unsigned count = mini_breaks(&other->right, breaks);
    for (unsigned i = 0; i < count; i++)
        if (breaks[i].kind == other->broken.kind && breaks[i].place == other->broken.place) {
            other->broken = breaks[i];
            break;
        }
}

/* Whether the two say the same, whatever the wording. */
static bool same_meaning(const struct broken_problem *one, const struct broken_problem *other) {
    struct buffer texts[2] = {{0}, {0}};
    bool same;

    mini_break_explain(&one->right, &one->broken, 0, &texts[0]);
    mini_break_explain(&other->right, &other->broken, 0, &texts[1]);
    same =
        texts[0].size == texts[1].size && memcmp(texts[0].data, texts[1].data, texts[0].size) == 0;
    buffer_free(&texts[0]);
    buffer_free(&texts[1]);
    return same;
}

/*
 * What a critic may say that is wrong: another break of the same program, the right kind with wrong
 * values, what is wrong with another program.
 */
static void draw_other(const struct broken_problem *problem, struct broken_problem *other,
                       struct random *random) {
    do {
        uint64_t way = random_below(random, 3);
        *other = *problem;
        if (way == 0)
            choose_break(other, random);
        else if (way == 1)
            move_constants(other, random);
        else
            draw_broken(other, random);
    } while (same_meaning(problem, other));
}

/* `completion` is right where `label` is. */
bool mini_critique_labelled_make(const struct mini_settings *settings, struct random *random,
                                 struct record *record, struct error *error) {
    struct broken_problem problem, other;
    bool label;

    (void)settings;
    (void)error;
    record_set_text(record, "task", text_of("mini-critique"));
    draw_broken(&problem, random);
    set_problem(record, &problem, random);
    label = random_below(random, 2) == 1;
    if (!label)
        draw_other(&problem, &other, random);
    set_explanation(record, "completion", label ? &problem : &other, random);
    record_set_boolean(record, "label", label);
    return true;
}
