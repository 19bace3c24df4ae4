/*
 * Exact match, word by word.
 */
#include "grade/exact.h"

#include <string.h>

/* The next word, cut off the front of `text`; empty at the end. */
static struct text next_word(struct text *text) {
    static const char space[] = " \t\n\v\f\r";
    struct text word;

    while (text->size > 0 && memchr(space, *text->bytes, sizeof space - 1) != NULL)
        text->bytes++, text->size--;
    word = (struct text){text->bytes, 0};
    while (text->size > 0 && memchr(space, *text->bytes, sizeof space - 1) == NULL)
        text->bytes++, text->size--, word.size++;
    return word;
}

void exact_compare(struct text completion, struct text reference, struct exact_grade *grade) {
    size_t given = 0, wanted = 0;

    *grade = (struct exact_grade){0};
    for (;;) {
        struct text a = next_word(&completion);
        struct text b = next_word(&reference);
        if (a.size == 0 && b.size == 0)
            break;
        given += a.size > 0;
        wanted += b.size > 0;
        grade->matching += text_equal(a, b);
    }
    grade->words = given > wanted ? given : wanted;
    grade->correct = grade->matching == grade->words;
    grade->score = grade->words > 0 ? (double)grade->matching / (double)grade->words : 1;
    if (grade->correct)
        grade->verdict = "match";
    else if (given == wanted)
        grade->verdict = "different";
    else
        grade->verdict = given < wanted ? "short" : "long";
}
