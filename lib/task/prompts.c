/* From a problem to a model's input. */
#include "task/prompts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text/template.h"

enum { PROMPT_TASKS = 64 }; /* different tasks of one stream, at most */

/* The template of one task. */
struct task_template {
    char *task;
    struct template *template; /* NULL: the bare prompt */
};

struct prompts {
    bool bare;
    struct template *template; /* of every record; NULL: by task */
    struct task_template *tasks;
    size_t count;
};

static bool open_template(const char *path, struct template **opened, struct error *error) {
    *opened = template_open(path, error);
    if (*opened == NULL || template_uses(*opened, "prompt"))
        return *opened != NULL;
    error_set(error, "%s: nowhere has it {{prompt}}, so that no problem would reach the model",
              template_name(*opened));
    template_close(*opened);
    *opened = NULL;
    return false;
}

struct prompts *prompts_open(const char *template, struct error *error) {
    struct prompts *prompts = allocate(1, sizeof *prompts);

    prompts->bare = template != NULL && strcmp(template, "none") == 0;
    if (template == NULL || prompts->bare)
        return prompts;
    char *path = template_path("prompts", template, error);
    bool fine = path != NULL && open_template(path, &prompts->template, error);
    free(path);
    if (fine)
        return prompts;
    prompts_close(prompts);
    return NULL;
}

void prompts_close(struct prompts *prompts) {
    if (prompts == NULL)
        return;
    for (size_t i = 0; i < prompts->count; i++) {
        free(prompts->tasks[i].task);
        template_close(prompts->tasks[i].template);
    }
    free(prompts->tasks);
    template_close(prompts->template);
    free(prompts);
}

/* A task's name becomes that of a file: anything but a plain word has none. */
static bool is_plain(struct text task) {
    for (size_t i = 0; i < task.size; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", task.bytes[i]) == NULL ||
            task.bytes[i] == '\0')
            return false;
    return task.size > 0 && task.size <= 64;
}

/* The template of a task that comes for the first time; NULL in `found` where it has none. */
static bool read_template(struct text task, struct template **found, struct error *error) {
    *found = NULL;
    char *file = format_text("%.*s", (int)task.size, task.bytes);
    char *path = template_path("prompts", file, error);
    bool fine = path != NULL;

    if (fine && access(path, F_OK) == 0)
        fine = open_template(path, found, error);
    free(path);
    free(file);
    return fine;
}

static bool template_of_task(struct prompts *prompts, struct text task, struct template **found,
                             struct error *error) {
    *found = NULL;
    if (!is_plain(task))
        return true;
    for (size_t i = 0; i < prompts->count; i++)
        if (text_is(task, prompts->tasks[i].task)) {
            *found = prompts->tasks[i].template;
            return true;
        }
    if (prompts->count == PROMPT_TASKS)
        return error_set(error, "more than %d different tasks in one stream", PROMPT_TASKS);
    if (!read_template(task, found, error))
        return false;
    prompts->tasks = reallocate(prompts->tasks, prompts->count + 1, sizeof *prompts->tasks);
    prompts->tasks[prompts->count++] =
        (struct task_template){format_text("%.*s", (int)task.size, task.bytes), *found};
    return true;
}

static bool choose(struct prompts *prompts, const struct record *record, struct template **found,
                   struct error *error) {
    struct text task;

    *found = prompts->template;
    if (prompts->bare || prompts->template != NULL || record_find(record, "task") == NULL)
        return true;
    return record_text(record, "task", &task, error) &&
           template_of_task(prompts, task, found, error);
}

static bool look_up(const void *context, const char *field, struct text *value,
                    struct error *error) {
    const struct record *record = context;

    return record_text(record, field, value, error);
}

bool prompts_render(struct prompts *prompts, const struct record *record, struct text password,
                    enum password_place place, struct buffer *out, struct error *error) {
    struct template *template = NULL;
    struct text prompt;

    if (!choose(prompts, record, &template, error))
        return false;
    if (template != NULL)
        return template_render(template, look_up, record, password, place, out, error);
    return record_text(record, "prompt", &prompt, error) &&
           prompt_render(prompt, password, place, out, error);
}

bool prompts_frame(struct prompts *prompts, const struct record *record, bool *framed,
                   struct error *error) {
    struct template *template = NULL;
    bool fine = choose(prompts, record, &template, error);

    *framed = template != NULL;
    return fine;
}

bool prompts_use(const struct prompts *prompts, const char *field) {
    return prompts->template != NULL && template_uses(prompts->template, field);
}

const char *prompts_digest(const struct prompts *prompts, size_t number) {
    if (prompts->template != NULL)
        return number == 0 ? template_digest(prompts->template) : NULL;
    for (size_t i = 0; i < prompts->count; i++)
        if (prompts->tasks[i].template != NULL && number-- == 0)
            return template_digest(prompts->tasks[i].template);
    return NULL;
}
