/*
 * The answer a completion ends with.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "grade/math_answer.h"

enum {
    WHOLE_ANSWER = 120, /* a completion that is but one line of at most this size is an answer */
    BOXES = 64          /* tried from the end: each costs a walk over what is behind it */
};

static struct text trimmed(struct text text) {
    while (text.size > 0 && isspace((unsigned char)*text.bytes))
        text.bytes++, text.size--;
    while (text.size > 0 && isspace((unsigned char)text.bytes[text.size - 1]))
        text.size--;
    return text;
}

/* ---- boxes ---- */

/* What stands in the braces that open at `at`; false where they do not close. */
static bool braced(struct text text, size_t at, struct text *inner) {
    size_t depth = 0;

    for (size_t i = at; i < text.size; i++) {
        if (text.bytes[i] == '\\' && i + 1 < text.size &&
            (text.bytes[i + 1] == '{' || text.bytes[i + 1] == '}' || text.bytes[i + 1] == '\\'))
            i++;
        else if (text.bytes[i] == '{')
            depth++;
        else if (text.bytes[i] == '}' && --depth == 0) {
            *inner = (struct text){text.bytes + at + 1, i - at - 1};
            return true;
        }
    }
    return false;
}

/* Size of the command at `at` if it is one of a box; 0 otherwise. */
static size_t box_size(struct text text, size_t at) {
    static const char *const commands[] = {"\\boxed", "\\fbox"};

    for (size_t i = 0; i < 2; i++)
        if (text.size - at > strlen(commands[i]) &&
            memcmp(text.bytes + at, commands[i], strlen(commands[i])) == 0)
            return strlen(commands[i]);
    return 0;
}

/* "\boxed{…}" or "\boxed 5" at `at`. */
static bool boxed_at(struct text text, size_t at, struct text *inner) {
    size_t size = box_size(text, at);

    if (size == 0)
        return false;
    at += size;
    while (at < text.size && text.bytes[at] == ' ')
        at++;
    if (at < text.size && text.bytes[at] == '{')
        return braced(text, at, inner);
    *inner = (struct text){text.bytes + at, 0};
    while (at < text.size && strchr(" \n\t$.,", text.bytes[at]) == NULL && text.bytes[at] != 0) {
        at++;
        inner->size++;
    }
    return inner->size > 0 && !isalpha((unsigned char)*inner->bytes);
}

static bool last_box(struct text text, struct text *inner) {
    int tried = 0;

    for (size_t i = text.size; i-- > 0 && tried < BOXES;)
        if (text.bytes[i] == '\\') {
            if (boxed_at(text, i, inner))
                return true;
            tried += box_size(text, i) > 0;
        }
    return false;
}

/* ---- phrases ---- */

/* Where what a phrase announces begins: the last of all phrases; 0 where there is none. */
static size_t announced(struct text text) {
    static const char *const phrases[] = {
        "answer is",          "answer:",    "answer :", "respuesta es",
        "respuesta final es", "respuesta:", "####"};

    for (size_t i = text.size; i-- > 0;)
        for (size_t p = 0; p < sizeof phrases / sizeof *phrases; p++) {
            size_t size = strlen(phrases[p]);
            if (text.size - i >= size && strncasecmp(text.bytes + i, phrases[p], size) == 0)
                return i + size;
        }
    return 0;
}

/* The end of the sentence: a line end, or a full stop that is followed by space or nothing. */
static size_t sentence_size(struct text text) {
    size_t size = 0;

    while (size < text.size && text.bytes[size] != '\n' &&
           !(text.bytes[size] == '.' &&
             (size + 1 == text.size || isspace((unsigned char)text.bytes[size + 1]))))
        size++;
    return size;
}

/* ---- formulas ---- */

/* A formula and the marks around it. */
struct formula {
    size_t start, end; /* with the marks */
    struct text inner;
};

/* The first `string` at `from` or behind it that no backslash escapes; the text's size for none. */
static size_t find_mark(struct text text, size_t from, const char *string) {
    size_t size = strlen(string);

    for (size_t i = from; i + size <= text.size; i++)
        if (memcmp(text.bytes + i, string, size) == 0)
            return i;
        else if (text.bytes[i] == '\\')
            i++;
    return text.size;
}

/*
 * Between dollar signs, ASCIIMath's backquotes, \( \) or \[ \], where such open at `at`. Bits of
 * `*open` are set for those marks that nothing closes any more, so that this is found out once.
 */
static bool formula_at(struct text text, size_t at, unsigned *open, struct formula *formula) {
    static const struct {
        const char *open, *close;
    } marks[] = {{"$$", "$$"}, {"\\(", "\\)"}, {"\\[", "\\]"}, {"$", "$"}, {"`", "`"}};

    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        size_t size = strlen(marks[i].open), start = at + size, end;
        if ((*open & 1u << i) || text.size - at < size ||
            memcmp(text.bytes + at, marks[i].open, size) != 0)
            continue;
        end = find_mark(text, start, marks[i].close);
        *formula = (struct formula){at, end + size,
                                    trimmed((struct text){text.bytes + start, end - start})};
        if (end < text.size)
            return true;
        *open |= 1u << i;
    }
    return false;
}

/* The first formula at `from` or behind it; an amount in dollars stands in the way of it. */
static bool next_formula(struct text text, size_t from, unsigned *open, struct formula *formula) {
    for (size_t i = from; i < text.size; i++) {
        if (formula_at(text, i, open, formula))
            return true;
        if (text.bytes[i] == '\\' && i + 1 < text.size && text.bytes[i + 1] == '$')
            return false;
    }
    return false;
}

/* Whether what stands between two formulas makes one answer of them: signs alone, or such a word.
 */
static bool joins(struct text between) {
    static const char *const words[] = {"or",       "and", "but", "maybe", "perhaps",
                                        "possibly", "o",   "u",   "y",     "e"};
    bool any = false;

    for (size_t i = 0; i < between.size;) {
        struct text word = {between.bytes + i, 0};
        while (i < between.size && isalpha((unsigned char)between.bytes[i]))
            i++, word.size++;
        for (size_t j = 0; j < sizeof words / sizeof *words; j++)
            if (text_is(word, words[j]))
                return true;
        any |= word.size > 0;
        i += word.size == 0;
    }
    return !any;
}

/*
 * The formula, without its marks. Where others are joined to it ("$1$ or $2$"), from the first to
 * the last of them with all their marks, for the first alone was not what was answered; those of an
 * explanation ("$5$, since $x=5$") do not count.
 */
static struct text undressed(struct text text) {
    struct formula first, last, next;
    unsigned open = 0;

    if (!next_formula(text, 0, &open, &first))
        return text;
    last = first;
    while (next_formula(text, last.end, &open, &next) &&
           joins((struct text){text.bytes + last.end, next.start - last.end}))
        last = next;
    return last.start == first.start
               ? first.inner
               : (struct text){text.bytes + first.start, last.end - first.start};
}

static struct text without_ornaments(struct text text) {
    while (text.size > 0 && strchr(":* ", *text.bytes) != NULL)
        text.bytes++, text.size--;
    while (text.size > 0 && strchr("*. ", text.bytes[text.size - 1]) != NULL)
        text.size--;
    return trimmed(text);
}

bool math_answer_extract(struct text completion, struct text *answer) {
    size_t from;

    completion = trimmed(completion);
    if (last_box(completion, answer)) {
        *answer = trimmed(*answer);
        return answer->size > 0;
    }
    from = announced(completion);
    *answer = (struct text){completion.bytes + from, completion.size - from};
    if (from > 0) {
        while (answer->size > 0 && (isspace((unsigned char)*answer->bytes) ||
                                    *answer->bytes == ':' || *answer->bytes == '*'))
            answer->bytes++, answer->size--;
        answer->size = sentence_size(*answer);
    } else if (completion.size > WHOLE_ANSWER ||
               memchr(completion.bytes, '\n', completion.size) != NULL) {
        return false;
    }
    *answer = undressed(without_ornaments(*answer));
    return answer->size > 0;
}
