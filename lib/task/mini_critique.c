/*
 * mini-critique: say what is wrong with a little program that was broken in one way; and pairs of
 * explanations with labels, for grade-critique --calibrate.
 */
#include <string.h>

#include "task/mini.h"
#include "task/mini_broken.h"

static void set_explanation(struct record *record, const char *key,
                            const struct mini_broken *problem, struct random *random) {
    struct buffer text = {0};

    mini_break_explain(&problem->right, &problem->broken,
                       (unsigned)random_below(random, MINI_WORDINGS), &text);
    mini_set_text(record, key, &text);
    buffer_free(&text);
}

static void set_problem(struct record *record, const struct mini_broken *problem,
                        struct random *random) {
    mini_broken_set(problem, &problem->broken.program, record, random);
    set_explanation(record, "reference", problem, random);
    record_set_text(record, "domain", text_of(mini_break_name(problem->broken.kind)));
}

bool mini_critique_make(const struct mini_settings *settings, struct random *random,
                        struct record *record, struct error *error) {
    struct mini_broken problem;

    (void)settings;
    (void)error;
    mini_broken_draw(&problem, random);
    set_problem(record, &problem, random);
    set_explanation(record, "solution", &problem, random);
    return true;
}

/* ---- labelled pairs ---- */

/* The same break of a program with other constants. */
static void move_constants(struct mini_broken *other, struct random *random) {
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
static bool same_meaning(const struct mini_broken *one, const struct mini_broken *other) {
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
static void draw_other(const struct mini_broken *problem, struct mini_broken *other,
                       struct random *random) {
    do {
        uint64_t way = random_below(random, 3);
        *other = *problem;
        if (way == 0)
            mini_broken_again(other, random);
        else if (way == 1)
            move_constants(other, random);
        else
            mini_broken_draw(other, random);
    } while (same_meaning(problem, other));
}

/* `completion` is right where `label` is. */
bool mini_critique_labelled_make(const struct mini_settings *settings, struct random *random,
                                 struct record *record, struct error *error) {
    struct mini_broken problem, other;
    bool label;

    (void)settings;
    (void)error;
    record_set_text(record, "task", text_of("mini-critique"));
    mini_broken_draw(&problem, random);
    set_problem(record, &problem, random);
    label = random_below(random, 2) == 1;
    if (!label)
        draw_other(&problem, &other, random);
    set_explanation(record, "completion", label ? &problem : &other, random);
    record_set_boolean(record, "label", label);
    return true;
}
