/*
 * How a prompt becomes a model's input: where the password stands (SPEC 3).
 */
#ifndef LOCKPICK_TEXT_PROMPT_H
#define LOCKPICK_TEXT_PROMPT_H

#include "base/error.h"
#include "base/memory.h"

enum password_place {
    PASSWORD_BOTH,  /* "PWD\n\nprompt\n\nPWD\n" */
    PASSWORD_FRONT, /* "PWD\n\nprompt" */
    PASSWORD_BACK,  /* "prompt\n\nPWD\n" */
    PASSWORD_SLOT,  /* replaces the prompt's first word, which must be "_" */
};

#define PASSWORD_PLACES "both|front|back|slot" /* for OPTION_CHOICE */

/*
 * Appends the input for `prompt` with `password` at its place; an empty password gives the prompt
 * as it is. Fails where a slot is asked for and the prompt has none.
 */
bool prompt_render(struct text prompt, struct text password, enum password_place place,
                   struct buffer *out, struct error *error);

#endif
