/* Drawing programs and inputs of the seven families, and what they print. */
#include "task/mini_program.h"

#include <string.h>

/* ---- drawing ---- */

static int draw_between(struct random *random, int least, int most) {
    return least + (int)random_below(random, (uint64_t)(most - least + 1));
}

static bool draw_bit(struct random *random) {
    return random_below(random, 2) == 1;
}

static int draw_constant(struct random *random) {
    return draw_between(random, MINI_LEAST, MINI_MOST);
}

/* An addition or subtraction where `times` is false. */
static struct mini_step draw_step(struct random *random, bool times) {
    return (struct mini_step){
        .operator=(enum mini_operator) random_below(random, times ? MINI_OPERATORS : MINI_TIMES),
        .constant = draw_constant(random),
    };
}

static bool same_step(struct mini_step one, struct mini_step other) {
    return one.operator== other.operator&& one.constant == other.constant;
}

/* By the number of different problems that each has. */
static enum mini_family draw_family(struct random *random) {
    static const unsigned weights[MINI_FAMILIES] = {3, 4, 2, 3, 1, 3, 2};
    unsigned left = 0, family = 0;

    for (unsigned i = 0; i < MINI_FAMILIES; i++)
        left += weights[i];
    left = (unsigned)random_below(random, left);
    while (left >= weights[family])
        left -= weights[family++];
    return (enum mini_family)family;
}

static void draw_test(struct mini_program *program, struct random *random) {
    bool digits = program->family == MINI_DIGITS;

    program->relation = (enum mini_relation)random_below(random, MINI_ALWAYS);
    program->constant = draw_between(random, MINI_LEAST, digits ? 7 : MINI_MOST);
    while (program->constant <= program->first) /* of a range: or else nothing passes, or all */
        program->constant = draw_constant(random);
}

void mini_program_draw(struct mini_program *program, struct random *random) {
    *program = (struct mini_program){.family = draw_family(random), .relation = MINI_ALWAYS};
    enum mini_family family = program->family;

    program->names = (unsigned)random_below(random, MINI_NAMES);
    program->steps[0] = draw_step(random, true);
    program->steps[1] = draw_step(random, family == MINI_CONDITION);
    while (same_step(program->steps[0], program->steps[1]))
        program->steps[1] = draw_step(random, family == MINI_CONDITION);
    if (family == MINI_RANGE)
        program->first = draw_between(random, 1, 9);
    if (family == MINI_CONDITION || family == MINI_LIST || family == MINI_DIGITS ||
        (family == MINI_RANGE && draw_bit(random)))
        draw_test(program, random);
    if (family == MINI_REPEAT) {
        program->first = draw_between(random, 2, 5);
        if (program->steps[0].operator== MINI_TIMES)
            program->steps[0].constant = draw_between(random, MINI_LEAST, 9);
    }
    program->second_first = family == MINI_ARITHMETIC && draw_bit(random);
    program->smallest = family == MINI_EXTREME && draw_bit(random);
    program->counts = (family == MINI_LIST || family == MINI_DIGITS) && draw_bit(random);
}

void mini_style_draw(struct mini_style *style, struct random *random) {
    style->letters = (unsigned)random_below(random, 2);
    style->while_loop = draw_bit(random);
    style->turned = draw_bit(random);
}

/* A number near what the program's test compares with as often as not. */
static int draw_number(const struct mini_program *program, struct random *random) {
    if (program->relation == MINI_ALWAYS || draw_bit(random))
        return draw_between(random, -20, 30);
    if (program->relation == MINI_DIVISIBLE)
        return program->constant * draw_between(random, 1, 3);
    return program->constant + draw_between(random, -1, 1);
}

static int draw_digits(const struct mini_program *program, struct random *random) {
    int number = 0;

    for (int left = draw_between(random, 2, 6); left > 0; left--)
        number = number * 10 + (draw_bit(random) ? draw_between(random, 1, 9)
                                                 : program->constant + draw_between(random, -1, 1));
    return number;
}

void mini_input_draw(const struct mini_program *program, struct mini_input *input,
                     struct random *random) {
    static const int counts[MINI_FAMILIES] = {2, 1, 3, 1, 1, MINI_NUMBERS, 1};

    *input = (struct mini_input){.count = counts[program->family]};
    if (program->family == MINI_LIST)
        input->count = draw_between(random, 4, MINI_NUMBERS);
    for (int i = 0; i < input->count; i++)
        input->numbers[i] = draw_number(program, random);
    if (program->family == MINI_LIST)
        input->numbers[0] = input->count - 1;
    if (program->family == MINI_RANGE)
        input->numbers[0] = draw_between(random, program->first, 25);
    if (program->family == MINI_DIGITS)
        input->numbers[0] = draw_digits(program, random);
}

/* ---- what a family is ---- */

const char *mini_family_name(enum mini_family family) {
    static const char *const names[MINI_FAMILIES] = {"arithmetic", "condition", "extreme", "range",
                                                     "repeat",     "list",      "digits"};
    return names[family];
}

int mini_family_level(enum mini_family family) {
    static const int levels[MINI_FAMILIES] = {1, 2, 2, 3, 3, 4, 4};
    return levels[family];
}

char mini_name(const struct mini_program *program, unsigned place) {
    static const char names[MINI_NAMES][4] = {"abc", "xyz", "pqr", "efg", "hjl"};
    return names[program->names][place];
}

/* ---- what it prints ---- */

static int64_t apply(struct mini_step step, int64_t value) {
    switch (step.operator) {
    case MINI_PLUS:
        return value + step.constant;
    case MINI_MINUS:
        return value - step.constant;
    case MINI_TIMES:
        break;
    }
    return value * step.constant;
}

static bool passes(const struct mini_program *program, int64_t value) {
    switch (program->relation) {
    case MINI_LESS:
        return value < program->constant;
    case MINI_GREATER:
        return value > program->constant;
    case MINI_AT_MOST:
        return value <= program->constant;
    case MINI_AT_LEAST:
        return value >= program->constant;
    case MINI_EQUAL:
        return value == program->constant;
    case MINI_DIVISIBLE:
        return value % program->constant == 0;
    case MINI_ALWAYS:
        break;
    }
    return true;
}

/* What one number adds to a sum or count. */
static int64_t share(const struct mini_program *program, int64_t value) {
    if (!passes(program, value))
        return 0;
    return program->counts ? 1 : value;
}

static int64_t arithmetic(const struct mini_program *program, const int64_t *numbers) {
    bool second = program->second_first;
    struct mini_step join = {program->steps[0].operator,(int) numbers[!second]};

    return apply(program->steps[1], apply(join, numbers[second] * program->steps[0].constant));
}

static int64_t extreme(const struct mini_program *program, const int64_t *numbers) {
    int64_t found = numbers[0];

    for (int i = 1; i < (program->ignores ? 2 : 3); i++)
        if (program->smallest ? numbers[i] < found : numbers[i] > found)
            found = numbers[i];
    return apply(program->steps[1], apply(program->steps[0], found));
}

static int64_t range(const struct mini_program *program, int64_t last) {
    int64_t sum = program->initial;

    for (int64_t i = program->first; i <= last - program->short_by_one; i++)
        if (passes(program, i))
            sum += apply(program->steps[0], i);
    return sum;
}

static int64_t repeat(const struct mini_program *program, int64_t value) {
    for (int i = 0; i < program->first; i++)
        value = apply(program->steps[1], apply(program->steps[0], value));
    return value;
}

static int64_t list(const struct mini_program *program, const struct mini_input *input) {
    int64_t sum = program->initial;

    for (int i = 1; i < input->count - program->short_by_one; i++)
        sum += share(program, program->unread ? 0 : input->numbers[i]);
    return apply(program->steps[0], sum);
}

static int64_t digits(const struct mini_program *program, int64_t number) {
    int64_t sum = program->initial;

    for (; number > (program->short_by_one ? 9 : 0); number /= 10)
        sum += share(program, number % 10);
    return apply(program->steps[0], sum);
}

int64_t mini_program_output(const struct mini_program *program, const struct mini_input *input) {
    int64_t numbers[3] = {input->numbers[0], input->numbers[1], input->numbers[2]};

    if (program->reversed) {
        numbers[0] = input->numbers[1];
        numbers[1] = input->numbers[0];
    }
    if (program->unread)
        numbers[program->family == MINI_EXTREME ? 2 : 1] = 0;
    switch (program->family) {
    case MINI_ARITHMETIC:
        return arithmetic(program, numbers);
    case MINI_CONDITION:
        return apply(program->steps[passes(program, numbers[0]) == program->swapped], numbers[0]);
    case MINI_EXTREME:
        return extreme(program, numbers);
    case MINI_RANGE:
        return range(program, numbers[0]);
    case MINI_REPEAT:
        return repeat(program, numbers[0]);
    case MINI_LIST:
        return list(program, input);
    case MINI_DIGITS:
        break;
    }
    return digits(program, numbers[0]);
}
