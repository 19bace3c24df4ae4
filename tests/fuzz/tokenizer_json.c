/* Any bytes as a tokenizer.json: refused, or a tokenizer whose words decode and encode again. */
#include <stdint.h>
#include <stdlib.h>

#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct error error = {0};
    struct tokenizer *tokenizer = tokenizer_parse(bytes, size, &error);
    if (tokenizer == NULL) {
        if (error.text[0] == '\0')
            abort();
        return 0;
    }
    struct token_list list = {0};
    /* The file itself as text: mostly unknown words. */
    tokenizer_encode(tokenizer, (struct text){(const char *)bytes, size}, ENCODE_PLAIN, &list, &error);
    for (int32_t id = 0; id < tokenizer_size(tokenizer); id++) {
        struct buffer word = {0};
        if (!tokenizer_decode(tokenizer, &id, 1, DECODE_ALL, &word, &error) ||
            tokenizer_id(tokenizer, (struct text){(const char *)word.data, word.size}) != id)
            abort();
        buffer_free(&word);
    }
    token_list_free(&list);
    tokenizer_close(tokenizer);
    return 0;
}
