/*
 * What tokenizer_config.json changes beside a tokenizer.json. For the classes of Llama's tokenizer
 * transformers 4 replaces the post-processor at load by what add_bos_token (true unless told) and
 * add_eos_token (false) ask for; Deepseek's files count on that, and have no template of their own.
 * transformers 5 keeps the file's template, and saves files without these keys. So a key that is
 * there decides; where it is not, a template stands, and without one the key's default holds.
 */
#include <string.h>

#include "text/added_tokens.h"
#include "text/pipeline.h"
#include "text/tokenizer_class.h"

static bool is_llama(const char *class) {
    return class != NULL &&
           (strcmp(class, "LlamaTokenizer") == 0 || strcmp(class, "LlamaTokenizerFast") == 0);
}

/* Whether the post-processor is a template, or has one in its sequence. */
static bool has_template(const json_t *section, int depth) {
    const char *type = json_string_value(json_object_get(section, "type"));
    if (type != NULL && strcmp(type, "TemplateProcessing") == 0)
        return true;
    const json_t *list = json_object_get(section, "processors");
    bool found = false;
    for (size_t i = 0; depth <= SECTION_DEPTH && i < json_array_size(list) && !found; i++)
        found = has_template(json_array_get(list, i), depth + 1);
    return found;
}

/* "bos_token" or "eos_token": a text, or an object with one as "content". NULL bytes: null. */
static bool read_name(const json_t *config, const char *key, const char *usual, struct text *name,
                      struct error *error) {
    const json_t *value = json_object_get(config, key);
    const json_t *content = token_content(value);
    *name = value == NULL ? text_of(usual) : (struct text){NULL, 0};
    if (value == NULL || json_is_null(value))
        return true;
    *name = (struct text){json_string_value(content), json_string_length(content)};
    return name->bytes != NULL ||
           error_set(error, "'%s' is neither a text nor an object with the text 'content'", key);
}

/* One side. A token that is asked for must be there; one that is merely usual may be missing. */
static bool set_side(const struct pipeline *pipeline, const json_t *config, bool templated,
                     const char *add_key, bool usually, const char *key, const char *usual,
                     struct token_list *side, struct error *error) {
    bool told = json_is_boolean(json_object_get(config, add_key)), add;
    struct text name;
    if (!json_get_boolean(config, add_key, false, usually, &add, error) ||
        !read_name(config, key, usual, &name, error))
        return false;
    if (!told && templated)
        return true;
    side->count = 0;
    int32_t id = name.bytes != NULL ? pipeline_class.id(pipeline, name) : -1;
    if (add && id >= 0)
        token_list_add(side, id);
    else if (add && name.bytes != NULL && json_object_get(config, key) != NULL)
        return refuse_quoted(error, key, name,
                             "is to be added, but tokenizer.json has no such token");
    else if (add && told)
        return error_set(error, "'%s' is true, but '%s' names no token that there is", add_key,
                         key);
    return true;
}

bool llama_config_apply(struct pipeline *pipeline, const json_t *post_processor,
                        const json_t *config, struct error *error) {
    const char *class;
    bool templated = has_template(post_processor, 0);
    if (!json_get_text(config, "tokenizer_class", false, NULL, &class, error))
        return false;
    return !is_llama(class) || (set_side(pipeline, config, templated, "add_bos_token", true,
                                         "bos_token", "<s>", &pipeline->before, error) &&
                                set_side(pipeline, config, templated, "add_eos_token", false,
                                         "eos_token", "</s>", &pipeline->after, error));
}
