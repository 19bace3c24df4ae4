/* Any text as a completion: the answer lies within it, and has no space around it. */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>

#include "grade/math_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct text completion = {(const char *)bytes, size}, answer = {0};
    struct buffer string = {0}, words = {0};

    if (math_answer_extract(completion, &answer)) {
        require(answer.size > 0 && answer.bytes >= completion.bytes &&
                answer.bytes + answer.size <= completion.bytes + completion.size);
        require(!isspace((unsigned char)*answer.bytes));
        math_string_normalize(answer, &string);
        math_words_normalize(answer, &words);
        require(words.size <= answer.size);
    }
    buffer_free(&string);
    buffer_free(&words);
    return 0;
}
