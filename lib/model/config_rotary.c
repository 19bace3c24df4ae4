/* Rotary positions in config.json: base, the share of a head that turns, scaling. */
#include <string.h>

#include "model/config_family.h"

/* "rope_type", in older files "type". */
static bool read_kind(struct rotary_settings *rotary, const json_t *table, const char **kind,
                      struct error *error) {
    const char *older;
    if (!json_get_text(table, "type", false, "default", &older, error) ||
        !json_get_text(table, "rope_type", false, older, kind, error))
        return false;
    /* "dynamic" changes the base only beyond max_position_embeddings, where we never go. */
    if (strcmp(*kind, "default") == 0 || strcmp(*kind, "dynamic") == 0)
        rotary->scaling = ROTARY_PLAIN;
    else if (strcmp(*kind, "linear") == 0)
        rotary->scaling = ROTARY_LINEAR;
    else if (strcmp(*kind, "llama3") == 0)
        rotary->scaling = ROTARY_LLAMA3;
    else
        return error_set(error,
                         "rotary positions of the kind '%.60s' are not supported; default, linear, "
                         "dynamic and llama3 are",
                         *kind);
    return true;
}

static bool read_scaling(struct rotary_settings *rotary, const json_t *table, struct error *error) {
    const char *kind;
    if (!json_is_object(table))
        return error_set(error, "is no object");
    if (!read_kind(rotary, table, &kind, error))
        return false;
    if (rotary->scaling == ROTARY_PLAIN)
        return true;
    if (!json_get_real(table, "factor", true, 1, &rotary->factor, error))
        return false;
    if (!(rotary->factor >= 1 && rotary->factor <= 1e6))
        return error_set(error, "'factor' is %g; 1 to 1e6 would be right", rotary->factor);
    if (rotary->scaling == ROTARY_LINEAR)
        return true;
    if (!json_get_real(table, "low_freq_factor", true, 1, &rotary->low_frequency_factor, error) ||
        !json_get_real(table, "high_freq_factor", true, 4, &rotary->high_frequency_factor, error) ||
        !json_get_integer(table, "original_max_position_embeddings", true, 0, 1, MOST_POSITIONS,
                          &rotary->original_positions, error))
        return false;
    if (!(rotary->low_frequency_factor > 0 && rotary->high_frequency_factor <= 1e6 &&
          rotary->low_frequency_factor < rotary->high_frequency_factor))
        return error_set(error,
                         "'low_freq_factor' is %g and 'high_freq_factor' %g; the first must be "
                         "above 0 and below the second",
                         rotary->low_frequency_factor, rotary->high_frequency_factor);
    return true;
}

/* A number that may stand beside the table (under `outside`) or in it (under `inside`). */
static bool read_either(const json_t *json, const char *outside, const json_t *table,
                        const char *inside, double fallback, double *value, struct error *error) {
    double within;
    if (!json_get_real(json, outside, false, fallback, value, error) ||
        !json_get_real(table, inside, false, *value, &within, error))
        return false;
    if (config_member(json, outside) != NULL && within != *value)
        return error_set(error,
                         "'%s' is %g, but '%s' among the rotary parameters %g; one of them "
                         "must go",
                         outside, *value, inside, within);
    *value = within;
    return true;
}

bool config_read_rotary(struct model_config *config, const json_t *json, const char *base_key,
                        const char *share_key, double share, struct error *error) {
    struct rotary_settings *rotary = &config->rotary;
    *rotary = (struct rotary_settings){.factor = 1};
    const json_t *older = config_member(json, "rope_scaling");
    const json_t *newer = config_member(json, "rope_parameters");
    if (older != NULL && newer != NULL && !json_equal(older, newer))
        return error_set(error, "'rope_scaling' and 'rope_parameters' differ; one of them must go");
    const json_t *table = newer != NULL ? newer : older;
    if (table != NULL && !read_scaling(rotary, table, error))
        return error_place(error, "'%s'", newer != NULL ? "rope_parameters" : "rope_scaling");
    if (!read_either(json, base_key, table, "rope_theta", 10000, &rotary->base, error) ||
        !read_either(json, share_key, table, "partial_rotary_factor", share, &share, error))
        return false;
    if (!(rotary->base >= 1 && rotary->base <= 1e12))
        return error_set(error, "'%s' is %g; 1 to 1e12 would be right", base_key, rotary->base);
    if (!(share > 0 && share <= 1))
        return error_set(error, "'%s' is %g; a share above 0, at most 1, would be right", share_key,
                         share);
    rotary->size = (int64_t)((double)config->head_size * share);
    if (rotary->size < 2 || rotary->size % 2 != 0)
        return error_set(error,
                         "'%s' is %g: %lld columns of each head would turn; an even number would "
                         "be right",
                         share_key, share, (long long)rotary->size);
    return true;
}
