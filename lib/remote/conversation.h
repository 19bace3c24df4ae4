/*
 * A prompt file of `ask`: the messages of a conversation, each a template (text/template.h), under
 * a line that says whose it is.
 *
 *     what stands up here is a note to the reader
 *     === system
 *     You answer briefly.
 *     === example user
 *     {{prompt}}
 *     === example assistant
 *     {{solution}}
 *     === user
 *     {{prompt}}
 *
 * A file without such lines is one message of the user. The parts called `example` are repeated for
 * each of the examples, records of their own, that are shown with a question. Newlines at the ends
 * of a part are not its own. Fields that are no text (lists of tests, numbers) stand as JSON.
 */
#ifndef LOCKPICK_REMOTE_CONVERSATION_H
#define LOCKPICK_REMOTE_CONVERSATION_H

#include "record/record.h"
#include "remote/request.h"

struct conversation;

/* The messages of one question. All zero is an empty list. */
struct message_list {
    struct message *items; /* their texts lie in `texts` */
    struct buffer *texts;
    size_t count, capacity;
};

void message_list_free(struct message_list *list);

/* NULL and an error that names file and line where a part is malformed. */
struct conversation *conversation_open(const char *path, struct error *error);
struct conversation *conversation_parse(const char *name, struct text text, struct error *error);
void conversation_close(struct conversation *conversation); /* NULL is fine */

/* Whether it has parts called `example`. */
bool conversation_has_examples(const struct conversation *conversation);
/* XXH3-128 of the file, 32 hex digits. */
const char *conversation_digest(const struct conversation *conversation);

/* Replaces the list by the messages for this record, the examples in the order given. */
bool conversation_render(const struct conversation *conversation, const struct record *record,
                         const struct record *const *examples, size_t example_count,
                         struct message_list *messages, struct error *error);

/* Appends the messages as one text: alone as it is, several each behind "[role]". */
void messages_as_text(const struct message_list *messages, struct buffer *out);

#endif
