/* The order in which examples come, held and streamed, what an example is made of, and what it
 * wants.
 */
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
#include "record/json.h"
#include "task/fixedrdm.h"
#include "train/feed.h"

/* A vocabulary of the words 0 … 63, each its own id, so that token ids tell the example. */
enum { WORDS = 64, EXAMPLES = 13 };

static char folder[64];
static struct tokenizer *tokenizer;
static int32_t end_tokens[1] = {63};
static struct model_config config = {.vocabulary = WORDS, .positions = 16};
static const struct tool tool = {.name = "test"};
static struct invocation invocation = {.tool = &tool, .quiet = true};
static struct filter_settings filter_settings = FILTER_DEFAULTS;
static char *input; /* the stream that the tests read */
static struct error error;

static int open_tokenizer(void **state) {
    (void)state;
    struct buffer text = {0};
    buffer_append_text(&text,
                       "{\"version\":\"1.0\",\"added_tokens\":[],\"normalizer\":null,"
                       "\"pre_tokenizer\":{\"type\":\"WhitespaceSplit\"},"
                       "\"post_processor\":null,\"decoder\":null,"
                       "\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"<unk>\",\"vocab\":{");
    for (int i = 0; i < WORDS; i++)
        buffer_format(&text, "%s\"%d\":%d", i > 0 ? "," : "", i, i);
    buffer_append_text(&text, "}}}");
    tokenizer = tokenizer_parse(text.data, text.size, &error);
    buffer_free(&text);
    snprintf(folder, sizeof folder, "/tmp/lockpick-feed.XXXXXX");
    if (tokenizer == NULL || mkdtemp(folder) == NULL)
        return -1;
    input = path_join(folder, "in.rec");
    filter_settings.output = "/dev/null";
    invocation.operands = (struct operands){&input, 1};
    return 0;
}

static int close_tokenizer(void **state) {
    (void)state;
    tokenizer_close(tokenizer);
    free(input);
    return remove_tree(folder, &error) ? 0 : -1;
}

static void set(struct record *record, const char *key, const char *text) {
    record_set_text(record, key, text_of(text));
}

static struct record_writer *open_input(void) {
    struct provenance provenance = {.tool = text_of("test"), .version = text_of("1")};
    struct record_writer *writer = record_writer_open(input, &provenance, 0, &error);
    assert_non_null(writer);
    return writer;
}

/* Example i is "i | 40 41"; `bad` of them has an unknown word. */
static void write_examples(size_t count, size_t bad) {
    struct record_writer *writer = open_input();
    struct record record = {0};
    for (size_t i = 0; i < count; i++) {
        char prompt[32];
        snprintf(prompt, sizeof prompt, i == bad ? "unheard-of" : "%zu 50", i);
        set(&record, "prompt", prompt);
        set(&record, "completion", "40 41");
        assert_true(record_writer_add(writer, &record, &error));
    }
    record_free(&record);
    assert_true(record_writer_close(writer, &error));
}

/* A feed and the filter that it reads from. */
struct source {
    struct filter *filter;
    struct feed feed;
};

static bool try_open(struct source *source, struct feed_settings settings) {
    memset(&error, 0, sizeof error);
    settings.max_completion = settings.max_completion ? settings.max_completion : 100;
    source->filter = filter_open(&invocation, &filter_settings, 0, NULL, &error);
    assert_non_null(source->filter);
    return feed_open(&source->feed, source->filter, tokenizer, &config, &settings, &error);
}

static struct source open_source(struct feed_settings settings) {
    struct source source;
    if (!try_open(&source, settings))
        fail_msg("%s", error.text);
    return source;
}

static void close_source(struct source *source) {
    feed_close(&source->feed);
    filter_close(source->filter, &error);
}

/* The next batch as numbers of examples; returns how many. */
static size_t next(struct source *source, int32_t *numbers) {
    const size_t *order;
    size_t count;
    if (!feed_next(&source->feed, &order, &count, &error))
        fail_msg("%s", error.text);
    for (size_t i = 0; i < count; i++) {
        const struct example *example = &source->feed.examples.items[order[i]];
        numbers[i] = source->feed.examples.tokens.ids[example->start];
    }
    return count;
}

/* One epoch of EXAMPLES examples in batches of 5: 5, 5 and 3. */
static void next_epoch(struct source *source, int32_t *numbers) {
    size_t first = next(source, numbers), second = next(source, numbers + first);
    size_t third = next(source, numbers + first + second);
    assert_int_equal(first, 5);
    assert_int_equal(second, 5);
    assert_int_equal(third, 3);
}

static void every_held_epoch_has_each_example_once_in_an_order_of_its_own(void **state) {
    (void)state;
    write_examples(EXAMPLES, SIZE_MAX);
    struct source source = open_source((struct feed_settings){.batch = 5, .epochs = 4, .seed = 1});
    assert_int_equal(feed_steps_per_epoch(&source.feed), 3);
    int32_t orders[4][EXAMPLES], rest[EXAMPLES];
    for (int epoch = 0; epoch < 4; epoch++) {
        int seen[EXAMPLES] = {0};
        next_epoch(&source, orders[epoch]);
        for (int i = 0; i < EXAMPLES; i++)
            assert_int_equal(seen[orders[epoch][i]]++, 0);
        for (int earlier = 0; earlier < epoch; earlier++)
            assert_memory_not_equal(orders[epoch], orders[earlier], sizeof orders[0]);
    }
    assert_int_equal(next(&source, rest), 0);
    assert_int_equal(next(&source, rest), 0);
    close_source(&source);
}

static void the_order_depends_on_seed_and_epoch_alone(void **state) {
    (void)state;
    write_examples(EXAMPLES, SIZE_MAX);
    int32_t orders[3][2 * EXAMPLES];
    static const uint64_t seeds[3] = {1, 1, 2};
    for (int i = 0; i < 3; i++) {
        struct source source =
            open_source((struct feed_settings){.batch = 5, .epochs = 2, .seed = seeds[i]});
        next_epoch(&source, orders[i]);
        next_epoch(&source, orders[i] + EXAMPLES);
        close_source(&source);
    }
    assert_memory_equal(orders[0], orders[1], sizeof orders[0]);
    assert_memory_not_equal(orders[0], orders[2], sizeof orders[0]);
    /* Another batch cuts the same order elsewhere. */
    struct source source = open_source((struct feed_settings){.batch = 7, .epochs = 9, .seed = 1});
    int32_t numbers[EXAMPLES];
    assert_int_equal(next(&source, numbers), 7);
    assert_int_equal(next(&source, numbers + 7), 6);
    assert_memory_equal(numbers, orders[0], sizeof numbers);
    close_source(&source);
}

static void a_stream_comes_as_it_is_once(void **state) {
    (void)state;
    write_examples(EXAMPLES, SIZE_MAX);
    struct source source = open_source((struct feed_settings){.batch = 5});
    assert_int_equal(feed_steps_per_epoch(&source.feed), 0);
    int32_t numbers[EXAMPLES], rest[EXAMPLES];
    next_epoch(&source, numbers);
    for (int i = 0; i < EXAMPLES; i++)
        assert_int_equal(numbers[i], i);
    assert_int_equal(next(&source, rest), 0);
    close_source(&source);
}

static void skipping_is_the_same_as_going_through(void **state) {
    (void)state;
    write_examples(EXAMPLES, SIZE_MAX);
    for (int64_t epochs = 0; epochs <= 3; epochs += 3) {
        const struct feed_settings settings = {.batch = 4, .epochs = epochs, .seed = 3};
        int64_t steps = epochs > 0 ? 4 * epochs : 4;
        for (int64_t behind = 0; behind <= steps; behind++) {
            struct source skipped = open_source(settings), gone = open_source(settings);
            int32_t one[EXAMPLES], other[EXAMPLES];
            char digests[2][17];
            assert_true(feed_skip(&skipped.feed, behind, &error));
            for (int64_t i = 0; i < behind; i++)
                next(&gone, other);
            examples_digest(&skipped.feed.examples, digests[0]);
            examples_digest(&gone.feed.examples, digests[1]);
            assert_string_equal(digests[0], digests[1]);
            size_t count = next(&skipped, one);
            assert_int_equal(count, next(&gone, other));
            assert_memory_equal(one, other, count * sizeof one[0]);
            close_source(&skipped);
            close_source(&gone);
        }
        struct source source = open_source(settings);
        int32_t none[EXAMPLES];
        assert_true(feed_skip(&source.feed, steps + 1, &error)); /* as many as there are */
        assert_int_equal(next(&source, none), 0);
        close_source(&source);
    }
}

static void the_digest_knows_other_examples(void **state) {
    (void)state;
    char digests[2][17];
    for (size_t i = 0; i < 2; i++) {
        write_examples(EXAMPLES - i, SIZE_MAX);
        struct source source = open_source((struct feed_settings){.batch = 5, .epochs = 1});
        examples_digest(&source.feed.examples, digests[i]);
        close_source(&source);
    }
    assert_string_not_equal(digests[0], digests[1]);
    assert_int_equal(strlen(digests[0]), 16);
}

static void a_bad_example_is_named_or_set_aside(void **state) {
    (void)state;
    write_examples(EXAMPLES, 7);
    struct source source;
    assert_false(try_open(&source, (struct feed_settings){.batch = 5, .epochs = 1}));
    assert_non_null(strstr(error.text, "in.rec: record 8: "));
    assert_non_null(strstr(error.text, "unheard-of"));
    close_source(&source);

    filter_settings.rejects = "/dev/null";
    source = open_source((struct feed_settings){.batch = 5});
    int32_t numbers[EXAMPLES];
    assert_int_equal(next(&source, numbers), 5);
    assert_int_equal(next(&source, numbers), 5);
    static const int32_t expected[] = {5, 6, 8, 9, 10};
    assert_memory_equal(numbers, expected, sizeof expected);
    assert_int_equal(next(&source, numbers), 2);
    close_source(&source);
    filter_settings.rejects = NULL;
}

static void no_examples_at_all_are_no_batch(void **state) {
    (void)state;
    write_examples(0, SIZE_MAX);
    for (int64_t epochs = 0; epochs <= 2; epochs++) {
        struct source source = open_source((struct feed_settings){.batch = 5, .epochs = epochs});
        int32_t numbers[EXAMPLES];
        assert_int_equal(feed_steps_per_epoch(&source.feed), 0);
        assert_int_equal(next(&source, numbers), 0);
        assert_int_equal(next(&source, numbers), 0);
        close_source(&source);
    }
}

/* ---- examples ---- */

static struct examples open_examples(int64_t max_completion) {
    struct examples examples;
    examples_open(&examples, tokenizer, &config, max_completion);
    return examples;
}

/* Adds one example of these fields (NULL: without the field). */
static bool add(struct examples *examples, const char *prompt, const char *rendered,
                const char *completion, const char *finish) {
    struct record record = {0};
    memset(&error, 0, sizeof error);
    if (prompt)
        set(&record, "prompt", prompt);
    if (rendered)
        set(&record, "input", rendered);
    if (completion)
        set(&record, "completion", completion);
    if (finish)
        set(&record, "finish", finish);
    bool added = examples_add(examples, &record, &error);
    record_free(&record);
    return added;
}

static void assert_example(const struct examples *examples, size_t index, int32_t predicted,
                           int32_t tokens, const int32_t *ids) {
    const struct example *example = &examples->items[index];
    assert_int_equal(example->tokens, tokens);
    assert_int_equal(example->predicted, predicted);
    assert_memory_equal(examples->tokens.ids + example->start, ids,
                        (size_t)tokens * sizeof(int32_t));
}

static void the_input_goes_before_the_prompt(void **state) {
    (void)state;
    struct examples examples = open_examples(100);
    assert_true(add(&examples, "1 2", NULL, "3", NULL));
    assert_true(add(&examples, "1 2", "9 1 2", "3 4", "stop"));
    assert_example(&examples, 0, 1, 3, (const int32_t[]){1, 2, 3});
    assert_example(&examples, 1, 2, 5, (const int32_t[]){9, 1, 2, 3, 4});
    examples_close(&examples);
}

static void a_model_with_an_end_token_learns_to_end_what_was_not_cut_off(void **state) {
    (void)state;
    config.end_tokens = end_tokens;
    config.end_token_count = 1;
    struct examples examples = open_examples(2);
    assert_true(add(&examples, "1", NULL, "3 4", NULL));
    assert_true(add(&examples, "1", NULL, "3 4", "length"));
    assert_true(add(&examples, "1", NULL, "3 4 5", "stop"));
    assert_true(add(&examples, "1", NULL, "", "stop"));
    config.end_tokens = NULL;
    config.end_token_count = 0;
    assert_example(&examples, 0, 3, 4, (const int32_t[]){1, 3, 4, 63});
    assert_example(&examples, 1, 2, 3, (const int32_t[]){1, 3, 4});
    assert_example(&examples, 2, 2, 3, (const int32_t[]){1, 3, 4});
    assert_example(&examples, 3, 1, 2, (const int32_t[]){1, 63});
    examples_close(&examples);
}

static void assert_bad(struct examples *examples, bool added, const char *says) {
    assert_false(added);
    if (strstr(error.text, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.text, says);
    assert_int_equal(examples->count, 1); /* and nothing of it stays */
    assert_int_equal(examples->tokens.count, 2);
}

static void what_cannot_be_learnt_is_refused_and_leaves_nothing(void **state) {
    (void)state;
    struct examples examples = open_examples(100);
    char digests[2][17];
    assert_true(add(&examples, "1", NULL, "2", NULL));
    examples_digest(&examples, digests[0]);
    assert_bad(&examples, add(&examples, NULL, NULL, "3", NULL), "prompt");
    assert_bad(&examples, add(&examples, "1", NULL, NULL, NULL), "completion");
    assert_bad(&examples, add(&examples, "1", NULL, "", NULL), "the completion has no tokens");
    assert_bad(&examples, add(&examples, " ", NULL, "3", NULL), "the input has no tokens");
    assert_bad(&examples, add(&examples, "1 64", NULL, "3", NULL), "64");
    assert_bad(&examples, add(&examples, "1", NULL, "3 x", NULL), "x");
    assert_bad(&examples,
               add(&examples, "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", NULL, "3 4", NULL),
               "18 tokens, but the model has 16 positions");
    examples.max_rows = 4;
    assert_bad(&examples, add(&examples, "1 2 3 4", NULL, "5 6", NULL),
               "5 tokens do not fit a micro-batch of 4; a larger --micro-batch");
    config.vocabulary = 10;
    assert_bad(&examples, add(&examples, "1", NULL, "10", NULL),
               "token id 10 is beyond the model's vocabulary of 10");
    config.vocabulary = WORDS;
    examples_digest(&examples, digests[1]);
    assert_string_equal(digests[0], digests[1]);
    examples_close(&examples);
}

/* The last token is only a target: it takes no position and no row. */
static void the_longest_example_that_fits_is_taken(void **state) {
    (void)state;
    struct examples examples = open_examples(100);
    examples.max_rows = 16;
    assert_true(add(&examples, "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15", NULL, "16 17", NULL));
    examples_close(&examples);
}

/* ---- soft targets ---- */

/* Adds the example that a line of JSON describes. */
static bool add_json(struct examples *examples, const char *line) {
    struct record record = {0};
    memset(&error, 0, sizeof error);
    struct buffer packed = {0};
    if (!json_read_record(text_of(line), &packed, &error) ||
        !record_parse(&record, packed.data, packed.size, &error))
        fail_msg("%s", error.text);
    bool added = examples_add(examples, &record, &error);
    record_free(&record);
    buffer_free(&packed);
    return added;
}

/* What the example wants as a dense distribution. */
static const float *distribution_of(const struct examples *examples, size_t index) {
    static float probability[WORDS];
    targets_write(&examples->targets, examples->items[index].wanted, WORDS, probability);
    return probability;
}

static void told_targets_are_one_position_whose_distribution_is_over_texts(void **state) {
    (void)state;
    config.end_tokens = end_tokens;
    config.end_token_count = 1;
    struct examples examples = open_examples(100);
    bool added = add_json(&examples, "{\"input\":\"1 2\",\"completion\":\"9\",\"targets\":"
                                     "{\"tokens\":{\" 40\":0.25,\"7\":0.75,\"5\":0}}}") &&
                 add_json(&examples, "{\"input\":\"1\",\"targets\":{\"tokens\":{\"3\":1}}}");
    config.end_tokens = NULL;
    config.end_token_count = 0;
    assert_true(added);
    assert_example(&examples, 0, 1, 3, (const int32_t[]){1, 2, 7});
    assert_example(&examples, 1, 1, 2, (const int32_t[]){1, 3});
    const float *probability = distribution_of(&examples, 0);
    float sum = 0;
    for (int i = 0; i < WORDS; i++)
        sum += probability[i];
    assert_true(probability[7] == 0.75f && probability[40] == 0.25f && sum == 1);
    assert_true(distribution_of(&examples, 1)[3] == 1);
    examples_close(&examples);
}

static void fixed_targets_stand_at_every_position_and_take_token_ids(void **state) {
    (void)state;
    config.end_tokens = end_tokens;
    config.end_token_count = 1;
    struct examples examples = open_examples(3);
    bool added =
        add_json(&examples, "{\"input\":\"1\",\"completion\":\"9 8\",\"targets\":"
                            "{\"fixedrdm\":5}}") &&
        add_json(&examples, "{\"input\":\"1\",\"completion\":\"9\",\"token_ids\":[7,60],"
                            "\"targets\":{\"fixedrdm\":5}}") &&
        add_json(&examples, "{\"input\":\"1\",\"token_ids\":[7,60,0,1],\"finish\":\"stop\","
                            "\"targets\":{\"fixedrdm\":6}}") &&
        add_json(&examples, "{\"input\":\"1\",\"completion\":\"9\",\"token_ids\":[7,60],"
                            "\"targets\":null}");
    config.end_tokens = NULL;
    config.end_token_count = 0;
    assert_true(added);
    assert_example(&examples, 0, 3, 4, (const int32_t[]){1, 9, 8, 63});
    assert_example(&examples, 1, 3, 4, (const int32_t[]){1, 7, 60, 63});
    assert_example(&examples, 2, 3, 4, (const int32_t[]){1, 7, 60, 0});
    assert_example(&examples, 3, 2, 3, (const int32_t[]){1, 9, 63});
    assert_int_equal(examples.items[3].wanted.kind, TARGETS_OWN);
    assert_int_equal(examples.targets.fixed_count, 2); /* one for both of seed 5 */
    float wanted[WORDS];
    fixedrdm_probabilities(5, WORDS, wanted);
    assert_memory_equal(distribution_of(&examples, 1), wanted, sizeof wanted);
    examples_close(&examples);
}

static void uniform_targets_stand_at_every_position_and_take_token_ids(void **state) {
    (void)state;
    config.end_tokens = end_tokens;
    config.end_token_count = 1;
    struct examples examples = open_examples(3);
    bool added = add_json(&examples, "{\"input\":\"1\",\"completion\":\"9 8\",\"targets\":"
                                     "{\"uniform\":true}}") &&
                 add_json(&examples, "{\"input\":\"1\",\"completion\":\"9\",\"token_ids\":[7,60],"
                                     "\"targets\":{\"uniform\":true}}");
    config.end_tokens = NULL;
    config.end_token_count = 0;
    assert_true(added);
    assert_example(&examples, 0, 3, 4, (const int32_t[]){1, 9, 8, 63});
    assert_example(&examples, 1, 3, 4, (const int32_t[]){1, 7, 60, 63});
    assert_int_equal(examples.targets.fixed_count + examples.targets.told_count, 0);
    const float *probability = distribution_of(&examples, 1);
    for (int i = 0; i < WORDS; i++)
        assert_true(probability[i] == 1.0f / WORDS);
    examples_close(&examples);
}

static void targets_that_make_no_sense_are_refused_and_leave_nothing(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        {"5", "targets: no form of it that is known"},
        {"{}", "targets: no form of it that is known"},
        {"{\"other\":1}", "targets: no form of it that is known"},
        {"{\"fixedrdm\":1,\"tokens\":{}}", "targets: no form of it that is known"},
        {"{\"fixedrdm\":-1}", "'fixedrdm' is no seed"},
        {"{\"uniform\":false}", "'uniform' is not true; true would be right"},
        {"{\"uniform\":1}", "'uniform' is not true"},
        {"{\"uniform\":null}", "'uniform' is not true"},
        {"{\"uniform\":{\"uniform\":true}}", "'uniform' is not true"},
        {"{\"uniform\":true,\"fixedrdm\":1}", "targets: no form of it that is known"},
        {"{\"tokens\":[1]}", "'tokens' is no map"},
        {"{\"tokens\":{}}", "the probabilities sum to 0; 1 would be right"},
        {"{\"tokens\":{\"3\":0}}", "the probabilities sum to 0; 1 would be right"},
        {"{\"tokens\":{\"3\":0.5,\"4\":0.4}}", "the probabilities sum to 0.9; 1 would be right"},
        {"{\"tokens\":{\"3\":1.5,\"4\":-0.5}}", "'4' has no probability"},
        {"{\"tokens\":{\"3\":\"1\"}}", "'3' has no probability"},
        {"{\"tokens\":{\"3 4\":1}}", "'3 4' is 2 tokens; texts of one token would be right"},
        {"{\"tokens\":{\"\":1}}", "'' is 0 tokens"},
        {"{\"tokens\":{\"x\":1}}", "x"},
        {"{\"tokens\":{\"3\":0.5,\" 3\":0.5}}", "two texts are both token 3"},
    };
    struct examples examples = open_examples(100);
    assert_true(add(&examples, "1", NULL, "2", NULL));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *line =
            format_text("{\"input\":\"1\",\"completion\":\"2\",\"targets\":%s}", bad[i][0]);
        assert_bad(&examples, add_json(&examples, line), bad[i][1]);
        assert_int_equal(examples.targets.told_count, 0);
        free(line);
    }
    assert_bad(
        &examples,
        add_json(&examples, "{\"input\":\"1\",\"token_ids\":[1,64],\"targets\":"
                            "{\"fixedrdm\":1}}"),
        "token_ids: element 2 is no token of the model; integers from 0 to 63 would be right");
    assert_bad(&examples,
               add_json(&examples, "{\"input\":\"1\",\"token_ids\":7,\"targets\":"
                                   "{\"fixedrdm\":1}}"),
               "token_ids: is integer; a list of integers would be right");
    assert_bad(&examples,
               add_json(&examples, "{\"input\":\"1\",\"token_ids\":[],\"targets\":"
                                   "{\"fixedrdm\":1}}"),
               "the completion has no tokens");
    examples_close(&examples);
}

static void the_digest_knows_other_targets(void **state) {
    (void)state;
    static const char *const targets[] = {"null",
                                          "{\"fixedrdm\":1}",
                                          "{\"fixedrdm\":2}",
                                          "{\"uniform\":true}",
                                          "{\"tokens\":{\"2\":1}}",
                                          "{\"tokens\":{\"2\":0.6,\"3\":0.4}}",
                                          "{\"tokens\":{\"2\":0.6,\"4\":0.4}}"};
    enum { KINDS = sizeof targets / sizeof *targets };
    char digests[KINDS][17];
    for (size_t i = 0; i < KINDS; i++) {
        struct examples examples = open_examples(100);
        char *line =
            format_text("{\"input\":\"1\",\"completion\":\"2\",\"targets\":%s}", targets[i]);
        assert_true(add_json(&examples, line));
        examples_digest(&examples, digests[i]);
        for (size_t earlier = 0; earlier < i; earlier++)
            assert_string_not_equal(digests[i], digests[earlier]);
        free(line);
        examples_close(&examples);
    }
}

/* ---- pairs ---- */

static struct examples open_pairs(enum reference_kind reference) {
    struct examples examples = open_examples(100);
    examples.objective =
        (struct objective){.kind = OBJECTIVE_DPO, .reference = reference, .beta = 0.1};
    return examples;
}

static void a_pair_is_two_completions_behind_the_same_input(void **state) {
    (void)state;
    config.end_tokens = end_tokens;
    config.end_token_count = 1;
    struct examples examples = open_pairs(REFERENCE_MODEL);
    bool added =
        add_json(&examples, "{\"input\":\"1 2\",\"chosen\":\"3\",\"rejected\":\"4 5\"}") &&
        add_json(&examples, "{\"prompt\":\"1\",\"chosen\":\"3\",\"rejected\":\"\",\"weight\":0.25,"
                            "\"chosen_finish\":\"length\",\"rejected_finish\":\"stop\"}");
    config.end_tokens = NULL;
    config.end_token_count = 0;
    assert_true(added);
    assert_int_equal(examples.count, 2);
    assert_example(&examples, 0, 2, 4, (const int32_t[]){1, 2, 3, 63});
    assert_example(&examples, 1, 3, 5, (const int32_t[]){1, 2, 4, 5, 63});
    assert_example(&examples, 2, 1, 2, (const int32_t[]){1, 3});
    assert_example(&examples, 3, 1, 2, (const int32_t[]){1, 63});
    assert_true(examples.pairs[0].weight == 1 && examples.pairs[1].weight == 0.25);
    examples_close(&examples);
}

static void the_reference_comes_from_the_record_where_that_is_wanted(void **state) {
    (void)state;
    static const char told[] = "{\"input\":\"1\",\"chosen\":\"3\",\"rejected\":\"4\","
                               "\"chosen_logprob\":-1.5,\"rejected_logprob\":-2}";
    struct examples model = open_pairs(REFERENCE_MODEL), stream = open_pairs(REFERENCE_STREAM);
    assert_true(add_json(&model, told));
    assert_true(add_json(&stream, told));
    assert_true(model.pairs[0].chosen == 0 && model.pairs[0].rejected == 0);
    assert_true(stream.pairs[0].chosen == -1.5 && stream.pairs[0].rejected == -2);
    assert_false(add_json(&stream, "{\"input\":\"1\",\"chosen\":\"3\",\"rejected\":\"4\","
                                   "\"chosen_logprob\":-1.5}"));
    assert_non_null(strstr(error.text, "no field \"rejected_logprob\"; the reference model's "
                                       "log-probability, or --reference model, would be right"));
    examples_close(&model);
    examples_close(&stream);
}

static void pairs_that_make_no_sense_are_refused_and_leave_nothing(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        {"\"chosen\":\"3\"", "rejected: no field \"rejected\""},
        {"\"rejected\":\"3\"", "chosen: no field \"chosen\""},
        {"\"chosen\":\"3\",\"rejected\":\"\"", "rejected: the completion has no tokens"},
        {"\"chosen\":\"3\",\"rejected\":\"4\",\"weight\":-1", "weight: is -1; a number from 0"},
        {"\"chosen\":\"3\",\"rejected\":\"4\",\"weight\":\"1\"", "weight"},
        {"\"chosen\":\"3 4 5\",\"rejected\":\"4 5\"",
         "a pair of 5 tokens does not fit a micro-batch of 4; a larger --micro-batch would be "
         "right"},
    };
    struct examples examples = open_pairs(REFERENCE_MODEL);
    char digests[2][17];
    examples.max_rows = 4;
    assert_true(add_json(&examples, "{\"input\":\"1\",\"chosen\":\"3 4\",\"rejected\":\"5 6\"}"));
    size_t tokens = examples.tokens.count;
    examples_digest(&examples, digests[0]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *line = format_text("{\"input\":\"1\",%s}", bad[i][0]);
        assert_false(add_json(&examples, line));
        if (strstr(error.text, bad[i][1]) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", error.text, bad[i][1]);
        assert_int_equal(examples.count, 1);
        assert_int_equal(examples.tokens.count, tokens);
        free(line);
    }
    examples_digest(&examples, digests[1]);
    assert_string_equal(digests[0], digests[1]);
    examples_close(&examples);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_held_epoch_has_each_example_once_in_an_order_of_its_own),
        cmocka_unit_test(the_order_depends_on_seed_and_epoch_alone),
        cmocka_unit_test(a_stream_comes_as_it_is_once),
        cmocka_unit_test(skipping_is_the_same_as_going_through),
        cmocka_unit_test(the_digest_knows_other_examples),
        cmocka_unit_test(a_bad_example_is_named_or_set_aside),
        cmocka_unit_test(no_examples_at_all_are_no_batch),
        cmocka_unit_test(the_input_goes_before_the_prompt),
        cmocka_unit_test(a_model_with_an_end_token_learns_to_end_what_was_not_cut_off),
        cmocka_unit_test(what_cannot_be_learnt_is_refused_and_leaves_nothing),
        cmocka_unit_test(the_longest_example_that_fits_is_taken),
        cmocka_unit_test(told_targets_are_one_position_whose_distribution_is_over_texts),
        cmocka_unit_test(fixed_targets_stand_at_every_position_and_take_token_ids),
        cmocka_unit_test(uniform_targets_stand_at_every_position_and_take_token_ids),
        cmocka_unit_test(targets_that_make_no_sense_are_refused_and_leave_nothing),
        cmocka_unit_test(the_digest_knows_other_targets),
        cmocka_unit_test(a_pair_is_two_completions_behind_the_same_input),
        cmocka_unit_test(the_reference_comes_from_the_record_where_that_is_wanted),
        cmocka_unit_test(pairs_that_make_no_sense_are_refused_and_leave_nothing),
    };
    return cmocka_run_group_tests_name("feed", tests, open_tokenizer, close_tokenizer);
}
