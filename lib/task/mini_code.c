/*
 * mini-code: write the little program that a statement asks for. The usual mistake is another
 * operation in the first step.
 */
#include "task/mini.h"
#include "task/mini_tests.h"

static void set_program(struct record *record, const char *key, const struct mini_program *program,
                        struct random *random, struct buffer *text) {
    struct mini_style style;

    mini_style_draw(&style, random);
    text->size = 0;
    mini_program_write(program, &style, text);
    mini_set_text(record, key, text);
}

/* The program with the first of its breaks, which the tests all but always catch. */
static void make_mistake(struct mini_program *program, const struct mini_tests *tests) {
    struct mini_break breaks[MINI_BREAKS];
    unsigned count = mini_breaks(program, breaks), chosen = 0;

    while (chosen + 1 < count && !mini_tests_catch(tests, program, &breaks[chosen].program))
        chosen++;
    *program = breaks[chosen].program;
}

/* `reference` and `solution` are the same program, written as two hands would, unless mistaken. */
bool mini_code_make(const struct mini_settings *settings, struct random *random,
                    struct record *record, struct error *error) {
    struct mini_program program, solved;
    struct mini_tests tests;
    struct buffer text = {0};

    (void)error;
    mini_program_draw(&program, random);
    mini_tests_draw(&program, &tests, random);
    mini_program_statement(&program, &text);
    mini_set_text(record, "prompt", &text);
    set_program(record, "reference", &program, random, &text);
    solved = program;
    if (mini_mistaken(settings, random))
        make_mistake(&solved, &tests);
    set_program(record, "solution", &solved, random, &text);
    mini_tests_set(&tests, &program, record);
    record_set_text(record, "domain", text_of(mini_family_name(program.family)));
    record_set_integer(record, "level", mini_family_level(program.family));
    buffer_free(&text);
    return true;
}
