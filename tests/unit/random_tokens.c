/*
 * Policies of random tokens, fixedrdm and uniform: what they draw, how often, and how much of it.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/files.h"
#include "include/scratch_folder.h"
#include "record/stream.h"
#include "task/fixedrdm.h"
#include "task/random_tokens.h"

static char lengths[64];

enum { VOCABULARY = 9, END = 6, NO_TOKEN = 4, LENGTH = 20000, SEED = 8 };

/* Ids 0 … 8; 6 is special, and 4 no token has. */
static const char tokenizer_json[] =
    "{\"version\":\"1.0\",\"added_tokens\":[{\"id\":6,\"content\":\"<end>\",\"special\":true,"
    "\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false}],"
    "\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
    "\"post_processor\":null,\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\","
    "\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"d\":3,\"e\":5,\"\u00e3\":7,\"f\":8},\"merges\":[]}}";

static void add(struct record_writer *writer, const char *id, size_t count, int64_t sample,
                const char *finish) {
    struct record record = {0};
    struct error error = {0};
    char *text = allocate(count + 1, 1);

    memset(text, 'a', count);
    record_set_text(&record, "id", text_of(id));
    record_set_text(&record, "completion", text_of(text));
    record_set_integer(&record, "sample", sample);
    if (finish != NULL)
        record_set_text(&record, "finish", text_of(finish));
    assert_true(record_writer_add(writer, &record, &error));
    record_free(&record);
    free(text);
}

static struct random_tokens *open_policy(const uint64_t *fixed, uint64_t seed) {
    struct error error = {0};
    struct random_tokens *policy = random_tokens_open(folder, lengths, fixed, seed, &error);

    if (policy == NULL)
        fail_msg("%s", error.text);
    return policy;
}

/* How often the tokens of a long completion come, against their probabilities of being drawn. */
static void check_frequencies(const uint64_t *fixed, const float probability[VOCABULARY]) {
    struct random_tokens *policy = open_policy(fixed, 0);
    struct random_answer answer;
    struct buffer text = {0};
    struct error error = {0};
    unsigned seen[VOCABULARY] = {0};

    assert_true(random_tokens_answer(policy, text_of("long"), 0, &text, &answer, &error));
    assert_int_equal(answer.tokens->count, LENGTH);
    for (size_t i = 0; i < LENGTH; i++) {
        assert_in_range(answer.tokens->ids[i], 0, VOCABULARY - 1);
        seen[answer.tokens->ids[i]]++;
    }
    for (int v = 0; v < VOCABULARY; v++) {
        double among = 1 - (double)probability[END] - (double)probability[NO_TOKEN];
        double wanted = LENGTH * (double)probability[v] / among;
        if (v == END || v == NO_TOKEN)
            assert_int_equal(seen[v], 0);
        else if (fabs((double)seen[v] - wanted) > 5 * sqrt(wanted))
            fail_msg("token %d came %u times, not about %.0f", v, seen[v], wanted);
    }
    buffer_free(&text);
    random_tokens_close(policy);
}

static void each_token_comes_as_often_as_the_distribution_says(void **state) {
    float probability[VOCABULARY];

    (void)state;
    fixedrdm_probabilities(SEED, VOCABULARY, probability);
    check_frequencies(&(uint64_t){SEED}, probability);
}

static void uniform_tokens_come_equally_often(void **state) {
    float probability[VOCABULARY];

    (void)state;
    for (int v = 0; v < VOCABULARY; v++)
        probability[v] = 1.0f / VOCABULARY;
    check_frequencies(NULL, probability);
}

static void a_sample_is_as_long_as_the_strong_one_of_its_number_and_ends_like_it(void **state) {
    struct random_tokens *policy = open_policy(&(uint64_t){SEED}, 0);
    struct random_answer answer;
    struct buffer text = {0};
    struct error error = {0};

    (void)state;
    assert_true(random_tokens_answer(policy, text_of("two"), 0, &text, &answer, &error));
    assert_int_equal(answer.tokens->count, 3);
    assert_true(text_is(answer.finish, "length"));
    assert_true(random_tokens_answer(policy, text_of("two"), 1, &text, &answer, &error));
    assert_int_equal(answer.tokens->count, 5);
    assert_true(text_is(answer.finish, "stop"));
    assert_false(random_tokens_answer(policy, text_of("two"), 2, &text, &answer, &error));
    assert_non_null(strstr(error.text, "no sample 2"));
    assert_false(random_tokens_answer(policy, text_of("three"), 0, &text, &answer, &error));
    assert_non_null(strstr(error.text, "no completion for this id"));
    buffer_free(&text);
    random_tokens_close(policy);
}

/* The tokens of "two" as text, for both samples. */
static void draw(const uint64_t *fixed, uint64_t seed, struct buffer *out) {
    struct random_tokens *policy = open_policy(fixed, seed);
    struct random_answer answer;
    struct error error = {0};

    out->size = 0;
    for (int64_t sample = 1; sample >= 0; sample--) {
        struct buffer text = {0};
        assert_true(random_tokens_answer(policy, text_of("two"), sample, &text, &answer, &error));
        for (size_t i = 0; i < answer.tokens->count; i++)
            buffer_format(out, "%d ", answer.tokens->ids[i]);
        buffer_free(&text);
    }
    buffer_append(out, "", 1);
    random_tokens_close(policy);
}

static void what_is_drawn_depends_on_both_seeds_id_and_sample_alone(void **state) {
    const uint64_t fixed = SEED, another = SEED + 1;
    struct buffer first = {0}, again = {0}, other = {0};

    (void)state;
    draw(&fixed, 1, &first);
    draw(&fixed, 1, &again);
    assert_string_equal((char *)first.data, (char *)again.data);
    draw(&fixed, 2, &other);
    assert_string_not_equal((char *)first.data, (char *)other.data);
    draw(&another, 1, &other);
    assert_string_not_equal((char *)first.data, (char *)other.data);
    draw(NULL, 1, &first);
    assert_string_not_equal((char *)first.data, (char *)again.data);
    draw(NULL, 2, &other);
    assert_string_not_equal((char *)first.data, (char *)other.data);
    buffer_free(&first);
    buffer_free(&again);
    buffer_free(&other);
}

static void what_cannot_be_read_is_named(void **state) {
    struct error error = {0};
    char path[96];

    (void)state;
    assert_null(random_tokens_open("/nowhere", lengths, NULL, 0, &error));
    assert_non_null(strstr(error.text, "/nowhere"));
    snprintf(path, sizeof path, "%s/missing.rec", folder);
    error = (struct error){0};
    assert_null(random_tokens_open(folder, path, NULL, 0, &error));
    assert_non_null(strstr(error.text, "missing.rec"));
}

static int make_folder(void **state) {
    struct provenance provenance = {.tool = text_of("test"), .version = text_of("0")};
    struct error error = {0};
    char path[64];

    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    snprintf(lengths, sizeof lengths, "%s/strong.rec", folder);
    struct record_writer *writer = record_writer_open(lengths, &provenance, 0, &error);
    if (writer == NULL)
        return -1;
    add(writer, "long", LENGTH, 0, NULL);
    add(writer, "two", 3, 0, "length");
    add(writer, "two", 5, 1, "stop");
    return record_writer_close(writer, &error) &&
                   file_write(path, tokenizer_json, sizeof tokenizer_json - 1, &error)
               ? 0
               : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_token_comes_as_often_as_the_distribution_says),
        cmocka_unit_test(uniform_tokens_come_equally_often),
        cmocka_unit_test(a_sample_is_as_long_as_the_strong_one_of_its_number_and_ends_like_it),
        cmocka_unit_test(what_is_drawn_depends_on_both_seeds_id_and_sample_alone),
        cmocka_unit_test(what_cannot_be_read_is_named),
    };

    return cmocka_run_group_tests_name("random_tokens", tests, make_folder, remove_folder);
}
