/*
 * Pre-tokenizers, flattened into a list of steps. Every step goes over the words so far and cuts
 * each of them further; some also write the text anew (spaces as U+2581, bytes as characters).
 */
#include "text/pre_tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "text/normalizer.h"
#include "text/token_model.h"
#include "text/tokenizer_class.h"
#include "text/unicode.h"

/* What becomes of the matches of a pattern and the text between them. */
enum behaviour { REMOVED, ISOLATED, MERGED_WITH_PREVIOUS, MERGED_WITH_NEXT, CONTIGUOUS };

enum scheme { PREFIX_NEVER, PREFIX_FIRST, PREFIX_ALWAYS };

struct step {
    bool (*run)(const struct step *step, struct words *words, struct error *error);
    enum behaviour behaviour;
    struct pattern *pattern; /* run_pattern */
    bool invert;
    bool (*class)(int32_t code); /* run_class */
    enum scheme scheme;          /* run_spaces */
    char *replacement;
};

struct pre_tokenizer {
    struct step *steps;
    size_t count;
    bool gives_bytes;
};

void words_free(struct words *words) {
    free(words->spans);
    free(words->spare);
    buffer_free(&words->buffers[0]);
    buffer_free(&words->buffers[1]);
}

/* ---- the list of words ---- */

static inline void add_span(struct words *words, size_t start, size_t end) {
    if (start == end)
        return;
    if (words->spare_count == words->spare_capacity) {
        words->spare_capacity = words->spare_capacity ? 2 * words->spare_capacity : 256;
        words->spare = reallocate(words->spare, words->spare_capacity, sizeof *words->spare);
    }
    words->spare[words->spare_count++] = (struct span){start, end};
}

/* The list that was made takes the place of the old one. */
static void swap_spans(struct words *words) {
    struct span *spans = words->spans;
    size_t capacity = words->capacity;
    words->spans = words->spare;
    words->count = words->spare_count;
    words->capacity = words->spare_capacity;
    words->spare = spans;
    words->spare_capacity = capacity;
    words->spare_count = 0;
}

static struct text word_at(const struct words *words, size_t i) {
    return (struct text){words->text.bytes + words->spans[i].start,
                         words->spans[i].end - words->spans[i].start};
}

/* ---- cutting ---- */

/* One word on its way through a pattern: parts come in their order, matches and what is between. */
struct cutter {
    struct words *words;
    enum behaviour behaviour;
    struct span held; /* not added yet */
    bool holds, held_matches;
};

static void cut_part(struct cutter *cutter, size_t start, size_t end, bool matches) {
    bool joins = false;
    switch (cutter->behaviour) {
    case REMOVED:
        if (!matches)
            add_span(cutter->words, start, end);
        return;
    case ISOLATED:
        add_span(cutter->words, start, end);
        return;
    case MERGED_WITH_PREVIOUS:
        joins = matches && !cutter->held_matches;
        break;
    case MERGED_WITH_NEXT:
        joins = !matches && cutter->held_matches;
        break;
    case CONTIGUOUS:
        joins = matches == cutter->held_matches;
        break;
    }
    if (cutter->holds && joins) {
        cutter->held.end = end;
    } else {
        if (cutter->holds)
            add_span(cutter->words, cutter->held.start, cutter->held.end);
        cutter->held = (struct span){start, end};
    }
    cutter->holds = true;
    cutter->held_matches = matches;
}

static void cut_end(struct cutter *cutter) {
    if (cutter->holds)
        add_span(cutter->words, cutter->held.start, cutter->held.end);
    cutter->holds = cutter->held_matches = false;
}

static bool cut_word(struct cutter *cutter, struct pattern_search *search, struct span word,
                     bool invert, struct error *error) {
    struct span match;
    struct error trouble = {0};
    size_t done = word.start;
    pattern_search_in(search,
                      (struct text){cutter->words->text.bytes + word.start, word.end - word.start});
    while (pattern_search_next(search, &match, &trouble)) {
        if (word.start + match.start > done)
            cut_part(cutter, done, word.start + match.start, invert);
        done = word.start + match.end;
        cut_part(cutter, word.start + match.start, done, !invert);
    }
    if (done < word.end)
        cut_part(cutter, done, word.end, invert);
    cut_end(cutter);
    return trouble.text[0] == '\0' || error_set(error, "%s", trouble.text);
}

static bool run_pattern(const struct step *step, struct words *words, struct error *error) {
    struct pattern_search search;
    struct cutter cutter = {.words = words, .behaviour = step->behaviour};
    bool fine = true;
    pattern_search_start(&search, step->pattern);
    for (size_t i = 0; fine && i < words->count; i++)
        fine = cut_word(&cutter, &search, words->spans[i], step->invert, error);
    pattern_search_end(&search);
    swap_spans(words);
    return fine;
}

/* Characters of a class are the matches, each alone. */
static bool run_class(const struct step *step, struct words *words, struct error *error) {
    const uint8_t *bytes = (const uint8_t *)words->text.bytes;
    struct cutter cutter = {.words = words, .behaviour = step->behaviour};
    (void)error;
    for (size_t i = 0; i < words->count; i++) {
        size_t start = words->spans[i].start, at = start, size;
        for (; at < words->spans[i].end; at += size) {
            if (!step->class(utf8_code(bytes + at, &size)))
                continue;
            if (at > start)
                cut_part(&cutter, start, at, false);
            cut_part(&cutter, at, at + size, true);
            start = at + size;
        }
        if (at > start)
            cut_part(&cutter, start, at, false);
        cut_end(&cutter);
    }
    swap_spans(words);
    return true;
}

/* \w+|[^\w\s]+: runs of word characters, runs of what is neither word nor space. */
static bool run_whitespace(const struct step *step, struct words *words, struct error *error) {
    const uint8_t *bytes = (const uint8_t *)words->text.bytes;
    (void)step;
    (void)error;
    for (size_t i = 0; i < words->count; i++) {
        size_t start = words->spans[i].start, size;
        int before = 0; /* 1: word, 2: space, 3: neither */
        for (size_t at = start; at < words->spans[i].end; at += size) {
            int32_t code = utf8_code(bytes + at, &size);
            int now = character_is_word(code) ? 1 : character_is_space(code) ? 2 : 3;
            if (now != before && before != 2)
                add_span(words, start, at);
            if (now != before)
                start = at;
            before = now;
        }
        if (before != 2)
            add_span(words, start, words->spans[i].end);
    }
    swap_spans(words);
    return true;
}

/* ---- writing the text anew ---- */

static struct buffer *begin_text(struct words *words) {
    struct buffer *out = &words->buffers[words->next_buffer];
    words->next_buffer = !words->next_buffer;
    out->size = 0;
    return out;
}

static void end_text(struct words *words, const struct buffer *out) {
    words->text = (struct text){(const char *)out->data, out->size};
    swap_spans(words);
}

static bool takes_prefix(const struct step *step, const struct words *words, size_t i) {
    struct text word = word_at(words, i);
    size_t size = strlen(step->replacement);
    bool has = word.size > 0 && word.bytes[0] == ' ';
    has = has || (word.size >= size && memcmp(word.bytes, step->replacement, size) == 0);
    bool first = i == 0 && words->at_start;
    if (i == 0 && words->continues)
        return false;
    return !has && (step->scheme == PREFIX_ALWAYS || (step->scheme == PREFIX_FIRST && first));
}

static void append_spaces(struct buffer *out, struct text word, const char *replacement) {
    size_t size = strlen(replacement);
    while (word.size > 0) {
        const char *space = memchr(word.bytes, ' ', word.size);
        size_t before = space != NULL ? (size_t)(space - word.bytes) : word.size;
        buffer_append(out, word.bytes, before);
        if (space == NULL)
            return;
        buffer_append(out, replacement, size);
        word = (struct text){word.bytes + before + 1, word.size - before - 1};
    }
}

/* Spaces become the replacement, which may also be put in front. */
static bool run_spaces(const struct step *step, struct words *words, struct error *error) {
    struct buffer *out = begin_text(words);
    (void)error;
    for (size_t i = 0; i < words->count; i++) {
        size_t start = out->size;
        if (takes_prefix(step, words, i))
            buffer_append_text(out, step->replacement);
        append_spaces(out, word_at(words, i), step->replacement);
        add_span(words, start, out->size);
    }
    end_text(words, out);
    return true;
}

static bool run_bytes(const struct step *step, struct words *words, struct error *error) {
    struct buffer *out = begin_text(words);
    (void)step;
    (void)error;
    for (size_t i = 0; i < words->count; i++) {
        size_t start = out->size;
        struct text word = word_at(words, i);
        for (size_t k = 0; k < word.size; k++)
            utf8_append(out, byte_level_character((uint8_t)word.bytes[k]));
        add_span(words, start, out->size);
    }
    end_text(words, out);
    return true;
}

/* ---- opening ---- */

static bool add_step(struct pre_tokenizer *pre_tokenizer, struct step step) {
    pre_tokenizer->steps =
        reallocate(pre_tokenizer->steps, pre_tokenizer->count + 1, sizeof *pre_tokenizer->steps);
    pre_tokenizer->steps[pre_tokenizer->count++] = step;
    return true;
}

static bool add_byte_level(struct pre_tokenizer *pre_tokenizer, const json_t *section,
                           struct error *error) {
    bool prefix, split;
    if (!json_get_boolean(section, "add_prefix_space", false, true, &prefix, error) ||
        !json_get_boolean(section, "use_regex", false, true, &split, error))
        return false;
    if (prefix)
        add_step(pre_tokenizer, (struct step){.run = run_spaces,
                                              .scheme = PREFIX_ALWAYS,
                                              .replacement = copy_text(" ")});
    if (split) {
        struct step step = {.run = run_pattern, .behaviour = ISOLATED};
        step.pattern = pattern_open_expression(text_of(GPT2_EXPRESSION), true, error);
        if (step.pattern == NULL)
            return false;
        add_step(pre_tokenizer, step);
    }
    return add_step(pre_tokenizer, (struct step){.run = run_bytes});
}

static bool get_behaviour(const json_t *section, const char *fallback, enum behaviour *behaviour,
                          struct error *error) {
    static const char *const names[] = {"Removed", "Isolated", "MergedWithPrevious",
                                        "MergedWithNext", "Contiguous"};
    const char *name;
    if (!json_get_text(section, "behavior", fallback == NULL, fallback, &name, error))
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            *behaviour = (enum behaviour)i;
            return true;
        }
    return refuse_quoted(error, "behavior", text_of(name), "is not supported");
}

static bool add_split(struct pre_tokenizer *pre_tokenizer, const json_t *section,
                      struct error *error) {
    struct step step = {.run = run_pattern};
    if (!get_behaviour(section, NULL, &step.behaviour, error) ||
        !json_get_boolean(section, "invert", false, false, &step.invert, error))
        return false;
    step.pattern = pattern_open(json_object_get(section, "pattern"), error);
    return step.pattern != NULL && add_step(pre_tokenizer, step);
}

static bool add_delimiter(struct pre_tokenizer *pre_tokenizer, const json_t *section,
                          struct error *error) {
    const char *delimiter;
    if (!json_get_text(section, "delimiter", true, NULL, &delimiter, error))
        return false;
    return add_step(pre_tokenizer,
                    (struct step){.run = run_pattern,
                                  .behaviour = REMOVED,
                                  .pattern = pattern_open_literal(text_of(delimiter))});
}

static bool add_digits(struct pre_tokenizer *pre_tokenizer, const json_t *section,
                       struct error *error) {
    bool individual;
    if (!json_get_boolean(section, "individual_digits", false, false, &individual, error))
        return false;
    return add_step(pre_tokenizer, (struct step){.run = run_class,
                                                 .class = character_is_number,
                                                 .behaviour = individual ? ISOLATED : CONTIGUOUS});
}

static bool add_punctuation(struct pre_tokenizer *pre_tokenizer, const json_t *section,
                            struct error *error) {
    struct step step = {.run = run_class, .class = character_is_punctuation};
    return get_behaviour(section, "Isolated", &step.behaviour, error) &&
           add_step(pre_tokenizer, step);
}

static bool get_scheme(const json_t *section, enum scheme *scheme, struct error *error) {
    const char *name;
    bool prefix;
    if (!json_get_boolean(section, "add_prefix_space", false, true, &prefix, error) ||
        !json_get_text(section, "prepend_scheme", false, prefix ? "always" : "never", &name, error))
        return false;
    *scheme = strcmp(name, "always") == 0  ? PREFIX_ALWAYS
              : strcmp(name, "first") == 0 ? PREFIX_FIRST
                                           : PREFIX_NEVER;
    return *scheme != PREFIX_NEVER || strcmp(name, "never") == 0 ||
           refuse_quoted(error, "prepend_scheme", text_of(name), "is not supported");
}

static bool add_metaspace(struct pre_tokenizer *pre_tokenizer, const json_t *section,
                          struct error *error) {
    struct step step = {.run = run_spaces};
    const char *replacement;
    bool split;
    if (!get_scheme(section, &step.scheme, error) ||
        !json_get_text(section, "replacement", true, NULL, &replacement, error) ||
        !json_get_boolean(section, "split", false, true, &split, error))
        return false;
    if (*replacement == '\0' || strlen(replacement) != utf8_step((const uint8_t *)replacement))
        return error_set(error, "'replacement' is not one character");
    step.replacement = copy_text(replacement);
    add_step(pre_tokenizer, step);
    return !split || add_step(pre_tokenizer,
                              (struct step){.run = run_pattern,
                                            .behaviour = MERGED_WITH_NEXT,
                                            .pattern = pattern_open_literal(text_of(replacement))});
}

static bool add_whitespace(struct pre_tokenizer *pre_tokenizer, const json_t *section,
                           struct error *error) {
    (void)section;
    (void)error;
    return add_step(pre_tokenizer, (struct step){.run = run_whitespace});
}

static bool add_whitespace_split(struct pre_tokenizer *pre_tokenizer, const json_t *section,
                                 struct error *error) {
    (void)section;
    (void)error;
    return add_step(
        pre_tokenizer,
        (struct step){.run = run_class, .class = character_is_space, .behaviour = REMOVED});
}

static bool add_bert(struct pre_tokenizer *pre_tokenizer, const json_t *section,
                     struct error *error) {
    return add_whitespace_split(pre_tokenizer, section, error) &&
           add_step(pre_tokenizer, (struct step){.run = run_class,
                                                 .class = character_is_punctuation,
                                                 .behaviour = ISOLATED});
}

static bool add_section(struct pre_tokenizer *pre_tokenizer, const json_t *section, int depth,
                        struct error *error);

static bool add_sequence(struct pre_tokenizer *pre_tokenizer, const json_t *section, int depth,
                         struct error *error) {
    const json_t *list = json_object_get(section, "pretokenizers");
    if (!json_is_array(list))
        return error_set(error, "Sequence has no array 'pretokenizers'");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!add_section(pre_tokenizer, json_array_get(list, i), depth + 1, error))
            return false;
    return true;
}

static bool add_section(struct pre_tokenizer *pre_tokenizer, const json_t *section, int depth,
                        struct error *error) {
    static const struct {
        const char *type;
        bool (*add)(struct pre_tokenizer *, const json_t *, struct error *);
    } types[] = {{"ByteLevel", add_byte_level},
                 {"Split", add_split},
                 {"Digits", add_digits},
                 {"Punctuation", add_punctuation},
                 {"Metaspace", add_metaspace},
                 {"Whitespace", add_whitespace},
                 {"WhitespaceSplit", add_whitespace_split},
                 {"BertPreTokenizer", add_bert},
                 {"CharDelimiterSplit", add_delimiter}};
    const char *type;
    if (depth > SECTION_DEPTH || pre_tokenizer->count >= SECTION_STEPS)
        return error_set(error, "more than %d levels or %d steps", SECTION_DEPTH, SECTION_STEPS);
    if (!json_is_object(section))
        return error_set(error, "is no object");
    if (!json_get_text(section, "type", true, NULL, &type, error))
        return false;
    if (strcmp(type, "Sequence") == 0)
        return add_sequence(pre_tokenizer, section, depth, error);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(type, types[i].type) == 0)
            return types[i].add(pre_tokenizer, section, error) || error_place(error, "%s", type);
    return refuse_quoted(error, "type", text_of(type), "is not supported");
}

struct pre_tokenizer *pre_tokenizer_open(const json_t *section, bool defer_bytes,
                                         struct error *error) {
    struct pre_tokenizer *pre_tokenizer = allocate(1, sizeof *pre_tokenizer);
    if (section != NULL && !json_is_null(section) &&
        !add_section(pre_tokenizer, section, 0, error)) {
        error_place(error, "pre_tokenizer");
        pre_tokenizer_close(pre_tokenizer);
        return NULL;
    }
    size_t count = pre_tokenizer->count, bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += pre_tokenizer->steps[i].run == run_bytes;
    if (bytes > 1) {
        error_set(error, "pre_tokenizer: more than one ByteLevel is not supported");
        pre_tokenizer_close(pre_tokenizer);
        return NULL;
    }
    if (defer_bytes && bytes == 1 && pre_tokenizer->steps[count - 1].run == run_bytes) {
        pre_tokenizer->gives_bytes = true;
        pre_tokenizer->count--;
    }
    return pre_tokenizer;
}

void pre_tokenizer_close(struct pre_tokenizer *pre_tokenizer) {
    if (pre_tokenizer == NULL)
        return;
    for (size_t i = 0; i < pre_tokenizer->count; i++) {
        pattern_close(pre_tokenizer->steps[i].pattern);
        free(pre_tokenizer->steps[i].replacement);
    }
    free(pre_tokenizer->steps);
    free(pre_tokenizer);
}

bool pre_tokenizer_gives_bytes(const struct pre_tokenizer *pre_tokenizer) {
    return pre_tokenizer->gives_bytes;
}

/* ---- running ---- */

bool pre_tokenizer_run(const struct pre_tokenizer *pre_tokenizer, struct words *words,
                       struct text text, bool at_start, struct error *error) {
    words->text = text;
    words->at_start = at_start;
    words->spare_count = 0;
    add_span(words, 0, text.size);
    swap_spans(words);
    for (size_t i = 0; i < pre_tokenizer->count; i++) {
        const struct step *step = &pre_tokenizer->steps[i];
        if (!step->run(step, words, error))
            return error_place(error, "pre_tokenizer");
    }
    return true;
}
