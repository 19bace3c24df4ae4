/*
 * Templates: files of text with fields of a record in them.
 *
 *     {{prompt}}     the problem's prompt with the password at its place (text/prompt.h)
 *     {{name}}       the text field of that name: letters, digits, "_" and "-", no blanks
 *     {{{{           two braces
 *
 * All else stands for itself, single braces and closing ones included; of three opening braces the
 * first is a brace, so that \boxed{{{reference}}} is what it looks like. One newline at the end of
 * the file is not part of the template.
 *
 * Records live on another floor: whoever renders brings a function that looks fields up.
 */
#ifndef LOCKPICK_TEXT_TEMPLATE_H
#define LOCKPICK_TEXT_TEMPLATE_H

#include "text/prompt.h"

enum { TEMPLATE_LIMIT = 1 << 20 }; /* bytes of a template, at most */

struct template;

/* Gives the text of `field`; false with an error where there is none. */
typedef bool template_lookup(const void *context, const char *field, struct text *value,
                             struct error *error);

/* NULL where the file cannot be read or is malformed: the error names file and line. */
struct template *template_open(const char *path, struct error *error);
/* The same from memory, which is copied; `name` stands in errors. */
struct template *template_parse(const char *name, struct text text, struct error *error);
void template_close(struct template *template); /* NULL is fine */

/*
 * Path of the template that a user calls `name`: FOLDER/NAME.txt of lockpick's data ("prompts",
 * "math") for a name of letters, digits, "_" and "-", anything else is a path already. Owned by the
 * caller; NULL where the data folder is not found.
 */
char *template_path(const char *folder, const char *name, struct error *error);

/* Whether {{field}} stands anywhere in it. */
bool template_uses(const struct template *template, const char *field);
const char *template_name(const struct template *template);
/* XXH3-128 of its text, 32 hex digits. */
const char *template_digest(const struct template *template);

/*
 * Appends the rendered text. `context` goes to `lookup`; {{prompt}} gets `password` at `place` as
 * prompt_render() puts it. A failure names template and line, and leaves `out` as it was.
 */
bool template_render(const struct template *template, template_lookup *lookup, const void *context,
                     struct text password, enum password_place place, struct buffer *out,
                     struct error *error);

#endif
