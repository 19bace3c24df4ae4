/* Any bytes as a SentencePiece model: as tokenizer_json.c. */
#include <stdint.h>
#include <stdlib.h>

#include "tokenizer_exercise.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct error error = {0};
    struct text none = {"", 0};
    struct tokenizer *tokenizer = tokenizer_parse_model(bytes, size, none, &error);
    if (tokenizer == NULL) {
        if (error.text[0] == '\0')
            abort();
        return 0;
    }
    exercise(tokenizer, (struct text){(const char *)bytes, size});
    tokenizer_close(tokenizer);
    return 0;
}
