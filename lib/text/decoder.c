/*
 * Decoders. In the reference a decoder is a chain of functions from lists of strings to lists of
 * strings, and the last list is joined. Here each step takes its strings in fragments and hands
 * fragments on as soon as they are certain, so that one implementation serves whole lists and
 * streams; `ends` says that a string ends behind the fragment.
 */
#include "text/decoder.h"

#include <stdlib.h>
#include <string.h>

#include "text/normalizer.h"
#include "text/token_model.h"
#include "text/tokenizer_class.h"
#include "text/unicode.h"

#define MOST_CONTENT 256
#define MOST_STEPS 16
/* Bytes that all Replace steps together make of one. */
#define MOST_GROWTH 256

struct step;

/* What a step remembers of the strings before. */
struct step_state {
    struct buffer text; /* of the string that is not complete yet, or bytes that wait */
    struct buffer made; /* scratch */
    bool started;       /* a string was there before */
    size_t stripped;    /* run_strip: characters taken from the front of this string */
    size_t held;        /* run_strip: of those that may have to go from its end */
    bool in_body;       /* run_strip: the front is done */
};

struct step {
    /* `whole`: called with complete strings; else with fragments. */
    bool whole;
    void (*take)(struct decoding *decoding, size_t i, struct text text, bool ends);
    void (*finish)(struct decoding *decoding, size_t i); /* NULL: nothing to do at the end */
    char *pattern, *content;
    size_t start, stop; /* run_strip */
    bool flag;          /* Metaspace: strips the first; WordPiece: cleans up */
};

struct decoder {
    struct step *steps;
    size_t count;
    size_t growth; /* at most MOST_GROWTH; while opening */
};

struct decoding {
    const struct decoder *decoder;
    struct step_state *states;
    struct buffer *out;
};

/* Gives a fragment to step `i`, or to the output behind the last. */
static void hand_on(struct decoding *decoding, size_t i, struct text text, bool ends) {
    if (i == decoding->decoder->count) {
        buffer_append(decoding->out, text.bytes, text.size);
        return;
    }
    const struct step *step = &decoding->decoder->steps[i];
    struct step_state *state = &decoding->states[i];
    if (!step->whole || (ends && state->text.size == 0)) {
        step->take(decoding, i, text, ends);
        return;
    }
    buffer_append(&state->text, text.bytes, text.size);
    if (!ends)
        return;
    struct buffer complete = state->text;
    state->text = (struct buffer){0};
    step->take(decoding, i, (struct text){(const char *)complete.data, complete.size}, true);
    buffer_free(&complete);
}

static struct text made_text(const struct step_state *state) {
    return (struct text){(const char *)state->made.data, state->made.size};
}

/* ---- steps ---- */

/* No decoder: the tokens with spaces between. */
static void take_joined(struct decoding *decoding, size_t i, struct text text, bool ends) {
    struct step_state *state = &decoding->states[i];
    if (state->started)
        hand_on(decoding, i + 1, text_of(" "), false);
    state->started = true;
    hand_on(decoding, i + 1, text, ends);
}

/* The bytes that a token's characters stand for; the token itself where one stands for none. */
static void append_bytes(struct text token, struct buffer *out) {
    const uint8_t *bytes = (const uint8_t *)token.bytes;
    size_t before = out->size;
    for (size_t i = 0, size; i < token.size; i += size) {
        int byte = byte_level_byte(utf8_code(bytes + i, &size));
        if (byte < 0) {
            out->size = before;
            buffer_append(out, token.bytes, token.size);
            return;
        }
        uint8_t one = (uint8_t)byte;
        buffer_append(out, &one, 1);
    }
}

/* Bytes of all tokens are one string; what may still become a character waits. */
static void take_bytes(struct decoding *decoding, size_t i, struct text text, bool ends) {
    struct step_state *state = &decoding->states[i];
    size_t done = 0;
    (void)ends;
    append_bytes(text, &state->made);
    const uint8_t *bytes = state->made.data;
    size_t size = state->made.size, step;
    struct buffer out = {0};
    while (done < size && !utf8_incomplete(bytes + done, size - done)) {
        step = utf8_size(bytes + done, size - done);
        if (step > 0)
            buffer_append(&out, bytes + done, step);
        else
            buffer_append(&out, "\xEF\xBF\xBD", 3);
        done += step > 0 ? step : utf8_broken_size(bytes + done, size - done);
    }
    if (done > 0)
        memmove(state->made.data, bytes + done, size - done);
    state->made.size -= done;
    hand_on(decoding, i + 1, (struct text){(const char *)out.data, out.size}, false);
    buffer_free(&out);
}

static void finish_bytes(struct decoding *decoding, size_t i) {
    struct step_state *state = &decoding->states[i];
    struct text rest = state->made.size > 0 ? text_of("\xEF\xBF\xBD") : text_of("");
    state->made.size = 0;
    hand_on(decoding, i + 1, rest, true);
}

/* A run of byte tokens is over: their text, or U+FFFD for each where they are no text. */
static void finish_fallback(struct decoding *decoding, size_t i) {
    struct step_state *state = &decoding->states[i];
    struct text run = made_text(state);
    if (run.size == 0)
        return;
    if (utf8_is_clean(run))
        hand_on(decoding, i + 1, run, true);
    else
        for (size_t k = 0; k < run.size; k++)
            hand_on(decoding, i + 1, text_of("\xEF\xBF\xBD"), true);
    state->made.size = 0;
}

static int hexadecimal(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

static void take_fallback(struct decoding *decoding, size_t i, struct text text, bool ends) {
    bool byte = text.size == 6 && memcmp(text.bytes, "<0x", 3) == 0 && text.bytes[5] == '>' &&
                hexadecimal(text.bytes[3]) >= 0 && hexadecimal(text.bytes[4]) >= 0;
    if (byte) {
        uint8_t value = (uint8_t)(hexadecimal(text.bytes[3]) * 16 + hexadecimal(text.bytes[4]));
        buffer_append(&decoding->states[i].made, &value, 1);
        return;
    }
    finish_fallback(decoding, i);
    hand_on(decoding, i + 1, text, ends);
}

static void take_fused(struct decoding *decoding, size_t i, struct text text, bool ends) {
    (void)ends;
    hand_on(decoding, i + 1, text, false);
}

static void finish_fused(struct decoding *decoding, size_t i) {
    hand_on(decoding, i + 1, text_of(""), true);
}

static void replace_all(struct text text, const char *pattern, const char *content,
                        struct buffer *out) {
    size_t size = strlen(pattern);
    while (text.size > 0) {
        const char *found = memmem(text.bytes, text.size, pattern, size);
        size_t before = found != NULL ? (size_t)(found - text.bytes) : text.size;
        buffer_append(out, text.bytes, before);
        if (found == NULL)
            return;
        buffer_append_text(out, content);
        text = (struct text){found + size, text.size - before - size};
    }
}

static void take_replaced(struct decoding *decoding, size_t i, struct text text, bool ends) {
    const struct step *step = &decoding->decoder->steps[i];
    struct step_state *state = &decoding->states[i];
    state->made.size = 0;
    replace_all(text, step->pattern, step->content, &state->made);
    hand_on(decoding, i + 1, made_text(state), ends);
}

/* Takes up to `start` characters from the front of each string, `stop` from its end. */
static void take_stripped(struct decoding *decoding, size_t i, struct text text, bool ends) {
    const struct step *step = &decoding->decoder->steps[i];
    struct step_state *state = &decoding->states[i];
    size_t size = strlen(step->content);
    state->made.size = 0;
    while (text.size > 0) {
        size_t character = utf8_step((const uint8_t *)text.bytes);
        bool same = character == size && memcmp(text.bytes, step->content, size) == 0;
        if (same && !state->in_body && state->stripped < step->start) {
            state->stripped++;
        } else {
            state->in_body = true;
            state->held += same;
            for (; state->held > (same ? step->stop : 0); state->held--)
                buffer_append(&state->made, step->content, size);
            if (!same)
                buffer_append(&state->made, text.bytes, character);
        }
        text = (struct text){text.bytes + character, text.size - character};
    }
    if (ends) {
        state->held = state->stripped = 0;
        state->in_body = false;
    }
    hand_on(decoding, i + 1, made_text(state), ends);
}

/* Metaspace: its character is a space, but none in the first token when one was put in front. */
static void take_metaspace(struct decoding *decoding, size_t i, struct text text, bool ends) {
    const struct step *step = &decoding->decoder->steps[i];
    struct step_state *state = &decoding->states[i];
    state->made.size = 0;
    replace_all(text, step->pattern, step->flag && !state->started ? "" : " ", &state->made);
    state->started = true;
    hand_on(decoding, i + 1, made_text(state), ends);
}

/* The spaces that WordPiece's decoder takes out around punctuation, in this order. */
static void clean_up(struct buffer *text) {
    static const char *const pairs[][2] = {{" .", "."},     {" ?", "?"},           {" !", "!"},
                                           {" ,", ","},     {" ' ", "'"},          {" n't", "n't"},
                                           {" 'm", "'m"},   {" do not", " don't"}, {" 's", "'s"},
                                           {" 've", "'ve"}, {" 're", "'re"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct buffer next = {0};
        replace_all((struct text){(const char *)text->data, text->size}, pairs[i][0], pairs[i][1],
                    &next);
        buffer_free(text);
        *text = next;
    }
}

static void take_wordpiece(struct decoding *decoding, size_t i, struct text text, bool ends) {
    const struct step *step = &decoding->decoder->steps[i];
    struct step_state *state = &decoding->states[i];
    size_t prefix = strlen(step->pattern);
    state->made.size = 0;
    if (state->started) {
        if (text.size >= prefix && memcmp(text.bytes, step->pattern, prefix) == 0)
            text = (struct text){text.bytes + prefix, text.size - prefix};
        else
            buffer_append_text(&state->made, " ");
    }
    state->started = true;
    buffer_append(&state->made, text.bytes, text.size);
    if (step->flag)
        clean_up(&state->made);
    hand_on(decoding, i + 1, made_text(state), ends);
}

/* ---- opening ---- */

static bool add_step(struct decoder *decoder, struct step step) {
    decoder->steps = reallocate(decoder->steps, decoder->count + 1, sizeof *decoder->steps);
    decoder->steps[decoder->count++] = step;
    return true;
}

static bool short_enough(const char *text, const char *key, struct error *error) {
    return strlen(text) <= MOST_CONTENT ||
           error_set(error, "'%s' has more than %d bytes", key, MOST_CONTENT);
}

static bool is_character(const char *text, const char *key, struct error *error) {
    return (*text != '\0' && strlen(text) == utf8_step((const uint8_t *)text)) ||
           error_set(error, "'%s' is not one character", key);
}

static bool add_replace(struct decoder *decoder, const json_t *section, struct error *error) {
    const json_t *pattern = json_object_get(section, "pattern");
    const char *from, *to;
    if (json_object_get(pattern, "Regex") != NULL)
        return error_set(error, "a Regex is not supported here; a String is");
    if (!json_is_object(pattern))
        return error_set(error, "pattern is no object");
    if (!json_get_text(pattern, "String", true, NULL, &from, error) ||
        !json_get_text(section, "content", true, NULL, &to, error) ||
        !short_enough(from, "String", error) || !short_enough(to, "content", error))
        return false;
    if (*from == '\0')
        return error_set(error, "the pattern is empty");
    if (strlen(to) > strlen(from))
        decoder->growth *= (strlen(to) + strlen(from) - 1) / strlen(from);
    if (decoder->growth > MOST_GROWTH)
        return error_set(error, "makes, with those before it, more than %d bytes of one",
                         MOST_GROWTH);
    return add_step(decoder, (struct step){.whole = true,
                                           .take = take_replaced,
                                           .pattern = copy_text(from),
                                           .content = copy_text(to)});
}

static bool add_strip(struct decoder *decoder, const json_t *section, struct error *error) {
    const char *content;
    int64_t start, stop;
    if (!json_get_text(section, "content", true, NULL, &content, error) ||
        !is_character(content, "content", error) ||
        !json_get_integer(section, "start", true, 0, 0, 1 << 20, &start, error) ||
        !json_get_integer(section, "stop", true, 0, 0, 1 << 20, &stop, error))
        return false;
    return add_step(decoder, (struct step){.take = take_stripped,
                                           .content = copy_text(content),
                                           .start = (size_t)start,
                                           .stop = (size_t)stop});
}

static bool add_metaspace(struct decoder *decoder, const json_t *section, struct error *error) {
    const char *replacement, *scheme;
    bool prefix;
    if (!json_get_text(section, "replacement", true, NULL, &replacement, error) ||
        !is_character(replacement, "replacement", error) ||
        !json_get_boolean(section, "add_prefix_space", false, true, &prefix, error) ||
        !json_get_text(section, "prepend_scheme", false, prefix ? "always" : "never", &scheme,
                       error))
        return false;
    return add_step(decoder, (struct step){.whole = true,
                                           .take = take_metaspace,
                                           .pattern = copy_text(replacement),
                                           .flag = strcmp(scheme, "never") != 0});
}

static bool add_wordpiece(struct decoder *decoder, const json_t *section, struct error *error) {
    const char *prefix;
    bool cleanup;
    if (!json_get_text(section, "prefix", false, "##", &prefix, error) ||
        !json_get_boolean(section, "cleanup", false, true, &cleanup, error) ||
        !short_enough(prefix, "prefix", error))
        return false;
    return add_step(decoder, (struct step){.whole = true,
                                           .take = take_wordpiece,
                                           .pattern = copy_text(prefix),
                                           .flag = cleanup});
}

static bool add_section(struct decoder *decoder, const json_t *section, int depth,
                        struct error *error);

static bool add_sequence(struct decoder *decoder, const json_t *section, int depth,
                         struct error *error) {
    const json_t *list = json_object_get(section, "decoders");
    if (!json_is_array(list))
        return error_set(error, "Sequence has no array 'decoders'");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!add_section(decoder, json_array_get(list, i), depth + 1, error))
            return false;
    return true;
}

static bool add_section(struct decoder *decoder, const json_t *section, int depth,
                        struct error *error) {
    static const struct {
        const char *type;
        struct step step;
    } simple[] = {
        {"ByteLevel", {.whole = true, .take = take_bytes, .finish = finish_bytes}},
        {"ByteFallback", {.whole = true, .take = take_fallback, .finish = finish_fallback}},
        {"Fuse", {.take = take_fused, .finish = finish_fused}}};
    static const struct {
        const char *type;
        bool (*add)(struct decoder *, const json_t *, struct error *);
    } others[] = {{"Replace", add_replace},
                  {"Strip", add_strip},
                  {"Metaspace", add_metaspace},
                  {"WordPiece", add_wordpiece}};
    const char *type;
    if (depth > SECTION_DEPTH || decoder->count >= MOST_STEPS)
        return error_set(error, "more than %d levels or %d steps", SECTION_DEPTH, MOST_STEPS);
    if (!json_is_object(section))
        return error_set(error, "is no object");
    if (!json_get_text(section, "type", true, NULL, &type, error))
        return false;
    if (strcmp(type, "Sequence") == 0)
        return add_sequence(decoder, section, depth, error);
    for (size_t i = 0; i < sizeof simple / sizeof *simple; i++)
        if (strcmp(type, simple[i].type) == 0)
            return add_step(decoder, simple[i].step);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(type, others[i].type) == 0)
            return others[i].add(decoder, section, error) || error_place(error, "%s", type);
    return refuse_quoted(error, "type", text_of(type), "is not supported");
}

struct decoder *decoder_open(const json_t *section, struct error *error) {
    struct decoder *decoder = allocate(1, sizeof *decoder);
    decoder->growth = 1;
    if (section == NULL || json_is_null(section)) {
        add_step(decoder, (struct step){.whole = true, .take = take_joined});
        return decoder;
    }
    if (add_section(decoder, section, 0, error))
        return decoder;
    error_place(error, "decoder");
    decoder_close(decoder);
    return NULL;
}

void decoder_close(struct decoder *decoder) {
    if (decoder == NULL)
        return;
    for (size_t i = 0; i < decoder->count; i++) {
        free(decoder->steps[i].pattern);
        free(decoder->steps[i].content);
    }
    free(decoder->steps);
    free(decoder);
}

/* ---- decoding ---- */

struct decoding *decoding_open(const struct decoder *decoder) {
    struct decoding *decoding = allocate(1, sizeof *decoding);
    decoding->decoder = decoder;
    decoding->states = allocate(decoder->count, sizeof *decoding->states);
    return decoding;
}

void decoding_close(struct decoding *decoding) {
    if (decoding == NULL)
        return;
    for (size_t i = 0; i < decoding->decoder->count; i++) {
        buffer_free(&decoding->states[i].text);
        buffer_free(&decoding->states[i].made);
    }
    free(decoding->states);
    free(decoding);
}

void decoding_add(struct decoding *decoding, struct text token, struct buffer *out) {
    decoding->out = out;
    hand_on(decoding, 0, token, true);
}

void decoding_end(struct decoding *decoding, struct buffer *out) {
    decoding->out = out;
    for (size_t i = 0; i < decoding->decoder->count; i++) {
        struct step_state *state = &decoding->states[i];
        if (decoding->decoder->steps[i].finish != NULL)
            decoding->decoder->steps[i].finish(decoding, i);
        state->text.size = 0;
        state->made.size = 0;
        state->started = state->in_body = false;
        state->held = state->stripped = 0;
    }
}
