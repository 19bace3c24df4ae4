/* Answers of endpoints taken apart, hostile ones refused, and parts of them put into records. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "record/json.h"
#include "remote/answer.h"
#include "remote/answer_fields.h"

static const struct request_settings plain = {.top_logprobs = -1};
static const struct request_settings rating = {.top_logprobs = 20};

static void assert_refused(enum call_kind kind, const struct request_settings *settings,
                           const char *bytes, const char *why) {
    struct answer answer = {0};
    struct token_usage usage;
    struct error error = {0};

    assert_false(answer_text(kind, settings, text_of(bytes), &answer, &usage, &error));
    if (strstr(error.text, why) == NULL)
        fail_msg("'%s' is not in '%s'", why, error.text);
    answer_free(&answer);
}

static void answers_of_the_wrong_shape_are_refused_with_the_reason(void **state) {
    (void)state;
    assert_refused(CALL_CHAT, &plain, "", "no JSON");
    assert_refused(CALL_CHAT, &plain, "[]", "no JSON object");
    assert_refused(CALL_CHAT, &plain, "{}", "no 'choices'");
    assert_refused(CALL_CHAT, &plain, "{\"choices\":[]}", "no 'choices'");
    assert_refused(CALL_CHAT, &plain, "{\"choices\":{\"0\":1}}", "no 'choices'");
    assert_refused(CALL_CHAT, &plain, "{\"choices\":[[]]}", "no 'choices'");
    assert_refused(CALL_CHAT, &plain, "{\"choices\":[{}]}", "'finish_reason' is missing");
    assert_refused(CALL_CHAT, &plain, "{\"choices\":[{\"finish_reason\":7}]}", "is missing");
    assert_refused(CALL_CHAT, &plain, "{\"choices\":[{\"finish_reason\":\"tool_calls\"}]}",
                   "'finish_reason' is tool_calls");
    assert_refused(CALL_CHAT, &plain,
                   "{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":[1]}}]}",
                   "no text");
    assert_refused(CALL_COMPLETION, &plain,
                   "{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":\"x\"}}]}",
                   "no text");
    assert_refused(CALL_CHAT, &plain, "{\"choices\":[],\"choices\":[]}", "duplicate");
}

static void nesting_without_end_is_refused(void **state) {
    enum { DEPTH = 100000 };
    char *bytes = allocate(DEPTH + 1, 1);

    (void)state;
    memset(bytes, '[', DEPTH);
    assert_refused(CALL_CHAT, &plain, bytes, "no JSON");
    free(bytes);
}

#define CHOICE                                                                                     \
    "{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":\"4\"},\"logprobs\":%s}]}"

static void log_probabilities_that_are_none_are_refused(void **state) {
    static const char *const bad[] = {
        "null",
        "{}",
        "{\"content\":{}}",
        "{\"content\":[]}",
        "{\"content\":[{\"logprob\":-1}]}",
        "{\"content\":[{\"logprob\":\"-1\",\"top_logprobs\":[{\"token\":\"1\",\"logprob\":-1}]}]}",
        "{\"content\":[{\"logprob\":0.5,\"top_logprobs\":[{\"token\":\"1\",\"logprob\":-1}]}]}",
        "{\"content\":[{\"logprob\":-1,\"top_logprobs\":[{\"token\":1,\"logprob\":-1}]}]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char bytes[512];
        snprintf(bytes, sizeof bytes, CHOICE, bad[i]);
        assert_refused(CALL_CHAT, &rating, bytes, "");
    }
}

static void spellings_of_a_digit_are_counted_together(void **state) {
    static const char logprobs[] =
        "{\"content\":[{\"logprob\":1e-7,\"top_logprobs\":["
        "{\"token\":\"5\",\"logprob\":-1},{\"token\":\" 5\",\"logprob\":-2},"
        "{\"token\":\"\\u25815\",\"logprob\":-3},{\"token\":\"\\n\\n5\",\"logprob\":-4},"
        "{\"token\":\"55\",\"logprob\":-1},{\"token\":\"\",\"logprob\":-1},"
        "{\"token\":\" \",\"logprob\":-1},{\"token\":\"\\uff15\",\"logprob\":-1},"
        "{\"token\":\"3\",\"logprob\":-9999},{\"token\":\"2\",\"logprob\":null}]}]}";
    struct answer answer = {0};
    struct token_usage usage;
    struct error error = {0};
    char bytes[1024];

    (void)state;
    snprintf(bytes, sizeof bytes, CHOICE, logprobs);
    if (!answer_text(CALL_CHAT, &rating, text_of(bytes), &answer, &usage, &error))
        fail_msg("%s", error.text);
    assert_true(fabs(answer.digits[5] - log(exp(-1) + exp(-2) + exp(-3) + exp(-4))) < 1e-12);
    for (int digit = 0; digit < DIGIT_COUNT; digit++)
        assert_true(digit == 5 || isinf(answer.digits[digit]));
    assert_true(answer.logprob == 0); /* rounding above 1 is cut off */
    assert_int_equal(answer.token_count, -1);
    answer_free(&answer);
}

static void spellings_of_a_certain_digit_are_no_more_than_certain(void **state) {
    static const char logprobs[] = "{\"content\":[{\"logprob\":0,\"top_logprobs\":["
                                   "{\"token\":\"4\",\"logprob\":-0.0001},"
                                   "{\"token\":\" 4\",\"logprob\":-9}]}]}";
    struct answer answer = {0};
    struct token_usage usage;
    struct error error = {0};
    char bytes[512];

    (void)state;
    snprintf(bytes, sizeof bytes, CHOICE, logprobs);
    assert_true(answer_text(CALL_CHAT, &rating, text_of(bytes), &answer, &usage, &error));
    assert_true(answer.digits[4] == 0);
    answer_free(&answer);
}

/* An answer of that text and those log-probabilities, read with `settings`. */
static bool read_listed(enum call_kind kind, const struct request_settings *settings,
                        const char *text, const char *logprobs, struct answer *answer) {
    struct token_usage usage;
    struct error error = {0};
    char bytes[256];

    snprintf(bytes, sizeof bytes,
             kind == CALL_CHAT
                 ? "{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":\"%s\"}%s}]}"
                 : "{\"choices\":[{\"finish_reason\":\"stop\",\"text\":\"%s\"%s}]}",
             text, logprobs);
    return answer_text(kind, settings, text_of(bytes), answer, &usage, &error);
}

static void an_empty_answer_may_lack_its_log_probabilities(void **state) {
    static const struct request_settings listed = {.top_logprobs = 0};
    static const char *const none[] = {"", ",\"logprobs\":null", ",\"logprobs\":{}",
                                       ",\"logprobs\":{\"content\":null,\"token_logprobs\":null}"};
    struct answer answer = {0};

    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        for (enum call_kind kind = CALL_CHAT; kind <= CALL_COMPLETION; kind++) {
            assert_true(read_listed(kind, &listed, "", none[i], &answer));
            assert_false(answer.has_logprob);
            assert_false(read_listed(kind, &listed, "x", none[i], &answer));
            assert_false(read_listed(kind, &rating, "", none[i], &answer));
        }
    assert_false(read_listed(CALL_CHAT, &listed, "", ",\"logprobs\":{\"content\":7}", &answer));
    assert_true(read_listed(CALL_CHAT, &listed, "", ",\"logprobs\":{\"content\":[]}", &answer));
    assert_true(answer.has_logprob && answer.logprob == 0);
    answer_free(&answer);
}

static void a_refusal_is_what_the_model_says(void **state) {
    static const char bytes[] =
        "{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":null,\"refusal\":"
        "\"No\\u0000!\"}}],\"usage\":{\"prompt_tokens\":-4,\"completion_tokens\":9}}";
    struct answer answer = {0};
    struct token_usage usage;
    struct error error = {0};

    (void)state;
    assert_true(answer_text(CALL_CHAT, &plain, text_of(bytes), &answer, &usage, &error));
    assert_int_equal(answer.text.size, 4);
    assert_memory_equal(answer.text.data, "No\0!", 4);
    assert_int_equal(answer.token_count, 9);
    assert_int_equal(usage.prompt, 0); /* nonsense counts for nothing */
    answer_free(&answer);
}

/* Embeddings, in the order they were handed over, a line each. */
static bool gather(void *context, size_t index, struct text numbers, struct error *error) {
    (void)error;
    buffer_format(context, "%zu:%.*s\n", index, (int)numbers.size, numbers.bytes);
    return true;
}

static void embeddings_come_in_the_order_of_the_texts(void **state) {
    static const char bytes[] = "{\"data\":[{\"index\":1,\"embedding\":[3,4]},"
                                "{\"index\":0,\"embedding\":[1.5,2]}]}";
    struct buffer got = {0};
    struct token_usage usage;
    struct error error = {0};

    (void)state;
    assert_true(answer_embeddings(text_of(bytes), 2, gather, &got, &usage, &error));
    buffer_append(&got, "", 1);
    assert_string_equal((char *)got.data, "0:[1.5,2]\n1:[3,4]\n");
    buffer_free(&got);
}

static void embeddings_that_do_not_fit_are_refused_before_any_is_taken(void **state) {
    static const char *const bad[][2] = {
        {"{}", "0 embeddings for 2 texts"},
        {"{\"data\":[{\"embedding\":[1]}]}", "1 embeddings for 2 texts"},
        {"{\"data\":[{\"embedding\":[1]},{\"embedding\":[1,2]}]}", "different widths"},
        {"{\"data\":[{\"embedding\":[1]},{\"embedding\":[]}]}", "0 numbers"},
        {"{\"data\":[{\"embedding\":[1]},{\"embedding\":[\"1\"]}]}", "number 1"},
        {"{\"data\":[{\"embedding\":[1]},{\"embedding\":[1e300]}]}", "number 1"},
        {"{\"data\":[{\"embedding\":[1]},{\"embedding\":\"AAAA\"}]}", "0 numbers"},
        {"{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":0,\"embedding\":[1]}]}", "0 num"},
        {"{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":7,\"embedding\":[1]}]}", "0 num"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct buffer got = {0};
        struct token_usage usage;
        struct error error = {0};
        assert_false(answer_embeddings(text_of(bad[i][0]), 2, gather, &got, &usage, &error));
        if (strstr(error.text, bad[i][1]) == NULL)
            fail_msg("'%s' is not in '%s'", bad[i][1], error.text);
        assert_int_equal(got.size, 0);
        buffer_free(&got);
    }
}

/* ---- fields ---- */

/* What becomes of {"id":"a","prompt":"p","completion":"c","mine":1}. */
static void assert_taken(const char *list, const char *answer, const char *wanted) {
    struct buffer packed = {0}, shown = {0};
    struct record record = {0};
    struct answer_fields fields;
    struct error error = {0};

    assert_true(
        json_read_record(text_of("{\"id\":\"a\",\"prompt\":\"p\",\"completion\":\"c\",\"mine\":1}"),
                         &packed, &error));
    assert_true(record_parse(&record, packed.data, packed.size, &error));
    assert_true(answer_fields_parse(list, &fields, &error));
    bool taken = answer_fields_take(&fields, text_of(answer), &record, &error);
    json_write_record(&record, &shown);
    buffer_append(&shown, "", 1);
    if (wanted[0] == '{') {
        assert_true(taken);
        assert_string_equal((char *)shown.data, wanted);
    } else {
        assert_false(taken);
        if (strstr(error.text, wanted) == NULL)
            fail_msg("'%s' is not in '%s'", wanted, error.text);
        assert_string_equal((char *)shown.data,
                            "{\"id\":\"a\",\"prompt\":\"p\",\"completion\":\"c\",\"mine\":1}");
    }
    answer_fields_free(&fields);
    record_free(&record);
    buffer_free(&packed);
    buffer_free(&shown);
}

static void parts_stand_between_their_tags(void **state) {
    (void)state;
    assert_taken(
        "x", " whole\n<x>1</x> ",
        "{\"id\":\"a\",\"prompt\":\"p\",\"completion\":\"c\",\"mine\":1,\"x\":\"whole\\n<x>"
        "1</x>\"}");
    assert_taken("x=y", "?<y>1</y><y>2</y>",
                 "{\"id\":\"a\",\"prompt\":\"p\",\"completion\":\"c\",\"mine\":1,\"x\":\"1\"}");
    assert_taken("prompt,reference=b:json", "<b>[1]</b><prompt>q</prompt>",
                 "{\"id\":\"a\",\"prompt\":\"q\",\"mine\":1,\"reference\":[1]}");
    assert_taken("x=y", "</y>1<y>", "no part <y>");
    assert_taken("x=y", "", "no part <y>");
    assert_taken("x", " \n", "empty");
    assert_taken("prompt,x:json", "<prompt>q</prompt><x>[</x>", "part for 'x'");
    assert_taken("x:json", "{\"a\":1,\"a\":2}", "part for 'x'");
}

static void code_is_what_stands_in_the_first_fence(void **state) {
    (void)state;
#define REST "{\"id\":\"a\",\"prompt\":\"p\",\"completion\":\"c\",\"mine\":1,\"x\":"
    assert_taken("x:code", "Here:\n```cpp\n int x;\n```\nor\n```\nint y;\n```",
                 REST "\" int x;\"}");
    assert_taken("x:code", " int x; ", REST "\"int x;\"}");
    assert_taken("x:code", "```cpp\nint x;", REST "\"```cpp\\nint x;\"}");
    assert_taken("x:code", "```\n```", "empty");
    assert_taken("x:json", "```json\n{\"k\":[1.5]}\n```", REST "{\"k\":[1.5]}}");
}

static void malformed_lists_of_fields_are_refused(void **state) {
    static const char *const bad[] = {"", ",", "a,,b", "a:", "a:c", "=t", "a=", "a=:json"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct answer_fields fields;
        struct error error = {0};
        assert_false(answer_fields_parse(bad[i], &fields, &error));
        assert_non_null(strstr(error.text, "--into: '"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_the_wrong_shape_are_refused_with_the_reason),
        cmocka_unit_test(nesting_without_end_is_refused),
        cmocka_unit_test(log_probabilities_that_are_none_are_refused),
        cmocka_unit_test(spellings_of_a_digit_are_counted_together),
        cmocka_unit_test(spellings_of_a_certain_digit_are_no_more_than_certain),
        cmocka_unit_test(an_empty_answer_may_lack_its_log_probabilities),
        cmocka_unit_test(a_refusal_is_what_the_model_says),
        cmocka_unit_test(embeddings_come_in_the_order_of_the_texts),
        cmocka_unit_test(embeddings_that_do_not_fit_are_refused_before_any_is_taken),
        cmocka_unit_test(parts_stand_between_their_tags),
        cmocka_unit_test(code_is_what_stands_in_the_first_fence),
        cmocka_unit_test(malformed_lists_of_fields_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
