/*
 * The bridge between records and JSON lines. It loses nothing: what JSON has no word for stands in
 * an object whose one key starts with "$", the marker.
 *
 *     integer −2^63 … 2^64−1    123                      exact; beyond is refused
 *     real                      0.1, 1.0, 1e+300         the shortest that reads back the same
 *     NaN, infinities           {"$real":"nan"}, "inf", "-inf"; other NaNs as 16 hex digits
 *     text                      "…"                      control characters escaped
 *     text that is no UTF-8     {"$text":"BASE64"}
 *     binary                    {"$binary":"BASE64"}
 *     extension                 {"$extension":[TYPE,"BASE64"]}
 *     map with text keys        {"key":value}
 *     any other map, and one    {"$map":[[key,value],…]}
 *     whose first key is a "$…"
 *
 * msgpack → JSON → msgpack gives equal values in the narrowest heads that msgpack-c writes: 32-bit
 * reals become 64-bit ones, and a length or integer that was written wider than need be becomes
 * narrow. JSON → msgpack → JSON gives the same text up to white space, escapes and the spelling of
 * numbers.
 */
#ifndef LOCKPICK_RECORD_JSON_H
#define LOCKPICK_RECORD_JSON_H

#include "record/record.h"

/*
 * Appends the msgpack of one JSON object with nothing but white space around it. Refused, with the
 * column (in bytes, from 1): bad syntax, keys that come twice, numbers out of range, text that is
 * no UTF-8 or has lone surrogates, nesting deeper than VALUE_DEPTH. On failure `packed` is as
 * before.
 */
bool json_read_record(struct text line, struct buffer *packed, struct error *error);
/* The same for any value. */
bool json_read_value(struct text line, struct buffer *packed, struct error *error);

/* Appends a checked value as JSON on one line, without the newline. */
void json_write_value(struct value value, struct buffer *out);
void json_write_record(const struct record *record, struct buffer *out);
void json_write_text(struct text text, struct buffer *out);

/* Length of the UTF-8 character at the start of `bytes`, 0 where there is none. */
size_t utf8_length(const uint8_t *bytes, size_t size);

#endif
