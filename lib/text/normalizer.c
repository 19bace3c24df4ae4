/*
 * Normalizers, flattened into a list of steps. A step appends the changed text to a buffer; where
 * it has nothing to change (Unicode normalization of plain ASCII) the text stays where it is.
 */
#include "text/normalizer.h"

#include <stdlib.h>
#include <string.h>

#include "text/charsmap.h"
#include "text/normal_form.h"
#include "text/pattern.h"
#include "text/token_model.h"
#include "text/tokenizer_class.h"
#include "text/unicode.h"

/* Bounds on what a file can make of a text: of one replacement, and of all steps together. */
#define MOST_CONTENT 256
#define MOST_GROWTH 64

struct step;

/* Appends what the step makes of `text`; false only with an error. */
typedef bool (*step_function)(const struct step *step, struct text text, struct buffer *out,
                              struct error *error);

struct step {
    step_function run;
    enum normal_form form;             /* run_form */
    char *content;                     /* run_prepend, run_replace */
    struct pattern *pattern;           /* run_replace */
    bool left, right;                  /* run_strip */
    struct charsmap *map;              /* run_precompiled */
    struct sentencepiece_rules *rules; /* in place of `run` */
};

struct normalizer {
    struct step *steps;
    size_t count;
};

/* ---- steps ---- */

static bool run_form(const struct step *step, struct text text, struct buffer *out,
                     struct error *error) {
    (void)error;
    normal_form_append(step->form, text, out);
    return true;
}

static inline void append_byte(struct buffer *out, uint8_t byte) {
    if (out->size == out->capacity)
        buffer_reserve(out, 1);
    out->data[out->size++] = byte;
}

static bool run_lowercase(const struct step *step, struct text text, struct buffer *out,
                          struct error *error) {
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    (void)step;
    (void)error;
    for (size_t i = 0, size; i < text.size; i += size) {
        int32_t code = utf8_code(bytes + i, &size);
        if (code >= 0x80)
            character_lower(code, out);
        else
            append_byte(out, (uint8_t)(code + (code >= 'A' && code <= 'Z' ? 32 : 0)));
    }
    return true;
}

/* Appends the characters that `drop` does not want dropped. */
static void append_without(struct text text, bool (*drop)(int32_t code), struct buffer *out) {
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    for (size_t i = 0, size; i < text.size; i += size) {
        int32_t code = utf8_code(bytes + i, &size);
        if (!drop(code))
            buffer_append(out, bytes + i, size);
    }
}

static bool run_strip_accents(const struct step *step, struct text text, struct buffer *out,
                              struct error *error) {
    (void)step;
    (void)error;
    append_without(text, character_is_mark, out);
    return true;
}

static bool run_strip_nonspacing(const struct step *step, struct text text, struct buffer *out,
                                 struct error *error) {
    (void)step;
    (void)error;
    append_without(text, character_is_nonspacing, out);
    return true;
}

static bool run_prepend(const struct step *step, struct text text, struct buffer *out,
                        struct error *error) {
    (void)error;
    if (text.size > 0)
        buffer_append_text(out, step->content);
    buffer_append(out, text.bytes, text.size);
    return true;
}

static bool run_replace(const struct step *step, struct text text, struct buffer *out,
                        struct error *error) {
    struct pattern_search search;
    struct span match;
    struct error trouble = {0};
    size_t done = 0;
    pattern_search_start(&search, step->pattern);
    pattern_search_in(&search, text);
    while (pattern_search_next(&search, &match, &trouble)) {
        buffer_append(out, text.bytes + done, match.start - done);
        buffer_append_text(out, step->content);
        done = match.end;
    }
    pattern_search_end(&search);
    buffer_append(out, text.bytes + done, text.size - done);
    return trouble.text[0] == '\0' || error_set(error, "%s", trouble.text);
}

static bool run_strip(const struct step *step, struct text text, struct buffer *out,
                      struct error *error) {
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    size_t start = 0, end = text.size, size;
    (void)error;
    while (step->left && start < end && character_is_space(utf8_code(bytes + start, &size)))
        start += size;
    while (step->right && end > start &&
           character_is_space(utf8_code(bytes + utf8_back(bytes, end), &size)))
        end -= size;
    buffer_append(out, bytes + start, end - start);
    return true;
}

static bool is_unclean(int32_t code) {
    return code == 0 || code == 0xFFFD ||
           (character_is_other(code) && code != '\t' && code != '\n' && code != '\r');
}

static bool run_clean(const struct step *step, struct text text, struct buffer *out,
                      struct error *error) {
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    (void)step;
    (void)error;
    for (size_t i = 0, size; i < text.size; i += size) {
        int32_t code = utf8_code(bytes + i, &size);
        if (is_unclean(code))
            continue;
        if (character_is_space(code))
            buffer_append(out, " ", 1);
        else
            buffer_append(out, bytes + i, size);
    }
    return true;
}

static bool is_chinese(int32_t code) {
    return (code >= 0x4E00 && code <= 0x9FFF) || (code >= 0x3400 && code <= 0x4DBF) ||
           (code >= 0x20000 && code <= 0x2A6DF) || (code >= 0x2A700 && code <= 0x2B73F) ||
           (code >= 0x2B740 && code <= 0x2B81F) || (code >= 0x2B920 && code <= 0x2CEAF) ||
           (code >= 0xF900 && code <= 0xFAFF) || (code >= 0x2F800 && code <= 0x2FA1F);
}

static bool run_chinese(const struct step *step, struct text text, struct buffer *out,
                        struct error *error) {
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    (void)step;
    (void)error;
    for (size_t i = 0, size; i < text.size; i += size) {
        bool apart = is_chinese(utf8_code(bytes + i, &size));
        buffer_append(out, " ", apart);
        buffer_append(out, bytes + i, size);
        buffer_append(out, " ", apart);
    }
    return true;
}

static bool run_precompiled(const struct step *step, struct text text, struct buffer *out,
                            struct error *error) {
    (void)error;
    charsmap_append(step->map, text, out);
    return true;
}

static bool run_bytes(const struct step *step, struct text text, struct buffer *out,
                      struct error *error) {
    (void)step;
    (void)error;
    for (size_t i = 0; i < text.size; i++)
        utf8_append(out, byte_level_character((uint8_t)text.bytes[i]));
    return true;
}

/* ---- opening ---- */

static bool add_step(struct normalizer *normalizer, struct step step) {
    normalizer->steps =
        reallocate(normalizer->steps, normalizer->count + 1, sizeof *normalizer->steps);
    normalizer->steps[normalizer->count++] = step;
    return true;
}

static bool add_bert(struct normalizer *normalizer, const json_t *section, struct error *error) {
    bool clean, chinese, lower, accents;
    if (!json_get_boolean(section, "clean_text", false, true, &clean, error) ||
        !json_get_boolean(section, "handle_chinese_chars", false, true, &chinese, error) ||
        !json_get_boolean(section, "lowercase", false, true, &lower, error) ||
        !json_get_boolean(section, "strip_accents", false, lower, &accents, error))
        return false;
    if (clean)
        add_step(normalizer, (struct step){.run = run_clean});
    if (chinese)
        add_step(normalizer, (struct step){.run = run_chinese});
    if (accents) {
        add_step(normalizer, (struct step){.run = run_form, .form = FORM_NFD});
        add_step(normalizer, (struct step){.run = run_strip_nonspacing});
    }
    if (lower)
        add_step(normalizer, (struct step){.run = run_lowercase});
    return true;
}

static bool get_content(const json_t *section, const char *key, const char **content,
                        struct error *error) {
    if (!json_get_text(section, key, true, NULL, content, error))
        return false;
    return strlen(*content) <= MOST_CONTENT ||
           error_set(error, "'%s' has more than %d bytes", key, MOST_CONTENT);
}

static bool add_replace(struct normalizer *normalizer, const json_t *section, struct error *error) {
    const char *content;
    struct step step = {.run = run_replace};
    if (!get_content(section, "content", &content, error))
        return false;
    step.pattern = pattern_open(json_object_get(section, "pattern"), error);
    if (step.pattern == NULL)
        return false;
    step.content = copy_text(content);
    return add_step(normalizer, step);
}

static bool add_prepend(struct normalizer *normalizer, const json_t *section, struct error *error) {
    const char *content;
    return get_content(section, "prepend", &content, error) &&
           add_step(normalizer, (struct step){.run = run_prepend, .content = copy_text(content)});
}

static bool add_strip(struct normalizer *normalizer, const json_t *section, struct error *error) {
    struct step step = {.run = run_strip};
    return json_get_boolean(section, "strip_left", false, true, &step.left, error) &&
           json_get_boolean(section, "strip_right", false, true, &step.right, error) &&
           add_step(normalizer, step);
}

static bool add_precompiled(struct normalizer *normalizer, const json_t *section,
                            struct error *error) {
    const json_t *coded = json_object_get(section, "precompiled_charsmap");
    struct buffer bytes = {0};
    if (coded == NULL || json_is_null(coded) || json_string_length(coded) == 0)
        return true; /* nothing is mapped */
    struct text text = {json_string_value(coded), json_string_length(coded)};
    struct step step = {.run = run_precompiled};
    if (!json_is_string(coded) || !charsmap_decode_base64(text, &bytes))
        error_set(error, "precompiled_charsmap is no base64");
    else
        step.map = charsmap_open((struct text){(const char *)bytes.data, bytes.size}, error);
    buffer_free(&bytes);
    return step.map != NULL && add_step(normalizer, step);
}

static bool add_section(struct normalizer *normalizer, const json_t *section, int depth,
                        struct error *error);

static bool add_sequence(struct normalizer *normalizer, const json_t *section, int depth,
                         struct error *error) {
    const json_t *list = json_object_get(section, "normalizers");
    if (!json_is_array(list))
        return error_set(error, "Sequence has no array 'normalizers'");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!add_section(normalizer, json_array_get(list, i), depth + 1, error))
            return false;
    return true;
}

static bool add_section(struct normalizer *normalizer, const json_t *section, int depth,
                        struct error *error) {
    static const struct {
        const char *type;
        struct step step;
    } simple[] = {{"NFC", {.run = run_form, .form = FORM_NFC}},
                  {"NFD", {.run = run_form, .form = FORM_NFD}},
                  {"NFKC", {.run = run_form, .form = FORM_NFKC}},
                  {"NFKD", {.run = run_form, .form = FORM_NFKD}},
                  {"Lowercase", {.run = run_lowercase}},
                  {"StripAccents", {.run = run_strip_accents}},
                  {"ByteLevel", {.run = run_bytes}}};
    static const struct {
        const char *type;
        bool (*add)(struct normalizer *, const json_t *, struct error *);
    } others[] = {{"BertNormalizer", add_bert},
                  {"Replace", add_replace},
                  {"Prepend", add_prepend},
                  {"Strip", add_strip},
                  {"Precompiled", add_precompiled}};
    const char *type;
    if (depth > SECTION_DEPTH || normalizer->count >= SECTION_STEPS)
        return error_set(error, "more than %d levels or %d steps", SECTION_DEPTH, SECTION_STEPS);
    if (!json_is_object(section))
        return error_set(error, "is no object");
    if (!json_get_text(section, "type", true, NULL, &type, error))
        return false;
    if (strcmp(type, "Sequence") == 0)
        return add_sequence(normalizer, section, depth, error);
    for (size_t i = 0; i < sizeof simple / sizeof *simple; i++)
        if (strcmp(type, simple[i].type) == 0)
            return add_step(normalizer, simple[i].step);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(type, others[i].type) == 0)
            return others[i].add(normalizer, section, error) || error_place(error, "%s", type);
    return refuse_quoted(error, "type", text_of(type), "is not supported");
}

struct normalizer *normalizer_open(const json_t *section, struct error *error) {
    struct normalizer *normalizer = allocate(1, sizeof *normalizer);
    if (section == NULL || json_is_null(section) || add_section(normalizer, section, 0, error))
        return normalizer;
    error_place(error, "normalizer");
    normalizer_close(normalizer);
    return NULL;
}

void normalizer_close(struct normalizer *normalizer) {
    if (normalizer == NULL)
        return;
    for (size_t i = 0; i < normalizer->count; i++) {
        free(normalizer->steps[i].content);
        pattern_close(normalizer->steps[i].pattern);
        charsmap_close(normalizer->steps[i].map);
        sentencepiece_rules_close(normalizer->steps[i].rules);
    }
    free(normalizer->steps);
    free(normalizer);
}

struct normalizer *normalizer_open_sentencepiece(struct sentencepiece_rules *rules) {
    struct normalizer *normalizer = allocate(1, sizeof *normalizer);
    add_step(normalizer, (struct step){.rules = rules});
    return normalizer;
}

/* ---- running ---- */

void normalizer_scratch_free(struct normalizer_scratch *scratch) {
    buffer_free(&scratch->buffers[0]);
    buffer_free(&scratch->buffers[1]);
}

bool normalizer_run(const struct normalizer *normalizer, struct normalizer_scratch *scratch,
                    bool at_start, struct text *text, struct error *error) {
    int next = 0;
    size_t size = text->size + MOST_CONTENT;
    for (size_t i = 0; i < normalizer->count; i++) {
        const struct step *step = &normalizer->steps[i];
        struct buffer *out = &scratch->buffers[next];
        if ((step->run == run_form && normal_form_is_plain(step->form, *text)) ||
            (step->run == run_prepend && scratch->continues))
            continue;
        out->size = 0;
        if (step->rules != NULL)
            sentencepiece_normalize(step->rules, *text, at_start, out);
        else if (!step->run(step, *text, out, error))
            return error_place(error, "normalizer");
        if (out->size / MOST_GROWTH > size)
            return error_set(error, "normalizer: makes more than %d bytes of each of a text",
                             MOST_GROWTH);
        *text = (struct text){(const char *)out->data, out->size};
        next = !next;
    }
    return true;
}
