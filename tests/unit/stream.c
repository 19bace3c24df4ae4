/* Record streams: what is written reads back, and what is damaged, cut off or foreign is refused.
 */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <xxhash.h>
#include <zstd.h>

#include "base/files.h"
#include "record/frames.h"
#include "record/salvage.h"
#include "record/stream.h"

static char folder[] = "/tmp/lockpick-stream.XXXXXX";

static char *in_folder(const char *name) {
    return path_join(folder, name);
}

static int make_folder(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    struct error error = {0};
    return remove_tree(folder, &error) ? 0 : -1;
}

static struct provenance provenance(void) {
    return (struct provenance){text_of("test"), text_of("1"), text_of("--n=3\n"), true, 7};
}

/* Record number i, with `size` bytes of text that do not compress well. */
static void fill(struct record *record, uint64_t i, size_t size) {
    struct buffer text = {0};
    uint64_t noise = i + 1;
    uint8_t *letters = buffer_reserve(&text, size);
    record_clear(record);
    record_set_unsigned(record, "i", i);
    for (size_t j = 0; j < size; j++) {
        noise = noise * 6364136223846793005 + 1442695040888963407;
        letters[j] = (uint8_t)('a' + (noise >> 40) % 26);
    }
    record_set_text(record, "text", (struct text){(char *)letters, size});
    buffer_free(&text);
}

static struct record_writer *open_writer(const char *path) {
    struct error error = {0};
    struct provenance about = provenance();
    struct record_writer *writer = record_writer_open(path, &about, 0, &error);
    if (writer == NULL)
        fail_msg("%s", error.text);
    return writer;
}

/* A stream of records first … first + count − 1, as a file and in `bytes`. */
static void write_stream(const char *path, uint64_t first, uint64_t count, size_t size) {
    struct error error = {0};
    struct record record = {0};
    struct record_writer *writer = open_writer(path);
    for (uint64_t i = first; i < first + count; i++) {
        fill(&record, i, size);
        assert_true(record_writer_add(writer, &record, &error));
    }
    record_writer_add_source(writer, "input", "0123456789abcdef0123456789abcdef");
    assert_true(record_writer_close(writer, &error));
    record_free(&record);
}

static void read_bytes(const char *path, struct buffer *bytes) {
    struct error error = {0};
    assert_true(file_read(path, SIZE_MAX, bytes, &error));
}

static void write_bytes(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    if (size > 0) /* `bytes` may be NULL otherwise */
        assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* What reading a stream came to. */
struct outcome {
    enum read_result last;
    uint64_t count;
    char digest[40];
    struct error error;
};

static struct outcome read_stream(const char *path) {
    struct outcome outcome = {.last = READ_FAILED};
    struct record record = {0};
    struct record_reader *reader = record_reader_open(path, &outcome.error);
    if (reader == NULL)
        return outcome;
    while ((outcome.last = record_reader_next(reader, &record, &outcome.error)) == READ_RECORD)
        ;
    outcome.count = record_reader_count(reader);
    snprintf(outcome.digest, sizeof outcome.digest, "%s", record_reader_digest(reader));
    struct error again = {0};
    assert_true(record_reader_next(reader, &record, &again) == outcome.last);
    assert_string_equal(again.text, outcome.error.text);
    record_reader_close(reader);
    record_free(&record);
    return outcome;
}

/* The stream of these bytes is refused, and the error says so. */
static void assert_bytes_refused(const struct buffer *bytes, const char *reason) {
    char *path = in_folder("refused.rec");
    write_bytes(path, bytes->data, bytes->size);
    struct outcome outcome = read_stream(path);
    assert_true(outcome.last == READ_FAILED);
    if (strstr(outcome.error.text, reason) == NULL)
        fail_msg("'%s' lacks '%s'", outcome.error.text, reason);
    assert_int_equal(strncmp(outcome.error.text, path, strlen(path)), 0);
    free(path);
}

/* ---- streams built by hand ---- */

static void add_head(struct buffer *bytes) {
    struct provenance about = provenance();
    frame_append_provenance(bytes, &about);
}

static void add_frame(struct buffer *bytes, const void *content, size_t size) {
    size_t bound = ZSTD_compressBound(size);
    buffer_reserve(bytes, bound);
    bytes->size += ZSTD_compress(bytes->data + bytes->size, bound, content, size, 1);
}

/* As a foreign writer may: without the content's size, in blocks as they come. */
static void add_frame_of_unknown_size(struct buffer *bytes, const void *content, size_t size) {
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    size_t bound = ZSTD_compressBound(size);
    buffer_reserve(bytes, bound);
    bytes->size += ZSTD_compress2(context, bytes->data + bytes->size, bound, content, size);
    ZSTD_freeCCtx(context);
}

static void add_end(struct buffer *bytes, uint64_t count, const struct buffer *content) {
    struct record map = {0};
    struct buffer packed = {0};
    char digest[40];
    XXH128_hash_t hash = XXH3_128bits(content->data, content->size);
    snprintf(digest, sizeof digest, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
    record_set_unsigned(&map, "records", count);
    record_set_text(&map, "digest", text_of(digest));
    record_pack(&map, &packed);
    frame_append_mark(bytes, MAGIC_END, &packed);
    record_free(&map);
    buffer_free(&packed);
}

/* Packed records 0 … count − 1. */
static void add_records(struct buffer *content, uint64_t count, size_t size) {
    struct record record = {0};
    for (uint64_t i = 0; i < count; i++) {
        fill(&record, i, size);
        record_pack(&record, content);
    }
    record_free(&record);
}

/* ---- tests ---- */

static void what_is_written_reads_back_in_order(void **state) {
    (void)state;
    char *path = in_folder("round.rec");
    static const uint64_t counts[] = {0, 1, 3000};
    for (size_t c = 0; c < 3; c++) {
        write_stream(path, 0, counts[c], 1000);
        struct error error = {0};
        struct record record = {0};
        struct record_reader *reader = record_reader_open(path, &error);
        XXH3_state_t *hash = XXH3_createState();
        XXH3_128bits_reset(hash);
        for (uint64_t i = 0; i < counts[c]; i++) {
            int64_t number;
            struct buffer packed = {0};
            assert_true(record_reader_next(reader, &record, &error) == READ_RECORD);
            assert_true(record_integer(&record, "i", &number, &error) && number == (int64_t)i);
            record_pack(&record, &packed);
            XXH3_128bits_update(hash, packed.data, packed.size);
            buffer_free(&packed);
        }
        assert_true(record_reader_next(reader, &record, &error) == READ_END);
        char digest[40];
        XXH128_hash_t value = XXH3_128bits_digest(hash);
        snprintf(digest, sizeof digest, "%016llx%016llx", (unsigned long long)value.high64,
                 (unsigned long long)value.low64);
        assert_string_equal(record_reader_digest(reader), digest);
        uint64_t count;
        assert_true(record_count(path, &count, &error) && count == counts[c]);
        record_reader_close(reader);
        record_free(&record);
        XXH3_freeState(hash);
    }
    free(path);
}

static void a_stream_cut_off_at_any_byte_is_refused_with_the_count_of_whole_records(void **state) {
    (void)state;
    char *path = in_folder("whole.rec"), *cut = in_folder("cut.rec");
    struct buffer bytes = {0};
    write_stream(path, 0, 5, 20);
    read_bytes(path, &bytes);
    for (size_t size = 1; size < bytes.size; size++) {
        write_bytes(cut, bytes.data, size);
        struct outcome outcome = read_stream(cut);
        char count[64];
        snprintf(count, sizeof count, "cut off after %llu whole records",
                 (unsigned long long)outcome.count);
        assert_true(outcome.last == READ_FAILED);
        if (size >= 4 && strstr(outcome.error.text, count) == NULL)
            fail_msg("at byte %zu: %s", size, outcome.error.text);
        uint64_t counted;
        assert_false(record_count(cut, &counted, &outcome.error));
    }
    buffer_free(&bytes);
    free(path);
    free(cut);
}

static void a_changed_byte_never_changes_records_unseen(void **state) {
    (void)state;
    char *path = in_folder("good.rec"), *changed = in_folder("changed.rec");
    struct buffer bytes = {0};
    write_stream(path, 0, 5, 20);
    read_bytes(path, &bytes);
    struct outcome good = read_stream(path);
    size_t refused = 0;
    for (size_t i = 0; i < bytes.size; i++)
        for (int bit = 0; bit < 8; bit += 3) {
            bytes.data[i] ^= (uint8_t)(1 << bit);
            write_bytes(changed, bytes.data, bytes.size);
            struct outcome outcome = read_stream(changed);
            if (outcome.last == READ_END) {
                assert_string_equal(outcome.digest, good.digest);
                assert_int_equal(outcome.count, good.count);
            }
            refused += outcome.last == READ_FAILED;
            bytes.data[i] ^= (uint8_t)(1 << bit);
        }
    assert_true(refused > bytes.size); /* of three times as many; names and sources may change */
    buffer_free(&bytes);
    free(path);
    free(changed);
}

static void streams_one_behind_the_other_are_one_stream(void **state) {
    (void)state;
    char *all = in_folder("all.rec"), *a = in_folder("a.rec"), *b = in_folder("b.rec");
    struct buffer bytes = {0}, second = {0};
    write_stream(all, 0, 30, 100);
    write_stream(a, 0, 10, 100);
    write_stream(b, 10, 20, 100);
    read_bytes(a, &bytes);
    read_bytes(b, &second);
    buffer_append(&bytes, second.data, second.size);
    write_bytes(a, bytes.data, bytes.size);
    struct outcome whole = read_stream(all), joined = read_stream(a);
    assert_true(joined.last == READ_END);
    assert_int_equal(joined.count, 30);
    assert_string_equal(joined.digest, whole.digest);
    uint64_t count;
    assert_true(record_count(a, &count, &whole.error) && count == 30);

    bytes.data[bytes.size - 90] ^= 1; /* in the digest of the second end mark */
    assert_bytes_refused(&bytes, "digest");
    bytes.size -= 10;
    assert_bytes_refused(&bytes, "cut off after 30 whole records");
    buffer_free(&bytes);
    buffer_free(&second);
    free(all);
    free(a);
    free(b);
}

static void what_is_no_stream_is_refused_with_the_reason(void **state) {
    (void)state;
    struct buffer bytes = {0};
    assert_bytes_refused(&bytes, "empty: zero bytes");
    buffer_append_text(&bytes, "{\"id\":1}\n");
    assert_bytes_refused(&bytes, "records make");
    bytes.size = 0;
    add_frame(&bytes, "\x80", 1);
    assert_bytes_refused(&bytes, "without provenance");
    bytes.size = 0;
    buffer_append(&bytes, "\x50\x2a\x4d\x18\x03\0\0\0abc", 11);
    assert_bytes_refused(&bytes, "byte 0, after 0 records");
    bytes.size = 0;
    buffer_append(&bytes, "\x57\x2a\x4d\x18\x03\0\0\0abc", 11);
    assert_bytes_refused(&bytes, "not lockpick's");
    buffer_free(&bytes);
}

static void what_does_not_belong_in_a_stream_is_refused_at_its_byte(void **state) {
    (void)state;
    struct buffer bytes = {0}, content = {0};
    add_records(&content, 3, 10);
    add_head(&bytes);
    add_frame(&bytes, content.data, content.size);
    char place[64];
    snprintf(place, sizeof place, "byte %zu, after 3 records", bytes.size);
    size_t before = bytes.size;
    buffer_append(&bytes, "\x50\x2a\x4d\x18\x03\0\0\0abc", 11); /* a foreign skippable frame */
    assert_bytes_refused(&bytes, place);
    bytes.size = before;
    buffer_append_text(&bytes, "garbage");
    assert_bytes_refused(&bytes, place);
    bytes.size = before;
    add_head(&bytes);
    assert_bytes_refused(&bytes, "has no end mark");
    bytes.size = before;
    add_end(&bytes, 3, &content);
    buffer_append_text(&bytes, "garbage");
    assert_bytes_refused(&bytes, "after 3 records: bytes 67 61 72 62 where a stream should begin");
    buffer_free(&bytes);
    buffer_free(&content);
}

static void an_end_mark_that_does_not_fit_is_refused(void **state) {
    (void)state;
    struct buffer bytes = {0}, content = {0}, other = {0};
    add_records(&content, 3, 10);
    add_records(&other, 3, 11);
    add_head(&bytes);
    add_frame(&bytes, content.data, content.size);
    size_t before = bytes.size;
    add_end(&bytes, 4, &content);
    assert_bytes_refused(&bytes, "counts 4 records but 3 are there");
    bytes.size = before;
    add_end(&bytes, 3, &other);
    assert_bytes_refused(&bytes, "digest");
    buffer_free(&bytes);
    buffer_free(&content);
    buffer_free(&other);
}

static void a_format_of_the_future_is_refused(void **state) {
    (void)state;
    struct buffer bytes = {0}, map = {0};
    pack_map(&map, 1);
    pack_text(&map, text_of("format"));
    pack_integer(&map, 2);
    frame_append_mark(&bytes, MAGIC_PROVENANCE, &map);
    assert_bytes_refused(&bytes, "format version 2");
    buffer_free(&bytes);
    buffer_free(&map);
}

static void a_mark_of_very_many_fields_is_refused(void **state) {
    (void)state;
    struct buffer bytes = {0}, map = {0};
    pack_map(&map, 1001);
    pack_text(&map, text_of("format"));
    pack_integer(&map, 1);
    for (int i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof key, "key %d", i);
        pack_text(&map, text_of(key));
        pack_integer(&map, i);
    }
    frame_append_mark(&bytes, MAGIC_PROVENANCE, &map);
    assert_bytes_refused(&bytes, "byte 0, after 0 records: provenance with 1001 fields; at most "
                                 "1000 are read, and 'records salvage' saves");
    buffer_free(&bytes);
    buffer_free(&map);
}

static void lengths_are_not_believed(void **state) {
    (void)state;
    struct buffer bytes = {0};
    buffer_append(&bytes, "\x57\x2a\x4d\x18\xff\xff\xff\xfflockpick", 16);
    assert_bytes_refused(&bytes, "at most");
    bytes.size = 0;
    add_head(&bytes);
    size_t before = bytes.size;
    buffer_append(&bytes, "\x58\x2a\x4d\x18\xff\xff\xff\x00lockpick", 16);
    assert_bytes_refused(&bytes, "cut off after 0");
    bytes.size = before;
    /* a zstd frame that states 2^62 bytes of content */
    buffer_append(&bytes, "\x28\xb5\x2f\xfd\xe4\0\0\0\0\0\0\0\x40\x01\0\0", 16);
    assert_bytes_refused(&bytes, "");
    bytes.size = before;
    add_frame(&bytes, "\x81\xa1x\xdb\xff\xff\xff\xff", 8); /* text of 4 GiB */
    assert_bytes_refused(&bytes, "does not end with its frame");
    buffer_free(&bytes);
}

static void a_record_that_crosses_frames_is_refused(void **state) {
    (void)state;
    struct buffer bytes = {0}, content = {0};
    add_records(&content, 3, 100);
    add_head(&bytes);
    size_t before = bytes.size;
    add_frame(&bytes, content.data, content.size / 2);
    add_frame(&bytes, content.data + content.size / 2, content.size - content.size / 2);
    add_end(&bytes, 3, &content);
    assert_bytes_refused(&bytes, "record 2 does not end with its frame");
    bytes.size = before;
    add_frame_of_unknown_size(&bytes, content.data, content.size / 2);
    assert_bytes_refused(&bytes, "record 2 does not end with its frame");
    buffer_free(&bytes);
    buffer_free(&content);
}

static void a_bad_record_is_refused_with_its_number(void **state) {
    (void)state;
    struct buffer bytes = {0}, content = {0};
    add_records(&content, 3, 10);
    buffer_append(&content, "\x82\xa1x\x01\xa1x\x02", 7);
    add_head(&bytes);
    add_frame(&bytes, content.data, content.size);
    assert_bytes_refused(&bytes, ": record 4: the field \"x\" comes twice");
    buffer_free(&bytes);
    buffer_free(&content);
}

static void a_foreign_frame_of_any_size_reads_as_well(void **state) {
    (void)state;
    static const struct {
        uint64_t count;
        size_t size;
    } cases[] = {{50000, 100}, {3, 3 << 20}, {1, 0}};
    char *path = in_folder("foreign.rec");
    for (size_t c = 0; c < 3; c++) {
        struct buffer bytes = {0}, content = {0};
        add_records(&content, cases[c].count, cases[c].size);
        add_head(&bytes);
        add_frame_of_unknown_size(&bytes, content.data, content.size);
        add_frame_of_unknown_size(&bytes, "", 0);
        add_frame(&bytes, "", 0);
        add_end(&bytes, cases[c].count, &content);
        write_bytes(path, bytes.data, bytes.size);
        struct outcome outcome = read_stream(path);
        assert_string_equal(outcome.error.text, "");
        assert_true(outcome.last == READ_END);
        assert_int_equal(outcome.count, cases[c].count);
        buffer_free(&bytes);
        buffer_free(&content);
    }
    free(path);
}

static void a_record_larger_than_a_frame_should_be_is_written_and_read(void **state) {
    (void)state;
    char *path = in_folder("large.rec");
    write_stream(path, 0, 3, 5 << 20);
    struct outcome outcome = read_stream(path);
    assert_true(outcome.last == READ_END);
    assert_int_equal(outcome.count, 3);
    free(path);
}

static void a_record_that_is_too_large_leaves_nothing_in_the_stream(void **state) {
    (void)state;
    enum { TOO_LARGE = RECORD_LIMIT + 1 };
    char *path = in_folder("refused.rec");
    struct record_writer *writer = open_writer(path);
    struct record record = {0};
    struct error error = {0};
    void *zeros = mmap(NULL, TOO_LARGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(zeros != MAP_FAILED);
    for (uint64_t i = 0; i < 2; i++) {
        fill(&record, i, 100);
        assert_true(record_writer_add(writer, &record, &error));
        assert_false(record_writer_add_packed(writer, zeros, TOO_LARGE, &error));
        assert_non_null(strstr(error.text, "at most 256 MiB are written"));
    }
    record_set_value(&record, "zeros", (struct value){zeros, TOO_LARGE});
    assert_false(record_writer_add(writer, &record, &error));
    assert_true(record_writer_close(writer, &error));
    struct outcome outcome = read_stream(path);
    assert_string_equal(outcome.error.text, "");
    assert_int_equal(outcome.count, 2);
    munmap(zeros, TOO_LARGE);
    record_free(&record);
    free(path);
}

static void the_bytes_do_not_depend_on_the_number_of_threads(void **state) {
    (void)state;
    char *many = in_folder("many.rec"), *one = in_folder("one.rec");
    struct buffer a = {0}, b = {0};
    cpu_set_t all, first;
    write_stream(many, 0, 8000, 1000);
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&first);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&first) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &first);
    sched_setaffinity(0, sizeof first, &first);
    write_stream(one, 0, 8000, 1000);
    sched_setaffinity(0, sizeof all, &all);
    read_bytes(many, &a);
    read_bytes(one, &b);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    assert_true(read_stream(many).last == READ_END);
    buffer_free(&a);
    buffer_free(&b);
    free(many);
    free(one);
}

static void what_was_flushed_arrives_at_a_reader_down_the_pipe(void **state) {
    (void)state;
    int ends[2];
    char in[32], out[32];
    struct error error = {0};
    struct record record = {0}, got = {0};
    assert_int_equal(pipe(ends), 0);
    snprintf(in, sizeof in, "/dev/fd/%d", ends[0]);
    snprintf(out, sizeof out, "/dev/fd/%d", ends[1]);
    struct record_writer *writer = open_writer(out);
    struct record_reader *reader = record_reader_open(in, &error);
    assert_non_null(reader);
    alarm(10); /* a reader that waits for more than was sent would wait for ever */
    for (int i = 0; i < 3; i++) {
        record_clear(&record);
        if (i > 0)
            record_set_integer(&record, "i", i);
        assert_true(record_writer_add(writer, &record, &error));
        assert_true(record_writer_flush(writer, &error));
        assert_true(record_reader_next(reader, &got, &error) == READ_RECORD);
        assert_int_equal(got.count, i > 0);
    }
    record_writer_abandon(writer);
    close(ends[1]);
    assert_true(record_reader_next(reader, &got, &error) == READ_FAILED);
    assert_non_null(strstr(error.text, "cut off after 3 whole records"));
    alarm(0);
    record_reader_close(reader);
    close(ends[0]);
    record_free(&record);
    record_free(&got);
}

static void a_full_disk_is_told_by_name_and_stays_an_error(void **state) {
    (void)state;
    struct error error = {0};
    struct record record = {0};
    struct record_writer *writer = open_writer("/dev/full");
    bool fine = true;
    for (uint64_t i = 0; i < 20000; i++) {
        fill(&record, i, 1000);
        fine = record_writer_add(writer, &record, &error) && fine;
    }
    assert_false(fine);
    assert_non_null(strstr(error.text, "/dev/full"));
    assert_non_null(strstr(error.text, "No space left"));
    assert_false(record_writer_close(writer, &error));
    record_free(&record);
}

static void an_abandoned_file_never_appears(void **state) {
    (void)state;
    char *path = in_folder("never.rec");
    struct error error = {0};
    struct record record = {0};
    struct record_writer *writer = open_writer(path);
    for (uint64_t i = 0; i < 3000; i++) {
        fill(&record, i, 1000);
        assert_true(record_writer_add(writer, &record, &error));
    }
    record_writer_abandon(writer);
    assert_int_not_equal(access(path, F_OK), 0);
    record_free(&record);
    free(path);
}

/* Salvages `path` and returns how many records the result holds. */
static uint64_t salvaged(const char *path, struct salvage *salvage) {
    char *saved = in_folder("saved.rec");
    struct error error = {0};
    struct record_writer *writer = open_writer(saved);
    if (!record_salvage(path, writer, salvage, &error))
        fail_msg("%s", error.text);
    assert_true(record_writer_close(writer, &error));
    struct outcome outcome = read_stream(saved);
    assert_true(outcome.last == READ_END);
    assert_int_equal(outcome.count, salvage->records);
    free(saved);
    return outcome.count;
}

static void salvage_saves_every_whole_frame_and_what_a_cut_left(void **state) {
    (void)state;
    char *path = in_folder("broken.rec");
    struct buffer bytes = {0};
    struct salvage salvage;
    write_stream(path, 0, 5000, 1000); /* five frames of about 1043 records */
    assert_int_equal(salvaged(path, &salvage), 5000);
    assert_int_equal(salvage.frames + salvage.bytes, 0);
    read_bytes(path, &bytes);

    bytes.data[bytes.size / 2] ^= 0x55; /* in the third frame */
    write_bytes(path, bytes.data, bytes.size);
    assert_true(read_stream(path).last == READ_FAILED);
    uint64_t count = salvaged(path, &salvage);
    assert_in_range(count, 3900, 4000);
    assert_int_equal(salvage.frames, 1);
    bytes.data[bytes.size / 2] ^= 0x55;

    write_bytes(path, bytes.data, bytes.size / 2);
    count = salvaged(path, &salvage);
    assert_in_range(count, 2300, 2500);
    assert_int_equal(count, read_stream(path).count);

    memset(bytes.data, 0, 100); /* no provenance, garbage in front */
    write_bytes(path, bytes.data, bytes.size);
    count = salvaged(path, &salvage);
    assert_in_range(count, 3900, 5000);
    buffer_free(&bytes);
    free(path);
}

/* Each block of a frame holds the head of another, whose blocks are the rest of the same. */
static void frames_within_each_other_are_salvaged_in_time(void **state) {
    (void)state;
    enum { FRAMES = 100000 };
    char *path = in_folder("nested.rec");
    struct buffer bytes = {0}, content = {0};
    struct salvage salvage;
    for (int ends = 0; ends < 2; ends++) {
        bytes.size = content.size = 0;
        for (int i = 0; i < FRAMES; i++) {
            static const uint8_t head_and_block[] = {0x28, 0xb5, 0x2f, 0xfd, 0, 0x38, 6 << 3, 0, 0};
            buffer_append(&bytes, head_and_block, sizeof head_and_block);
        }
        buffer_append(&bytes, ends ? "------\7\0\0" : "------", ends ? 9 : 6);
        add_records(&content, 3, 10);
        add_frame(&bytes, content.data, content.size);
        write_bytes(path, bytes.data, bytes.size);
        assert_int_equal(salvaged(path, &salvage), 3);
        assert_in_range(salvage.frames, 1, FRAMES / 10);
    }
    buffer_free(&bytes);
    buffer_free(&content);
    free(path);
}

static void nothing_to_salvage_is_an_error(void **state) {
    (void)state;
    char *path = in_folder("nothing.rec"), *saved = in_folder("none.rec");
    struct error error = {0};
    struct salvage salvage;
    struct record_writer *writer = open_writer(saved);
    write_bytes(path, "some text", 9);
    assert_false(record_salvage(path, writer, &salvage, &error));
    assert_non_null(strstr(error.text, "no frame"));
    record_writer_abandon(writer);
    free(path);
    free(saved);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back_in_order),
        cmocka_unit_test(a_stream_cut_off_at_any_byte_is_refused_with_the_count_of_whole_records),
        cmocka_unit_test(a_changed_byte_never_changes_records_unseen),
        cmocka_unit_test(streams_one_behind_the_other_are_one_stream),
        cmocka_unit_test(what_is_no_stream_is_refused_with_the_reason),
        cmocka_unit_test(what_does_not_belong_in_a_stream_is_refused_at_its_byte),
        cmocka_unit_test(an_end_mark_that_does_not_fit_is_refused),
        cmocka_unit_test(a_format_of_the_future_is_refused),
        cmocka_unit_test(a_mark_of_very_many_fields_is_refused),
        cmocka_unit_test(lengths_are_not_believed),
        cmocka_unit_test(a_record_that_crosses_frames_is_refused),
        cmocka_unit_test(a_bad_record_is_refused_with_its_number),
        cmocka_unit_test(a_foreign_frame_of_any_size_reads_as_well),
        cmocka_unit_test(a_record_larger_than_a_frame_should_be_is_written_and_read),
        cmocka_unit_test(a_record_that_is_too_large_leaves_nothing_in_the_stream),
        cmocka_unit_test(the_bytes_do_not_depend_on_the_number_of_threads),
        cmocka_unit_test(what_was_flushed_arrives_at_a_reader_down_the_pipe),
        cmocka_unit_test(a_full_disk_is_told_by_name_and_stays_an_error),
        cmocka_unit_test(an_abandoned_file_never_appears),
        cmocka_unit_test(salvage_saves_every_whole_frame_and_what_a_cut_left),
        cmocka_unit_test(frames_within_each_other_are_salvaged_in_time),
        cmocka_unit_test(nothing_to_salvage_is_an_error),
    };
    return cmocka_run_group_tests_name("stream", tests, make_folder, remove_folder);
}
