/*
 * From a problem to a model's input: which template it goes through, and the template's fields
 * taken from its record. By default that is data/prompts/TASK.txt for the record's `task`; a task
 * without such a file (composition), and a record without a task, give the prompt with its password
 * and nothing more.
 */
#ifndef LOCKPICK_TASK_PROMPTS_H
#define LOCKPICK_TASK_PROMPTS_H

#include "record/record.h"
#include "text/prompt.h"

struct prompts;

/* Row for a tool's option table; `target` is a const char *, NULL by default. */
#define TEMPLATE_OPTION(target_)                                                                   \
    {                                                                                              \
        .kind = OPTION_FILE, .name = "template", .argument = "NAME", .target = &(target_),         \
        .help = "render prompts through this template: a file, a name in lockpick's "              \
                "data/prompts, or none (default: by the problem's task)"                           \
    }

/*
 * `template` NULL: by task; "none": bare prompts; else the template of that name in data/prompts,
 * or a file (text/template.h), for every record. A template without {{prompt}} is refused:
 * passwords would be lost.
 */
struct prompts *prompts_open(const char *template, struct error *error);
void prompts_close(struct prompts *prompts); /* NULL is fine */

/* Whether {{field}} stands in the one template of every record; false where there is no such. */
bool prompts_use(const struct prompts *prompts, const char *field);

/*
 * Appends the input for the record's problem with `password` (empty: none) at its place. Templates
 * of tasks are read when the first problem of the task comes. Errors name template and line; the
 * caller puts the record's id in front.
 */
bool prompts_render(struct prompts *prompts, const struct record *record, struct text password,
                    enum password_place place, struct buffer *out, struct error *error);

/* Whether the record's prompt goes through a template, and not as it is. */
bool prompts_frame(struct prompts *prompts, const struct record *record, bool *framed,
                   struct error *error);

/* For the end mark: digest of template `number` of those in use, 32 hex digits; NULL beyond. */
const char *prompts_digest(const struct prompts *prompts, size_t number);

#endif
