/*
 * What the tests of lock sets share: opening a set that must open, one that must be refused, and
 * reading a field that must be there.
 */
#ifndef LOCKPICK_TESTS_LOCK_FIXTURE_H
#define LOCKPICK_TESTS_LOCK_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "task/lock_set.h"

static struct lock_set *open_set(const struct lock_settings *settings) {
    struct error error = {0};
    struct lock_set *set = lock_set_open(settings, &error);

    assert_string_equal(error.text, "");
    assert_non_null(set);
    return set;
}

static void check_refused(const struct lock_settings *settings, const char *what) {
    struct error error = {0};

    assert_null(lock_set_open(settings, &error));
    if (strstr(error.text, what) == NULL)
        fail_msg("'%s' is not in '%s'", what, error.text);
}

static struct text text_at(const struct record *record, const char *key) {
    struct error error = {0};
    struct text text = {0};

    assert_true(record_text(record, key, &text, &error));
    return text;
}

#endif
