/*
 * The mini tasks: that their problems are right, differ, and stay what they are; and that the two
 * languages of mini-math say the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "task/mini_math.h"

enum { SOME = 20000 };

static struct mini_stream *open_stream(const char *task, uint64_t seed, int language) {
    struct mini_settings settings = {.seed = seed, .language = language};
    struct error error = {0};
    const struct mini_task *found = mini_task_find(task, &error);
    struct mini_stream *stream;

    assert_non_null(found);
    stream = mini_stream_open(found, &settings, &error);
    assert_non_null(stream);
    return stream;
}

static void next(struct mini_stream *stream, struct record *record) {
    struct error error = {0};

    if (!mini_stream_next(stream, record, &error))
        fail_msg("%s", error.text);
}

/* A text field, ended by a zero; owned by the caller. */
static char *field(const struct record *record, const char *key) {
    struct error error = {0};
    struct text text;

    if (!record_text(record, key, &text, &error))
        fail_msg("%s", error.text);
    return format_text("%.*s", (int)text.size, text.bytes);
}

/* ---- mini-math ---- */

static long calculate(long a, char operation, long b) {
    switch (operation) {
    case '+':
        return a + b;
    case '-':
        return a - b;
    case '*':
        return a * b;
    default:
        assert_int_equal(operation, '/');
        assert_int_equal(a % b, 0);
        return a / b;
    }
}

/* Every "a+b=c" of a solution. */
static void check_steps(const char *solution) {
    int steps = 0;

    for (const char *at = solution; (at = strpbrk(at, "0123456789")) != NULL;) {
        long a, b, c;
        char operation;
        int size;
        if (sscanf(at, "%ld%c%ld=%ld%n", &a, &operation, &b, &c, &size) < 4)
            break; /* the answer */
        assert_int_equal(calculate(a, operation, b), c);
        assert_in_range(c, 1, 999);
        at += size;
        steps++;
    }
    assert_in_range(steps, 1, 3);
}

static void every_step_of_a_solution_is_right_and_its_answer_is_the_reference(void **state) {
    struct mini_stream *stream = open_stream("mini-math", 1, MINI_ENGLISH);
    struct record record = {0};

    (void)state;
    for (int i = 0; i < SOME; i++) {
        next(stream, &record);
        char *solution = field(&record, "solution"), *reference = field(&record, "reference");
        char *box = format_text(" \\boxed{%s}", reference);
        check_steps(solution);
        assert_string_equal(solution + strlen(solution) - strlen(box), box);
        free(box);
        free(reference);
        free(solution);
    }
    record_free(&record);
    mini_stream_close(stream);
}

static void every_domain_and_level_comes_as_often(void **state) {
    static const char *const domains[] = {"Algebra", "Geometry", "Numbers"};
    struct mini_stream *stream = open_stream("mini-math", 2, MINI_ENGLISH);
    struct record record = {0};
    struct error error = {0};
    int counts[3][5] = {{0}};

    (void)state;
    for (int i = 0; i < SOME; i++) {
        int64_t level;
        next(stream, &record);
        char *domain = field(&record, "domain");
        assert_true(record_integer(&record, "level", &level, &error));
        for (int d = 0; d < 3; d++)
            counts[d][level - 1] += strcmp(domain, domains[d]) == 0;
        free(domain);
    }
    for (int d = 0; d < 3; d++)
        for (int level = 0; level < 5; level++)
            assert_in_range(counts[d][level], SOME / 15 * 7 / 10, SOME / 15 * 12 / 10);
    record_free(&record);
    mini_stream_close(stream);
}

static void assert_translates(const char *from, int language, const char *expected) {
    struct buffer out = {0};

    mini_math_translate(text_of(from), language, &out);
    if (!text_is((struct text){(const char *)out.data, out.size}, expected))
        fail_msg("\"%.*s\" instead of \"%s\"", (int)out.size, (const char *)out.data, expected);
    buffer_free(&out);
}

static void
the_same_problem_has_two_languages_and_each_solution_translates_to_the_other(void **state) {
    struct mini_stream *english = open_stream("mini-math", 3, MINI_ENGLISH);
    struct mini_stream *spanish = open_stream("mini-math", 3, MINI_SPANISH);
    struct record a = {0}, b = {0};

    (void)state;
    for (int i = 0; i < SOME; i++) {
        static const char *const same[] = {"id", "reference", "domain"};
        next(english, &a);
        next(spanish, &b);
        for (int k = 0; k < 3; k++) {
            char *left = field(&a, same[k]), *right = field(&b, same[k]);
            assert_string_equal(left, right);
            free(left);
            free(right);
        }
        char *left = field(&a, "solution"), *right = field(&b, "solution");
        assert_translates(left, MINI_SPANISH, right);
        assert_translates(right, MINI_ENGLISH, left);
        free(left);
        free(right);
    }
    record_free(&a);
    record_free(&b);
    mini_stream_close(english);
    mini_stream_close(spanish);
}

static void what_is_no_word_of_a_solution_stays_as_it_is(void **state) {
    (void)state;
    assert_translates("", MINI_SPANISH, "");
    assert_translates("cost costs cost", MINI_SPANISH, "costo costs costo");
    assert_translates(" apples 3*4=\xff \\boxed{12", MINI_SPANISH, " manzanas 3*4=\xff \\boxed{12");
    assert_translates("\\boxed{} \\boxed{a{b} \\boxed{1/2} \\boxed{7", MINI_SPANISH,
                      "\\boxed{} \\boxed{a{b} respuesta: 1/2 \\boxed{7");
    assert_translates("respuesta:7 respuesta:  7 respuesta: 7\nrespuesta: ", MINI_ENGLISH,
                      "respuesta:7 respuesta:  7 \\boxed{7}\nrespuesta: ");
    assert_translates("cost 3*4=12", MINI_ENGLISH, "cost 3*4=12");
}

/* ---- mini-choice ---- */

enum { MOST_NAMES = 200 };

struct ranking {
    char *names[MOST_NAMES];
    size_t count;
    bool above[MOST_NAMES][MOST_NAMES];
};

static size_t place_of(struct ranking *ranking, const char *name) {
    for (size_t i = 0; i < ranking->count; i++)
        if (strcmp(ranking->names[i], name) == 0)
            return i;
    assert_true(ranking->count < MOST_NAMES);
    ranking->names[ranking->count] = copy_text(name);
    return ranking->count++;
}

/* Notes what a question and its answer say of the four. */
static void note_question(struct ranking *ranking, const char *prompt, char answer) {
    static const char *const most[] = {"heaviest", "largest", "densest", "oldest"};
    char group[32], asked[32], names[4][32];
    bool up = false;

    assert_int_equal(sscanf(prompt,
                            "%31[^:]: which is the %31[^?]?\nA. %31[^\n]\nB. %31[^\n]\nC. "
                            "%31[^\n]\nD. %31s",
                            group, asked, names[0], names[1], names[2], names[3]),
                     6);
    for (int i = 0; i < 4; i++)
        up = up || strcmp(asked, most[i]) == 0;
    for (int i = 0; i < 4; i++)
        if (i != answer - 'A') {
            size_t best = place_of(ranking, names[answer - 'A']),
                   other = place_of(ranking, names[i]);
            ranking->above[up ? best : other][up ? other : best] = true;
        }
}

static void the_answers_of_all_questions_agree_with_one_order(void **state) {
    struct mini_stream *stream = open_stream("mini-choice", 1, MINI_ENGLISH);
    struct ranking *ranking = allocate(1, sizeof *ranking);
    struct record record = {0};
    int letters[4] = {0}, known = 0;

    (void)state;
    for (int i = 0; i < SOME; i++) {
        next(stream, &record);
        char *prompt = field(&record, "prompt"), *reference = field(&record, "reference");
        char *solution = field(&record, "solution");
        assert_string_equal(solution + 1, reference);
        assert_int_equal(solution[0], ' ');
        letters[*reference - 'A']++;
        note_question(ranking, prompt, *reference);
        free(prompt);
        free(reference);
        free(solution);
    }
    assert_int_equal(ranking->count, 80);
    for (size_t i = 0; i < ranking->count; i++)
        for (size_t k = 0; k < ranking->count; k++) {
            assert_false(ranking->above[i][k] && ranking->above[k][i]);
            known += ranking->above[i][k];
        }
    assert_true(known > 4 * 20 * 19 / 2 * 9 / 10);
    for (int i = 0; i < 4; i++)
        assert_in_range(letters[i], SOME / 4 * 9 / 10, SOME / 4 * 11 / 10);
    for (size_t i = 0; i < ranking->count; i++)
        free(ranking->names[i]);
    free(ranking);
    record_free(&record);
    mini_stream_close(stream);
}

/* ---- streams ---- */

static void known_problems_of_known_seeds_stay_what_they_are(void **state) {
    struct mini_stream *math = open_stream("mini-math", 0, MINI_ENGLISH);
    struct mini_stream *choice = open_stream("mini-choice", 0, MINI_ENGLISH);
    struct record record = {0};

    (void)state;
    next(math, &record);
    char *text = field(&record, "prompt");
    assert_string_equal(text, "Solve $8(k+8)=136$.");
    free(text);
    next(choice, &record);
    text = field(&record, "prompt");
    assert_string_equal(
        text, "Countries: which is the largest?\nA. Egypt\nB. Qatar\nC. Russia\nD. China");
    free(text);
    record_free(&record);
    mini_stream_close(math);
    mini_stream_close(choice);
}

static bool make_one_of_three(const struct mini_settings *settings, struct random *random,
                              struct record *record, struct error *error) {
    char prompt = (char)('a' + random_below(random, 3));

    (void)settings, (void)error;
    record_set_text(record, "prompt", (struct text){&prompt, 1});
    return true;
}

static void a_task_that_has_no_more_problems_says_how_many_it_had(void **state) {
    const struct mini_task task = {"mini-three", make_one_of_three};
    struct mini_settings settings = {.seed = 5}, spanish = {.language = MINI_SPANISH};
    struct error error = {0};
    struct mini_stream *stream = mini_stream_open(&task, &settings, &error);
    struct record record = {0};

    (void)state;
    for (int i = 0; i < 3; i++) {
        next(stream, &record);
        char *id = field(&record, "id"), *expected = format_text("mini-three-5-%d", i);
        assert_string_equal(id, expected);
        free(id);
        free(expected);
    }
    assert_false(mini_stream_next(stream, &record, &error));
    assert_non_null(strstr(error.text, "mini-three with seed 5 has no more than 3"));
    assert_null(mini_stream_open(&task, &spanish, &error));
    assert_non_null(strstr(error.text, "in English only"));
    record_free(&record);
    mini_stream_close(stream);
}

static void a_task_of_another_name_is_refused_with_those_there_are(void **state) {
    struct error error = {0};

    (void)state;
    assert_null(mini_task_find("mini-maths", &error));
    assert_non_null(strstr(error.text, "mini-math, mini-choice"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_of_a_solution_is_right_and_its_answer_is_the_reference),
        cmocka_unit_test(every_domain_and_level_comes_as_often),
        cmocka_unit_test(
            the_same_problem_has_two_languages_and_each_solution_translates_to_the_other),
        cmocka_unit_test(what_is_no_word_of_a_solution_stays_as_it_is),
        cmocka_unit_test(the_answers_of_all_questions_agree_with_one_order),
        cmocka_unit_test(known_problems_of_known_seeds_stay_what_they_are),
        cmocka_unit_test(a_task_that_has_no_more_problems_says_how_many_it_had),
        cmocka_unit_test(a_task_of_another_name_is_refused_with_those_there_are),
    };

    return cmocka_run_group_tests_name("mini", tests, NULL, NULL);
}
