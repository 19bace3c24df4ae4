/* Unicode normalization forms (UAX 15) of long and hostile texts. Private to lib/text. */
#ifndef LOCKPICK_TEXT_NORMAL_FORM_H
#define LOCKPICK_TEXT_NORMAL_FORM_H

#include <stdbool.h>

#include "base/memory.h"

enum normal_form { FORM_NFC, FORM_NFD, FORM_NFKC, FORM_NFKD };

/* Whether well-formed text is in the form for sure, seen from its lead bytes alone. */
bool normal_form_is_plain(enum normal_form form, struct text text);
/* Appends the normal form of well-formed text. */
void normal_form_append(enum normal_form form, struct text text, struct buffer *out);

#endif
