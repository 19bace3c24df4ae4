/*
 * A folder of its own for a test program that writes files: the group's setup fills in its name by
 * mkdtemp(folder), remove_folder() is the group's teardown.
 */
#ifndef LOCKPICK_TESTS_SCRATCH_FOLDER_H
#define LOCKPICK_TESTS_SCRATCH_FOLDER_H

#include "base/files.h"

static char folder[] = "/tmp/lockpick-test-XXXXXX";

static int remove_folder(void **state) {
    struct error error = {0};

    (void)state;
    return remove_tree(folder, &error) ? 0 : -1;
}

#endif
