/* Inside of lib/record: base64 with padding (RFC 4648, section 4), for the JSON bridge. */
#ifndef LOCKPICK_RECORD_BASE64_H
#define LOCKPICK_RECORD_BASE64_H

#include "base/memory.h"

void base64_encode(struct text bytes, struct buffer *out);
/* False, with `out` as before, for anything that base64_encode() does not write. */
bool base64_decode(struct text coded, struct buffer *out);

#endif
