/* config.json: reading it, checking every number that the transformer relies on, changing it. What
 * each family of models has in it is in config_families.c. */
#include "model/config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "model/config_family.h"

#define FILE_LIMIT ((size_t)4 << 20)
#define MOST_END_TOKENS 256

json_t *model_config_load(const char *path, struct error *error) {
    struct stat status;
    bool directory = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    char *file = directory ? path_join(path, "config.json") : copy_text(path);
    json_t *json = json_file(file, FILE_LIMIT, error);
    free(file);
    return json;
}

bool model_config_read(struct model_config *config, const char *path, struct error *error) {
    *config = (struct model_config){0};
    json_t *json = model_config_load(path, error);
    if (json == NULL)
        return false;
    bool fine = model_config_from_json(config, json, error) || error_place(error, "%s", path);
    json_decref(json);
    return fine;
}

/* ---- what kind of model it is ---- */

const json_t *config_member(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

static bool not_supported(const char *what, const char *name, struct error *error) {
    char list[512] = "";
    model_family_list(list, sizeof list);
    return error_set(error, "the %s '%.60s' is not supported; supported are %s", what, name, list);
}

/* By 'architectures'; where that is missing, by 'model_type'; both must agree. */
static bool find_family(const struct model_family **family, const json_t *json,
                        struct error *error) {
    const json_t *names = config_member(json, "architectures");
    const char *kind;
    if (!json_get_text(json, "model_type", false, NULL, &kind, error))
        return false;
    const char *name = json_string_value(json_array_get(names, 0));
    if ((names == NULL && kind == NULL) ||
        (names != NULL && (name == NULL || json_array_size(names) > 1)))
        return error_set(error, "'architectures' must be the list of one name, as in "
                                "[\"LlamaForCausalLM\"]");
    *family = model_family_find(name, kind);
    if (*family == NULL)
        return not_supported(name ? "architecture" : "model_type", name ? name : kind, error);
    if (kind != NULL && strcmp(kind, (*family)->kind) != 0)
        return error_set(error, "'model_type' is '%.60s'; '%s' would be right for %s", kind,
                         (*family)->kind, (*family)->architecture);
    return true;
}

static bool check_quantization(const json_t *json, struct error *error) {
    return config_member(json, "quantization_config") == NULL ||
           error_set(error, "'quantization_config' is set; only weights in float32, bfloat16 or "
                            "float16 are supported: take the model's unquantized checkpoint");
}

/* ---- the rest ---- */

static bool read_deviation(struct model_config *config, const json_t *json, struct error *error) {
    if (!json_get_real(json, "initializer_range", false, 0.02, &config->initializer_range, error))
        return false;
    return (config->initializer_range >= 0 && config->initializer_range <= 100) ||
           error_set(error, "'initializer_range' is %g; 0 to 100 would be right",
                     config->initializer_range);
}

/* "dtype" since transformers 5, "torch_dtype" before. float16 has digits that bfloat16 lacks. */
static bool read_type(struct model_config *config, const json_t *json, struct error *error) {
    const char *key = config_member(json, "dtype") != NULL ? "dtype" : "torch_dtype", *name;
    if (!json_get_text(json, key, false, NULL, &name, error))
        return false;
    config->type = DTYPE_F32;
    config->type_given = name != NULL;
    if (name == NULL || strcmp(name, "float32") == 0 || strcmp(name, "float16") == 0)
        return true;
    config->type = DTYPE_BF16;
    return strcmp(name, "bfloat16") == 0 ||
           error_set(error, "'%s' is '%.60s'; only float32, bfloat16 and float16 are supported",
                     key, name);
}

static bool has_end_token(const struct model_config *config, int32_t token) {
    for (size_t i = 0; i < config->end_token_count; i++)
        if (config->end_tokens[i] == token)
            return true;
    return false;
}

bool model_config_add_end_tokens(struct model_config *config, const json_t *json,
                                 struct error *error) {
    const json_t *ends = config_member(json, "eos_token_id");
    size_t count = json_is_array(ends) ? json_array_size(ends) : ends != NULL;
    if (count > MOST_END_TOKENS)
        return error_set(error, "'eos_token_id' lists %zu tokens; at most %d would be right", count,
                         MOST_END_TOKENS);
    config->end_tokens = reallocate(config->end_tokens, config->end_token_count + count + 1,
                                    sizeof *config->end_tokens);
    for (size_t i = 0; i < count; i++) {
        const json_t *end = json_is_array(ends) ? json_array_get(ends, i) : ends;
        if (!json_is_integer(end) || json_integer_value(end) < 0 ||
            json_integer_value(end) >= config->vocabulary)
            return error_set(error,
                             "'eos_token_id' must be null, a token id below vocab_size, "
                             "%lld, or a list of such",
                             (long long)config->vocabulary);
        int32_t token = (int32_t)json_integer_value(end);
        if (!has_end_token(config, token))
            config->end_tokens[config->end_token_count++] = token;
    }
    return true;
}

bool model_config_from_json(struct model_config *config, json_t *json, struct error *error) {
    *config = (struct model_config){.json = json_incref(json)};
    const struct model_family *family = NULL;
    bool fine = find_family(&family, json, error) && check_quantization(json, error) &&
                family->read(config, json, error) && read_deviation(config, json, error) &&
                read_type(config, json, error) && model_config_add_end_tokens(config, json, error);
    if (!fine)
        model_config_free(config);
    return fine;
}

/* ---- changing it ---- */

static bool is_known_key(const char *key) {
    static const char *const keys[] = {
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "head_dim",
        "intermediate_size",
        "max_position_embeddings",
        "type_vocab_size",
        "rms_norm_eps",
        "layer_norm_eps",
        "rope_theta",
        "rotary_emb_base",
        "rotary_pct",
        "partial_rotary_factor",
        "rope_scaling",
        "rope_parameters",
        "sliding_window",
        "use_sliding_window",
        "max_window_layers",
        "layer_types",
        "attention_bias",
        "mlp_bias",
        "use_parallel_residual",
        "initializer_range",
        "tie_word_embeddings",
        "eos_token_id",
        "bos_token_id",
        "pad_token_id",
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

bool model_config_set(json_t *json, const char *assignment, struct error *error) {
    const char *equals = strchr(assignment, '=');
    if (equals == NULL || equals == assignment)
        return error_set(error, "'%.80s' is not of the form key=value", assignment);
    char *key = format_text("%.*s", (int)(equals - assignment), assignment);
    json_error_t ignored;
    json_t *value = json_loads(equals + 1, JSON_DECODE_ANY, &ignored);
    bool fine = true;
    if (!is_known_key(key) && json_object_get(json, key) == NULL)
        fine = error_set(error, "'%.60s' is no key of the configuration", key);
    else if (!json_is_number(value) && !json_is_boolean(value) && !json_is_null(value))
        fine = error_set(error, "the value in '%.80s' is not a number, true, false or null",
                         assignment);
    else
        json_object_set(json, key, value);
    json_decref(value);
    free(key);
    return fine;
}

void model_config_set_type(struct model_config *config, enum dtype type) {
    config->type = type;
    const char *key = json_object_get(config->json, "dtype") ? "dtype" : "torch_dtype";
    json_object_set_new(config->json, key,
                        json_string(type == DTYPE_BF16 ? "bfloat16" : "float32"));
}
