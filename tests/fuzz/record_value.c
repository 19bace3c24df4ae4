/* Any bytes as a msgpack value and as a record: refused, or the same through JSON and back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "record/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

/* Reads the value by every getter, and all that it contains. */
static void visit(struct value value) {
    struct value_walk walk;
    struct value element;
    struct text text;
    int64_t integer;
    uint64_t large;
    double real;
    bool boolean;
    value_integer(value, &integer);
    value_unsigned(value, &large);
    value_real(value, &real);
    value_boolean(value, &boolean);
    if (value_text(value, &text) || value_binary(value, &text))
        require((const uint8_t *)text.bytes + text.size == value.bytes + value.size);
    if (value_array(value, &walk, NULL)) {
        while (value_next(&walk, &element))
            visit(element);
        require(walk.left == 0 && walk.next == walk.end);
    } else if (value_map(value, &walk, NULL)) {
        while (value_next_pair(&walk, &text, &element))
            visit(element);
        require(walk.left == 0 && walk.next == walk.end);
    }
}

/* JSON of the value, read back, gives the same JSON. */
static void through_json(struct value value) {
    struct buffer text = {0}, packed = {0}, again = {0};
    struct error error = {0};
    json_write_value(value, &text);
    require(json_read_value((struct text){(char *)text.data, text.size}, &packed, &error));
    require(value_check(packed.data, packed.size, &error) == packed.size);
    json_write_value((struct value){packed.data, packed.size}, &again);
    require(text.size == again.size && memcmp(text.data, again.data, text.size) == 0);
    buffer_free(&text);
    buffer_free(&packed);
    buffer_free(&again);
}

static void as_record(const uint8_t *bytes, size_t size) {
    struct record record = {0}, copy = {0};
    struct buffer packed = {0};
    struct error error = {0};
    if (record_parse(&record, bytes, size, &error)) {
        record_pack(&record, &packed);
        require(packed.size == size && memcmp(packed.data, bytes, size) == 0);
        record_copy(&copy, &record);
        record_set_integer(&copy, "id", 1);
        record_begin_group(&copy, GROUP_COMPLETION);
        record_set_text(&copy, "completion", text_of("x"));
        packed.size = 0;
        record_pack(&copy, &packed);
        require(record_parse(&record, packed.data, packed.size, &error));
        require(record.count == copy.count);
    } else {
        require(error.text[0] != '\0');
    }
    record_free(&record);
    record_free(&copy);
    buffer_free(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct error error = {0};
    size_t used = value_check(bytes, size, &error);
    require(used <= size && (used > 0) == (error.text[0] == '\0'));
    if (used > 0) {
        visit((struct value){bytes, used});
        through_json((struct value){bytes, used});
    }
    if (size > 0)
        as_record(bytes, size);
    return 0;
}
