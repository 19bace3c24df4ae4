/*
 * How fast text becomes token ids on one core:
 *
 *     bench_tokenizer TOKENIZER SECONDS FILE ...
 *
 * Each file is cut into documents of some 4,000 bytes at line ends, which one encoder encodes in
 * turn, over and over for SECONDS. Time is the process's own on the CPU, so that busy neighbours
 * count less. tokenizer_peer.py does the same with the reference library. A line a file:
 * "encode file=NAME mb_per_s=N tokens_per_s=N bytes_per_token=N".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/files.h"
#include "text/tokenizer.h"

#define DOCUMENT 4000
#define MOST_BYTES ((size_t)64 << 20)

static _Noreturn void give_up(const struct error *error) {
    fprintf(stderr, "bench_tokenizer: %s\n", error->text);
    exit(1);
}

static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Size of the document that starts at `at`: up to the first line end behind DOCUMENT bytes. */
static size_t document_size(const struct buffer *text, size_t at) {
    size_t left = text->size - at;
    if (left <= DOCUMENT)
        return left;
    const uint8_t *end = memchr(text->data + at + DOCUMENT, '\n', left - DOCUMENT);
    return end != NULL ? (size_t)(end + 1 - text->data) - at : left;
}

static void measure(struct encoder *encoder, const char *path, double seconds) {
    struct buffer text = {0};
    struct token_list ids = {0};
    struct error error = {0};
    if (!file_read(path, MOST_BYTES, &text, &error))
        give_up(&error);
    double started = cpu_seconds(), passed;
    size_t bytes = 0, tokens = 0;
    do {
        for (size_t at = 0, size; at < text.size; at += size) {
            size = document_size(&text, at);
            struct text document = {(const char *)text.data + at, size};
            ids.count = 0;
            if (!encoder_encode(encoder, document, ENCODE_PLAIN, &ids, &error))
                give_up(&error);
            tokens += ids.count;
        }
        bytes += text.size;
        passed = cpu_seconds() - started;
    } while (passed < seconds && text.size > 0);
    printf("encode file=%s mb_per_s=%.1f tokens_per_s=%.0f bytes_per_token=%.2f\n", path,
           (double)bytes / passed / 1e6, (double)tokens / passed, (double)bytes / (double)tokens);
    fflush(stdout);
    buffer_free(&text);
    token_list_free(&ids);
}

int main(int argc, char **argv) {
    struct error error = {0};
    if (argc < 4) {
        fprintf(stderr, "bench_tokenizer: TOKENIZER SECONDS FILE ... are needed\n");
        return 2;
    }
    struct tokenizer *tokenizer = tokenizer_open(argv[1], &error);
    if (tokenizer == NULL)
        give_up(&error);
    struct encoder *encoder = encoder_open(tokenizer);
    for (int i = 3; i < argc; i++)
        measure(encoder, argv[i], strtod(argv[2], NULL));
    encoder_close(encoder);
    tokenizer_close(tokenizer);
    return 0;
}
