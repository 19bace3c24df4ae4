/*
 * The mini tasks by name, and their streams of problems that differ.
 */
#include "task/mini.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "task/id_index.h"

enum { FRUITLESS = 100000 }; /* draws without a new problem, after which a task has no more */

static const struct mini_task tasks[] = {
    {"mini-math", mini_math_make, .spanish = true, .mistakes = true},
    {"mini-choice", mini_choice_make, .mistakes = true},
    {"mini-code", mini_code_make, .mistakes = true},
    {"mini-critique", mini_critique_make},
    {"mini-critique-labelled", mini_critique_labelled_make},
    {"mini-judge", mini_judge_make},
};

struct mini_stream {
    const struct mini_task *task;
    struct mini_settings settings;
    struct id_index seen; /* what was asked so far; its count is the next number */
    uint64_t drawn;
    struct buffer text;
};

static bool any(const struct mini_task *task) {
    return task != NULL;
}
static bool knows_spanish(const struct mini_task *task) {
    return task->spanish;
}
static bool has_mistakes(const struct mini_task *task) {
    return task->mistakes;
}

/* Says `what` of `name`, and the tasks of which it is not so. */
static void refuse(const char *name, const char *what, bool (*allowed)(const struct mini_task *),
                   struct error *error) {
    struct buffer names = {0};

    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
        if (allowed(&tasks[i]))
            buffer_format(&names, "%s%s", names.size > 0 ? ", " : "", tasks[i].name);
    error_set(error, "'%s' %s %.*s", name, what, (int)names.size, (const char *)names.data);
    buffer_free(&names);
}

const struct mini_task *mini_task_find(const char *name, struct error *error) {
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
        if (strcmp(tasks[i].name, name) == 0)
            return &tasks[i];
    refuse(name, "is no task; there are", any, error);
    return NULL;
}

struct mini_stream *mini_stream_open(const struct mini_task *task,
                                     const struct mini_settings *settings, struct error *error) {
    struct mini_stream *stream;

    if (settings->language != MINI_ENGLISH && !task->spanish) {
        refuse(task->name, "is in English only; in Spanish, too, are problems of", knows_spanish,
               error);
        return NULL;
    }
    if (settings->mistaken > 0 && !task->mistakes) {
        refuse(task->name, "has no usual mistake; tasks that have one are", has_mistakes, error);
        return NULL;
    }
    stream = allocate(1, sizeof *stream);
    stream->task = task;
    stream->settings = *settings;
    return stream;
}

void mini_stream_close(struct mini_stream *stream) {
    if (stream == NULL)
        return;
    id_index_free(&stream->seen);
    buffer_free(&stream->text);
    free(stream);
}

/* Writes draw `draw` over `record`, as problem number `number`. */
static bool make(struct mini_stream *stream, int language, uint64_t draw, uint64_t number,
                 struct record *record, struct error *error) {
    struct mini_settings settings = stream->settings;
    struct random random;
    char id[96];
    int size = snprintf(id, sizeof id, "%s-%llu-%llu", stream->task->name,
                        (unsigned long long)settings.seed, (unsigned long long)number);

    settings.language = language;
    record_clear(record);
    record_set_text(record, "id", (struct text){id, (size_t)size});
    record_set_text(record, "task", text_of(stream->task->name));
    random_start(&random, &(struct random_name){.seed = settings.seed,
                                                .purpose = stream->task->name,
                                                .sample = draw});
    return stream->task->make(&settings, &random, record, error);
}

/* What makes a problem another one: its prompt, and the program shown beside it. */
static bool is_new(struct mini_stream *stream, const struct record *record, bool *fresh,
                   struct error *error) {
    struct text prompt, program;
    struct id_key key;
    size_t number;
    bool known;

    if (!record_text(record, "prompt", &prompt, error))
        return false;
    stream->text.size = 0;
    buffer_append(&stream->text, prompt.bytes, prompt.size);
    if (record_find(record, "program") != NULL) {
        if (!record_text(record, "program", &program, error))
            return false;
        buffer_append(&stream->text, "", 1);
        buffer_append(&stream->text, program.bytes, program.size);
    }
    key = id_key(0, "mini prompts",
                 (struct text){(const char *)stream->text.data, stream->text.size});
    if (!id_index_add(&stream->seen, key, &number, &known, error))
        return false;
    *fresh = !known;
    return true;
}

/* Whether problems differ is judged in English, so that both languages have the same ones. */
bool mini_stream_next(struct mini_stream *stream, struct record *record, struct error *error) {
    uint64_t number = stream->seen.count;
    bool fresh = false;

    for (int tried = 0; tried < FRUITLESS && !fresh; tried++, stream->drawn++)
        if (!make(stream, MINI_ENGLISH, stream->drawn, number, record, error) ||
            !is_new(stream, record, &fresh, error))
            return false;
    if (!fresh)
        return error_set(error, "%s with seed %llu has no more than %llu different problems",
                         stream->task->name, (unsigned long long)stream->settings.seed,
                         (unsigned long long)number);
    return stream->settings.language == MINI_ENGLISH ||
           make(stream, stream->settings.language, stream->drawn - 1, number, record, error);
}
