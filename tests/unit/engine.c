/*
 * Continuous batching: results that do not depend on neighbours, sharing, a cache that is full;
 * and, under the execution shim, recordings of steps that give what the steps themselves give.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "include/shim.h"
#include "infer/engine.h"

enum { VOCABULARY = 40, POSITIONS = 128, PROMPTS = 12 };

static const char configuration[] =
    "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"vocab_size\":40,"
    "\"hidden_size\":32,\"num_hidden_layers\":2,\"num_attention_heads\":4,"
    "\"num_key_value_heads\":2,\"intermediate_size\":48,\"max_position_embeddings\":128,"
    "\"initializer_range\":0.3}";

static const char *device_wanted = "cpu";
static struct device *device;
static struct model model;
static int32_t tokens[PROMPTS][POSITIONS];
static struct request requests[PROMPTS];

static int open_model(void **state) {
    (void)state;
    struct error error = {0};
    struct model_config config;
    json_t *json = json_parse(configuration, sizeof configuration - 1, &error);
    device = device_open(device_wanted, 1, &error);
    if (json == NULL || device == NULL || !model_config_from_json(&config, json, &error) ||
        !model_initialize(&model, &config, device, 1, &error))
        fail_msg("%s", error.text);
    json_decref(json);
    struct random random;
    random_start(&random, &(struct random_name){.seed = 3, .purpose = "prompts"});
    for (int32_t i = 0; i < PROMPTS; i++) {
        for (int32_t k = 0; k < POSITIONS; k++)
            tokens[i][k] = (int32_t)random_below(&random, VOCABULARY);
        requests[i] = (struct request){.tokens = tokens[i],
                                       .count = 1 + 7 * i,
                                       .random = {.purpose = "t", .sample = (uint64_t)i}};
    }
    return 0;
}

static int close_model(void **state) {
    (void)state;
    model_close(&model);
    device_close(device);
    return 0;
}

static struct engine_settings settings_of(float temperature) {
    return (struct engine_settings){.sampling = {.temperature = temperature, .top_p = 1},
                                    .max_tokens = 20,
                                    .batch = 6,
                                    .room = 64,
                                    .cache_memory = 16 << 20};
}

/* All requests through an engine of their own. */
static struct engine_tally generate(const struct engine_settings *settings,
                                    const struct request *asked, size_t count,
                                    struct generation *out) {
    struct error error = {0};
    struct engine *engine = engine_open(&model, settings, &error);
    if (engine == NULL || !engine_generate(engine, asked, count, out, &error))
        fail_msg("%s", error.text);
    assert_int_equal(engine_pending(engine), 0);
    struct engine_tally tally = engine_tally(engine);
    engine_close(engine);
    return tally;
}

static void assert_equal_and_free(struct generation *a, struct generation *b, size_t count) {
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(a[i].tokens.count, b[i].tokens.count);
        assert_memory_equal(a[i].tokens.ids, b[i].tokens.ids,
                            a[i].tokens.count * sizeof *a[i].tokens.ids);
        assert_true(fabs(a[i].log_probability - b[i].log_probability) < 1e-3);
        assert_int_equal(a[i].finish, b[i].finish);
        generation_free(&a[i]);
        generation_free(&b[i]);
    }
}

static void a_request_gives_the_same_alone_and_among_others(void **state) {
    (void)state;
    for (int drawn = 0; drawn < 2; drawn++) {
        struct engine_settings settings = settings_of((float)drawn);
        struct generation together[PROMPTS] = {0}, alone[PROMPTS] = {0};
        assert_int_equal(generate(&settings, requests, PROMPTS, together).largest, 6);
        for (size_t i = 0; i < PROMPTS; i++)
            generate(&settings, &requests[i], 1, &alone[i]);
        assert_equal_and_free(together, alone, PROMPTS);
    }
}

/* The model keeps 256 bytes for a place of a sequence. */
static void a_small_model_has_as_many_at_once_as_8_mb_hold(void **state) {
    (void)state;
    struct engine_settings settings = settings_of(0);
    assert_int_equal(engine_batch(&model, &settings), 6);
    settings.batch = 0;
    assert_int_equal(engine_batch(&model, &settings), 256); /* it would be 390 */
    settings.max_tokens = 448;
    assert_int_equal(engine_batch(&model, &settings), 64);
    settings.max_tokens = 1000000;
    assert_int_equal(engine_batch(&model, &settings), 16);
    model.config.vocabulary = 1 << 20;
    assert_int_equal(engine_batch(&model, &settings), 256);
    model.config.vocabulary = VOCABULARY;
}

static void on_a_gpu_keys_and_values_have_what_is_left(void **state) {
    (void)state;
    struct engine_settings settings = settings_of(0);
    settings.cache_memory = 0;
    int64_t available = (int64_t)device_memory(model.device);
    int64_t scratch = (int64_t)transformer_scratch(&model, settings.room);
    assert_in_range(engine_cache_memory(&model, &settings), available / 10 * 9 - scratch,
                    available - scratch);
    settings.room = INT64_C(1) << 20;
    assert_true(engine_cache_memory(&model, &settings) < available - scratch);
}

static void a_gpu_has_256_at_once(void **state) {
    (void)state;
    struct engine_settings settings = settings_of(0);
    settings.batch = 0;
    settings.max_tokens = 1000000;
    assert_int_equal(engine_batch(&model, &settings), 256);
}

static void prompts_read_in_pieces_give_what_whole_ones_give(void **state) {
    (void)state;
    struct engine_settings pieces = settings_of(1), whole = settings_of(1);
    struct generation a[PROMPTS] = {0}, b[PROMPTS] = {0};
    pieces.room = 7;
    whole.room = 1024;
    assert_true(generate(&pieces, requests, PROMPTS, a).steps >
                generate(&whole, requests, PROMPTS, b).steps);
    assert_equal_and_free(a, b, PROMPTS);
}

static void equal_beginnings_are_computed_once(void **state) {
    (void)state;
    enum { SAMPLES = 9, LENGTH = 50, SHARED = 48 };
    struct engine_settings settings = settings_of(1);
    struct request samples[SAMPLES];
    struct generation together[SAMPLES] = {0}, alone[SAMPLES] = {0};
    for (size_t i = 0; i < SAMPLES; i++)
        samples[i] = (struct request){
            .tokens = tokens[0], .count = LENGTH, .random = {.purpose = "t", .sample = i}};
    struct engine_tally tally = generate(&settings, samples, SAMPLES, together);
    assert_int_equal(tally.prompt_rows, LENGTH + (SAMPLES - 1) * (LENGTH - SHARED));
    assert_int_equal(tally.shared_rows, (SAMPLES - 1) * SHARED);
    for (size_t i = 0; i < SAMPLES; i++)
        assert_int_equal(generate(&settings, &samples[i], 1, &alone[i]).shared_rows, 0);
    assert_memory_not_equal(together[0].tokens.ids, together[1].tokens.ids, 20 * sizeof(int32_t));
    assert_equal_and_free(together, alone, SAMPLES);
}

static void a_full_cache_makes_sequences_wait_and_changes_nothing(void **state) {
    (void)state;
    struct engine_settings small = settings_of(1), large = settings_of(1);
    struct generation a[PROMPTS] = {0}, b[PROMPTS] = {0};
    /* A page: 16 tokens · 2 layers · (keys, values) · 2 heads · 8 · 4 bytes. The longest request
     * needs 7 pages. */
    for (int64_t pages = 8; pages < 12; pages++) {
        small.cache_memory = pages * 4096;
        assert_true(generate(&small, requests, PROMPTS, a).taken_back > 0);
        assert_int_equal(generate(&large, requests, PROMPTS, b).taken_back, 0);
        assert_equal_and_free(a, b, PROMPTS);
    }
    /* Short prompts, long completions: most of what is read again was drawn. */
    struct request brief[PROMPTS];
    for (size_t i = 0; i < PROMPTS; i++) {
        brief[i] = requests[i];
        brief[i].count = 3;
    }
    small.max_tokens = large.max_tokens = 90;
    assert_true(generate(&small, brief, PROMPTS, a).taken_back > 0);
    assert_int_equal(generate(&large, brief, PROMPTS, b).taken_back, 0);
    assert_equal_and_free(a, b, PROMPTS);
}

static void memory_for_keys_and_values_does_not_depend_on_what_is_free_on_the_cpu(void **state) {
    (void)state;
    struct engine_settings settings = settings_of(0);
    settings.cache_memory = 0;
    assert_int_equal(engine_cache_memory(&model, &settings), INT64_C(4) << 30);
    settings.cache_memory = 5000;
    assert_int_equal(engine_cache_memory(&model, &settings), 5000);
}

static void results_come_in_the_order_of_the_requests(void **state) {
    (void)state;
    struct error error = {0};
    struct engine_settings settings = settings_of(0);
    struct engine *engine = engine_open(&model, &settings, &error);
    struct generation out;
    assert_false(engine_take(engine, &out));
    /* The first is long, the second only asks. */
    struct request asking = {
        .tokens = tokens[1], .count = 3, .targets = tokens[2], .target_count = 2};
    assert_true(engine_submit(engine, &requests[PROMPTS - 1], &error));
    assert_true(engine_submit(engine, &asking, &error));
    assert_int_equal(engine_pending(engine), 2);
    for (int i = 0; i < 5; i++) {
        assert_true(engine_step(engine, &error));
        assert_false(engine_take(engine, &out));
    }
    while (!engine_take(engine, &out))
        assert_true(engine_step(engine, &error));
    assert_int_equal(out.tokens.count, 20);
    generation_free(&out);
    assert_true(engine_take(engine, &out));
    assert_int_equal(out.target_count, 2);
    generation_free(&out);
    engine_close(engine);
}

static void scoring_a_completion_tells_what_drawing_it_told(void **state) {
    (void)state;
    struct engine_settings settings = settings_of(1);
    struct request scored[PROMPTS];
    struct generation drawn[PROMPTS] = {0}, scores[PROMPTS] = {0};
    generate(&settings, requests, PROMPTS, drawn);
    for (size_t i = 0; i < PROMPTS; i++) {
        scored[i] = requests[i];
        scored[i].targets = drawn[i].tokens.ids;
        scored[i].target_count = (int32_t)drawn[i].tokens.count;
    }
    settings.room = 16;
    generate(&settings, scored, PROMPTS, scores);
    for (size_t i = 0; i < PROMPTS; i++) {
        double sum = 0;
        for (int32_t k = 0; k < scores[i].target_count; k++)
            sum += (double)scores[i].target_log_probabilities[k];
        assert_true(fabs(sum - drawn[i].log_probability) < 1e-3);
        assert_true(fabs(scores[i].log_probability - sum) < 1e-6);
        assert_int_equal(scores[i].tokens.count, 0);
        generation_free(&drawn[i]);
        generation_free(&scores[i]);
    }
}

static void alternatives_share_one_distribution(void **state) {
    (void)state;
    struct engine_settings settings = settings_of(0);
    int32_t all[VOCABULARY];
    struct request asking[PROMPTS];
    struct generation out[PROMPTS] = {0}, greedy[PROMPTS] = {0};
    for (int32_t i = 0; i < VOCABULARY; i++)
        all[i] = i;
    for (size_t i = 0; i < PROMPTS; i++) {
        asking[i] = requests[i];
        asking[i].targets = all;
        asking[i].target_count = VOCABULARY;
        asking[i].alternatives = true;
    }
    generate(&settings, asking, PROMPTS, out);
    generate(&settings, requests, PROMPTS, greedy);
    for (size_t i = 0; i < PROMPTS; i++) {
        const float *logs = out[i].target_log_probabilities;
        double total = 0;
        int32_t best = 0;
        for (int32_t v = 0; v < VOCABULARY; v++) {
            total += exp((double)logs[v]);
            best = logs[v] > logs[best] ? v : best;
        }
        assert_true(fabs(total - 1) < 1e-4);
        assert_int_equal(greedy[i].tokens.count, 20);
        assert_true(greedy[i].tokens.ids != NULL && best == greedy[i].tokens.ids[0]);
        generation_free(&out[i]);
        generation_free(&greedy[i]);
    }
}

struct hearing {
    int heard[2];
    int32_t last[2];
};

static bool hear(void *context, void *user, int32_t token) {
    struct hearing *hearing = context;
    int which = *(int *)user;
    hearing->last[which] = token;
    return ++hearing->heard[which] == 4 + which;
}

static void a_listener_ends_a_completion(void **state) {
    (void)state;
    struct hearing hearing = {{0}, {0}};
    int names[2] = {0, 1};
    struct engine_settings settings = settings_of(1);
    struct request asked[2] = {requests[2], requests[3]};
    struct generation out[2] = {0};
    settings.listener = hear;
    settings.listener_context = &hearing;
    asked[0].user = &names[0];
    asked[1].user = &names[1];
    generate(&settings, asked, 2, out);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(out[i].tokens.count, 4 + i);
        assert_int_equal(out[i].tokens.ids[3 + i], hearing.last[i]);
        assert_int_equal(out[i].finish, FINISH_STOP);
        generation_free(&out[i]);
    }
}

static void drawing_ends_where_the_positions_end(void **state) {
    (void)state;
    struct engine_settings settings = settings_of(0);
    struct request longest = {.tokens = tokens[0], .count = POSITIONS - 3};
    struct generation out = {0};
    generate(&settings, &longest, 1, &out);
    assert_int_equal(out.tokens.count, 4); /* the last one drawn needs no position */
    assert_int_equal(out.finish, FINISH_LENGTH);
    generation_free(&out);
}

static void assert_refused(struct engine *engine, struct request request, const char *words) {
    struct error error = {0};
    assert_false(engine_submit(engine, &request, &error));
    if (strstr(error.text, words) == NULL)
        fail_msg("'%s' lacks '%s'", error.text, words);
}

static void requests_that_cannot_be_served_are_refused_with_the_reason(void **state) {
    (void)state;
    struct error error = {0};
    struct engine_settings settings = settings_of(0);
    settings.cache_memory = 4 * 4096;
    struct engine *engine = engine_open(&model, &settings, &error);
    int32_t beyond[2] = {1, VOCABULARY}, negative[1] = {-1};
    assert_refused(engine, (struct request){.tokens = beyond, .count = 0}, "no tokens");
    assert_refused(engine, (struct request){.tokens = beyond, .count = 2}, "token id 40");
    assert_refused(engine, (struct request){.tokens = negative, .count = 1}, "token id -1");
    assert_refused(engine, (struct request){.tokens = tokens[0], .count = POSITIONS},
                   "128 positions");
    assert_refused(engine, (struct request){.tokens = tokens[0], .count = 60}, "--cache-memory");
    assert_refused(engine,
                   (struct request){
                       .tokens = tokens[0], .count = 100, .targets = tokens[1], .target_count = 30},
                   "129 tokens");
    assert_int_equal(engine_pending(engine), 0);
    engine_close(engine);
    settings.cache_memory = 100;
    assert_null(engine_open(&model, &settings, &error));
    assert_non_null(strstr(error.text, "not even one page"));
}

/* ---- recordings ---- */

/* The same results to the bit. */
static void assert_same_and_free(struct generation *a, struct generation *b, size_t count) {
    for (size_t i = 0; i < count; i++)
        assert_memory_equal(&a[i].log_probability, &b[i].log_probability, sizeof(double));
    assert_equal_and_free(a, b, count);
}

static void replayed_steps_give_the_bits_of_steps_without_graphs(void **state) {
    (void)state;
    for (int drawn = 0; drawn < 2; drawn++) {
        struct engine_settings settings = settings_of((float)drawn), plain = settings;
        struct generation replayed[PROMPTS] = {0}, launched[PROMPTS] = {0};
        plain.no_graphs = true;
        struct engine_tally with = generate(&settings, requests, PROMPTS, replayed);
        struct engine_tally without = generate(&plain, requests, PROMPTS, launched);
        assert_true(with.replayed > with.steps / 2);
        assert_int_equal(without.replayed, 0);
        assert_int_equal(without.recorded, 0);
        assert_int_equal(with.steps, without.steps);
        assert_same_and_free(replayed, launched, PROMPTS);
    }
}

/* Its user data is how many tokens it may have. */
static bool count_down(void *context, void *user, int32_t token) {
    (void)context;
    (void)token;
    return --*(int *)user == 0;
}

static void there_is_one_recording_for_each_size(void **state) {
    (void)state;
    enum { AT_ONCE = 15, EACH = 3, SIZES = 6 };
    struct engine_settings settings = settings_of(1);
    struct request asked[AT_ONCE];
    struct generation out[AT_ONCE] = {0};
    int left[AT_ONCE];
    settings.batch = 14;
    settings.max_tokens = 120;
    settings.listener = count_down;
    for (int i = 0; i < AT_ONCE; i++) {
        left[i] = EACH * (i + 1);
        asked[i] = requests[0];
        asked[i].random.sample = (uint64_t)i;
        asked[i].user = &left[i];
    }
    /* 14, 12, 8, 4, 2 and 1 rows; prompts of one token, so that every step is of such a size. */
    struct engine_tally tally = generate(&settings, asked, AT_ONCE, out);
    assert_int_equal(tally.recorded, SIZES);
    assert_int_equal(tally.replayed, tally.steps - SIZES);
    for (int i = 0; i < AT_ONCE; i++) {
        assert_int_equal(out[i].tokens.count, EACH * (i + 1));
        generation_free(&out[i]);
    }
}

/* 16 pages of 16 places hold what there is until the prompt's 250 and some more tokens. */
static void a_longer_table_of_pages_is_another_size(void **state) {
    (void)state;
    enum { POSITION_LIMIT = 512, LENGTH = 250, MORE = 12 };
    int32_t prompt[LENGTH];
    struct generation replayed = {0}, launched = {0};
    struct engine_settings settings = settings_of(1), plain;
    int64_t positions = model.config.positions;
    settings.max_tokens = MORE;
    plain = settings;
    plain.no_graphs = true;
    for (int i = 0; i < LENGTH; i++)
        prompt[i] = i * i % VOCABULARY;
    struct request request = {.tokens = prompt, .count = LENGTH};
    model.config.positions = POSITION_LIMIT;
    struct engine_tally tally = generate(&settings, &request, 1, &replayed);
    generate(&plain, &request, 1, &launched);
    model.config.positions = positions;
    assert_int_equal(tally.recorded, 2);
    assert_int_equal(replayed.tokens.count, MORE);
    assert_same_and_free(&replayed, &launched, 1);
}

static void a_step_that_cannot_be_recorded_names_the_way_without(void **state) {
    (void)state;
    struct error error = {0};
    struct engine_settings settings = settings_of(0);
    struct engine *engine = engine_open(&model, &settings, &error);
    assert_true(engine_submit(engine, &requests[0], &error));
    assert_true(engine_step(engine, &error)); /* the prompt: of this size the first */
    recording_begin(device);                  /* somebody else records */
    assert_false(engine_step(engine, &error));
    assert_non_null(strstr(error.text, "recording the step of 1 sequences (--no-graphs does "
                                       "without): device_upload: operations are being recorded"));
    assert_null(recording_end(device, &error));
    engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_gives_the_same_alone_and_among_others),
        cmocka_unit_test(a_small_model_has_as_many_at_once_as_8_mb_hold),
        cmocka_unit_test(prompts_read_in_pieces_give_what_whole_ones_give),
        cmocka_unit_test(equal_beginnings_are_computed_once),
        cmocka_unit_test(a_full_cache_makes_sequences_wait_and_changes_nothing),
        cmocka_unit_test(memory_for_keys_and_values_does_not_depend_on_what_is_free_on_the_cpu),
        cmocka_unit_test(results_come_in_the_order_of_the_requests),
        cmocka_unit_test(scoring_a_completion_tells_what_drawing_it_told),
        cmocka_unit_test(alternatives_share_one_distribution),
        cmocka_unit_test(a_listener_ends_a_completion),
        cmocka_unit_test(drawing_ends_where_the_positions_end),
        cmocka_unit_test(requests_that_cannot_be_served_are_refused_with_the_reason),
    };
    const struct CMUnitTest recordings[] = {
        cmocka_unit_test(replayed_steps_give_the_bits_of_steps_without_graphs),
        cmocka_unit_test(a_gpu_has_256_at_once),
        cmocka_unit_test(on_a_gpu_keys_and_values_have_what_is_left),
        cmocka_unit_test(there_is_one_recording_for_each_size),
        cmocka_unit_test(a_longer_table_of_pages_is_another_size),
        cmocka_unit_test(a_step_that_cannot_be_recorded_names_the_way_without),
    };
    int failed = cmocka_run_group_tests(tests, open_model, close_model);
    device_wanted = "cuda";
    if (shim_here())
        failed += cmocka_run_group_tests(recordings, open_model, close_model);
    return failed;
}
