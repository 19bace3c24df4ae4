/*
 * Completions of mini-math from one language into the other, word by word: for what a model wrote,
 * right or wrong. Which words there are is said by the kinds and the things alone.
 */
#include <ctype.h>
#include <string.h>

#include "task/mini_math.h"

static const char boxed[] = "\\boxed{", announced[] = "respuesta: ";

static bool is_letter(char byte) {
    return isalpha((unsigned char)byte) || ((unsigned char)byte & 0x80) != 0;
}

static size_t word_size(struct text text) {
    size_t size = 0;

    while (size < text.size && is_letter(text.bytes[size]))
        size++;
    return size;
}

/* The word that a kind's steps begin with; a slot such as {V} begins with none. */
static struct text first_word(const char *steps) {
    struct text text = text_of(steps);

    return (struct text){steps, word_size(text)};
}

/* The other language's word for `word`; the word itself where there is none. */
static struct text translated(struct text word, int language) {
    int from = language == MINI_ENGLISH ? MINI_SPANISH : MINI_ENGLISH;

    for (size_t i = 0; i < MINI_MATH_THINGS; i++)
        if (text_is(word, mini_math_things[i][from]))
            return text_of(mini_math_things[i][language]);
    for (size_t i = 0; i < mini_math_kind_count; i++) {
        const char *const *steps = mini_math_kinds[i].steps;
        if (steps[MINI_SPANISH] != NULL && text_equal(word, first_word(steps[from])))
            return first_word(steps[language]);
    }
    return word;
}

/* How far an answer reaches: to the box's brace, or to white space. */
static size_t answer_size(struct text text, bool in_box) {
    size_t size = 0;

    while (size < text.size &&
           (in_box ? strchr("{}", text.bytes[size]) == NULL || text.bytes[size] == 0
                   : !isspace((unsigned char)text.bytes[size])))
        size++;
    return in_box && (size == text.size || text.bytes[size] != '}') ? 0 : size;
}

/* The answer that `text` begins with, in the other form; its size, 0 where none stands there. */
static size_t translate_answer(struct text text, int language, struct buffer *out) {
    const char *mark = language == MINI_ENGLISH ? announced : boxed;
    size_t before = strlen(mark), size;

    if (text.size < before || memcmp(text.bytes, mark, before) != 0)
        return 0;
    size = answer_size((struct text){text.bytes + before, text.size - before},
                       language != MINI_ENGLISH);
    if (size == 0)
        return 0;
    buffer_append_text(out, language == MINI_ENGLISH ? boxed : announced);
    buffer_append(out, text.bytes + before, size);
    if (language == MINI_ENGLISH)
        buffer_append_text(out, "}");
    return before + size + (language != MINI_ENGLISH);
}

void mini_math_translate(struct text text, int language, struct buffer *out) {
    while (text.size > 0) {
        size_t size = translate_answer(text, language, out);
        if (size == 0 && (size = word_size(text)) > 0) {
            struct text word = translated((struct text){text.bytes, size}, language);
            buffer_append(out, word.bytes, word.size);
        } else if (size == 0) {
            buffer_append(out, text.bytes, size = 1);
        }
        text = (struct text){text.bytes + size, text.size - size};
    }
}
