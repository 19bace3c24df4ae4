/* Files and directories that appear whole or not at all, whatever happens in between. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/files.h"

static char folder[64];

/* Every test starts in an empty folder of its own. */
static int enter_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/lockpick-files.XXXXXX");
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state) {
    (void)state;
    struct error error;
    return chdir("/") == 0 && remove_tree(folder, &error) ? 0 : -1;
}

static void write_text(const char *path, const char *text) {
    struct error error = {0};
    if (!file_write(path, text, strlen(text), &error))
        fail_msg("%s", error.text);
}

static void assert_text(const char *path, const char *text) {
    struct error error = {0};
    struct buffer buffer = {0};
    if (!file_read(path, 1 << 20, &buffer, &error))
        fail_msg("%s", error.text);
    buffer_append(&buffer, "", 1);
    assert_string_equal((char *)buffer.data, text);
    buffer_free(&buffer);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder, hidden ones too, sorted, with spaces between. */
static void assert_names(const char *path, const char *expected) {
    char *names[64];
    size_t count = 0;
    DIR *stream = opendir(path);
    assert_non_null(stream);
    struct dirent *entry;
    while ((entry = readdir(stream)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            names[count++] = copy_text(entry->d_name);
    closedir(stream);
    qsort(names, count, sizeof *names, compare_names);
    struct buffer all = {0};
    for (size_t i = 0; i < count; i++) {
        buffer_format(&all, "%s%s", i > 0 ? " " : "", names[i]);
        free(names[i]);
    }
    buffer_append(&all, "", 1);
    assert_string_equal((char *)all.data, expected);
    buffer_free(&all);
}

static void assert_says(const struct error *error, const char *part) {
    if (strstr(error->text, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error->text, part);
}

/* ---- files ---- */

static void a_file_appears_at_the_commit_and_not_before(void **state) {
    (void)state;
    struct output_file file;
    struct error error = {0};
    assert_true(output_open(&file, "x", &error));
    assert_true(output_write(&file, "ab", 2, &error));
    assert_int_equal(access("x", F_OK), -1);
    assert_true(output_write(&file, "c", 1, &error));
    assert_true(output_commit(&file, &error));
    assert_text("x", "abc");
    assert_names(".", "x");
    output_abandon(&file); /* does nothing */
    assert_true(output_commit(&file, &error));
    assert_text("x", "abc");
}

static void an_abandoned_file_leaves_the_old_one_and_no_litter(void **state) {
    (void)state;
    write_text("x", "old");
    struct output_file file;
    struct error error = {0};
    assert_true(output_open(&file, "x", &error));
    assert_true(output_write(&file, "new", 3, &error));
    assert_text("x", "old");
    output_abandon(&file);
    assert_text("x", "old");
    assert_names(".", "x");
}

static void a_commit_replaces_the_old_file(void **state) {
    (void)state;
    write_text("x", "a longer old one");
    write_text("./x", "new");
    assert_text("x", "new");
    assert_names(".", "x");
}

static void a_new_file_has_the_mode_that_umask_leaves(void **state) {
    (void)state;
    mode_t before = umask(027);
    write_text("x", "");
    umask(before);
    struct stat status;
    assert_int_equal(stat("x", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(status.st_size, 0);
}

/* Runs `work` in a process of its own and kills that once it says that it is ready. */
static void kill_in_the_middle(void (*work)(void)) {
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        work();
        if (write(ready[1], "r", 1) == 1)
            pause();
        _exit(0);
    }
    char byte;
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    kill(child, SIGKILL);
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
}

static void begin_file(void) {
    static struct output_file file;
    struct error error;
    if (!output_open(&file, "x", &error) || !output_write(&file, "half", 4, &error))
        _exit(1);
}

static void a_killed_writer_leaves_the_old_file_and_no_litter(void **state) {
    (void)state;
    int descriptor = open(".", O_TMPFILE | O_RDWR, 0600);
    if (descriptor < 0)
        skip(); /* a file system without unnamed files */
    close(descriptor);
    write_text("x", "old");
    kill_in_the_middle(begin_file);
    assert_text("x", "old");
    assert_names(".", "x");
}

static void paths_with_and_without_folders_are_fine(void **state) {
    (void)state;
    assert_int_equal(mkdir("dir", 0777), 0);
    char *whole = path_join(folder, "dir/whole");
    write_text("dir/x", "1");
    write_text("./dir/../y", "2");
    write_text(whole, "3");
    free(whole);
    assert_names("dir", "whole x");
    assert_names(".", "dir y");
}

static void assert_not_opened(const char *path, const char *says) {
    struct output_file file;
    struct error error = {0};
    assert_false(output_open(&file, path, &error));
    assert_says(&error, says);
    output_abandon(&file); /* safe after a failure */
}

static void names_of_no_file_are_refused_before_any_work(void **state) {
    (void)state;
    assert_int_equal(mkdir("dir", 0777), 0);
    assert_not_opened("", "'' is no name of a file");
    assert_not_opened("new/", "'new/' is no name of a file");
    assert_not_opened("dir", "dir: is a directory");
    assert_not_opened("dir/", "dir/: is a directory");
    assert_not_opened("missing/x", "missing/x: cannot be written: No such file or directory");
    write_text("plain", "");
    assert_not_opened("plain/x", "plain/x: cannot be written: Not a directory");
    assert_names(".", "dir plain");
}

static void a_symbolic_link_stays_and_its_target_is_replaced(void **state) {
    (void)state;
    assert_int_equal(mkdir("dir", 0777), 0);
    write_text("dir/target", "old");
    assert_int_equal(symlink("dir/target", "link"), 0);
    write_text("link", "new");
    assert_text("dir/target", "new");
    struct stat status;
    assert_int_equal(lstat("link", &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_names("dir", "target");
}

/* /dev/stdout is a link that must survive, and what stood in the file before must too. */
static void a_name_below_dev_is_written_to_directly(void **state) {
    (void)state;
    int descriptor = open("log", O_RDWR | O_CREAT, 0600);
    assert_int_equal(write(descriptor, "before ", 7), 7);
    char name[64];
    snprintf(name, sizeof name, "/dev/fd/%d", descriptor);
    write_text(name, "after");
    close(descriptor);
    assert_text("log", "before after");
    assert_names(".", "log");
}

static void a_pipe_gets_its_bytes_at_once(void **state) {
    (void)state;
    assert_int_equal(mkfifo("fifo", 0600), 0);
    int reader = open("fifo", O_RDONLY | O_NONBLOCK);
    struct output_file file;
    struct error error = {0};
    char got[8] = "";
    assert_true(output_open(&file, "fifo", &error));
    assert_true(output_write(&file, "now", 3, &error));
    assert_int_equal(read(reader, got, sizeof got), 3);
    assert_string_equal(got, "now");
    close(reader);
    signal(SIGPIPE, SIG_IGN);
    assert_false(output_write(&file, "late", 4, &error));
    assert_says(&error, "fifo: nobody reads it any more");
    output_abandon(&file);
    assert_names(".", "fifo");
}

static void a_full_device_is_an_error(void **state) {
    (void)state;
    struct output_file file;
    struct error error = {0};
    assert_true(output_open(&file, "/dev/full", &error));
    assert_false(output_write(&file, "x", 1, &error));
    assert_says(&error, "/dev/full: cannot be written: No space left on device");
    output_abandon(&file);
    assert_int_equal(access("/dev/full", F_OK), 0);
}

/* ---- directories ---- */

static void fill(const struct output_directory *directory, const char *text) {
    char *path = path_join(directory->partial, "file");
    write_text(path, text);
    free(path);
}

static struct output_directory begin(const char *path, bool replace) {
    struct output_directory directory;
    struct error error = {0};
    if (!directory_open(&directory, path, replace, &error))
        fail_msg("%s", error.text);
    return directory;
}

static void make_directory(const char *path, bool replace, const char *text) {
    struct output_directory directory = begin(path, replace);
    struct error error = {0};
    fill(&directory, text);
    if (!directory_commit(&directory, &error))
        fail_msg("%s", error.text);
}

static void a_directory_appears_at_the_commit_and_not_before(void **state) {
    (void)state;
    struct output_directory directory = begin("out", false);
    struct error error = {0};
    fill(&directory, "text");
    assert_false(directory_exists("out"));
    assert_true(directory_commit(&directory, &error));
    assert_text("out/file", "text");
    assert_names(".", "out");
    directory_abandon(&directory); /* does nothing */
    assert_true(directory_commit(&directory, &error));
    assert_names(".", "out");
}

static void an_abandoned_directory_leaves_no_trace(void **state) {
    (void)state;
    struct output_directory directory = begin("out", false);
    fill(&directory, "text");
    directory_abandon(&directory);
    assert_names(".", "");
}

static void an_existing_directory_is_replaced_only_when_told_to(void **state) {
    (void)state;
    make_directory("out", false, "old");
    write_text("out/second", "of the old ones");
    struct output_directory directory;
    struct error error = {0};
    assert_false(directory_open(&directory, "out", false, &error));
    assert_string_equal(error.text, "out: exists already; -f would replace it");
    directory_abandon(&directory); /* safe after a failure */
    assert_text("out/file", "old");

    directory = begin("out", true);
    fill(&directory, "new");
    assert_text("out/file", "old");
    directory_abandon(&directory);
    assert_text("out/file", "old");
    make_directory("out/", true, "new");
    assert_text("out/file", "new");
    assert_names("out", "file");
    assert_names(".", "out");
}

/* As a kill leaves it that came when the old one had stepped aside for the new one. */
static void an_old_directory_that_stepped_aside_comes_back(void **state) {
    (void)state;
    struct output_directory directory;
    struct error error = {0};
    make_directory("out", false, "old");
    assert_int_equal(rename("out", ".out.old"), 0);
    assert_int_equal(mkdir(".out.partial", 0777), 0);
    directory = begin("out", true);
    assert_text("out/file", "old");
    directory_abandon(&directory);
    assert_text("out/file", "old");
    assert_names(".", "out");

    assert_int_equal(rename("out", ".out.old"), 0);
    assert_false(directory_open(&directory, "out", false, &error));
    assert_string_equal(error.text, "out: exists already; -f would replace it");
    assert_text("out/file", "old");
    assert_names(".", "out");

    assert_int_equal(rename("out", ".out.old"), 0);
    directory_bring_back("out/");
    assert_text("out/file", "old");
    directory_bring_back("out");
    directory_bring_back("nothing");
    assert_names(".", "out");
}

static void a_file_in_the_way_is_replaced_when_told_to(void **state) {
    (void)state;
    write_text("out", "a file");
    make_directory("out", true, "new");
    assert_text("out/file", "new");
    assert_names(".", "out");
}

static void a_directory_made_by_another_meanwhile_is_not_replaced(void **state) {
    (void)state;
    struct output_directory directory = begin("out", false);
    struct error error = {0};
    fill(&directory, "mine");
    assert_int_equal(mkdir("out", 0777), 0);
    assert_false(directory_commit(&directory, &error));
    assert_string_equal(error.text, "out: exists already; -f would replace it");
    assert_names("out", "");
    assert_names(".", "out");
}

static void a_second_writer_is_refused(void **state) {
    (void)state;
    struct output_directory first = begin("out", false), second;
    struct error error = {0};
    fill(&first, "first");
    assert_false(directory_open(&second, "out", false, &error));
    assert_string_equal(error.text, "out: another process is writing it; wait for that one");
    directory_abandon(&second);
    assert_true(directory_commit(&first, &error));
    assert_text("out/file", "first");
}

static void begin_directory(void) {
    struct output_directory directory;
    struct error error;
    if (!directory_open(&directory, "out", true, &error))
        _exit(1);
    char *inside = path_join(directory.partial, "left/over");
    *strrchr(inside, '/') = '\0';
    if (mkdir(inside, 0777) != 0)
        _exit(1);
    inside[strlen(inside)] = '/';
    if (!file_write(inside, "x", 1, &error))
        _exit(1);
    free(inside);
}

static void what_a_killed_writer_left_is_cleared_by_the_next(void **state) {
    (void)state;
    make_directory("out", false, "old");
    kill_in_the_middle(begin_directory);
    assert_text("out/file", "old");
    assert_names(".", ".out.partial out");
    make_directory("out", true, "new");
    assert_names("out", "file");
    assert_names(".", "out");
}

/* Replaces the directory, or makes and removes it, over and over until it is killed. */
static void write_for_ever(bool removing, int ready) {
    for (bool first = true;; first = false) {
        struct output_directory directory;
        struct error error;
        if (!directory_open(&directory, "out", true, &error))
            _exit(1);
        for (const char *const *name = (const char *const[]){"file", "other", NULL}; *name;
             name++) {
            char *path = path_join(directory.partial, *name);
            if (!file_write(path, "whole", 5, &error))
                _exit(1);
            free(path);
        }
        if (!directory_commit(&directory, &error) ||
            (removing && !directory_remove("out", &error)) || (first && write(ready, "r", 1) != 1))
            _exit(1);
    }
}

/* A child that has written the directory once and goes on. */
static pid_t start_writing(bool removing) {
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0)
        write_for_ever(removing, ready[1]);
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

static void kill_while_writing(bool removing, int round) {
    pid_t child = start_writing(removing);
    usleep((useconds_t)round * 113);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void a_kill_at_any_moment_leaves_a_whole_directory(void **state) {
    (void)state;
    make_directory("out", false, "whole");
    for (int round = 0; round < 12; round++) {
        kill_while_writing(false, round);
        assert_text("out/file", "whole");
    }
    make_directory("out", true, "last");
    assert_names(".", "out");
}

static void a_kill_while_a_directory_is_removed_leaves_it_whole_or_gone(void **state) {
    (void)state;
    struct error error = {0};
    for (int round = 0; round < 24; round++) {
        kill_while_writing(true, round);
        if (directory_exists("out")) {
            assert_text("out/file", "whole");
            assert_text("out/other", "whole");
        }
    }
    assert_true(directory_remove("out", &error));
    assert_names(".", "");
    assert_true(directory_remove("out", &error));
}

static void there_is_no_moment_without_a_directory_that_is_being_replaced(void **state) {
    (void)state;
    make_directory("out", false, "whole");
    assert_int_equal(mkdir("other", 0777), 0);
    if (renameat2(AT_FDCWD, "other", AT_FDCWD, "out", RENAME_EXCHANGE) != 0)
        skip(); /* a file system that cannot exchange names */
    pid_t child = start_writing(false);
    int missing = 0;
    for (int i = 0; i < 200000; i++)
        missing += access("out", F_OK) != 0;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(missing, 0);
}

static void directories_that_cannot_be_are_refused(void **state) {
    (void)state;
    struct output_directory directory;
    struct error error = {0};
    assert_false(directory_open(&directory, "", true, &error));
    assert_string_equal(error.text, "'' is no name of a directory");
    assert_false(directory_open(&directory, "missing/out", false, &error));
    assert_string_equal(error.text, "missing/out: cannot be written: No such file or directory");
    assert_names(".", "");
}

static void trees_are_linked_and_removed(void **state) {
    (void)state;
    struct error error = {0};
    assert_int_equal(mkdir("from", 0777), 0);
    assert_int_equal(mkdir("from/deep", 0777), 0);
    write_text("from/a", "1");
    write_text("from/deep/b", "2");
    assert_true(link_tree("from", "to", &error));
    assert_text("to/deep/b", "2");
    write_text("from/a", "changed"); /* replaces the name, not the file */
    assert_text("to/a", "1");
    assert_int_equal(symlink(folder, "to/outside"), 0);
    assert_true(remove_tree("to", &error));
    assert_names(".", "from");
    assert_text("from/deep/b", "2");
    assert_true(remove_tree("to", &error));
    assert_false(link_tree("nowhere", "to", &error));
    assert_says(&error, "nowhere: cannot be read");
    assert_false(link_tree("from", "missing/to", &error));
    assert_says(&error, "missing/to: cannot be made");
}

/* ---- reading ---- */

static void a_file_is_read_up_to_its_limit(void **state) {
    (void)state;
    struct buffer buffer = {0};
    struct error error = {0};
    write_text("x", "12345");
    buffer_append_text(&buffer, "old contents go");
    assert_true(file_read("x", 5, &buffer, &error));
    assert_int_equal(buffer.size, 5);
    assert_false(file_read("x", 4, &buffer, &error));
    assert_says(&error, "x: is larger than 4 bytes");
    assert_false(file_read("/dev/zero", 1 << 20, &buffer, &error));
    assert_says(&error, "/dev/zero: is larger than");
    assert_false(file_read("missing", 5, &buffer, &error));
    assert_string_equal(error.text, "missing: cannot be read: No such file or directory");
    assert_false(file_read(".", 5, &buffer, &error));
    assert_string_equal(error.text, ".: cannot be read: Is a directory");
    buffer_free(&buffer);
}

static void a_regular_file_is_mapped_and_nothing_else(void **state) {
    (void)state;
    struct mapped_file file;
    struct error error = {0};
    write_text("x", "12345");
    assert_true(file_map(&file, "x", &error));
    assert_int_equal(file.size, 5);
    assert_memory_equal(file.data, "12345", 5);
    file_unmap(&file);
    file_unmap(&file);
    write_text("empty", "");
    assert_true(file_map(&file, "empty", &error));
    assert_int_equal(file.size, 0);
    file_unmap(&file);
    assert_false(file_map(&file, ".", &error));
    assert_string_equal(error.text, ".: is no regular file");
    assert_false(file_map(&file, "missing", &error));
    assert_says(&error, "missing: cannot be read");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_file_appears_at_the_commit_and_not_before),
        IN_FOLDER(an_abandoned_file_leaves_the_old_one_and_no_litter),
        IN_FOLDER(a_commit_replaces_the_old_file),
        IN_FOLDER(a_new_file_has_the_mode_that_umask_leaves),
        IN_FOLDER(a_killed_writer_leaves_the_old_file_and_no_litter),
        IN_FOLDER(paths_with_and_without_folders_are_fine),
        IN_FOLDER(names_of_no_file_are_refused_before_any_work),
        IN_FOLDER(a_symbolic_link_stays_and_its_target_is_replaced),
        IN_FOLDER(a_name_below_dev_is_written_to_directly),
        IN_FOLDER(a_pipe_gets_its_bytes_at_once),
        IN_FOLDER(a_full_device_is_an_error),
        IN_FOLDER(a_directory_appears_at_the_commit_and_not_before),
        IN_FOLDER(an_abandoned_directory_leaves_no_trace),
        IN_FOLDER(an_existing_directory_is_replaced_only_when_told_to),
        IN_FOLDER(an_old_directory_that_stepped_aside_comes_back),
        IN_FOLDER(a_file_in_the_way_is_replaced_when_told_to),
        IN_FOLDER(a_directory_made_by_another_meanwhile_is_not_replaced),
        IN_FOLDER(a_second_writer_is_refused),
        IN_FOLDER(what_a_killed_writer_left_is_cleared_by_the_next),
        IN_FOLDER(a_kill_at_any_moment_leaves_a_whole_directory),
        IN_FOLDER(a_kill_while_a_directory_is_removed_leaves_it_whole_or_gone),
        IN_FOLDER(there_is_no_moment_without_a_directory_that_is_being_replaced),
        IN_FOLDER(directories_that_cannot_be_are_refused),
        IN_FOLDER(trees_are_linked_and_removed),
        IN_FOLDER(a_file_is_read_up_to_its_limit),
        IN_FOLDER(a_regular_file_is_mapped_and_nothing_else),
    };
    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
