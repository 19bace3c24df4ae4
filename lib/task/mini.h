/*
 * The mini tasks: generated problems that a transformer of a million parameters learns from scratch
 * in minutes on a processor, so that every experiment can be run in small. Prompts and completions
 * are a few dozen tokens each over a vocabulary of a few hundred (train-tokenizer makes it).
 *
 * A task is a function that writes one problem from random numbers. A stream numbers the problems
 * that differ: number N of a task and seed is always the same problem, whatever is asked for.
 */
#ifndef LOCKPICK_TASK_MINI_H
#define LOCKPICK_TASK_MINI_H

#include "base/random.h"
#include "record/record.h"

enum mini_language { MINI_ENGLISH, MINI_SPANISH };
#define MINI_LANGUAGES "en|es" /* for OPTION_CHOICE */

struct mini_settings {
    uint64_t seed;
    int language;    /* enum mini_language */
    double mistaken; /* share of solutions that make the task's usual mistake */
};

/* Whether the solution to be written next makes the mistake; draws nothing where none does. */
static inline bool mini_mistaken(const struct mini_settings *settings, struct random *random) {
    return settings->mistaken > 0 && random_uniform(random) < settings->mistaken;
}

/* Sets a text field. */
static inline void mini_set_text(struct record *record, const char *key,
                                 const struct buffer *text) {
    record_set_text(record, key, (struct text){(const char *)text->data, text->size});
}

/*
 * Appends to `record`, which has `id` and `task` already, the other fields of a problem: `prompt`,
 * `reference`, `solution`, `domain`, and what else its kind has. All that is drawn comes from
 * `random`, and what is drawn does not depend on the language, nor a problem on whether its
 * solution is mistaken.
 */
typedef bool mini_make(const struct mini_settings *settings, struct random *random,
                       struct record *record, struct error *error);

mini_make mini_math_make, mini_choice_make, mini_code_make, mini_critique_make,
    mini_critique_labelled_make, mini_judge_make;

/*
 * Appends a completion of mini-math in the other language, word by word; `language` is the one to
 * translate into. What is no word of a solution stays as it is: models write anything.
 */
void mini_math_translate(struct text completion, int language, struct buffer *out);

struct mini_task {
    const char *name; /* what `task` says */
    mini_make *make;
    bool spanish;  /* knows the second language */
    bool mistakes; /* has a usual mistake */
};

/* NULL with an error that lists the tasks where there is none of that name. */
const struct mini_task *mini_task_find(const char *name, struct error *error);

struct mini_stream;

/* Fails where the task knows no such language or mistake. The stream copies the settings. */
struct mini_stream *mini_stream_open(const struct mini_task *task,
                                     const struct mini_settings *settings, struct error *error);
/*
 * Writes the next problem, from number 0 on, over `record`. Its prompt (with its `program`, where
 * it has one) differs from all before it. Fails where the task has no more: when a hundred thousand
 * draws in a row gave nothing new.
 */
bool mini_stream_next(struct mini_stream *stream, struct record *record, struct error *error);
void mini_stream_close(struct mini_stream *stream); /* NULL is fine */

#endif
