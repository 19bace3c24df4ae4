/* The final answer of a worked solution. */
#include "task/boxed.h"

#include <ctype.h>
#include <string.h>

/* The last place of `word` in the text; NULL where it has none. */
static const char *find_last(struct text text, const char *word) {
    size_t size = strlen(word);

    for (size_t at = text.size; at >= size; at--)
        if (memcmp(text.bytes + at - size, word, size) == 0)
            return text.bytes + at - size;
    return NULL;
}

/* Up to the brace that closes the one before `text`. */
static bool up_to_brace(struct text *text) {
    size_t depth = 1;

    for (size_t i = 0; i < text->size; i++) {
        if (text->bytes[i] == '\\')
            i++;
        else if (text->bytes[i] == '{')
            depth++;
        else if (text->bytes[i] == '}' && --depth == 0) {
            text->size = i;
            return true;
        }
    }
    return false;
}

static void trim(struct text *text) {
    while (text->size > 0 && isspace((unsigned char)*text->bytes)) {
        text->bytes++;
        text->size--;
    }
    while (text->size > 0 && isspace((unsigned char)text->bytes[text->size - 1]))
        text->size--;
}

bool boxed_answer(struct text solution, struct text *answer) {
    const char *boxed = find_last(solution, "\\boxed"), *fbox = find_last(solution, "\\fbox");
    const char *start = boxed;

    if (fbox != NULL && (boxed == NULL || fbox > boxed))
        start = fbox;
    if (start == NULL)
        return false;
    start += start == fbox ? strlen("\\fbox") : strlen("\\boxed");
    *answer = (struct text){start, (size_t)(solution.bytes + solution.size - start)};
    trim(answer);
    if (answer->size > 0 && *answer->bytes == '{') {
        answer->bytes++;
        answer->size--;
        if (!up_to_brace(answer))
            return false;
    } else {
        const char *dollar = memchr(answer->bytes, '$', answer->size);
        if (dollar != NULL)
            answer->size = (size_t)(dollar - answer->bytes);
    }
    trim(answer);
    return answer->size > 0;
}
