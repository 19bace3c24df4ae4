/*
 * Any bytes as a tokenizer.json: refused, or a tokenizer that encodes the file itself, whose ids
 * are all in range, decode, and come out of a stream as they come out of a list.
 */
#include <stdint.h>
#include <stdlib.h>

#include "tokenizer_exercise.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct error error = {0};
    struct tokenizer *tokenizer = tokenizer_parse(bytes, size, &error);
    if (tokenizer == NULL) {
        if (error.text[0] == '\0')
            abort();
        return 0;
    }
    exercise(tokenizer, (struct text){(const char *)bytes, size});
    tokenizer_close(tokenizer);
    return 0;
}
