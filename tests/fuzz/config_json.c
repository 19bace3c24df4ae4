/* Any bytes as a config.json: refused, or numbers whose products are safe to work with. */
#include <stdint.h>
#include <stdlib.h>

#include "model/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* What the transformer relies on. */
static bool fits_together(const struct model_config *config) {
    const struct rotary_settings *rotary = &config->rotary;
    return model_config_parameters(config) > 0 && config->heads % config->kv_heads == 0 &&
           config->head_size % 2 == 0 && rotary->size % 2 == 0 && rotary->size >= 0 &&
           rotary->size <= config->head_size && (rotary->size == 0 || rotary->base >= 1) &&
           (rotary->size > 0 || !config->causal) && config->window >= 0 &&
           config->window_from >= 0 && config->window_from <= config->layers &&
           (rotary->scaling == ROTARY_PLAIN || rotary->factor >= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct error error = {0};
    json_t *json = json_parse(bytes, size, &error);
    if (json == NULL)
        return 0;
    struct model_config config;
    if (model_config_from_json(&config, json, &error)) {
        if (!fits_together(&config))
            abort();
        struct buffer text = {0};
        model_config_set_type(&config, DTYPE_BF16);
        model_config_add_end_tokens(&config, json, &error); /* as those of generation_config.json */
        json_write(config.json, &text);
        buffer_free(&text);
        model_config_free(&config);
    } else if (error.text[0] == '\0') {
        abort();
    }
    json_decref(json);
    return 0;
}
