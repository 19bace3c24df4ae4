/*
 * Any bytes as an endpoint's answer: refused with a reason, or taken apart into numbers that are
 * finite and a text that goes into a record. The first byte says what was asked for.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "remote/answer.h"
#include "remote/answer_fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool take(void *context, size_t index, struct text numbers, struct error *error) {
    struct answer answer = {0};

    (void)context;
    (void)index;
    if (!answer_embedding(numbers, &answer, error) || answer.width == 0)
        abort(); /* it was checked before */
    for (size_t i = 0; i < answer.width; i++)
        if (!isfinite(answer.embedding[i]))
            abort();
    answer_free(&answer);
    return true;
}

static void into_fields(struct text text) {
    static const char *const lists[] = {"x", "x:code", "x:json", "a=x,b:code,c:json"};

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct answer_fields fields;
        struct record record = {0};
        struct error error = {0};
        struct buffer packed = {0};
        if (!answer_fields_parse(lists[i], &fields, &error))
            abort();
        if (answer_fields_take(&fields, text, &record, &error)) {
            record_pack(&record, &packed);
            if (value_check(packed.data, packed.size, &error) != packed.size)
                abort();
        } else if (error.text[0] == '\0') {
            abort();
        }
        buffer_free(&packed);
        record_free(&record);
        answer_fields_free(&fields);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct request_settings settings = {.top_logprobs = -1};
    struct answer answer = {0};
    struct token_usage usage;
    struct error error = {0};

    if (size == 0)
        return 0;
    struct text text = {(const char *)bytes + 1, size - 1};
    settings.top_logprobs = (bytes[0] >> 2) % 3 - 1;
    if (bytes[0] % 4 == 3) {
        into_fields(text);
    } else if (bytes[0] % 4 == CALL_EMBEDDING) {
        if (!answer_embeddings(text, 1 + bytes[0] / 64, take, NULL, &usage, &error) &&
            error.text[0] == '\0')
            abort();
    } else if (answer_text(bytes[0] % 4, &settings, text, &answer, &usage, &error)) {
        if (answer.has_logprob && (!isfinite(answer.logprob) || answer.logprob > 0))
            abort();
        into_fields((struct text){(const char *)answer.text.data, answer.text.size});
    } else if (error.text[0] == '\0') {
        abort();
    }
    answer_free(&answer);
    return 0;
}
