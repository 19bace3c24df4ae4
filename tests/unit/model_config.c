/* config.json: what is read from it, and that every number in it is checked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/config.h"

/* A whole configuration; `extra` members (JSON, ended by a comma) replace those of their name. */
static json_t *json_with(const char *extra) {
    static const char base[] =
        "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"vocab_size\":53,"
        "\"hidden_size\":32,\"intermediate_size\":48,\"num_hidden_layers\":2,"
        "\"num_attention_heads\":4,\"max_position_embeddings\":64}";
    struct error error = {0};
    json_t *json = json_parse(base, sizeof base - 1, &error);
    json_t *changes = json_parse(extra, strlen(extra), &error);
    if (json == NULL || changes == NULL)
        fail_msg("%s", error.text);
    json_object_update(json, changes);
    json_decref(changes);
    return json;
}

static struct model_config read_with(const char *extra) {
    json_t *json = json_with(extra);
    struct model_config config;
    struct error error = {0};
    if (!model_config_from_json(&config, json, &error))
        fail_msg("%s", error.text);
    json_decref(json);
    return config;
}

static void assert_refused(const char *extra, const char *says) {
    json_t *json = json_with(extra);
    struct model_config config;
    struct error error = {0};
    if (model_config_from_json(&config, json, &error))
        fail_msg("%s was accepted", extra);
    if (strstr(error.text, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.text, says);
    assert_null(config.json);
    json_decref(json);
}

static void what_is_left_out_has_the_values_of_transformers(void **state) {
    (void)state;
    struct model_config config = read_with("{}");
    assert_int_equal(config.vocabulary, 53);
    assert_int_equal(config.width, 32);
    assert_int_equal(config.layers, 2);
    assert_int_equal(config.heads, 4);
    assert_int_equal(config.kv_heads, 4);
    assert_int_equal(config.head_size, 8);
    assert_int_equal(config.mlp_width, 48);
    assert_int_equal(config.positions, 64);
    assert_true(config.norm_epsilon == 1e-6);
    assert_true(config.rotary.base == 10000);
    assert_true(config.initializer_range == 0.02);
    assert_false(config.tied);
    assert_int_equal(config.type, DTYPE_F32);
    assert_int_equal(config.end_token_count, 0);
    assert_int_equal(config.norm, NORM_RMS);
    assert_int_equal(config.activation, ACTIVATION_SWIGLU);
    assert_false(config.qkv_bias || config.attention_out_bias || config.mlp_bias);
    assert_false(config.head_norms || config.parallel || config.post_norm || config.type_given);
    assert_true(config.causal);
    assert_int_equal(config.window, 0);
    assert_int_equal(config.rotary.size, 8);
    assert_int_equal(config.rotary.scaling, ROTARY_PLAIN);
    model_config_free(&config);
}

/* Members of a configuration of that family; the sizes stay those of the base. */
#define FAMILY(architecture, kind)                                                                 \
    "{\"architectures\":[\"" architecture "\"],\"model_type\":\"" kind "\","
#define NEOX FAMILY("GPTNeoXForCausalLM", "gpt_neox")
#define MISTRAL FAMILY("MistralForCausalLM", "mistral") "\"num_key_value_heads\":2,"
#define QWEN2 FAMILY("Qwen2ForCausalLM", "qwen2") "\"num_key_value_heads\":2,"
#define QWEN3 FAMILY("Qwen3ForCausalLM", "qwen3") "\"num_key_value_heads\":2,"
#define BERT FAMILY("BertModel", "bert")

static void neox_has_layer_norms_biases_and_a_part_that_turns(void **state) {
    (void)state;
    struct model_config config = read_with(NEOX "\"rotary_pct\":0.5,\"rotary_emb_base\":5000}");
    assert_int_equal(config.norm, NORM_LAYER);
    assert_int_equal(config.activation, ACTIVATION_GELU);
    assert_true(config.qkv_bias && config.attention_out_bias && config.mlp_bias);
    assert_true(config.parallel && config.causal && !config.tied);
    assert_int_equal(config.rotary.size, 4);
    assert_true(config.rotary.base == 5000);
    assert_true(config.norm_epsilon == 1e-5);
    int64_t layer = 4 * 32 * 32 + 4 * 32 + 2 * 48 * 32 + 48 + 32 + 4 * 32;
    assert_int_equal(model_config_parameters(&config), 2 * 53 * 32 + 2 * layer + 2 * 32);
    model_config_free(&config);
    config = read_with(NEOX "\"hidden_act\":\"gelu_fast\",\"use_parallel_residual\":false,"
                            "\"attention_bias\":false,\"rope_parameters\":{\"rope_type\":"
                            "\"linear\",\"factor\":2.0,\"partial_rotary_factor\":1.0}}");
    assert_int_equal(config.activation, ACTIVATION_GELU_TANH);
    assert_false(config.parallel || config.qkv_bias || config.attention_out_bias);
    assert_int_equal(config.rotary.size, 8);
    assert_int_equal(config.rotary.scaling, ROTARY_LINEAR);
    model_config_free(&config);
    assert_refused(NEOX "\"hidden_act\":\"silu\"}", "'hidden_act' is 'silu'; 'gelu'");
    assert_refused(NEOX "\"rotary_pct\":1.5}", "'rotary_pct' is 1.5");
    assert_refused(NEOX "\"rotary_pct\":0.4}", "3 columns of each head would turn");
    assert_refused(NEOX "\"use_parallel_residual\":1}", "'use_parallel_residual' is neither");
}

static void a_window_that_is_left_out_is_mistral_s_and_null_is_none(void **state) {
    (void)state;
    static const struct {
        const char *extra;
        int64_t window, from;
    } cases[] = {
        {MISTRAL "\"sliding_window\":5}", 5, 0},
        {MISTRAL "\"sliding_window\":null}", 0, 0},
        {MISTRAL "\"bos_token_id\":1}", 4096, 0},
        {QWEN2 "\"sliding_window\":5,\"max_window_layers\":1}", 0, 0},
        {QWEN2 "\"sliding_window\":5,\"use_sliding_window\":true,\"max_window_layers\":1}", 5, 1},
        {QWEN2 "\"sliding_window\":5,\"use_sliding_window\":true}", 0, 0},
        {QWEN3 "\"sliding_window\":6,\"use_sliding_window\":true,\"max_window_layers\":0}", 6, 0},
        {QWEN3 "\"sliding_window\":6,\"use_sliding_window\":true,\"layer_types\":["
               "\"full_attention\",\"sliding_attention\"]}",
         6, 1},
        {QWEN3 "\"layer_types\":[\"full_attention\",\"full_attention\"]}", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model_config config = read_with(cases[i].extra);
        assert_int_equal(config.window, cases[i].window);
        assert_int_equal(config.window_from, cases[i].from);
        model_config_free(&config);
    }
    assert_refused(MISTRAL "\"sliding_window\":0}", "'sliding_window' is 0");
    assert_refused(QWEN2 "\"use_sliding_window\":true,\"max_window_layers\":-1}",
                   "'max_window_layers' is -1");
    assert_refused(QWEN2 "\"layer_types\":[\"full_attention\"]}", "a list of num_hidden_layers");
    assert_refused(QWEN2 "\"layer_types\":[\"full_attention\",\"sliding_attention\"]}",
                   "there is no sliding_window in use");
    assert_refused(QWEN2 "\"use_sliding_window\":true,\"layer_types\":[\"sliding_attention\","
                         "\"full_attention\"]}",
                   "only the other order");
    assert_refused(QWEN2 "\"layer_types\":[\"linear_attention\",7]}", "names 'linear_attention'");
    assert_refused("{\"layer_types\":[\"full_attention\",\"sliding_attention\"]}",
                   "there is no sliding_window in use");
}

static void qwen_has_biases_of_queries_keys_and_values_or_norms_of_heads(void **state) {
    (void)state;
    struct model_config config = read_with(QWEN2 "\"tie_word_embeddings\":true}");
    assert_true(config.qkv_bias && !config.attention_out_bias && !config.head_norms);
    model_config_free(&config);
    config = read_with(QWEN3 "\"num_hidden_layers\":1}");
    assert_true(config.head_norms && !config.qkv_bias);
    assert_int_equal(config.head_size, 128);
    int64_t layer = 2 * 4 * 128 * 32 + 2 * 2 * 128 * 32 + 3 * 48 * 32 + 2 * 32 + 2 * 128;
    assert_int_equal(model_config_parameters(&config), 2 * 53 * 32 + layer + 32);
    model_config_free(&config);
    config = read_with("{\"attention_bias\":true,\"mlp_bias\":true}");
    assert_true(config.qkv_bias && config.attention_out_bias && config.mlp_bias);
    int64_t biases = 3 * 32 + 32 + 2 * 48 + 32;
    layer = 4 * 32 * 32 + 3 * 48 * 32 + 2 * 32;
    assert_int_equal(model_config_parameters(&config), 2 * 53 * 32 + 2 * (layer + biases) + 32);
    model_config_free(&config);
}

static void bert_is_an_encoder_with_learned_positions_and_norms_behind_sums(void **state) {
    (void)state;
    struct model_config config = read_with(BERT "\"type_vocab_size\":2}");
    assert_true(config.post_norm && !config.causal && config.qkv_bias && config.mlp_bias);
    assert_int_equal(config.rotary.size, 0);
    assert_int_equal(config.types, 2);
    assert_true(config.norm_epsilon == 1e-12);
    int64_t layer = 4 * 32 * 32 + 4 * 32 + 2 * 48 * 32 + 48 + 32 + 4 * 32;
    assert_int_equal(model_config_parameters(&config), (53 + 64 + 2 + 2) * 32 + 2 * layer);
    model_config_free(&config);
    assert_refused(BERT "\"position_embedding_type\":\"relative_key\"}", "only 'absolute'");
    assert_refused(BERT "\"is_decoder\":true}", "only the encoder is supported");
    assert_refused(BERT "\"type_vocab_size\":0}", "'type_vocab_size' is 0");
}

static void rotary_positions_are_scaled_by_the_rules_that_are_known(void **state) {
    (void)state;
    struct model_config config =
        read_with("{\"rope_scaling\":{\"type\":\"linear\",\"factor\":4.0}}");
    assert_int_equal(config.rotary.scaling, ROTARY_LINEAR);
    assert_true(config.rotary.factor == 4);
    model_config_free(&config);
    config = read_with("{\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2.0}}");
    assert_int_equal(config.rotary.scaling, ROTARY_PLAIN); /* up to max_position_embeddings */
    model_config_free(&config);
    config = read_with("{\"rope_theta\":5e5,\"rope_scaling\":{\"rope_type\":\"llama3\","
                       "\"factor\":8.0,\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,"
                       "\"original_max_position_embeddings\":8192}}");
    assert_int_equal(config.rotary.scaling, ROTARY_LLAMA3);
    assert_true(config.rotary.high_frequency_factor == 4 && config.rotary.base == 5e5);
    assert_int_equal(config.rotary.original_positions, 8192);
    model_config_free(&config);
    assert_refused("{\"rope_scaling\":{\"type\":\"linear\"}}",
                   "'rope_scaling': 'factor' is missing");
    assert_refused("{\"rope_scaling\":{\"type\":\"linear\",\"factor\":0}}", "'factor' is 0");
    assert_refused("{\"rope_parameters\":{\"rope_type\":\"llama3\",\"factor\":8}}",
                   "'rope_parameters': 'low_freq_factor' is missing");
    assert_refused("{\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,"
                   "\"high_freq_factor\":4,\"original_max_position_embeddings\":32}}",
                   "'low_freq_factor' is 4 and 'high_freq_factor' 4");
    assert_refused("{\"rope_scaling\":{\"type\":\"dynamic\"},"
                   "\"rope_parameters\":{\"rope_type\":\"default\"}}",
                   "'rope_scaling' and 'rope_parameters' differ");
}

static void end_tokens_of_generation_come_behind_those_of_the_configuration(void **state) {
    (void)state;
    struct error error = {0};
    struct model_config config = read_with("{\"eos_token_id\":7}");
    json_t *json = json_parse("{\"eos_token_id\":[9,7]}", 22, &error);
    assert_true(model_config_add_end_tokens(&config, json, &error));
    assert_int_equal(config.end_token_count, 2);
    assert_int_equal(config.end_tokens[0], 7);
    assert_int_equal(config.end_tokens[1], 9);
    json_object_set_new(json, "eos_token_id", json_integer(53));
    assert_false(model_config_add_end_tokens(&config, json, &error));
    json_decref(json);
    model_config_free(&config);
}

static void both_spellings_of_rotary_base_and_dtype_are_read(void **state) {
    (void)state;
    struct model_config old =
        read_with("{\"rope_theta\":500000.0,\"rope_scaling\":null,\"torch_dtype\":\"bfloat16\"}");
    struct model_config new = read_with("{\"rope_parameters\":{\"rope_theta\":500000.0,"
                                        "\"rope_type\":\"default\"},\"dtype\":\"bfloat16\"}");
    assert_true(old.rotary.base == 500000 && new.rotary.base == 500000);
    assert_int_equal(old.type, DTYPE_BF16);
    assert_int_equal(new.type, DTYPE_BF16);
    model_config_free(&old);
    model_config_free(&new);
}

static void end_tokens_are_a_number_a_list_or_nothing(void **state) {
    (void)state;
    struct model_config config = read_with("{\"eos_token_id\":7}");
    assert_int_equal(config.end_token_count, 1);
    assert_int_equal(config.end_tokens[0], 7);
    model_config_free(&config);
    config = read_with("{\"eos_token_id\":[7,52]}");
    assert_int_equal(config.end_token_count, 2);
    assert_int_equal(config.end_tokens[1], 52);
    model_config_free(&config);
    config = read_with("{\"eos_token_id\":null}");
    assert_int_equal(config.end_token_count, 0);
    model_config_free(&config);
    assert_refused("{\"eos_token_id\":53}", "'eos_token_id' must be");
    assert_refused("{\"eos_token_id\":[1,\"a\"]}", "'eos_token_id' must be");
    assert_refused("{\"eos_token_id\":-1}", "'eos_token_id' must be");
}

static void grouped_heads_and_wide_heads_are_counted(void **state) {
    (void)state;
    struct model_config config =
        read_with("{\"num_key_value_heads\":2,\"head_dim\":16,\"tie_word_embeddings\":true}");
    assert_int_equal(config.kv_heads, 2);
    assert_int_equal(config.head_size, 16);
    /* embedding, 2 layers of (q, o; k, v; gate, up, down; two norms), final norm */
    int64_t layer = 2 * 64 * 32 + 2 * 32 * 32 + 3 * 48 * 32 + 2 * 32;
    assert_int_equal(model_config_parameters(&config), 53 * 32 + 2 * layer + 32);
    config.tied = false;
    assert_int_equal(model_config_parameters(&config), 2 * 53 * 32 + 2 * layer + 32);
    model_config_free(&config);
}

static void what_the_transformer_does_not_do_is_refused_by_name(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"{\"architectures\":[\"GPT2LMHeadModel\"]}",
         "'GPT2LMHeadModel' is not supported; supported are LlamaForCausalLM, MistralForCausalLM, "
         "Qwen2ForCausalLM, Qwen3ForCausalLM, GPTNeoXForCausalLM, BertModel"},
        {"{\"architectures\":null,\"model_type\":\"gpt2\"}",
         "the model_type 'gpt2' is not supported"},
        {"{\"architectures\":null,\"model_type\":null}", "'architectures' must be"},
        {"{\"architectures\":[]}", "'architectures' must be the list of one name"},
        {"{\"architectures\":\"LlamaForCausalLM\"}", "'architectures' must be"},
        {"{\"model_type\":\"mistral\"}", "'model_type' is 'mistral'"},
        {"{\"model_type\":7}", "'model_type' is no text"},
        {"{\"mlp_bias\":0}", "'mlp_bias' is neither true nor false"},
        {"{\"hidden_act\":\"gelu\"}", "'hidden_act' is 'gelu'"},
        {"{\"quantization_config\":{\"bits\":4}}", "'quantization_config' is set"},
        {"{\"rope_scaling\":8}", "'rope_scaling': is no object"},
        {"{\"rope_parameters\":{\"rope_type\":\"yarn\"}}", "the kind 'yarn'"},
        {"{\"rope_parameters\":{\"partial_rotary_factor\":0.1}}", "0 columns of each head"},
        {"{\"rope_scaling\":{\"type\":\"longrope\"}}", "the kind 'longrope' are not supported"},
        {"{\"rope_theta\":1e4,\"rope_parameters\":{\"rope_theta\":5e5}}", "one of them must go"},
        {"{\"rope_theta\":0}", "'rope_theta' is 0"},
        {"{\"dtype\":\"int8\"}", "'dtype' is 'int8'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(cases[i][0], cases[i][1]);
}

static void numbers_out_of_range_are_refused_by_name(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"{\"vocab_size\":null}", "'vocab_size' is missing"},
        {"{\"vocab_size\":0}", "'vocab_size' is 0; 1 to 16777216 would be right"},
        {"{\"vocab_size\":9223372036854775807}", "'vocab_size' is 9223372036854775807"},
        {"{\"vocab_size\":53.5}", "'vocab_size' is no whole number"},
        {"{\"hidden_size\":-32}", "'hidden_size' is -32"},
        {"{\"num_hidden_layers\":0}", "'num_hidden_layers' is 0"},
        {"{\"num_hidden_layers\":100000}", "'num_hidden_layers' is 100000"},
        {"{\"intermediate_size\":null}", "'intermediate_size' is missing"},
        {"{\"max_position_embeddings\":0}", "'max_position_embeddings' is 0"},
        {"{\"num_attention_heads\":5}", "'hidden_size' is 32, not a multiple of"},
        {"{\"num_attention_heads\":32}", "a head is 1 wide"},
        {"{\"num_key_value_heads\":3}", "'num_attention_heads' is 4, not a multiple of"},
        {"{\"num_key_value_heads\":0}", "'num_key_value_heads' is 0"},
        {"{\"head_dim\":7}", "a head is 7 wide"},
        {"{\"hidden_size\":262144,\"num_attention_heads\":1}", "a head is 262144 wide"},
        {"{\"rms_norm_eps\":0}", "'rms_norm_eps' is 0"},
        {"{\"initializer_range\":-1}", "'initializer_range' is -1"},
        {"{\"tie_word_embeddings\":\"yes\"}", "'tie_word_embeddings' is neither"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(cases[i][0], cases[i][1]);
}

static void the_largest_configuration_does_not_overflow(void **state) {
    (void)state;
    struct model_config config =
        read_with("{\"vocab_size\":16777216,\"hidden_size\":262144,\"num_hidden_layers\":4096,"
                  "\"num_attention_heads\":4096,\"head_dim\":4096,\"intermediate_size\":1048576}");
    assert_true(model_config_parameters(&config) > (int64_t)1 << 56);
    assert_true(model_config_parameters(&config) < INT64_MAX / 4);
    model_config_free(&config);
}

static void a_setting_replaces_a_number_and_a_misspelt_one_is_refused(void **state) {
    (void)state;
    json_t *json = json_with("{\"other\":1}");
    struct error error = {0};
    assert_true(model_config_set(json, "num_hidden_layers=5", &error));
    assert_true(model_config_set(json, "rms_norm_eps=1e-4", &error));
    assert_true(model_config_set(json, "tie_word_embeddings=true", &error));
    assert_true(model_config_set(json, "other=2", &error));
    static const char *const wrong[][2] = {
        {"num_layers=5", "'num_layers' is no key"}, {"hidden_size", "not of the form key=value"},
        {"=5", "not of the form key=value"},        {"hidden_size=wide", "is not a number"},
        {"hidden_size=", "is not a number"},        {"hidden_size=[1]", "is not a number"},
        {"hidden_size=1 2", "is not a number"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(model_config_set(json, wrong[i][0], &error));
        assert_non_null(strstr(error.text, wrong[i][1]));
    }
    struct model_config config;
    assert_true(model_config_from_json(&config, json, &error));
    assert_int_equal(config.layers, 5);
    assert_true(config.norm_epsilon == 1e-4);
    assert_true(config.tied);
    json_decref(json);
    model_config_free(&config);
}

static void a_changed_dtype_is_changed_in_what_will_be_saved(void **state) {
    (void)state;
    static const char *const keys[] = {"dtype", "torch_dtype"};
    for (int i = 0; i < 2; i++) {
        struct model_config config =
            read_with(i ? "{\"torch_dtype\":\"float32\"}" : "{\"dtype\":\"float32\"}");
        model_config_set_type(&config, DTYPE_BF16);
        assert_int_equal(config.type, DTYPE_BF16);
        assert_string_equal(json_string_value(json_object_get(config.json, keys[i])), "bfloat16");
        assert_null(json_object_get(config.json, keys[1 - i]));
        model_config_free(&config);
    }
}

static void the_models_of_our_own_have_the_sizes_we_state(void **state) {
    (void)state;
    struct error error = {0};
    static const struct {
        const char *path;
        int64_t least, most;
    } models[] = {{"data/models/composition-quick.json", 500000, 2000000},
                  {"data/models/composition-paper.json", 17900000, 18100000}};
    for (int i = 0; i < 2; i++) {
        json_t *json = model_config_load(models[i].path, &error);
        if (json == NULL)
            fail_msg("%s", error.text);
        assert_true(model_config_set(json, "vocab_size=53", &error));
        struct model_config config;
        if (!model_config_from_json(&config, json, &error))
            fail_msg("%s", error.text);
        int64_t parameters = model_config_parameters(&config);
        assert_true(parameters >= models[i].least && parameters <= models[i].most);
        model_config_free(&config);
        json_decref(json);
    }
}

static void the_shapes_of_real_models_have_their_sizes(void **state) {
    (void)state;
    struct error error = {0};
    static const struct {
        const char *path;
        int64_t parameters;
    } models[] = {{"data/models/pythia-160m.json", 162322944},
                  {"data/models/llama-500m.json", 518119680}};
    for (int i = 0; i < 2; i++) {
        struct model_config config;
        if (!model_config_read(&config, models[i].path, &error))
            fail_msg("%s", error.text);
        assert_int_equal(model_config_parameters(&config), models[i].parameters);
        model_config_free(&config);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_out_has_the_values_of_transformers),
        cmocka_unit_test(neox_has_layer_norms_biases_and_a_part_that_turns),
        cmocka_unit_test(a_window_that_is_left_out_is_mistral_s_and_null_is_none),
        cmocka_unit_test(qwen_has_biases_of_queries_keys_and_values_or_norms_of_heads),
        cmocka_unit_test(bert_is_an_encoder_with_learned_positions_and_norms_behind_sums),
        cmocka_unit_test(rotary_positions_are_scaled_by_the_rules_that_are_known),
        cmocka_unit_test(end_tokens_of_generation_come_behind_those_of_the_configuration),
        cmocka_unit_test(both_spellings_of_rotary_base_and_dtype_are_read),
        cmocka_unit_test(end_tokens_are_a_number_a_list_or_nothing),
        cmocka_unit_test(grouped_heads_and_wide_heads_are_counted),
        cmocka_unit_test(what_the_transformer_does_not_do_is_refused_by_name),
        cmocka_unit_test(numbers_out_of_range_are_refused_by_name),
        cmocka_unit_test(the_largest_configuration_does_not_overflow),
        cmocka_unit_test(a_setting_replaces_a_number_and_a_misspelt_one_is_refused),
        cmocka_unit_test(a_changed_dtype_is_changed_in_what_will_be_saved),
        cmocka_unit_test(the_models_of_our_own_have_the_sizes_we_state),
        cmocka_unit_test(the_shapes_of_real_models_have_their_sizes),
    };
    return cmocka_run_group_tests_name("model_config", tests, NULL, NULL);
}
