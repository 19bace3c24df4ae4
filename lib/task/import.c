/*
 * The importer: operands to rows, rows through a format to problems, bad rows aside, and what was
 * left out counted.
 */
#include "task/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/files.h"
#include "record/json.h"
#include "task/import_inside.h"

/* How a format reads files. */
struct format {
    const char *name;
    import_convert *convert;
    const char *groups; /* which list of groups it needs */
    char separator;     /* tables; 0: JSON */
};

static const struct format formats[] = {
    [IMPORT_APPS] = {"apps", convert_apps, NULL, 0},
    [IMPORT_MBPP] = {"mbpp", convert_mbpp, NULL, 0},
    [IMPORT_MATH] = {"math", convert_math, "math", 0},
    [IMPORT_MMLU] = {"mmlu", convert_mmlu, "mmlu", 0},
    [IMPORT_HUMANEVAL] = {"humaneval", convert_humaneval, NULL, 0},
    [IMPORT_JSON] = {"json", convert_plain, NULL, 0},
    [IMPORT_CSV] = {"csv", convert_plain, NULL, ','},
    [IMPORT_TSV] = {"tsv", convert_plain, NULL, '\t'},
};

static const struct format *format_of(const struct importer *importer) {
    return &formats[importer->settings->format];
}

/* ---- what formats use ---- */

struct text content_id(const char *name, const struct text *parts, char id[64]) {
    XXH3_state_t *state = XXH3_createState();

    XXH3_64bits_reset(state);
    for (; parts->bytes != NULL; parts++) {
        XXH3_64bits_update(state, parts->bytes, parts->size);
        XXH3_64bits_update(state, "", 1);
    }
    snprintf(id, 64, "%.40s-%016llx", name, (unsigned long long)XXH3_64bits_digest(state));
    XXH3_freeState(state);
    return text_of(id);
}

bool copy_field(const struct record *row, const char *from, struct record *problem, const char *to,
                bool required, struct error *error) {
    struct text text;

    if (!required && record_find(row, from) == NULL)
        return true;
    if (!record_text(row, from, &text, error))
        return false;
    record_set_text(problem, to, text);
    return true;
}

/* The split that a word names, in one spelling. */
static const char *split_of_word(const char *word, size_t size) {
    static const char *const words[][2] = {
        {"train", "train"},           {"test", "test"},       {"dev", "dev"}, {"val", "validation"},
        {"validation", "validation"}, {"valid", "validation"}};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i][0]) == size && memcmp(words[i][0], word, size) == 0)
            return words[i][1];
    return NULL;
}

const char *split_of_path(const char *path) {
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    const char *word = slash != NULL ? slash + 1 : path;
    const char *found = NULL;

    while (word != NULL && *word != '\0') { /* words of the file's name: the last that says one */
        size_t size = strcspn(word, "-_.");
        const char *split = split_of_word(word, size);
        found = split != NULL ? split : found;
        word += size + (word[size] != '\0');
    }
    while (found == NULL && slash != NULL) { /* then its folders, innermost first */
        const char *end = slash;
        while (slash > path && slash[-1] != '/')
            slash--;
        found = split_of_word(slash, (size_t)(end - slash));
        slash = slash > path ? slash - 1 : NULL;
    }
    return found;
}

/* ---- setting aside ---- */

bool import_reject(struct importer *importer, const struct record *row, struct error *error) {
    struct record bad = {0};
    struct error trouble = {0};

    if (importer->rejects == NULL)
        return false;
    record_copy(&bad, row);
    record_set_text(&bad, "reject_reason", text_of(error->text));
    bool fine = record_writer_add(importer->rejects, &bad, &trouble);
    record_free(&bad);
    importer->rejected++;
    if (!fine) {
        *error = trouble;
        return false;
    }
    if ((int64_t)importer->rejected > importer->settings->filter.max_rejects)
        return error_place(error, "more than %lld bad records, the last",
                           (long long)importer->settings->filter.max_rejects);
    error->text[0] = '\0';
    return true;
}

static bool refuse_line(void *context, struct text line, struct error *error) {
    struct record record = {0};

    if (line.size > 0)
        record_set_text(&record, "line", line);
    bool fine = import_reject(context, &record, error);
    record_free(&record);
    return fine;
}

/* ---- one row ---- */

bool import_write(struct importer *importer, const struct record *problem, struct error *error) {
    progress_add(&importer->progress, 1, NULL);
    return record_writer_add(importer->writer, problem, error);
}

/*
 * Whether the id is new. The same id with the same prompt and reference is the same problem once
 * more, as MMLU has a number of; with others it is an error.
 */
static bool check_new(struct importer *importer, const struct record *problem,
                      enum import_fate *fate, struct error *error) {
    struct text id, prompt, reference = {"", 0};
    struct error ignored = {0};
    size_t number, same;
    bool id_known, known;
    char content[64];

    if (!record_text(problem, "id", &id, error) || !record_text(problem, "prompt", &prompt, error))
        return false;
    if (!record_text(problem, "reference", &reference, &ignored))
        reference = text_of("");
    content_id("", (struct text[]){id, prompt, reference, {0}}, content);
    if (!id_index_add(&importer->ids, id_key(0, "import content", text_of(content)), &same, &known,
                      error))
        return false;
    if (known) {
        *fate = FATE_DUPLICATE;
        return true;
    }
    return id_index_add(&importer->ids, id_key(0, "import id", id), &number, &id_known, error) &&
           (!id_known ||
            error_set(
                error,
                "field 'id': '%.*s' stands for another problem already; every problem with an "
                "id of its own would be right",
                id.size < 80 ? (int)id.size : 80, id.bytes));
}

static bool convert(struct importer *importer, const struct row *row, enum import_fate *fate,
                    struct error *error) {
    const char *split = importer->settings->split;
    struct record *problem = &importer->problem;

    record_clear(problem);
    if (!format_of(importer)->convert(importer, row, problem, fate, error))
        return false;
    if (split == NULL)
        split = split_of_path(row->path);
    if (split != NULL && record_find(problem, "split") == NULL)
        record_set_text(problem, "split", text_of(split));
    return *fate != FATE_KEPT ||
           (importer->pool != NULL && split != NULL && strcmp(split, "dev") == 0 &&
            !importer->settings->no_shot) ||
           check_new(importer, problem, fate, error);
}

static bool take_row(void *context, const struct row *row, struct error *error) {
    struct importer *importer = context;
    enum import_fate fate = FATE_KEPT;

    if (!convert(importer, row, &fate, error)) {
        error_place(error, "%s", row->place);
        return import_reject(importer, &row->fields, error);
    }
    importer->left_out[fate]++;
    if (fate != FATE_KEPT)
        return true;
    if (importer->pool != NULL)
        return choice_pool_add(importer->pool, &importer->problem, error);
    return import_write(importer, &importer->problem, error);
}

/* ---- files and folders ---- */

static bool ends_with(const char *path, const char *end) {
    size_t size = strlen(path), tail = strlen(end);

    return size >= tail && strcmp(path + size - tail, end) == 0;
}

static bool read_file(struct importer *importer, const char *path, struct error *error) {
    const struct row_sink sink = {take_row, refuse_line, importer};
    char separator = format_of(importer)->separator;
    const char *columns = importer->settings->columns;

    if (importer->settings->format == IMPORT_MMLU && path != NULL && ends_with(path, ".csv"))
        return rows_read_table(path, ',', "question,A,B,C,D,answer", &sink, error);
    return separator != 0 ? rows_read_table(path, separator, columns, &sink, error)
                          : rows_read_json(path, &sink, error);
}

/* MMLU's auxiliary training questions are of other datasets: not read unless named. */
static bool enter_folder(void *context, const char *path) {
    const struct importer *importer = context;

    if (importer->settings->format == IMPORT_APPS)
        return !apps_is_problem(path);
    return importer->settings->format != IMPORT_MMLU || !ends_with(path, "/auxiliary_train");
}

static bool visit_path(void *context, const char *path, bool is_folder, struct error *error) {
    struct importer *importer = context;
    const struct row_sink sink = {take_row, refuse_line, importer};
    int format = importer->settings->format;
    char separator = format_of(importer)->separator;

    if (format == IMPORT_APPS && is_folder)
        return apps_read_problem(path, &sink, error);
    bool json = ends_with(path, ".jsonl") || (format != IMPORT_APPS && ends_with(path, ".json"));
    bool table = separator == '\t' ? ends_with(path, ".tsv") : ends_with(path, ".csv");
    bool wanted = format == IMPORT_MMLU ? json || table : separator != 0 ? table : json;
    return is_folder || !wanted || read_file(importer, path, error);
}

static uint64_t rows_seen(const struct importer *importer) {
    uint64_t count = importer->rejected;

    for (int fate = 0; fate < FATES; fate++)
        count += importer->left_out[fate];
    return count;
}

static bool read_operand(struct importer *importer, const char *path, struct error *error) {
    const struct folder_visitor visitor = {enter_folder, visit_path, importer};
    uint64_t before = rows_seen(importer);

    if (path == NULL || !directory_exists(path))
        return read_file(importer, path, error);
    bool fine = importer->settings->format == IMPORT_APPS && apps_is_problem(path)
                    ? visit_path(importer, path, true, error)
                    : rows_walk(path, &visitor, error);
    if (fine && rows_seen(importer) == before)
        fine = error_set(error, "%s: no problem of format %s in this folder", path,
                         format_of(importer)->name);
    return fine;
}

/* ---- the whole ---- */

static bool open_streams(struct importer *importer, const struct invocation *invocation,
                         struct error *error) {
    const struct filter_settings *filter = &importer->settings->filter;
    struct provenance provenance = {
        .tool = text_of(invocation->tool->name),
        .version = text_of(LOCKPICK_VERSION),
        .arguments = {(const char *)invocation->arguments.data, invocation->arguments.size},
    };

    importer->writer = record_writer_open(filter->output, &provenance, 0, error);
    if (importer->writer == NULL)
        return false;
    if (filter->rejects != NULL)
        importer->rejects = record_writer_open(filter->rejects, &provenance, 0, error);
    return filter->rejects == NULL || importer->rejects != NULL;
}

static bool read_all(struct importer *importer, const struct operands *operands,
                     struct error *error) {
    bool fine = operands->count > 0 || read_operand(importer, NULL, error);

    for (size_t i = 0; fine && i < operands->count; i++)
        fine = read_operand(importer, operands->items[i], error);
    if (fine && importer->pool != NULL)
        fine =
            choice_pool_write(importer->pool, importer, &importer->left_out[FATE_EXAMPLE], error);
    return fine;
}

/* Puts the rejects in place before the output, or alone where there are any and it failed. */
static bool close_streams(struct importer *importer, bool fine, struct error *error) {
    struct error ignored = {0};

    if (fine && importer->rejects != NULL)
        fine = record_writer_close(importer->rejects, error);
    else if (importer->rejected > 0)
        record_writer_close(importer->rejects, &ignored);
    else
        record_writer_abandon(importer->rejects);
    if (importer->writer != NULL)
        record_writer_set_rejected(importer->writer, importer->rejected);
    if (fine)
        return record_writer_close(importer->writer, error);
    record_writer_abandon(importer->writer);
    return false;
}

static void summarize(struct importer *importer, bool fine) {
    static const char *const says[FATES] = {
        [FATE_FUNCTION] = "asking for a function left out",
        [FATE_PROGRAM] = "asking for a program left out",
        [FATE_UNTESTED] = "without tests left out",
        [FATE_DUPLICATE] = "doubles left out",
        [FATE_EXAMPLE] = "set aside as examples",
    };
    char detail[256] = "";
    size_t size = 0;

    for (int fate = FATE_KEPT + 1; fate < FATES; fate++)
        if (importer->left_out[fate] > 0)
            size += (size_t)snprintf(detail + size, sizeof detail - size, "%s%llu %s",
                                     size > 0 ? ", " : "",
                                     (unsigned long long)importer->left_out[fate], says[fate]);
    if (importer->rejected > 0)
        size += (size_t)snprintf(detail + size, sizeof detail - size, "%s%llu rejected",
                                 size > 0 ? ", " : "", (unsigned long long)importer->rejected);
    importer->progress.quiet = importer->progress.quiet || !fine;
    progress_finish(&importer->progress, size > 0 ? detail : NULL);
}

bool import_set(const struct invocation *invocation, const struct import_settings *settings,
                struct error *error) {
    struct importer importer = {.settings = settings};
    const char *groups = format_of(&importer)->groups;
    bool fine =
        groups == NULL || domain_groups_read(&importer.groups, settings->groups, groups, error);

    if (settings->format == IMPORT_MMLU)
        importer.pool = choice_pool_open();
    progress_start(&importer.progress, invocation->tool->name, "problems", 0, invocation->quiet);
    fine = fine && open_streams(&importer, invocation, error) &&
           read_all(&importer, &invocation->operands, error);
    fine = close_streams(&importer, fine, error);
    summarize(&importer, fine);
    choice_pool_free(importer.pool);
    domain_groups_free(&importer.groups);
    id_index_free(&importer.ids);
    record_free(&importer.problem);
    buffer_free(&importer.packed);
    return fine;
}
