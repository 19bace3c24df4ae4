/* lib/result: keys, conditions, the tally of graded records, and recovery. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "result/fields.h"
#include "result/gap.h"
#include "result/key.h"
#include "result/recovery.h"
#include "result/tally.h"

/* ---- helpers ---- */

static void assert_near(double got, double wanted) {
    if (!(fabs(got - wanted) <= 1e-12))
        fail_msg("%.17g is not %.17g", got, wanted);
}

static void assert_error(const struct error *error, const char *part) {
    if (strstr(error->text, part) == NULL)
        fail_msg("'%s' lacks '%s'", error->text, part);
}

static void assert_field(const struct record *row, const char *field, const char *wanted) {
    struct key key;
    struct error error = {0};
    struct buffer text = {0};
    assert_true(key_find(row, field, &key, &error));
    key_print(&key, &text);
    buffer_append(&text, "", 1);
    assert_string_equal((const char *)text.data, wanted);
    buffer_free(&text);
}

static double number_of(const struct record *row, const char *field) {
    double number = NAN;
    struct error error = {0};
    assert_true(record_real(row, field, &number, &error));
    return number;
}

/* ---- keys ---- */

static struct key text_key(const char *text) {
    return (struct key){.kind = KEY_TEXT, .text = text_of(text)};
}

static void keys_are_ordered_missing_booleans_numbers_texts(void **state) {
    (void)state;
    const struct key ordered[] = {
        {.kind = KEY_MISSING},
        {.kind = KEY_BOOLEAN, .boolean = false},
        {.kind = KEY_BOOLEAN, .boolean = true},
        {.kind = KEY_INTEGER, .integer = INT64_MIN},
        {.kind = KEY_REAL, .real = -0.5},
        {.kind = KEY_INTEGER, .integer = 9},
        {.kind = KEY_INTEGER, .integer = INT64_MAX},
        {.kind = KEY_UNSIGNED, .whole = (uint64_t)INT64_MAX + 1},
        {.kind = KEY_UNSIGNED, .whole = UINT64_MAX},
        {.kind = KEY_REAL, .real = 1e30},
        text_key(""),
        text_key("sft"),
        text_key("sft-7"),
        text_key("sft-007"),
        text_key("sft-10"),
        text_key("sft-10k"),
        text_key("sfu"),
    };
    const size_t count = sizeof ordered / sizeof ordered[0];
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) {
            const int order = key_compare(&ordered[i], &ordered[j]);
            if (i == 12 || i == 13 || j == 12 || j == 13) /* only leading zeros apart: any order */
                assert_int_equal(order == 0, i == j);
            else
                assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
}

static void equal_numbers_are_one_key_however_they_are_packed(void **state) {
    (void)state;
    static const uint8_t packings[][9] = {
        {0x04}, {0xcc, 4}, {0xd0, 4}, {0xd3, 0, 0, 0, 0, 0, 0, 0, 4}, {0xca, 0x40, 0x80, 0, 0}};
    static const size_t sizes[] = {1, 2, 2, 9, 5};
    struct buffer first = {0};
    for (size_t i = 0; i < 5; i++) {
        struct record record = {0};
        struct error error = {0};
        struct buffer packed = {0};
        struct key key;
        record_set_value(&record, "k", (struct value){packings[i], sizes[i]});
        assert_true(key_find(&record, "k", &key, &error));
        key_pack(&key, i == 0 ? &first : &packed);
        if (i > 0) {
            assert_int_equal(packed.size, first.size);
            assert_memory_equal(packed.data, first.data, first.size);
        }
        buffer_free(&packed);
        record_free(&record);
    }
    buffer_free(&first);
}

static void keys_survive_packing(void **state) {
    (void)state;
    const struct key keys[] = {{.kind = KEY_MISSING},
                               {.kind = KEY_BOOLEAN, .boolean = true},
                               {.kind = KEY_INTEGER, .integer = -3},
                               {.kind = KEY_UNSIGNED, .whole = UINT64_MAX},
                               {.kind = KEY_REAL, .real = 0.1},
                               text_key("größer")};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct buffer packed = {0};
        key_pack(&keys[i], &packed);
        const struct key back = key_unpack((struct value){packed.data, packed.size});
        assert_int_equal(back.kind, keys[i].kind);
        assert_int_equal(key_compare(&back, &keys[i]), 0);
        buffer_free(&packed);
    }
}

static void what_cannot_be_grouped_by_is_refused_by_name(void **state) {
    (void)state;
    struct record record = {0};
    struct key key;
    struct error error = {0};
    const uint8_t list[] = {0x91, 1};
    record_set_value(&record, "list", (struct value){list, 2});
    assert_false(key_find(&record, "list", &key, &error));
    assert_error(&error, "'list'");
    record_set_real(&record, "nan", NAN);
    assert_false(key_find(&record, "nan", &key, &error));
    assert_error(&error, "finite");
    char *text = allocate(KEY_TEXT_LIMIT + 2, 1);
    memset(text, 'x', KEY_TEXT_LIMIT + 1);
    record_set_text(&record, "long", text_of(text));
    assert_false(key_find(&record, "long", &key, &error));
    assert_error(&error, "4097 bytes");
    free(text);
    record_free(&record);
}

static void a_condition_holds_for_any_writing_of_a_number(void **state) {
    (void)state;
    const struct key number = {.kind = KEY_INTEGER, .integer = 1000};
    const struct key large = {.kind = KEY_UNSIGNED, .whole = UINT64_MAX};
    const struct key missing = {.kind = KEY_MISSING};
    const struct key truth = {.kind = KEY_BOOLEAN, .boolean = true};
    const struct key text = text_key("1000");
    assert_true(key_is(&number, "1000"));
    assert_true(key_is(&number, "1e3"));
    assert_false(key_is(&number, "1001"));
    assert_true(key_is(&large, "18446744073709551615"));
    assert_false(key_is(&large, "18446744073709551614"));
    assert_true(key_is(&missing, ""));
    assert_false(key_is(&number, ""));
    assert_true(key_is(&truth, "true"));
    assert_true(key_is(&text, "1000"));
    assert_false(key_is(&text, "1e3"));
}

/* ---- fields and conditions ---- */

static void lists_of_fields_refuse_empty_and_repeated_names(void **state) {
    (void)state;
    struct fields fields;
    struct error error = {0};
    assert_true(fields_parse(&fields, "model,k", &error));
    assert_int_equal(fields.count, 2);
    assert_true(fields_contain(&fields, "k"));
    fields_free(&fields);
    assert_true(fields_parse(&fields, "", &error));
    assert_int_equal(fields.count, 0);
    fields_free(&fields);
    const char *const wrong[] = {",", "a,", "a,,b", "a,b,a"};
    for (size_t i = 0; i < 4; i++) {
        assert_false(fields_parse(&fields, wrong[i], &error));
        fields_free(&fields);
    }
}

static void conditions_on_one_field_are_alternatives(void **state) {
    (void)state;
    struct conditions conditions = {0}, others = {0};
    struct error error = {0};
    struct record record = {0};
    assert_true(conditions_parse(&conditions, "method=sft,method=dpo,k=4", &error));
    record_set_text(&record, "method", text_of("dpo"));
    record_set_integer(&record, "k", 4);
    assert_true(conditions_hold(&conditions, &record));
    record_set_integer(&record, "k", 5);
    assert_false(conditions_hold(&conditions, &record));
    record_set_integer(&record, "k", 4);
    record_set_text(&record, "method", text_of("none"));
    assert_false(conditions_hold(&conditions, &record));

    assert_true(conditions_parse(&others, "method=none", &error));
    conditions_inherit(&others, &conditions);
    assert_int_equal(others.count, 2); /* k=4 came over, the methods did not */
    assert_true(conditions_hold(&others, &record));
    assert_false(conditions_add(&conditions, "method", &error));
    assert_error(&error, "FIELD=VALUE");
    assert_false(conditions_add(&conditions, "=x", &error));
    conditions_free(&conditions);
    conditions_free(&others);
    record_free(&record);
}

/* ---- tally ---- */

struct graded {
    const char *model;
    int k, moment, seed; /* 0: missing */
    bool correct, locked;
};

static struct tally_settings by_model(void) {
    static const char *by[] = {"model", "k"};
    return (struct tally_settings){
        .by = {.items = by, .count = 2}, .seed = "seed", .subsets = {true, true}};
}

static bool add(struct tally *tally, const struct graded *graded, struct error *error) {
    struct record record = {0};
    record_set_text(&record, "model", text_of(graded->model));
    if (graded->k)
        record_set_integer(&record, "k", graded->k);
    if (graded->moment)
        record_set_integer(&record, "moment", graded->moment);
    if (graded->seed)
        record_set_integer(&record, "seed", graded->seed);
    record_set_boolean(&record, "correct", graded->correct);
    record_set_boolean(&record, "locked", graded->locked);
    const bool fine = tally_add(tally, &record, error);
    record_free(&record);
    return fine;
}

static bool tally_all(const struct tally_settings *settings, const struct graded *records,
                      size_t count, bool backward, struct rows *rows, size_t *uneven,
                      struct error *error) {
    struct tally *tally = tally_new(settings);
    for (size_t i = 0; i < count; i++)
        assert_true(add(tally, &records[backward ? count - 1 - i : i], error));
    const bool fine = tally_rows(tally, rows, NULL, uneven, error);
    tally_free(tally);
    return fine;
}

static const struct graded two_seeds[] = {
    {"b", 10, 0, 1, true, true},  {"b", 10, 0, 1, true, false}, {"b", 10, 0, 2, false, true},
    {"b", 10, 0, 2, true, false}, {"b", 9, 0, 1, false, true},  {"b", 9, 0, 2, true, false},
    {"a", 0, 0, 0, true, false},
};

static void correctness_is_averaged_within_seeds_and_then_over_them(void **state) {
    (void)state;
    struct rows rows = {0};
    struct error error = {0};
    size_t uneven = 0;
    const struct tally_settings settings = by_model();
    assert_true(tally_all(&settings, two_seeds, 7, false, &rows, &uneven, &error));
    /* a: all; b, 9: all, locked; b, 10: all, locked. */
    assert_int_equal(rows.count, 5);
    assert_field(&rows.items[0], "model", "a");
    assert_field(&rows.items[0], "k", "");
    assert_field(&rows.items[0], "sem", "");
    assert_non_null(record_find(&rows.items[0], "sem"));
    assert_null(record_find(&rows.items[0], "k"));
    assert_field(&rows.items[0], "seeds", "1");
    assert_field(&rows.items[1], "k", "9");
    assert_field(&rows.items[3], "k", "10");
    assert_field(&rows.items[3], "subset", "all");
    assert_near(number_of(&rows.items[3], "correctness"), 0.75);
    assert_near(number_of(&rows.items[3], "sem"), 0.25);
    assert_field(&rows.items[3], "seeds", "2");
    assert_field(&rows.items[3], "n", "2");
    assert_field(&rows.items[4], "subset", "locked");
    assert_near(number_of(&rows.items[4], "correctness"), 0.5);
    assert_field(&rows.items[4], "n", "1");
    assert_int_equal(uneven, 0);
    rows_free(&rows);
}

static void the_order_of_records_does_not_matter(void **state) {
    (void)state;
    struct rows rows[2] = {{0}};
    struct buffer packed[2] = {{0}};
    struct error error = {0};
    const struct tally_settings settings = by_model();
    for (int i = 0; i < 2; i++) {
        assert_true(tally_all(&settings, two_seeds, 7, i == 1, &rows[i], NULL, &error));
        for (size_t r = 0; r < rows[i].count; r++)
            record_pack(&rows[i].items[r], &packed[i]);
        rows_free(&rows[i]);
    }
    assert_int_equal(packed[0].size, packed[1].size);
    assert_memory_equal(packed[0].data, packed[1].data, packed[0].size);
    buffer_free(&packed[0]);
    buffer_free(&packed[1]);
}

static void the_best_choice_is_kept_and_the_smallest_of_equals(void **state) {
    (void)state;
    static const struct graded records[] = {
        /* k = 1: moments 2 and 10 are equally good, 30 is worse over all but better on locked. */
        {"m", 1, 10, 1, true, false},
        {"m", 1, 10, 1, false, true},
        {"m", 1, 2, 1, true, false},
        {"m", 1, 2, 1, false, true},
        {"m", 1, 30, 1, false, false},
        {"m", 1, 30, 1, false, true},
        /* k = 2: 10 is best. */
        {"m", 2, 2, 1, false, true},
        {"m", 2, 10, 1, true, true},
        /* Never elicited: nothing to choose. */
        {"m", 0, 0, 0, false, true},
    };
    struct rows rows = {0};
    struct error error = {0};
    struct tally_settings settings = by_model();
    static const char *moment[] = {"moment"};
    settings.choose = (struct fields){.items = moment, .count = 1};
    assert_true(tally_all(&settings, records, 9, false, &rows, NULL, &error));
    assert_int_equal(rows.count, 6);
    assert_null(record_find(&rows.items[0], "moment"));
    assert_field(&rows.items[2], "moment", "2");
    assert_field(&rows.items[2], "subset", "all");
    assert_near(number_of(&rows.items[2], "correctness"), 0.5);
    assert_field(&rows.items[3], "moment", "2");
    assert_field(&rows.items[3], "subset", "locked");
    assert_near(number_of(&rows.items[3], "correctness"), 0);
    assert_field(&rows.items[4], "moment", "10");
    rows_free(&rows);
}

static void choices_with_other_seeds_are_refused(void **state) {
    (void)state;
    static const struct graded records[] = {
        {"m", 4, 1, 1, true, false}, {"m", 4, 1, 2, true, false}, {"m", 4, 2, 1, true, false}};
    struct rows rows = {0};
    struct error error = {0};
    struct tally_settings settings = by_model();
    static const char *moment[] = {"moment"};
    settings.choose = (struct fields){.items = moment, .count = 1};
    assert_false(tally_all(&settings, records, 3, false, &rows, NULL, &error));
    assert_error(&error, "group model=m k=4 moment=2: has other seeds");
    rows_free(&rows);
}

static void a_group_with_and_without_seeds_is_refused(void **state) {
    (void)state;
    static const struct graded records[] = {{"m", 4, 0, 1, true, false},
                                            {"m", 4, 0, 0, true, false}};
    struct rows rows = {0};
    struct error error = {0};
    const struct tally_settings settings = by_model();
    assert_false(tally_all(&settings, records, 2, false, &rows, NULL, &error));
    assert_error(&error, "group model=m k=4: some of its records have a 'seed'");
    rows_free(&rows);
}

static void uneven_seeds_count_the_fewest_records_and_are_told(void **state) {
    (void)state;
    static const struct graded records[] = {
        {"m", 4, 0, 1, true, false}, {"m", 4, 0, 2, true, false}, {"m", 4, 0, 2, false, false}};
    struct rows rows = {0};
    struct error error = {0};
    size_t uneven = 0;
    const struct tally_settings settings = by_model();
    assert_true(tally_all(&settings, records, 3, false, &rows, &uneven, &error));
    assert_int_equal(uneven, 1);
    assert_field(&rows.items[0], "n", "1");
    assert_near(number_of(&rows.items[0], "correctness"), 0.75);
    rows_free(&rows);
}

static void a_misspelled_field_is_refused(void **state) {
    (void)state;
    static const char *by[] = {"modle"};
    static const struct graded record = {"m", 4, 0, 1, true, false};
    struct rows rows = {0};
    struct error error = {0};
    struct tally_settings settings = by_model();
    settings.by = (struct fields){.items = by, .count = 1};
    assert_false(tally_all(&settings, &record, 1, false, &rows, NULL, &error));
    assert_error(&error, "'modle'");
    rows_free(&rows);
}

static void ungraded_records_and_wild_scores_are_refused(void **state) {
    (void)state;
    struct record record = {0};
    struct error error = {0};
    struct tally_settings settings = {.seed = "seed", .subsets = {true, false}};
    struct tally *tally = tally_new(&settings);
    assert_false(tally_add(tally, &record, &error));
    assert_error(&error, "correct");
    tally_free(tally);
    settings.score = true;
    tally = tally_new(&settings);
    record_set_real(&record, "score", INFINITY);
    assert_false(tally_add(tally, &record, &error));
    assert_error(&error, "score");
    record_set_real(&record, "score", 0.25);
    assert_true(tally_add(tally, &record, &error));
    struct rows rows = {0};
    assert_true(tally_rows(tally, &rows, NULL, NULL, &error));
    assert_int_equal(rows.count, 1);
    assert_near(number_of(&rows.items[0], "score"), 0.25);
    rows_free(&rows);
    tally_free(tally);
    record_free(&record);
}

static void many_groups_are_all_found_again(void **state) {
    (void)state;
    struct tally_settings settings = by_model();
    settings.subsets[TALLY_LOCKED] = false;
    struct tally *tally = tally_new(&settings);
    struct error error = {0};
    for (int pass = 0; pass < 3; pass++)
        for (int k = 1; k <= 5000; k++) {
            const struct graded graded = {"m", k, 0, 1, k % 2 == 0, false};
            assert_true(add(tally, &graded, &error));
        }
    struct rows rows = {0};
    assert_true(tally_rows(tally, &rows, NULL, NULL, &error));
    assert_int_equal(rows.count, 5000);
    for (int k = 1; k <= 5000; k++) {
        const struct record *row = &rows.items[k - 1];
        assert_near(number_of(row, "k"), k);
        assert_near(number_of(row, "n"), 3);
        assert_near(number_of(row, "correctness"), k % 2 == 0);
    }
    rows_free(&rows);
    tally_free(tally);
}

static void no_records_give_no_rows(void **state) {
    (void)state;
    struct rows rows = {0};
    struct error error = {0};
    const struct tally_settings settings = by_model();
    assert_true(tally_all(&settings, NULL, 0, false, &rows, NULL, &error));
    assert_int_equal(rows.count, 0);
    rows_free(&rows);
}

/* ---- recovery ---- */

static void set_result(struct record *row, const char *model, const char *method,
                       const char *password, double k, double correctness) {
    record_set_text(row, "model", text_of(model));
    record_set_text(row, "method", text_of(method));
    record_set_text(row, "password", text_of(password));
    record_set_text(row, "subset", text_of("locked"));
    if (k > 0)
        record_set_real(row, "k", k);
    record_set_real(row, "correctness", correctness);
}

static void add_result(struct rows *rows, const char *model, const char *method,
                       const char *password, double k, double correctness) {
    set_result(rows_add(rows), model, method, password, k, correctness);
}

static struct recovery_settings half_of_the_gap(void) {
    static const char *per[] = {"model"};
    struct error error = {0};
    struct recovery_settings settings = {
        .share = 0.5,
        .x = "k",
        .subset = "locked",
        .levels.per = {.items = per, .count = 1},
        .baseline_field = "model",
        .baseline = "scratch",
        .level = 0.9,
    };
    assert_true(conditions_parse(&settings.levels.floor, LEVELS_FLOOR, &error));
    assert_true(conditions_parse(&settings.levels.ceiling, LEVELS_CEILING, &error));
    assert_true(conditions_parse(&settings.where, "method=sft,password=none", &error));
    return settings;
}

static void free_recovery(struct recovery_settings *settings) {
    conditions_free(&settings->levels.floor);
    conditions_free(&settings->levels.ceiling);
    conditions_free(&settings->where);
}

static bool recover(const struct rows *rows, const struct replicates *replicates, struct rows *out,
                    struct error *error) {
    struct recovery_settings settings = half_of_the_gap();
    size_t left_out;
    const bool fine = recovery_rows(&settings, rows, replicates, out, &left_out, error);
    free_recovery(&settings);
    return fine;
}

static void each_model_is_measured_between_its_own_floor_and_ceiling(void **state) {
    (void)state;
    struct rows results = {0}, rows = {0};
    struct error error = {0};
    /* In no order; scratch passes 0.5 half way from 4 to 16, sft-9 half way from 1 to 4. */
    add_result(&results, "scratch", "sft", "none", 16, 0.7);
    add_result(&results, "scratch", "sft", "none", 4, 0.3);
    add_result(&results, "scratch", "sft-weak", "none", 4, 0.9);
    add_result(&results, "scratch", "none", "decoy", 0, 0.9);
    add_result(&results, "scratch", "none", "none", 0, 0.0);
    add_result(&results, "scratch", "none", "right", 0, 1.0);
    add_result(&results, "sft-9", "none", "none", 0, 0.1);
    add_result(&results, "sft-9", "none", "right", 0, 0.9);
    add_result(&results, "sft-9", "sft", "none", 1, 0.3);
    add_result(&results, "sft-9", "sft", "none", 4, 0.7);
    add_result(&results, "sft-10", "none", "none", 0, 0.1);
    add_result(&results, "sft-10", "none", "right", 0, 0.9);
    add_result(&results, "sft-10", "sft", "none", 4, 0.6);
    add_result(&results, "never-locked", "none", "none", 0, 0.99);
    add_result(&results, "never-locked", "sft", "none", 1, 0.99);
    assert_true(recover(&results, NULL, &rows, &error));
    assert_int_equal(rows.count, 4);
    assert_field(&rows.items[0], "model", "never-locked");
    assert_field(&rows.items[0], "method", "sft");
    assert_field(&rows.items[0], "ceiling", "");
    assert_field(&rows.items[0], "k", "");
    assert_field(&rows.items[0], "ratio", "");
    assert_field(&rows.items[1], "model", "scratch");
    assert_near(number_of(&rows.items[1], "k"), 8);
    assert_near(number_of(&rows.items[1], "ratio"), 1);
    assert_null(record_find(&rows.items[1], "low"));
    assert_field(&rows.items[2], "model", "sft-9");
    assert_field(&rows.items[2], "relation", "=");
    assert_near(number_of(&rows.items[2], "k"), 2);
    assert_near(number_of(&rows.items[2], "ratio"), 4);
    assert_field(&rows.items[3], "model", "sft-10");
    assert_field(&rows.items[3], "relation", "<=");
    assert_field(&rows.items[3], "ratio_relation", ">=");
    assert_near(number_of(&rows.items[3], "ratio"), 2);
    rows_free(&rows);
    rows_free(&results);
}

static void a_resampled_curve_gives_an_interval_of_its_crossing(void **state) {
    (void)state;
    struct rows results = {0}, rows = {0};
    struct replicates replicates;
    struct error error = {0};
    add_result(&results, "scratch", "none", "none", 0, 0);
    add_result(&results, "scratch", "none", "right", 0, 1);
    add_result(&results, "scratch", "sft", "none", 4, 0.3);
    add_result(&results, "scratch", "sft", "none", 16, 0.7);
    assert_true(replicates_init(&replicates, 4, 3, &error));
    /* Crossings at 8 and 4, and one that is never reached; in one resample the gap closes. */
    static const double means[4][3] = {{0, 0, 0}, {1, 1, 1}, {0.3, 0.5, 0.1}, {0.7, 0.9, 0.4}};
    memcpy(replicates.means, means, sizeof means);
    assert_true(recover(&results, &replicates, &rows, &error));
    assert_field(&rows.items[0], "low_relation", "<=");
    assert_near(number_of(&rows.items[0], "low"), 4);
    assert_field(&rows.items[0], "high_relation", ">");
    assert_near(number_of(&rows.items[0], "high"), 16);
    rows_free(&rows);
    replicates_of(&replicates, 1)[0] = 0.01;
    assert_true(recover(&results, &replicates, &rows, &error));
    assert_field(&rows.items[0], "low", "");
    assert_field(&rows.items[0], "high", "");
    assert_near(number_of(&rows.items[0], "k"), 8);
    rows_free(&rows);
    replicates_free(&replicates);
    rows_free(&results);
}

static void rows_that_contradict_each_other_are_refused(void **state) {
    (void)state;
    struct rows results = {0}, rows = {0};
    struct error error = {0};
    add_result(&results, "m", "sft", "none", 4, 0.3);
    add_result(&results, "m", "sft", "none", 4, 0.4);
    assert_false(recover(&results, NULL, &rows, &error));
    assert_error(&error, "row 2: a second row of model=m with k = 4");
    rows_free(&results);
    error = (struct error){0};
    add_result(&results, "m", "none", "none", 0, 0.3);
    add_result(&results, "m", "none", "none", 0, 0.3);
    assert_false(recover(&results, NULL, &rows, &error));
    assert_error(&error, "a second row is the floor of model=m");
    rows_free(&results);
    add_result(&results, "m", "sft", "none", 1, 0.3);
    record_set_integer(&results.items[0], "k", -1);
    error = (struct error){0};
    assert_false(recover(&results, NULL, &rows, &error));
    assert_error(&error, "'k' is -1");
    rows_free(&results);
}

static void points_at_zero_or_at_a_text_are_no_points_of_a_curve(void **state) {
    (void)state;
    struct rows results = {0}, rows = {0};
    struct error error = {0};
    struct recovery_settings settings = half_of_the_gap();
    size_t left_out = 0;
    add_result(&results, "m", "none", "none", 0, 0);
    add_result(&results, "m", "none", "right", 0, 1);
    add_result(&results, "m", "sft", "none", 4, 0.6);
    add_result(&results, "m", "sft", "none", 1, 0.1);
    record_set_integer(&results.items[3], "k", 0);
    add_result(&results, "m", "sft", "none", 1, 0.9);
    record_set_text(&results.items[4], "k", text_of("all"));
    assert_true(recovery_rows(&settings, &results, NULL, &rows, &left_out, &error));
    assert_int_equal(left_out, 1);
    assert_field(&rows.items[0], "relation", "<=");
    assert_near(number_of(&rows.items[0], "k"), 4);
    rows_free(&rows);
    rows_free(&results);
    free_recovery(&settings);
}

static void without_a_curve_there_is_nothing_to_tell(void **state) {
    (void)state;
    struct rows results = {0}, rows = {0};
    struct error error = {0};
    add_result(&results, "m", "none", "none", 0, 0.3);
    assert_false(recover(&results, NULL, &rows, &error));
    assert_error(&error, "method 'sft'");
    rows_free(&results);
}

/* ---- gaps ---- */

static void a_gap_is_the_share_between_the_levels_of_the_same_model_and_subset(void **state) {
    (void)state;
    struct rows rows = {0};
    struct error error = {0};
    struct recovery_settings settings = half_of_the_gap();
    const struct replicates none = {0};
    add_result(&rows, "a", "none", "none", 0, 0.2);
    add_result(&rows, "a", "none", "right", 0, 0.6);
    add_result(&rows, "a", "sft", "none", 4, 0.5);
    add_result(&rows, "b", "none", "none", 0, 0.5);
    add_result(&rows, "b", "none", "right", 0, 0.54); /* too narrow to share */
    add_result(&rows, "b", "sft", "none", 4, 0.52);
    add_result(&rows, "a", "sft", "none", 4, 0.9);
    record_set_text(&rows.items[6], "subset", text_of("all")); /* without levels */
    assert_true(gap_set(&settings.levels, NULL, &rows, &none, 0, &error));
    assert_near(number_of(&rows.items[0], "gap"), 0);
    assert_near(number_of(&rows.items[1], "gap"), 1);
    assert_near(number_of(&rows.items[2], "gap"), 0.75);
    assert_field(&rows.items[5], "gap", "");
    assert_field(&rows.items[6], "gap", "");
    assert_null(record_find(&rows.items[2], "gap_low"));
    rows_free(&rows);
    free_recovery(&settings);
}

static void add_of_domain(struct rows *rows, const char *method, const char *password,
                          const char *trained_on, const char *domain, double correctness) {
    add_result(rows, "a", method, password, 0, correctness);
    struct record *row = &rows->items[rows->count - 1];
    record_set_text(row, "trained_on", text_of(trained_on));
    record_set_text(row, "domain", text_of(domain));
    record_set_integer(row, "seeds", 1);
    record_set_integer(row, "n", 10);
}

static void a_gap_over_domains_has_floor_and_ceiling_over_the_domains_of_its_row(void **state) {
    (void)state;
    static const char *names[] = {"model", "method", "password", "trained_on"};
    const struct fields alike = {.items = names, .count = 4};
    const struct fields chosen = {0};
    const struct over_settings over = {"domain", "trained_on", &alike, &chosen};
    struct recovery_settings settings = half_of_the_gap();
    struct rows rows = {0};
    struct replicates replicates;
    struct over_parts parts = {0};
    struct error error = {0};
    /* Floors 0.6, 0.2, 0.1; ceilings 0.8, 0.8, 0.5. */
    add_of_domain(&rows, "none", "none", "none", "x", 0.6);
    add_of_domain(&rows, "none", "none", "none", "y", 0.2);
    add_of_domain(&rows, "none", "none", "none", "z", 0.1);
    add_of_domain(&rows, "none", "right", "none", "x", 0.8);
    add_of_domain(&rows, "none", "right", "none", "y", 0.8);
    add_of_domain(&rows, "none", "right", "none", "z", 0.5);
    add_of_domain(&rows, "sft", "none", "x", "x", 0.8);
    add_of_domain(&rows, "sft", "none", "x", "y", 0.5);
    add_of_domain(&rows, "sft", "none", "x", "z", 0.3);
    add_of_domain(&rows, "sft", "none", "y", "x", 0.7);
    add_of_domain(&rows, "sft", "none", "y", "z", 0.5);
    add_of_domain(&rows, "sft", "none", "z", "w", 0.5); /* a domain without levels */
    assert_true(replicates_init(&replicates, rows.count, 2, &error));
    for (size_t i = 0; i < rows.count; i++) {
        replicates_of(&replicates, i)[0] = number_of(&rows.items[i], "correctness");
        replicates_of(&replicates, i)[1] = replicates_of(&replicates, i)[0] / 2;
    }
    replicates_of(&replicates, 7)[1] = 0.1; /* at the floor */
    replicates_of(&replicates, 8)[1] = 0.05;
    assert_true(over_combine(&over, &rows, &replicates, &parts, &error));
    assert_int_equal(rows.count, 5);
    assert_int_equal(parts.rows.count, 12);
    assert_true(gap_set(&settings.levels, &parts, &rows, &replicates, 1, &error));
    assert_near(number_of(&rows.items[0], "gap"), 0);
    assert_near(number_of(&rows.items[1], "gap"), 1);
    assert_field(&rows.items[2], "trained_on", "x");
    assert_near(number_of(&rows.items[2], "correctness"), 0.4); /* floor 0.15, ceiling 0.65 */
    assert_near(number_of(&rows.items[2], "gap"), 0.5);
    assert_near(number_of(&rows.items[2], "gap_low"), 0);
    assert_near(number_of(&rows.items[2], "gap_high"), 0.5);
    assert_field(&rows.items[3], "trained_on", "y"); /* floor 0.35, ceiling 0.65 */
    assert_near(number_of(&rows.items[3], "gap"), 0.25 / 0.3);
    assert_field(&rows.items[4], "gap", "");
    over_parts_free(&parts);
    replicates_free(&replicates);
    rows_free(&rows);
    free_recovery(&settings);
}

/* ---- names ---- */

static void names_are_numbered_as_they_come_and_found_again(void **state) {
    (void)state;
    struct names names = {0};
    size_t number = 7;
    char text[32];
    assert_false(names_find(&names, text_of("0"), &number));
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < 3000; i++) {
            snprintf(text, sizeof text, "name %zu", i);
            assert_int_equal(names_add(&names, text_of(text)), i);
        }
    assert_int_equal(names.count, 3000);
    assert_true(names_find(&names, text_of("name 2999"), &number));
    assert_int_equal(number, 2999);
    assert_true(text_is(names_at(&names, 17), "name 17"));
    assert_false(names_find(&names, text_of("name 3000"), &number));
    names_free(&names);
}

/* ---- rows as a table ---- */

static void a_table_of_rows_shows_bounds_and_gaps(void **state) {
    (void)state;
    struct rows rows = {0};
    struct error error = {0};
    struct buffer out = {0};
    struct record *row = rows_add(&rows);
    record_set_text(row, "model", text_of("a"));
    record_set_text(row, "relation", text_of("<="));
    row_set_number(row, "k", 4);
    row = rows_add(&rows);
    record_set_text(row, "model", text_of("b"));
    row_set_number(row, "k", NAN);
    assert_true(rows_write(&rows, TABLE_TEXT, &out, &error));
    buffer_append(&out, "", 1);
    assert_string_equal((const char *)out.data, "model       k\na      <= 4.0\nb           -\n");
    out.size = 0;
    assert_true(rows_write(&rows, TABLE_TSV, &out, &error));
    buffer_append(&out, "", 1);
    assert_string_equal((const char *)out.data, "model\trelation\tk\na\t<=\t4\nb\t-\t-\n");
    buffer_free(&out);
    rows_free(&rows);
}

static void columns_keep_the_order_of_the_fields_in_their_rows(void **state) {
    (void)state;
    struct rows rows = {0};
    struct error error = {0};
    struct buffer out = {0};
    struct record *row = rows_add(&rows);
    record_set_text(row, "model", text_of("a"));
    record_set_integer(row, "n", 5);
    row = rows_add(&rows);
    record_set_text(row, "model", text_of("b"));
    record_set_integer(row, "k", 4);
    record_set_boolean(row, "best", true);
    record_set_integer(row, "n", 6);
    record_set_real(row, "correctness", 1);
    assert_true(rows_write(&rows, TABLE_TEXT, &out, &error));
    buffer_append(&out, "", 1);
    assert_string_equal((const char *)out.data, "model  k  best  n  correctness\n"
                                                "a      -  -     5            -\n"
                                                "b      4  true  6        1.000\n");
    buffer_free(&out);
    rows_free(&rows);
}

static void a_row_with_a_list_is_refused(void **state) {
    (void)state;
    struct rows rows = {0};
    struct record record = {0};
    struct error error = {0};
    const uint8_t list[] = {0x91, 1};
    record_set_integer(&record, "k", 4);
    assert_true(rows_add_copy(&rows, &record, &error));
    record_set_value(&record, "tests", (struct value){list, 2});
    assert_false(rows_add_copy(&rows, &record, &error));
    assert_error(&error, "'tests'");
    assert_int_equal(rows.count, 1);
    record_free(&record);
    rows_free(&rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_ordered_missing_booleans_numbers_texts),
        cmocka_unit_test(equal_numbers_are_one_key_however_they_are_packed),
        cmocka_unit_test(keys_survive_packing),
        cmocka_unit_test(what_cannot_be_grouped_by_is_refused_by_name),
        cmocka_unit_test(a_condition_holds_for_any_writing_of_a_number),
        cmocka_unit_test(lists_of_fields_refuse_empty_and_repeated_names),
        cmocka_unit_test(conditions_on_one_field_are_alternatives),
        cmocka_unit_test(correctness_is_averaged_within_seeds_and_then_over_them),
        cmocka_unit_test(the_order_of_records_does_not_matter),
        cmocka_unit_test(the_best_choice_is_kept_and_the_smallest_of_equals),
        cmocka_unit_test(choices_with_other_seeds_are_refused),
        cmocka_unit_test(a_group_with_and_without_seeds_is_refused),
        cmocka_unit_test(uneven_seeds_count_the_fewest_records_and_are_told),
        cmocka_unit_test(a_misspelled_field_is_refused),
        cmocka_unit_test(ungraded_records_and_wild_scores_are_refused),
        cmocka_unit_test(many_groups_are_all_found_again),
        cmocka_unit_test(no_records_give_no_rows),
        cmocka_unit_test(each_model_is_measured_between_its_own_floor_and_ceiling),
        cmocka_unit_test(rows_that_contradict_each_other_are_refused),
        cmocka_unit_test(a_resampled_curve_gives_an_interval_of_its_crossing),
        cmocka_unit_test(points_at_zero_or_at_a_text_are_no_points_of_a_curve),
        cmocka_unit_test(without_a_curve_there_is_nothing_to_tell),
        cmocka_unit_test(a_gap_is_the_share_between_the_levels_of_the_same_model_and_subset),
        cmocka_unit_test(a_gap_over_domains_has_floor_and_ceiling_over_the_domains_of_its_row),
        cmocka_unit_test(names_are_numbered_as_they_come_and_found_again),
        cmocka_unit_test(a_table_of_rows_shows_bounds_and_gaps),
        cmocka_unit_test(columns_keep_the_order_of_the_fields_in_their_rows),
        cmocka_unit_test(a_row_with_a_list_is_refused),
    };
    return cmocka_run_group_tests_name("results", tests, NULL, NULL);
}
