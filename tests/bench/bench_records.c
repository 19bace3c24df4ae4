/*
 * Record streams against libzstd alone, on the same bytes in the same run:
 *
 *     bench_records [STREAM]
 *
 * With a stream, its records; otherwise composition-like small records and text-like larger ones,
 * made here. libzstd's own figures are for 1 MiB frames from memory to memory in one thread; ours
 * go through a file: reading with every record parsed, writing packed records to /dev/null.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/progress.h"
#include "base/random.h"
#include "record/stream.h"

enum { FRAME = 1 << 20, REPEATS = 5, BYTES = 128 << 20 };

/* A stream's records one behind the other, and cut into frames of 1 MiB. */
struct corpus {
    struct buffer bytes;
    size_t *ends;
    size_t count, capacity;
    size_t *frames; /* where each frame ends */
    size_t frame_count;
};

static void stop_on(bool fine, const struct error *error) {
    if (fine)
        return;
    fprintf(stderr, "bench_records: %s\n", error->text);
    exit(1);
}

static void add(struct corpus *corpus, const struct record *record) {
    if (corpus->count == corpus->capacity) {
        corpus->capacity = corpus->capacity ? corpus->capacity * 2 : 1024;
        corpus->ends = reallocate(corpus->ends, corpus->capacity, sizeof *corpus->ends);
    }
    record_pack(record, &corpus->bytes);
    corpus->ends[corpus->count++] = corpus->bytes.size;
}

static void cut(struct corpus *corpus) {
    corpus->frames = allocate(corpus->bytes.size / FRAME + 1, sizeof *corpus->frames);
    size_t start = 0;
    for (size_t i = 0; i < corpus->count; i++)
        if (corpus->ends[i] - start >= FRAME || i + 1 == corpus->count)
            start = corpus->frames[corpus->frame_count++] = corpus->ends[i];
}

/* ---- what is measured on ---- */

/* Words drawn by Zipf's law from 20,000, of syllables drawn once. */
static void add_words(struct buffer *text, struct random *random, size_t count) {
    for (size_t i = 0; i < count; i++) {
        double u = random_uniform(random);
        uint64_t word = (uint64_t)(20000.0 * u * u * u * u);
        struct random spelling;
        random_start(&spelling, &(struct random_name){.purpose = "word", .sample = word});
        for (uint64_t s = 0; s < 1 + word % 4; s++)
            buffer_format(text, "%c%c", "bcdfghklmnprstvw"[random_below(&spelling, 16)],
                          "aeiou"[random_below(&spelling, 5)]);
        buffer_append_text(text, i % 12 == 11 ? ".\n" : " ");
    }
}

static void make_text(struct corpus *corpus) {
    struct random random;
    struct record record = {0};
    struct buffer text = {0};
    random_start(&random, &(struct random_name){.purpose = "bench text"});
    for (int i = 0; corpus->bytes.size < BYTES; i++) {
        record_clear(&record);
        char id[32];
        snprintf(id, sizeof id, "math/train/%d", i / 4);
        record_set_text(&record, "id", text_of(id));
        record_set_text(&record, "task", text_of("math"));
        const char *const fields[] = {"prompt", "solution", "completion"};
        for (int f = 0; f < 3; f++) {
            text.size = 0;
            add_words(&text, &random, 40 + random_below(&random, 160));
            record_set_text(&record, fields[f], (struct text){(char *)text.data, text.size});
        }
        record_set_integer(&record, "sample", i % 4);
        record_set_real(&record, "logprob", -100 * random_uniform(&random));
        record_set_text(&record, "finish", text_of("stop"));
        add(corpus, &record);
    }
    record_free(&record);
    buffer_free(&text);
}

static void make_composition(struct corpus *corpus) {
    struct random random;
    struct record record = {0};
    random_start(&random, &(struct random_name){.purpose = "bench composition"});
    for (int i = 0; corpus->bytes.size < BYTES; i++) {
        record_clear(&record);
        char id[32], prompt[64], completion[64];
        unsigned x = random_u32(&random) % 10000, y = random_u32(&random) % 10000;
        snprintf(id, sizeof id, "c%08x", random_u32(&random));
        snprintf(prompt, sizeof prompt, "_ | f%u f%u | %u %u %u %u |", random_u32(&random) % 32,
                 random_u32(&random) % 32, x / 1000, x / 100 % 10, x / 10 % 10, x % 10);
        snprintf(completion, sizeof completion, "%u %u %u %u | %u %u %u %u", x % 10, x / 10 % 10,
                 x / 100 % 10, x / 1000, y / 1000, y / 100 % 10, y / 10 % 10, y % 10);
        record_set_text(&record, "id", text_of(id));
        record_set_text(&record, "task", text_of("composition"));
        record_set_text(&record, "prompt", text_of(prompt));
        record_set_text(&record, "reference", text_of(completion));
        record_set_text(&record, "domain", text_of(x % 2 ? "permute-map" : "map-map"));
        record_set_boolean(&record, "locked", x % 3 == 0);
        record_set_text(&record, "part", text_of("lock"));
        record_set_text(&record, "completion", text_of(completion));
        record_set_integer(&record, "sample", i % 8);
        add(corpus, &record);
    }
    record_free(&record);
}

static void load(struct corpus *corpus, const char *path) {
    struct error error = {0};
    struct record record = {0};
    struct record_reader *reader = record_reader_open(path, &error);
    stop_on(reader != NULL, &error);
    enum read_result result;
    while ((result = record_reader_next(reader, &record, &error)) == READ_RECORD)
        add(corpus, &record);
    stop_on(result == READ_END, &error);
    record_reader_close(reader);
    record_free(&record);
}

/* ---- measuring: each returns the seconds of one run ---- */

/* Compresses frame by frame into `out`; `ends` tells where each compressed frame ends. */
static double zstd_compresses(const struct corpus *corpus, ZSTD_CCtx *context, struct buffer *out,
                              size_t *ends) {
    double start = monotonic_seconds();
    out->size = 0;
    for (size_t f = 0; f < corpus->frame_count; f++) {
        size_t from = f > 0 ? corpus->frames[f - 1] : 0, size = corpus->frames[f] - from;
        size_t bound = ZSTD_compressBound(size);
        buffer_reserve(out, bound);
        out->size +=
            ZSTD_compress2(context, out->data + out->size, bound, corpus->bytes.data + from, size);
        ends[f] = out->size;
    }
    return monotonic_seconds() - start;
}

static double zstd_decompresses(const struct corpus *corpus, ZSTD_DCtx *context,
                                const struct buffer *packed, const size_t *ends, uint8_t *out) {
    double start = monotonic_seconds();
    for (size_t f = 0; f < corpus->frame_count; f++) {
        size_t from = f > 0 ? ends[f - 1] : 0, begin = f > 0 ? corpus->frames[f - 1] : 0;
        ZSTD_decompressDCtx(context, out, corpus->frames[f] - begin, packed->data + from,
                            ends[f] - from);
    }
    return monotonic_seconds() - start;
}

static double we_write(const struct corpus *corpus, const char *path, int level) {
    struct provenance provenance = {text_of("bench"), text_of("1"), {NULL, 0}, false, 0};
    struct error error = {0};
    double start = monotonic_seconds();
    struct record_writer *writer = record_writer_open(path, &provenance, level, &error);
    stop_on(writer != NULL, &error);
    for (size_t i = 0; i < corpus->count; i++) {
        size_t from = i > 0 ? corpus->ends[i - 1] : 0;
        stop_on(record_writer_add_packed(writer, corpus->bytes.data + from, corpus->ends[i] - from,
                                         &error),
                &error);
    }
    stop_on(record_writer_close(writer, &error), &error);
    return monotonic_seconds() - start;
}

static double we_read(const char *path) {
    struct error error = {0};
    struct record record = {0};
    double start = monotonic_seconds();
    struct record_reader *reader = record_reader_open(path, &error);
    stop_on(reader != NULL, &error);
    enum read_result result;
    while ((result = record_reader_next(reader, &record, &error)) == READ_RECORD)
        ;
    stop_on(result == READ_END, &error);
    record_reader_close(reader);
    double seconds = monotonic_seconds() - start;
    record_free(&record);
    return seconds;
}

/* ---- the table ---- */

static void keep_best(double *best, double seconds) {
    *best = *best == 0 || seconds < *best ? seconds : *best;
}

/* One level: libzstd and ours in turn, the best of each. */
static void bench_level(const struct corpus *corpus, const char *path, int level) {
    struct buffer packed = {0};
    size_t *ends = allocate(corpus->frame_count, sizeof *ends);
    uint8_t *out = allocate(corpus->bytes.size, 1);
    ZSTD_CCtx *compressor = ZSTD_createCCtx();
    ZSTD_DCtx *decompressor = ZSTD_createDCtx();
    ZSTD_CCtx_setParameter(compressor, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(compressor, ZSTD_c_checksumFlag, 1);
    double packs = 0, unpacks = 0, writes = 0, reads = 0;
    we_write(corpus, path, level);
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        keep_best(&packs, zstd_compresses(corpus, compressor, &packed, ends));
        keep_best(&writes, we_write(corpus, "/dev/null", level));
        keep_best(&unpacks, zstd_decompresses(corpus, decompressor, &packed, ends, out));
        keep_best(&reads, we_read(path));
    }
    double megabytes = (double)corpus->bytes.size / 1e6;
    printf("%5d %5.1f%% %6.0f MB/s %6.0f MB/s %6.2f %6.0f MB/s %6.0f MB/s %6.2f\n", level,
           100 * (double)packed.size / (double)corpus->bytes.size, megabytes / packs,
           megabytes / writes, packs / writes, megabytes / unpacks, megabytes / reads,
           unpacks / reads);
    fflush(stdout);
    ZSTD_freeCCtx(compressor);
    ZSTD_freeDCtx(decompressor);
    buffer_free(&packed);
    free(ends);
    free(out);
}

static void bench(const char *name, struct corpus *corpus) {
    static const int levels[] = {1, 3};
    char path[] = "/tmp/bench_records.XXXXXX";
    int descriptor = mkstemp(path);
    cut(corpus);
    printf("%s: %zu records, %.0f bytes each\n", name, corpus->count,
           (double)corpus->bytes.size / (double)corpus->count);
    printf("level   size  zstd packs    we write  ratio zstd unpacks   we read  ratio\n");
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++)
        bench_level(corpus, path, levels[l]);
    close(descriptor);
    unlink(path);
    free(corpus->ends);
    free(corpus->frames);
    buffer_free(&corpus->bytes);
}

int main(int argc, char **argv) {
    struct corpus corpus = {0};
    if (argc > 1) {
        load(&corpus, argv[1]);
        bench(argv[1], &corpus);
        return 0;
    }
    make_composition(&corpus);
    bench("composition", &corpus);
    corpus = (struct corpus){0};
    make_text(&corpus);
    bench("text", &corpus);
    return 0;
}
