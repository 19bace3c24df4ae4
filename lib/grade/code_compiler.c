/* Finding g++, precompiling its headers, calling it. */
#include "grade/code_compiler.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/files.h"
#include "grade/code_complaint.h"
#include "grade/program_output.h"

#ifdef __x86_64__
#define LOADER "ld-linux-x86-64.so.2"
#else
#define LOADER "ld-linux-aarch64.so.1"
#endif

/* What loads programs, where they see it. */
#define SEEN_LOADER "/lib/ld.so"

enum { MAX_BINDS = 24, MAX_FLAGS = 48, MEGABYTE = 1 << 20, SECOND = 1000000 };

struct compiler {
    char *driver;   /* path of g++ */
    char *called;   /* what it is called instead, in its own folder */
    char *identity; /* version, target, options */
    char *folder;   /* of precompiled headers, for this compiler */
    char optimize[8];
    struct sandbox_bind compiler_binds[MAX_BINDS], program_binds[MAX_BINDS];
    size_t compiler_bind_count, program_bind_count;
};

/* In every compilation, of headers too, or else these would not be used. */
static const char *const common_flags[] = {"-std=c++20",
                                           "-pipe",
                                           "-w",
                                           "-pthread",
                                           "-DONLINE_JUDGE",
                                           "-fsanitize=return", /* or else missing returns run on */
                                           "-fsanitize-undefined-trap-on-error",
                                           "-fmax-errors=1",
                                           "-fno-diagnostics-show-caret",
                                           "-fdiagnostics-color=never",
                                           NULL};

static const char *const link_flags[] = {"-Wl,-rpath,/lib", "-Wl,--dynamic-linker=" SEEN_LOADER,
                                         "-Wl,--build-id=none", NULL};

/* What is linked with a program that includes <cstdio> and nothing else. */
static const char *const plain_flags[] = {"-nodefaultlibs", "-lc", "-lgcc", NULL};

/* The libraries that a program is linked with, by the names it asks for. */
static const char *const libraries[] = {"libstdc++.so.6", "libm.so.6", "libgcc_s.so.1", "libc.so.6",
                                        NULL};

/* The headers of nearly all programs. Those that are left out are slow to have, not precompiled. */
static const char lean_prelude[] =
    "#include <cassert>\n#include <cctype>\n#include <cerrno>\n#include <cfloat>\n"
    "#include <ciso646>\n#include <climits>\n#include <clocale>\n#include <cmath>\n"
    "#include <csignal>\n#include <cstdarg>\n#include <cstddef>\n#include <cstdint>\n"
    "#include <cinttypes>\n#include <cstdio>\n#include <cstdlib>\n#include <cstring>\n"
    "#include <ctime>\n#include <algorithm>\n#include <any>\n#include <array>\n#include <bit>\n"
    "#include <bitset>\n#include <chrono>\n#include <compare>\n#include <complex>\n"
    "#include <concepts>\n#include <deque>\n#include <exception>\n#include <forward_list>\n"
    "#include <fstream>\n#include <functional>\n#include <initializer_list>\n"
    "#include <iomanip>\n#include <ios>\n#include <iosfwd>\n#include <iostream>\n"
    "#include <istream>\n#include <iterator>\n#include <limits>\n#include <list>\n"
    "#include <map>\n#include <memory>\n#include <new>\n#include <numbers>\n#include <numeric>\n"
    "#include <optional>\n#include <ostream>\n#include <queue>\n#include <random>\n"
    "#include <ranges>\n#include <ratio>\n#include <set>\n#include <span>\n#include <sstream>\n"
    "#include <stack>\n#include <stdexcept>\n#include <streambuf>\n#include <string>\n"
    "#include <string_view>\n#include <tuple>\n#include <type_traits>\n#include <typeinfo>\n"
    "#include <unordered_map>\n#include <unordered_set>\n#include <utility>\n"
    "#include <valarray>\n#include <variant>\n#include <vector>\n";

static const char full_prelude[] = "#include <bits/stdc++.h>\n";

/* Around the main() of a harness: says that it returned, and returned 0, which exit() would not. */
static const char main_wrapper[] =
    "#include <string.h>\n#include <unistd.h>\n"
    "extern \"C\" int __real_main(int, char **, char **);\n"
    "extern \"C\" int __wrap_main(int count, char **arguments, char **environment) {\n"
    "    char word[64] = {0};\n"
    "    if (count > 1) {\n"
    "        strncpy(word, arguments[1], sizeof word - 1);\n"
    "        memset(arguments[1], 0, strlen(arguments[1]));\n"
    "        arguments[1] = nullptr;\n"
    "    }\n"
    "    int status = __real_main(1, arguments, environment);\n"
    "    if (status == 0 && write(3, word, strlen(word)) < 0)\n"
    "        return 1;\n"
    "    return status;\n"
    "}\n";

/* ---- which compiler ---- */

/* The driver by its path; wrappers of ccache, which would need its folder, are passed over. */
static char *find_driver(struct error *error) {
    const char *path = getenv("PATH"); // NOLINT(concurrency-mt-unsafe)

    for (const char *part = path; part != NULL && *part != '\0';) {
        size_t size = strcspn(part, ":");
        char *file = format_text("%.*s/g++", (int)size, part);
        char *real = strstr(file, "ccache") == NULL ? realpath(file, NULL) : NULL;
        bool usable = real != NULL && strstr(real, "ccache") == NULL && access(file, X_OK) == 0;
        free(file);
        if (usable)
            return real;
        free(real);
        part += size + (part[size] == ':');
    }
    error_set(error, "there is no g++ on the PATH; the package g++ has it");
    return NULL;
}

/* One line that the driver prints when it is asked. */
static char *ask(const char *driver, const char *question, struct error *error) {
    const char *const command[] = {driver, question, NULL};
    struct buffer text = {0};
    char *answer = NULL;

    if (program_output(command, &text, error)) {
        text.data[strcspn((const char *)text.data, "\n")] = '\0';
        answer = copy_text((const char *)text.data);
    }
    buffer_free(&text);
    return answer;
}

/*
 * The driver begins its messages with the name that it is called by, and gets one that nobody can
 * guess: for among them stand those of its programs, which quote what they are given, line ends
 * included, in errors, names of files (#line) and what assembly prints. So nothing else tells what
 * the driver itself says. It looks for its programs from the folder in front of the name.
 */
static bool name_driver(struct compiler *compiler, struct error *error) {
    const char *slash = strrchr(compiler->driver, '/');
    uint64_t number[2];

    if (getentropy(number, sizeof number) != 0)
        return error_set_errno(error, "random bytes");
    compiler->called =
        format_text("%.*s/g++-%016llx%016llx", (int)(slash - compiler->driver), compiler->driver,
                    (unsigned long long)number[0], (unsigned long long)number[1]);
    return true;
}

/* The name alone, as messages have it. */
static const char *voice(const struct compiler *compiler) {
    return strrchr(compiler->called, '/') + 1;
}

static bool identify(struct compiler *compiler, struct error *error) {
    char *version = ask(compiler->driver, "--version", error);
    char *machine = version != NULL ? ask(compiler->driver, "-dumpmachine", error) : NULL;
    struct buffer text = {0};

    if (machine != NULL) {
        buffer_format(&text, "%s, %s, %s", version, machine, compiler->optimize);
        for (const char *const *flag = common_flags; *flag != NULL; flag++)
            buffer_format(&text, " %s", *flag);
        for (const char *const *flag = link_flags; *flag != NULL; flag++)
            buffer_format(&text, " %s", *flag);
        for (const char *const *flag = plain_flags; *flag != NULL; flag++)
            buffer_format(&text, " %s", *flag);
        buffer_append(&text, "", 1);
        compiler->identity = (char *)text.data;
    }
    free(version);
    free(machine);
    return compiler->identity != NULL;
}

/* ---- what the sandboxes see ---- */

static void bind(struct sandbox_bind *binds, size_t *count, const char *from, const char *to) {
    if (*count < MAX_BINDS)
        binds[(*count)++] = (struct sandbox_bind){copy_text(from), copy_text(to)};
}

static void bind_compiler_folders(struct compiler *compiler) {
    static const char *const folders[] = {"/usr/include", "/usr/lib",     "/usr/lib32",
                                          "/usr/lib64",   "/usr/libexec", "/usr/bin",
                                          "/lib",         "/lib64",       "/bin"};
    char *prefix = copy_text(compiler->driver);

    for (unsigned i = 0; i < sizeof folders / sizeof *folders; i++)
        if (access(folders[i], F_OK) == 0)
            bind(compiler->compiler_binds, &compiler->compiler_bind_count, folders[i], folders[i]);
    for (int parts = 0; parts < 2; parts++)
        if (strrchr(prefix, '/') != NULL)
            *strrchr(prefix, '/') = '\0';
    if (prefix[0] != '\0' && strcmp(prefix, "/usr") != 0)
        bind(compiler->compiler_binds, &compiler->compiler_bind_count, prefix, prefix);
    free(prefix);
}

static bool bind_library(struct compiler *compiler, const char *name, const char *to,
                         struct error *error) {
    char *question = format_text("-print-file-name=%s", name);
    char *answer = ask(compiler->driver, question, error);
    char *real = answer != NULL ? realpath(answer, NULL) : NULL;
    bool fine = real != NULL;

    if (fine)
        bind(compiler->program_binds, &compiler->program_bind_count, real, to);
    else if (answer != NULL)
        error_set(error, "g++ does not know where %s is; its libraries should be installed", name);
    free(question);
    free(answer);
    free(real);
    return fine;
}

static bool bind_program_libraries(struct compiler *compiler, struct error *error) {
    for (const char *const *name = libraries; *name != NULL; name++) {
        char *to = format_text("/lib/%s", *name);
        bool fine = bind_library(compiler, *name, to, error);
        free(to);
        if (!fine)
            return false;
    }
    return bind_library(compiler, LOADER, SEEN_LOADER, error);
}

struct sandbox_setup compiler_sandbox(const struct compiler *compiler, enum sandbox_kind kind) {
    bool program = kind == SANDBOX_PROGRAM;

    return (struct sandbox_setup){
        .kind = kind,
        .binds = program ? compiler->program_binds : compiler->compiler_binds,
        .bind_count = program ? compiler->program_bind_count : compiler->compiler_bind_count,
    };
}

/* ---- calling it ---- */

struct flag_list {
    const char *items[MAX_FLAGS + 1];
    size_t count;
};

static void add_flag(struct flag_list *list, const char *flag) {
    if (list->count < MAX_FLAGS)
        list->items[list->count++] = flag;
    list->items[list->count] = NULL;
}

static void add_flags(struct flag_list *list, const char *const *flags) {
    for (; *flags != NULL; flags++)
        add_flag(list, *flags);
}

static const struct sandbox_limits compile_limits = {
    .cpu_microseconds = 10 * (uint64_t)SECOND,
    .idle_microseconds = 600 * (uint64_t)SECOND, /* the driver itself only waits */
    .wall_microseconds = 600 * (uint64_t)SECOND,
    .address_space = 1536 * (uint64_t)MEGABYTE,
    .stack = 64 * (uint64_t)MEGABYTE,
    .file_size = 64 * (uint64_t)MEGABYTE,
    .processes = 32,
};

/* Runs the compiler on `source`; what it wrote to /tmp/result goes to `result`, what it said to
 * `messages`. */
static bool call(const struct compiler *compiler, struct sandbox *sandbox,
                 const struct flag_list *flags, const struct sandbox_limits *limits,
                 struct text source, int result, int messages, struct sandbox_outcome *outcome,
                 struct error *error) {
    int input = memory_file_sealed(source.bytes, source.size, error);
    struct sandbox_command command = {
        .limits = *limits,
        .arguments = flags->items,
        .program = -1,
        .path = compiler->driver,
        .input = input,
        .output = messages,
        .errors = messages,
        .extra = -1,
        .result = result,
    };
    bool fine = input >= 0 && sandbox_run(sandbox, &command, outcome, error);

    if (input >= 0)
        close(input);
    return fine;
}

static bool succeeded(const struct sandbox_outcome *outcome) {
    return outcome->end == ENDED_BY_ITSELF && WIFEXITED(outcome->status) &&
           WEXITSTATUS(outcome->status) == 0;
}

/* ---- what the compiler says ---- */

/* The line that matters: the first with "error", or the first at all. */
static void first_error(const char *text, char line[256]) {
    const char *found = strstr(text, "error: ");
    size_t size;

    if (found == NULL)
        found = strstr(text, "undefined reference");
    while (found != NULL && found > text && found[-1] != '\n')
        found--;
    if (found == NULL)
        found = text;
    size = strcspn(found, "\n");
    snprintf(line, 256, "%.*s", size < 250 ? (int)size : 250, found);
}

/* Calls the driver g++ where it is named, for what is said has to be the same in every run. */
static void forget_name(const struct compiler *compiler, char *text) {
    size_t size = strlen(voice(compiler)), kept = strlen("g++");

    while ((text = strstr(text, voice(compiler))) != NULL)
        memmove(text + kept, text + size, strlen(text + size) + 1);
}

/* Whether the driver says, in the last of the messages, that one of its programs was killed. */
static bool lost_a_program(const struct compiler *compiler, int messages) {
    char *said = format_text("%s: fatal error: Killed signal terminated ", voice(compiler));
    char text[8192];
    off_t size = lseek(messages, 0, SEEK_END), room = sizeof text;
    ssize_t got = pread(messages, text, sizeof text, size > room ? size - room : 0);
    bool found = got > 0 && memmem(text, (size_t)got, said, strlen(said)) != NULL;

    free(said);
    return found;
}

/*
 * Whether the compiler was ended from outside, for want of memory on the machine, say: then nothing
 * is known about the program.
 */
static bool was_killed(const struct compiler *compiler, const struct sandbox_outcome *outcome,
                       int messages) {
    if (outcome->end == ENDED_BY_CLOCK || outcome->end == ENDED_BY_IDLENESS)
        return true;
    return lost_a_program(compiler, messages) ||
           (WIFSIGNALED(outcome->status) && WTERMSIG(outcome->status) == SIGKILL);
}

/* What to say of a refusal. `*final`: the compiler did not get through, and trying again would not
 * help. */
static bool refusal(const struct compiler *compiler, const struct sandbox_outcome *outcome,
                    int messages, char line[256], bool *final, struct error *error) {
    char text[8192];
    ssize_t size = pread(messages, text, sizeof text - 1, 0);

    text[size > 0 ? size : 0] = '\0';
    if (was_killed(compiler, outcome, messages))
        return error_set(error, "the compiler was killed from outside, or starved for ten minutes; "
                                "the machine may be short of memory");
    *final = true;
    if (strstr(text, "CPU time limit exceeded") != NULL)
        snprintf(line, 256, "the compiler took too much time");
    else if (strstr(text, "out of memory") != NULL || strstr(text, "memory exhausted") != NULL)
        snprintf(line, 256, "the compiler took too much memory");
    else if (strstr(text, "File size limit exceeded") != NULL)
        snprintf(line, 256, "the compiler wrote too large a file");
    else {
        forget_name(compiler, text);
        first_error(text, line);
        *final = false;
    }
    return true;
}

/* ---- programs ---- */

static bool read_at(int file, void *bytes, size_t size, uint64_t offset) {
    return pread(file, bytes, size, (off_t)offset) == (ssize_t)size;
}

/* What the headers of a program say. */
struct image {
    uint64_t bytes;  /* what the loadable segments ask for, which may be more than any limit */
    unsigned ours;   /* how often it names our loader */
    unsigned others; /* and any other */
};

static bool names_our_loader(int program, const ElfW(Phdr) * part) {
    char name[sizeof SEEN_LOADER];

    return part->p_filesz == sizeof name && read_at(program, name, sizeof name, part->p_offset) &&
           memcmp(name, SEEN_LOADER, sizeof name) == 0;
}

static bool read_image(int program, struct image *image, struct error *error) {
    ElfW(Ehdr) head = {0};
    bool fine = read_at(program, &head, sizeof head, 0);

    *image = (struct image){0};
    for (unsigned i = 0; fine && i < head.e_phnum; i++) {
        ElfW(Phdr) part = {0};
        fine = read_at(program, &part, sizeof part, head.e_phoff + i * sizeof part);
        if (part.p_type == PT_LOAD)
            image->bytes += part.p_memsz;
        else if (part.p_type == PT_INTERP && names_our_loader(program, &part))
            image->ours++;
        else if (part.p_type == PT_INTERP)
            image->others++;
    }
    return fine || error_set(error, "g++ complains of nothing, and makes no program");
}

/* What stands in front of a program, and what it is linked with. */
enum headers {
    HEADERS_PLAIN,        /* nothing but the C library */
    HEADERS_PRELUDE,      /* the prelude, and all libraries */
    HEADERS_AS_IT_STANDS, /* what it includes itself, and all libraries */
};

/* How a program is to be compiled. */
struct manner {
    enum headers headers;
    bool harness;
    double seconds;
};

static void program_flags(const struct compiler *compiler, const struct manner *manner,
                          struct text source, struct flag_list *flags) {
    bool everything = memmem(source.bytes, source.size, "bits/stdc++.h", 13) != NULL;

    add_flag(flags, compiler->called);
    add_flag(flags, compiler->optimize);
    add_flags(flags, common_flags);
    if (manner->headers == HEADERS_PRELUDE) {
        static const char *const lean[] = {"-include", "/precompiled/lean/prelude.h", "-isystem",
                                           "/precompiled/shadow", NULL};
        add_flags(flags, lean);
    } else if (everything) {
        static const char *const full[] = {"-include", "/precompiled/full/prelude.h", NULL};
        add_flags(flags, full);
    }
    add_flags(flags, link_flags);
    if (manner->harness) {
        static const char *const wrapped[] = {"-Wl,--wrap=main", "/precompiled/main.o", NULL};
        add_flags(flags, wrapped);
    }
    static const char *const rest[] = {"-x", "c++", "-", "-o", "/tmp/result", NULL};
    add_flags(flags, rest);
    if (manner->headers == HEADERS_PLAIN)
        add_flags(flags, plain_flags);
}

/*
 * Takes what was compiled, which becomes the result's or is closed. A program that puts something
 * into the section .interp names another loader than the linker was told: none would be there.
 */
static bool take_program(int program, struct compilation *result, bool *final,
                         struct error *error) {
    struct image image;
    bool fine = read_image(program, &image, error);

    if (fine && image.ours == 1 && image.others == 0) {
        memory_file_seal(program);
        result->image_bytes = image.bytes;
        result->program = program;
        return true;
    }
    snprintf(result->message, sizeof result->message,
             "it names a loader of its own, in the section .interp");
    *final = true;
    close(program);
    return fine;
}

static bool compile_once(const struct compiler *compiler, struct sandbox *sandbox,
                         struct text source, const struct manner *manner,
                         struct compilation *result, bool *final, struct error *error) {
    struct sandbox_limits limits = compile_limits;
    struct flag_list flags = {.count = 0};
    struct sandbox_outcome outcome = {0};
    int messages = memory_file("messages", error);
    int program = messages >= 0 ? memory_file("program", error) : -1;
    bool fine;

    limits.cpu_microseconds = (uint64_t)(manner->seconds * SECOND);
    program_flags(compiler, manner, source, &flags);
    fine = program >= 0 &&
           call(compiler, sandbox, &flags, &limits, source, program, messages, &outcome, error);
    if (fine && succeeded(&outcome)) {
        fine = take_program(program, result, final, error);
    } else {
        fine = fine && refusal(compiler, &outcome, messages, result->message, final, error);
        if (program >= 0)
            close(program);
    }
    if (messages >= 0)
        close(messages);
    return fine;
}

/* Whether the line is "#include <cstdio>", in C's words too, with blanks where they may be. */
static bool includes_stdio(struct text line) {
    char packed[32];
    size_t size = 0;

    for (size_t i = 0; i < line.size; i++)
        if (line.bytes[i] != ' ' && line.bytes[i] != '\t' && line.bytes[i] != '\r') {
            if (size == sizeof packed)
                return false;
            packed[size++] = line.bytes[i];
        }
    return text_is((struct text){packed, size}, "#include<cstdio>") ||
           text_is((struct text){packed, size}, "#include<stdio.h>");
}

/*
 * Whether <cstdio> is all that the program includes: no other directive stands in it than our own
 * #line, nor any in its other spelling, "%:".
 */
static bool is_plain(struct text source) {
    const char *end = source.bytes + source.size, *next;
    bool found = false;

    for (const char *at = source.bytes; at < end; at = next) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        struct text line = {at, (size_t)((stop != NULL ? stop : end) - at)};
        next = stop != NULL ? stop + 1 : end;
        if (memchr(line.bytes, '#', line.size) == NULL)
            continue;
        if (includes_stdio(line))
            found = true;
        else if (line.size < 6 || memcmp(line.bytes, "#line ", 6) != 0)
            return false;
    }
    return found && memmem(source.bytes, source.size, "%:", 2) == NULL;
}

/*
 * Compiles as it stands, and with the prelude where that may help; sets *final where nothing more
 * is to be tried: what the compiler itself says against the program it says with all libraries too.
 */
static bool compile_plain(const struct compiler *compiler, struct sandbox *sandbox,
                          struct text source, double seconds, struct compilation *result,
                          bool *final, struct error *error) {
    const struct manner plain = {HEADERS_PLAIN, false, seconds};
    const struct manner prelude = {HEADERS_PRELUDE, false, seconds};
    char message[sizeof result->message];

    if (!compile_once(compiler, sandbox, source, &plain, result, final, error))
        return false;
    if (result->program >= 0 || *final || complaint_of_linker(result->message))
        return true;
    *final = complaint_is_hopeless(result->message);
    if (*final)
        return true;
    memcpy(message, result->message, sizeof message);
    if (!compile_once(compiler, sandbox, source, &prelude, result, final, error))
        return false;
    *final = true;
    memcpy(result->message, message, sizeof message);
    return true;
}

/*
 * Whether a main() may be in it. A name can be put together, too: by the preprocessor, of lines
 * that go on, and in assembly.
 */
static bool may_have_main(struct text source) {
    static const char *const signs[] = {"main", "##", "%:%:", "\\", "asm"};

    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (memmem(source.bytes, source.size, signs[i], strlen(signs[i])) != NULL)
            return true;
    return false;
}

bool compile_program(const struct compiler *compiler, struct sandbox *sandbox, struct text source,
                     bool harness, double seconds, struct compilation *result,
                     struct error *error) {
    const struct manner with = {HEADERS_PRELUDE, harness, seconds};
    const struct manner as_it_stands = {HEADERS_AS_IT_STANDS, harness, seconds};
    bool final = false;

    *result = (struct compilation){.program = -1};
    if (!may_have_main(source)) {
        snprintf(result->message, sizeof result->message, "there is no main() in it");
        return true;
    }
    if (!harness && is_plain(source) &&
        !compile_plain(compiler, sandbox, source, seconds, result, &final, error))
        return false;
    if (result->program >= 0 || final)
        return true;
    if (!compile_once(compiler, sandbox, source, &with, result, &final, error))
        return false;
    return result->program >= 0 || final ||
           compile_once(compiler, sandbox, source, &as_it_stands, result, &final, error);
}

/* ---- precompiled headers ---- */

static char *default_folder(struct error *error) {
    const char *cache = getenv("XDG_CACHE_HOME"); // NOLINT(concurrency-mt-unsafe)
    const char *home = getenv("HOME");            // NOLINT(concurrency-mt-unsafe)

    if (geteuid() == 0)
        return copy_text("/var/cache/lockpick");
    if (cache != NULL && cache[0] == '/')
        return format_text("%s/lockpick", cache);
    if (home != NULL && home[0] == '/')
        return format_text("%s/.cache/lockpick", home);
    error_set(error, "there is no home folder to keep precompiled headers in; --precompiled DIR "
                     "names another");
    return NULL;
}

/* Makes the folder and those above it. */
static bool make_folders(const char *path, struct error *error) {
    char *part = copy_text(path);
    bool fine = true;

    for (size_t i = 1; fine && part[i - 1] != '\0'; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        char end = part[i];
        part[i] = '\0';
        fine = mkdir(part, 0755) == 0 || errno == EEXIST ||
               error_set_errno(error, "folder for precompiled headers, %s", part);
        part[i] = end;
    }
    free(part);
    return fine;
}

/* Root's sandboxes belong to a user that owns nothing: the way to the folder must be open to all.
 */
static bool is_open_to_all(const char *path, struct error *error) {
    char *part = copy_text(path);
    bool fine = true;

    for (size_t i = 1; fine && part[i - 1] != '\0'; i++) {
        struct stat status;
        if (part[i] != '/' && part[i] != '\0')
            continue;
        char end = part[i];
        part[i] = '\0';
        fine = (stat(part, &status) == 0 && (status.st_mode & 0001)) ||
               error_set(error,
                         "%s is closed to others, and the sandbox of root's programs belongs to "
                         "user id %d; --precompiled DIR names a folder that all may enter",
                         part, SANDBOX_USER);
        part[i] = end;
    }
    free(part);
    return fine;
}

/* What the compiler makes of one file of the folder. */
struct product {
    const char *name, *kind, *source, *text;
};

static const struct product products[] = {
    {"lean/prelude.h.gch", "c++-header", "lean/prelude.h", lean_prelude},
    {"full/prelude.h.gch", "c++-header", "full/prelude.h", full_prelude},
    {"main.o", "c++", "main.cpp", main_wrapper}};

enum { PRODUCTS = sizeof products / sizeof *products };

static bool make_product(const struct compiler *compiler, struct sandbox *sandbox,
                         const char *partial, const struct product *product, struct error *error) {
    struct sandbox_limits limits = compile_limits;
    struct flag_list flags = {.count = 0};
    struct sandbox_outcome outcome = {0};
    char *path = path_join(partial, product->name);
    char *source = path_join("/precompiled", product->source);
    int result = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    int messages = result >= 0 ? memory_file("messages", error) : -1;
    const char *const rest[] = {"-x", product->kind, "-c", source, "-o", "/tmp/result", NULL};
    char line[256] = "";
    bool fine = result >= 0 || error_set_errno(error, "%s", path);

    add_flag(&flags, compiler->called);
    add_flag(&flags, compiler->optimize);
    add_flags(&flags, common_flags);
    add_flags(&flags, rest);
    limits.cpu_microseconds = 120 * (uint64_t)SECOND;
    limits.file_size = 512 * (uint64_t)MEGABYTE;
    fine = fine && messages >= 0 &&
           call(compiler, sandbox, &flags, &limits, text_of(""), result, messages, &outcome, error);
    if (fine && !succeeded(&outcome)) {
        bool final;
        refusal(compiler, &outcome, messages, line, &final, error);
        fine = error_set(error, "g++ cannot compile its own headers: %s", line);
    }
    if (messages >= 0)
        close(messages);
    if (result >= 0)
        close(result);
    free(source);
    free(path);
    return fine;
}

static bool make_file(const char *folder, const char *name, const char *text, struct error *error) {
    char *path = path_join(folder, name);
    bool fine = file_write(path, text, strlen(text), error);

    free(path);
    return fine;
}

static bool make_sources(const char *partial, struct error *error) {
    static const char *const folders[] = {"lean", "full", "shadow", "shadow/bits"};
    bool fine = true;

    for (unsigned i = 0; fine && i < sizeof folders / sizeof *folders; i++) {
        char *path = path_join(partial, folders[i]);
        fine = (mkdir(path, 0755) == 0 && chmod(path, 0755) == 0) ||
               error_set_errno(error, "%s", path);
        free(path);
    }
    for (unsigned i = 0; fine && i < PRODUCTS; i++)
        fine = make_file(partial, products[i].source, products[i].text, error);
    return fine && make_file(partial, "shadow/bits/stdc++.h",
                             "/* the prelude, which is there already */\n", error);
}

/* Fills the folder `partial`, which the compiler sees as it will be seen later. */
static bool make_all(const struct compiler *compiler, const char *partial, struct error *error) {
    struct sandbox_bind binds[MAX_BINDS + 1];
    struct sandbox_setup setup = compiler_sandbox(compiler, SANDBOX_COMPILER);
    struct sandbox *sandbox = NULL;
    char *seen = realpath(partial, NULL);
    bool fine = seen != NULL && chmod(partial, 0755) == 0 && make_sources(partial, error);

    if (fine) {
        memcpy(binds, setup.binds, setup.bind_count * sizeof *binds);
        binds[setup.bind_count++] = (struct sandbox_bind){seen, (char[]){"/precompiled"}};
        setup.binds = binds;
        sandbox = sandbox_open(&setup, error);
    }
    for (unsigned i = 0; sandbox != NULL && fine && i < PRODUCTS; i++)
        fine = make_product(compiler, sandbox, partial, &products[i], error);
    fine = fine && sandbox != NULL;
    sandbox_close(sandbox);
    free(seen);
    return fine;
}

static bool precompile(const struct compiler *compiler, struct error *error) {
    struct output_directory directory;
    bool fine = directory_open(&directory, compiler->folder, false, error);

    if (!fine)
        return false;
    fine = make_all(compiler, directory.partial, error);
    if (fine)
        return directory_commit(&directory, error);
    directory_abandon(&directory);
    return false;
}

/* One process makes the headers, others wait for it. */
static bool precompile_once(const struct compiler *compiler, const char *folder,
                            struct error *error) {
    char *path = path_join(folder, ".lock");
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    bool fine;

    fine = (lock >= 0 && flock(lock, LOCK_EX) == 0) || error_set_errno(error, "%s", path);
    if (fine && !directory_exists(compiler->folder))
        fine = precompile(compiler, error);
    if (lock >= 0)
        close(lock);
    free(path);
    return fine;
}

/* The name of the headers' folder: of all that goes into them, the compiler's and the C library's
 * age too, for packages are updated under one version. */
static char *headers_name(const struct compiler *compiler, struct error *error) {
    char *program = ask(compiler->driver, "-print-prog-name=cc1plus", error);
    const char *const files[] = {program, "/usr/include/stdio.h"};
    struct buffer text = {0};
    char *name = NULL;

    for (unsigned i = 0; program != NULL && i < 2; i++) {
        struct stat status = {0};
        if (stat(files[i], &status) == 0)
            buffer_format(&text, "%s %lld %lld\n", files[i], (long long)status.st_size,
                          (long long)status.st_mtime);
    }
    if (program != NULL) {
        buffer_format(&text, "%s\n%s\n%s\n%s\n%s", compiler->driver, compiler->identity,
                      lean_prelude, full_prelude, main_wrapper);
        name =
            format_text("headers-%016llx", (unsigned long long)XXH3_64bits(text.data, text.size));
    }
    buffer_free(&text);
    free(program);
    return name;
}

static bool find_headers(struct compiler *compiler, const char *folder, struct error *error) {
    char *place = folder != NULL ? copy_text(folder) : default_folder(error);
    char *name = place != NULL && make_folders(place, error) ? headers_name(compiler, error) : NULL;
    char *real = name != NULL ? realpath(place, NULL) : NULL;
    bool fine = real != NULL && (geteuid() != 0 || is_open_to_all(real, error));

    if (fine) {
        compiler->folder = path_join(real, name);
        fine = directory_exists(compiler->folder) || precompile_once(compiler, real, error);
    }
    if (fine)
        bind(compiler->compiler_binds, &compiler->compiler_bind_count, compiler->folder,
             "/precompiled");
    free(place);
    free(name);
    free(real);
    return fine;
}

/* ---- the whole ---- */

struct compiler *compiler_open(const char *folder, int optimize, struct error *error) {
    struct compiler *compiler = allocate(1, sizeof *compiler);

    snprintf(compiler->optimize, sizeof compiler->optimize, "-O%d", optimize);
    compiler->driver = find_driver(error);
    if (compiler->driver != NULL && name_driver(compiler, error) && identify(compiler, error) &&
        bind_program_libraries(compiler, error)) {
        bind_compiler_folders(compiler);
        if (find_headers(compiler, folder, error))
            return compiler;
    }
    compiler_close(compiler);
    return NULL;
}

static void free_binds(struct sandbox_bind *binds, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(binds[i].from);
        free(binds[i].to);
    }
}

void compiler_close(struct compiler *compiler) {
    if (compiler == NULL)
        return;
    free_binds(compiler->compiler_binds, compiler->compiler_bind_count);
    free_binds(compiler->program_binds, compiler->program_bind_count);
    free(compiler->driver);
    free(compiler->called);
    free(compiler->identity);
    free(compiler->folder);
    free(compiler);
}

const char *compiler_identity(const struct compiler *compiler) {
    return compiler->identity;
}
