/* Values with error bounds: what an evaluation claims holds against one to many more bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "grade/math_evaluate.h"
#include "grade/math_parse.h"

enum { FEW = 128, MANY = 1024, POINTS = 6 };

struct setting {
    struct math_tree tree;
    struct math_tokens tokens;
    struct ball_stack few, many;
};

static int make_setting(void **state) {
    struct setting *setting = allocate(1, sizeof *setting);

    math_tree_init(&setting->tree);
    setting->tokens.items = allocate(MATH_TOKENS, sizeof *setting->tokens.items);
    setting->few.precision = FEW;
    setting->many.precision = MANY;
    *state = setting;
    return 0;
}

static int drop_setting(void **state) {
    struct setting *setting = *state;

    math_tree_free(&setting->tree);
    free(setting->tokens.items);
    ball_stack_free(&setting->few);
    ball_stack_free(&setting->many);
    free(setting);
    mpfr_free_cache();
    return 0;
}

static int parse(struct setting *setting, const char *text) {
    struct math_reading reading = {.format = MATH_LATEX, .commas_group = true};
    int root;

    math_tree_clear(&setting->tree, 4096);
    root = math_parse(text_of(text), &reading, &setting->tree, &setting->tokens);
    if (root < 0)
        fail_msg("cannot be read: %s", text);
    return root;
}

static struct math_ball *value(struct setting *setting, struct ball_stack *stack, int root,
                               int point) {
    struct evaluation evaluation = {
        .tree = &setting->tree, .stack = stack, .point = point, .work = 100000};
    struct math_ball *ball;

    stack->used = 0;
    ball = ball_take(stack);
    return math_evaluate(&evaluation, root, ball) ? ball : NULL;
}

/* Whether the two are within their errors; the finer one's difference is taken in its precision. */
static void assert_enclosed(const char *text, int point, struct math_ball *coarse,
                            struct ball_stack *many, const struct math_ball *fine) {
    struct math_ball *difference = ball_take(many);
    long error = coarse->error > fine->error ? coarse->error : fine->error;

    assert_true(ball_subtract(difference, coarse, fine));
    if (ball_magnitude(difference) - 1 > error + 1)
        fail_msg("%s at point %d: off by 2^%ld, claimed 2^%ld", text, point,
                 ball_magnitude(difference), error);
    assert_false(coarse->real != fine->real);
}

/* The number of points at which the text has a value with few bits. */
static int check(struct setting *setting, const char *text) {
    int root = parse(setting, text), found = 0;

    for (int point = 0; point < POINTS; point++) {
        struct math_ball *coarse = value(setting, &setting->few, root, point), *fine;
        if (coarse == NULL)
            continue;
        fine = value(setting, &setting->many, root, point);
        if (fine == NULL)
            fail_msg("%s at point %d: has a value with few bits only", text, point);
        assert_enclosed(text, point, coarse, &setting->many, fine);
        found++;
    }
    return found;
}

static void a_value_lies_within_its_error_of_the_true_one(void **state) {
    static const char *const texts[] = {
        "\\frac{22}{7}-\\pi",
        "\\sqrt{2}+\\sqrt[3]{5}-e^2",
        "10^{40}+\\pi-10^{40}",
        "x^3-3x^2y+\\frac{1}{x}",
        "\\sin(100000x)+\\cos(y)",
        "\\tan x\\cot x - 1",
        "\\sqrt{x-y}\\sqrt{y-x}",
        "\\ln(x-y)",
        "(x-y)^{1/3}",
        "x^{y}",
        "(x+iy)^{10}",
        "\\frac{1}{x+iy}",
        "e^{i x}-\\cos x-i\\sin x",
        "\\arcsin(\\sin 1)",
        "\\arccos\\frac{x}{9}",
        "\\arctan(1000x)",
        "\\sinh x+\\cosh y-\\tanh(xy)",
        "|x-iy|",
        "x!-y!",
        "\\binom{x}{5}",
        "\\log_{3}(x^2+1)",
        "\\lfloor 10x\\rfloor+\\lceil y\\rceil",
        "\\sqrt{1+10^{-30}}-1",
        "\\frac{1}{\\sqrt{2}-1.41421356237309504880}",
        "\\sin(ix)",
        "\\cos(x+iy)",
        "\\ln(-x-iy)",
        "(-8)^{1/3}",
        "2^{-300}x",
        "\\max(x,y)-\\min(x,y)",
        "\\gcd(12,18)x",
        "f(x)-f(y)",
        "5\\%x+30^\\circ",
        "\\sec x\\csc y",
        "\\sqrt{10^{-60}-10^{-60}}",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (check(*state, texts[i]) == 0)
            fail_msg("%s has no value anywhere", texts[i]);
}

/* A text of an expression that the random numbers choose. */
static void write_expression(struct random *random, struct buffer *out, int depth) {
    static const char *const leaves[] = {"x", "y", "2", "\\frac{3}{7}", "\\pi", "i", "0.125", "17"};
    static const char *const forms[] = {
        "(%+%)",     "(%-%)",       "(%\\cdot %)", "\\frac{%}{%}",
        "\\sqrt{%}", "{%}^{2}",     "{%}^{%}",     "\\sin(%)",
        "\\ln(%)",   "e^{%}",       "|%|",         "\\sqrt[3]{%}",
        "\\cos(%)",  "\\arctan(%)", "\\tan(%)",    "{%}^{-\\frac{3}{2}}",
    };
    const char *form = forms[random_below(random, sizeof forms / sizeof *forms)];

    if (depth == 0 || random_below(random, 6) == 0) {
        buffer_append_text(out, leaves[random_below(random, sizeof leaves / sizeof *leaves)]);
        return;
    }
    for (; *form != 0; form++)
        if (*form == '%')
            write_expression(random, out, depth - 1);
        else
            buffer_append(out, form, 1);
}

static void so_do_values_of_expressions_made_at_random(void **state) {
    enum { COUNT = 3000 };
    struct buffer text = {0};
    int found = 0;

    for (int i = 0; i < COUNT; i++) {
        struct random random;
        random_start(&random, &(struct random_name){.purpose = "math", .sample = (uint64_t)i});
        text.size = 0;
        write_expression(&random, &text, 4);
        buffer_append(&text, "", 1);
        found += check(*state, (const char *)text.data) > 0;
    }
    buffer_free(&text);
    assert_true(found > COUNT / 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_lies_within_its_error_of_the_true_one),
        cmocka_unit_test(so_do_values_of_expressions_made_at_random),
    };
    return cmocka_run_group_tests_name("math_evaluate", tests, make_setting, drop_setting);
}
