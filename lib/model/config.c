/* config.json: reading it, checking every number that the transformer relies on, changing it. */
#include "model/config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"

#define FILE_LIMIT ((size_t)4 << 20)
#define MOST_END_TOKENS 256

/* Far beyond any model there is, near enough that no product of them overflows 63 bits. */
#define MOST_VOCABULARY (1 << 24)
#define MOST_WIDTH (1 << 18)
#define MOST_LAYERS 4096
#define MOST_HEADS 4096
#define MOST_HEAD_SIZE 4096
#define MOST_MLP_WIDTH (1 << 20)
#define MOST_POSITIONS (1 << 24)

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

void model_config_free(struct model_config *config) {
    free(config->end_tokens);
    json_decref(config->json);
    *config = (struct model_config){0};
}

/* ---- what kind of model it is ---- */

static const json_t *member(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

static bool check_architecture(const json_t *json, struct error *error) {
    const json_t *names = member(json, "architectures");
    const char *kind;
    if (!json_get_text(json, "model_type", false, "llama", &kind, error))
        return false;
    const char *name = names == NULL && member(json, "model_type") != NULL
                           ? "LlamaForCausalLM"
                           : json_string_value(json_array_get(names, 0));
    if (name == NULL || json_array_size(names) > 1)
        return error_set(error, "'architectures' must be the list of one name, LlamaForCausalLM");
    if (strcmp(name, "LlamaForCausalLM") != 0)
        return error_set(error, "the architecture '%.60s' is not supported; LlamaForCausalLM is",
                         name);
    if (strcmp(kind, "llama") != 0)
        return error_set(error,
                         "'model_type' is '%.60s'; 'llama' would be right for "
                         "LlamaForCausalLM",
                         kind);
    return true;
}

/* What a Llama configuration may ask for and our transformer does not do. */
static bool check_unsupported(const json_t *json, struct error *error) {
    static const char *const biases[] = {"attention_bias", "mlp_bias"};
    for (size_t i = 0; i < sizeof biases / sizeof *biases; i++) {
        bool set;
        if (!json_get_boolean(json, biases[i], false, false, &set, error))
            return false;
        if (set)
            return error_set(error, "'%s' is true; only models without such biases are supported",
                             biases[i]);
    }
    const char *activation;
    if (!json_get_text(json, "hidden_act", false, "silu", &activation, error))
        return false;
    if (strcmp(activation, "silu") != 0)
        return error_set(error, "'hidden_act' is '%.60s'; only 'silu' is supported", activation);
    if (member(json, "quantization_config") != NULL)
        return error_set(error, "'quantization_config' is set; only weights in float32 or bfloat16 "
                                "are supported");
    return true;
}

/* ---- rotary position ---- */

/* A rotary table by its kind ("rope_type", in older files "type"): only the plain one. */
static bool check_rotary_kind(const json_t *table, const char *key, struct error *error) {
    if (!json_is_object(table))
        return error_set(error, "'%s' is no object", key);
    const char *kind, *older;
    double share;
    if (!json_get_text(table, "type", false, "default", &older, error) ||
        !json_get_text(table, "rope_type", false, older, &kind, error) ||
        !json_get_real(table, "partial_rotary_factor", false, 1, &share, error))
        return error_place(error, "%s", key);
    if (strcmp(kind, "default") != 0)
        return error_set(error, "'%s' asks for the kind '%.60s'; only 'default' is supported", key,
                         kind);
    if (share != 1)
        return error_set(error, "'%s' rotates a part of each head; only whole heads are supported",
                         key);
    return true;
}

/* The base stands beside the other numbers, or, since transformers 5, in rope_parameters. */
static bool read_rotary(struct model_config *config, const json_t *json, struct error *error) {
    const json_t *scaling = member(json, "rope_scaling");
    const json_t *parameters = member(json, "rope_parameters");
    if ((scaling != NULL && !check_rotary_kind(scaling, "rope_scaling", error)) ||
        (parameters != NULL && !check_rotary_kind(parameters, "rope_parameters", error)))
        return false;
    double inside;
    if (!json_get_real(json, "rope_theta", false, 10000, &config->rotary_base, error) ||
        !json_get_real(parameters, "rope_theta", false, config->rotary_base, &inside, error))
        return false;
    if (member(json, "rope_theta") != NULL && inside != config->rotary_base)
        return error_set(error,
                         "'rope_theta' is %g, but %g inside rope_parameters; one of them "
                         "must go",
                         config->rotary_base, inside);
    config->rotary_base = inside;
    if (!(inside >= 1 && inside <= 1e12))
        return error_set(error, "'rope_theta' is %g; 1 to 1e12 would be right", inside);
    return true;
}

/* ---- the rest of the numbers ---- */

static bool read_sizes(struct model_config *config, const json_t *json, struct error *error) {
    return json_get_integer(json, "vocab_size", true, 0, 1, MOST_VOCABULARY, &config->vocabulary,
                            error) &&
           json_get_integer(json, "hidden_size", true, 0, 1, MOST_WIDTH, &config->width, error) &&
           json_get_integer(json, "num_hidden_layers", true, 0, 1, MOST_LAYERS, &config->layers,
                            error) &&
           json_get_integer(json, "num_attention_heads", true, 0, 1, MOST_HEADS, &config->heads,
                            error) &&
           json_get_integer(json, "num_key_value_heads", false, config->heads, 1, MOST_HEADS,
                            &config->kv_heads, error) &&
           json_get_integer(json, "head_dim", false, 0, 1, MOST_HEAD_SIZE, &config->head_size,
                            error) &&
           json_get_integer(json, "intermediate_size", true, 0, 1, MOST_MLP_WIDTH,
                            &config->mlp_width, error) &&
           json_get_integer(json, "max_position_embeddings", false, 2048, 1, MOST_POSITIONS,
                            &config->positions, error);
}

static bool check_sizes(struct model_config *config, struct error *error) {
    if (config->heads % config->kv_heads != 0)
        return error_set(error,
                         "'num_attention_heads' is %lld, not a multiple of "
                         "num_key_value_heads, %lld",
                         (long long)config->heads, (long long)config->kv_heads);
    if (config->head_size == 0) {
        if (config->width % config->heads != 0)
            return error_set(error,
                             "'hidden_size' is %lld, not a multiple of "
                             "num_attention_heads, %lld, and there is no head_dim",
                             (long long)config->width, (long long)config->heads);
        config->head_size = config->width / config->heads;
    }
    if (config->head_size % 2 != 0 || config->head_size > MOST_HEAD_SIZE)
        return error_set(error,
                         "a head is %lld wide; an even number to %d would be right "
                         "(hidden_size, num_attention_heads, head_dim)",
                         (long long)config->head_size, MOST_HEAD_SIZE);
    return true;
}

static bool read_reals(struct model_config *config, const json_t *json, struct error *error) {
    if (!json_get_real(json, "rms_norm_eps", false, 1e-6, &config->norm_epsilon, error) ||
        !json_get_real(json, "initializer_range", false, 0.02, &config->initializer_range, error))
        return false;
    if (!(config->norm_epsilon > 0 && config->norm_epsilon < 1))
        return error_set(error, "'rms_norm_eps' is %g; a number between 0 and 1 would be right",
                         config->norm_epsilon);
    if (!(config->initializer_range >= 0 && config->initializer_range <= 100))
        return error_set(error, "'initializer_range' is %g; 0 to 100 would be right",
                         config->initializer_range);
    return true;
}

/* "dtype" since transformers 5, "torch_dtype" before. */
static bool read_type(struct model_config *config, const json_t *json, struct error *error) {
    const char *key = member(json, "dtype") != NULL ? "dtype" : "torch_dtype", *name;
    if (!json_get_text(json, key, false, "float32", &name, error))
        return false;
    config->type = strcmp(name, "bfloat16") == 0 ? DTYPE_BF16 : DTYPE_F32;
    return config->type == DTYPE_BF16 || strcmp(name, "float32") == 0 ||
           error_set(error, "'%s' is '%.60s'; only float32 and bfloat16 are supported", key, name);
}

static bool read_end_tokens(struct model_config *config, const json_t *json, struct error *error) {
    const json_t *ends = member(json, "eos_token_id");
    size_t count = json_is_array(ends) ? json_array_size(ends) : ends != NULL;
    if (count > MOST_END_TOKENS)
        return error_set(error, "'eos_token_id' lists %zu tokens; at most %d would be right", count,
                         MOST_END_TOKENS);
    config->end_tokens = allocate(count, sizeof *config->end_tokens);
    for (size_t i = 0; i < count; i++) {
        const json_t *end = json_is_array(ends) ? json_array_get(ends, i) : ends;
        if (!json_is_integer(end) || json_integer_value(end) < 0 ||
            json_integer_value(end) >= config->vocabulary)
            return error_set(error,
                             "'eos_token_id' must be null, a token id below vocab_size, "
                             "%lld, or a list of such",
                             (long long)config->vocabulary);
        config->end_tokens[i] = (int32_t)json_integer_value(end);
    }
    config->end_token_count = count;
    return true;
}

bool model_config_from_json(struct model_config *config, json_t *json, struct error *error) {
    *config = (struct model_config){.json = json_incref(json)};
    bool fine = check_architecture(json, error) && check_unsupported(json, error) &&
                read_sizes(config, json, error) && check_sizes(config, error) &&
                read_rotary(config, json, error) && read_reals(config, json, error) &&
                json_get_boolean(json, "tie_word_embeddings", false, false, &config->tied, error) &&
                read_type(config, json, error) && read_end_tokens(config, json, error);
    if (!fine)
        model_config_free(config);
    return fine;
}

/* ---- changing it ---- */

static bool is_known_key(const char *key) {
    static const char *const keys[] = {
        "vocab_size",          "hidden_size",  "num_hidden_layers", "num_attention_heads",
        "num_key_value_heads", "head_dim",     "intermediate_size", "max_position_embeddings",
        "rms_norm_eps",        "rope_theta",   "initializer_range", "tie_word_embeddings",
        "eos_token_id",        "bos_token_id",
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

int64_t model_config_parameters(const struct model_config *config) {
    int64_t width = config->width;
    int64_t attention = 2 * (config->heads + config->kv_heads) * config->head_size * width;
    int64_t layer = attention + 3 * config->mlp_width * width + 2 * width;
    int64_t embeddings = (config->tied ? 1 : 2) * config->vocabulary * width;
    return config->layers * layer + embeddings + width;
}
