/*
 * grade-code: compiles the program in each completion, runs it on its problem's tests inside of a
 * sandbox, and says what became of it.
 */
#include <sched.h>

#include "base/tool.h"
#include "grade/code_pool.h"
#include "grade/code_problems.h"
#include "grade/code_source.h"
#include "record/filter.h"

static double cpu_seconds = 0.5, idle_seconds = 5, compile_seconds = 10;
static int64_t memory_megabytes = 256, output_kilobytes = 16384, optimize = 1, jobs;
static bool all_tests, with_prompt, with_times;
static const char *problems_path, *cache_folder, *headers_folder;
static struct filter_settings settings = FILTER_DEFAULTS;

static const struct option_entry options[] = {
    {.kind = OPTION_FILE,
     .letter = 'p',
     .name = "problems",
     .argument = "FILE",
     .target = &problems_path,
     .help = "take tests (and prompts) from the problems of FILE, joined by id"},
    {.kind = OPTION_INTEGER,
     .letter = 'j',
     .name = "jobs",
     .argument = "N",
     .target = &jobs,
     .minimum = 1,
     .maximum = 1024,
     .flags = OPTION_SILENT,
     .help = "grade N programs at once (as many as there are processors)"},
    {.kind = OPTION_FILE,
     .letter = 'c',
     .name = "cache",
     .argument = "DIR",
     .target = &cache_folder,
     .help = "keep verdicts in DIR, and take from there those that are known"},
    {.kind = OPTION_REAL,
     .letter = 't',
     .name = "time",
     .argument = "SECONDS",
     .target = &cpu_seconds,
     .minimum = 0.01,
     .maximum = 3600,
     .help = "CPU time of a test (0.5)"},
    {.kind = OPTION_REAL,
     .name = "idle",
     .argument = "SECONDS",
     .target = &idle_seconds,
     .minimum = 0.1,
     .maximum = 3600,
     .help = "time that a test may pass without computing; 12 times that in all (5)"},
    {.kind = OPTION_INTEGER,
     .letter = 'm',
     .name = "memory",
     .argument = "MIB",
     .target = &memory_megabytes,
     .minimum = 16,
     .maximum = 1048576,
     .help = "memory of a test, in MiB (256)"},
    {.kind = OPTION_INTEGER,
     .name = "output-size",
     .argument = "KIB",
     .target = &output_kilobytes,
     .minimum = 1,
     .maximum = 1048576,
     .help = "output of a test, in KiB (16384)"},
    {.kind = OPTION_REAL,
     .name = "compile-time",
     .argument = "SECONDS",
     .target = &compile_seconds,
     .minimum = 1,
     .maximum = 3600,
     .help = "CPU time of the compiler, in whole seconds (10)"},
    {.kind = OPTION_INTEGER,
     .letter = 'O',
     .name = "optimize",
     .argument = "LEVEL",
     .target = &optimize,
     .minimum = 0,
     .maximum = 3,
     .help = "g++ -OLEVEL (1)"},
    {.kind = OPTION_FLAG,
     .letter = 'a',
     .name = "all-tests",
     .target = &all_tests,
     .help = "run all tests, not up to the first that fails; the score is the share passed"},
    {.kind = OPTION_FLAG,
     .name = "with-prompt",
     .target = &with_prompt,
     .help = "the prompt is the beginning of the program, the completion goes on from there"},
    {.kind = OPTION_FLAG,
     .name = "times",
     .target = &with_times,
     .help = "add the CPU time of the slowest test, which no two runs have the same"},
    {.kind = OPTION_FILE,
     .name = "precompiled",
     .argument = "DIR",
     .target = &headers_folder,
     .help = "where precompiled headers are kept"},
    FILTER_OPTIONS(settings),
    {OPTION_END},
};

static const struct tool tool = {
    .name = "grade-code",
    .usage = "[options] [FILE ...]",
    .summary = "Grades C++ programs by compiling and running them on tests, in a sandbox.",
    .options = options,
};

static unsigned processors(void) {
    cpu_set_t set;

    return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

static struct code_settings limits(void) {
    return (struct code_settings){
        .cpu_microseconds = (uint64_t)(cpu_seconds * 1e6),
        .idle_microseconds = (uint64_t)(idle_seconds * 1e6),
        .memory_bytes = (uint64_t)memory_megabytes << 20,
        .output_bytes = (uint64_t)output_kilobytes << 10,
        .compile_seconds = compile_seconds,
        .all_tests = all_tests,
    };
}

/* The record's own tests and prompt, or those of the problem that has its id. */
static bool find_tests(const struct code_problems *problems, const struct record *record,
                       struct value *tests, struct text *prompt, struct error *error) {
    const struct value *own = record_find(record, "tests");
    struct text id;

    if (problems != NULL)
        return record_text(record, "id", &id, error) &&
               code_problems_find(problems, id, tests, prompt, error);
    if (own == NULL)
        return error_set(error, "field 'tests' is missing; --problems FILE joins tests by id");
    *tests = *own;
    return !with_prompt || record_text(record, "prompt", prompt, error);
}

/* Fills the job from the record; everything that can be wrong with a record is found here. */
static bool prepare(const struct code_problems *problems, const struct record *record,
                    struct code_job *job, struct error *error) {
    struct text completion = {0}, prompt = {"", 0};
    struct value tests = {0};

    record_copy(&job->record, record);
    if (!record_text(&job->record, "completion", &completion, error) ||
        !find_tests(problems, &job->record, &tests, &prompt, error) ||
        !code_tests_read(&job->tests, tests, error))
        return false;
    job->code = code_extract(completion);
    if (with_prompt) {
        job->composed.size = 0;
        buffer_append(&job->composed, prompt.bytes, prompt.size);
        buffer_append(&job->composed, completion.bytes, completion.size);
        job->code = (struct text){(const char *)job->composed.data, job->composed.size};
    }
    return true;
}

static bool write_grade(struct filter *filter, struct code_job *job, struct error *error) {
    const struct code_grade *grade = &job->grade;
    struct record *record = &job->record;
    bool correct = grade->verdict == CODE_PASS;

    if (job->error.text[0] != '\0') {
        *error = job->error;
        return error_place(error, "%s", job->place);
    }
    record_begin_group(record, GROUP_GRADED);
    record_set_boolean(record, "correct", correct);
    record_set_real(record, "score",
                    all_tests ? (double)grade->passed / grade->total : (double)correct);
    record_set_text(record, "verdict", text_of(code_verdict_name(grade->verdict)));
    record_set_integer(record, "passed", grade->passed);
    record_set_integer(record, "total", grade->total);
    if (grade->found[0] != '\0')
        record_set_text(record, "found", text_of(grade->found));
    if (with_times)
        record_set_real(record, "seconds", (double)grade->microseconds / 1e6);
    return filter_write(filter, record, error);
}

/* Takes finished jobs until there is room for one more, or, at the end, all. */
static bool write_some(struct filter *filter, struct code_pool *pool, bool all,
                       struct error *error) {
    struct code_job *job;

    while (all || code_pool_input(pool) == NULL) {
        if ((job = code_pool_take(pool)) == NULL)
            return !stop_requested() || error_set(error, "stopped by a signal");
        if (!write_grade(filter, job, error))
            return false;
    }
    return true;
}

static void grade_records(struct filter *filter, struct code_pool *pool,
                          const struct code_problems *problems, struct error *error) {
    struct record record = {0};
    bool fine = true;

    while (fine && filter_next(filter, &record, error)) {
        struct code_job *job = code_pool_input(pool);
        if (prepare(problems, &record, job, error)) {
            filter_place(filter, &record, job->place);
            code_pool_give(pool);
        } else {
            fine = filter_reject(filter, &record, error);
        }
        fine = fine && write_some(filter, pool, false, error);
    }
    if (fine && error->text[0] == '\0')
        write_some(filter, pool, true, error);
    record_free(&record);
}

static bool grade_stream(const struct invocation *invocation, struct code_pool *pool,
                         const struct code_problems *problems, struct error *error) {
    struct filter *filter = filter_open(invocation, &settings, 0, NULL, error);

    if (filter == NULL)
        return false;
    if (problems != NULL)
        filter_add_source(filter, "problems", code_problems_digest(problems));
    grade_records(filter, pool, problems, error);
    return filter_close(filter, error);
}

static bool grade_all(const struct invocation *invocation, const struct compiler *compiler,
                      struct error *error) {
    const struct code_settings wanted = limits();
    struct verdict_cache *cache = NULL;
    struct code_problems *problems = NULL;
    struct code_pool *pool = NULL;
    bool fine = true;

    if (cache_folder != NULL)
        fine = (cache = verdict_cache_open(cache_folder, compiler_identity(compiler), &wanted,
                                           error)) != NULL;
    if (fine && problems_path != NULL)
        fine = (problems = code_problems_read(problems_path, error)) != NULL;
    if (fine)
        pool = code_pool_open(compiler, &wanted, cache, jobs > 0 ? (unsigned)jobs : processors(),
                              error);
    fine = pool != NULL && grade_stream(invocation, pool, problems, error);
    code_pool_close(pool);
    code_problems_free(problems);
    verdict_cache_close(cache);
    return fine;
}

int main(int argc, char **argv) {
    struct invocation invocation;
    struct compiler *compiler;
    struct error error = {0};
    bool fine;

    sandbox_serve_if_asked(argc, argv);
    tool_start(&invocation, &tool, argc, argv);
    compiler = compiler_open(headers_folder, (int)optimize, &error);
    fine = compiler != NULL && grade_all(&invocation, compiler, &error);
    compiler_close(compiler);
    if (!fine)
        tool_fail(&invocation, &error);
    tool_end(&invocation);
    return 0;
}
