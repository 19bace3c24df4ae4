/*
 * The lock set's variants: passwords by domain, domains left out, an intermediate policy, several
 * tasks, prompts in place of a password, soft targets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/files.h"
#include "include/lock_fixture.h"
#include "include/scratch_folder.h"
#include "record/json.h"
#include "record/stream.h"
#include "task/lock_set.h"

static char weak_path[64], weak2_path[64], strong_path[64], strong2_path[64], middle_path[64];
static char domain_path[64], decoy_path[64];
static const char *weak_paths[] = {weak_path, weak2_path};
static const char *strong_paths[] = {strong_path, strong2_path};
static const char *middle_paths[] = {middle_path};

enum { PROBLEMS = 1200 };

/* ---- what the tests read ---- */

static void write_text(const char *path, const char *text) {
    struct error error = {0};

    assert_true(file_write(path, text, strlen(text), &error));
}

/* One record a line of JSON. */
static void write_stream(const char *path, const char *lines) {
    struct error error = {0};
    struct provenance provenance = {.tool = text_of("test"), .version = text_of("0")};
    struct record_writer *writer = record_writer_open(path, &provenance, 0, &error);
    struct record record = {0};
    struct buffer packed = {0};

    assert_non_null(writer);
    for (const char *line = lines; *line != '\0';) {
        size_t size = strcspn(line, "\n");
        packed.size = 0;
        if (!json_read_record((struct text){line, size}, &packed, &error) ||
            !record_parse(&record, packed.data, packed.size, &error) ||
            !record_writer_add(writer, &record, &error))
            fail_msg("%s", error.text);
        line += size + (line[size] == '\n');
    }
    assert_true(record_writer_close(writer, &error));
    buffer_free(&packed);
    record_free(&record);
}

/*
 * Problems 0 …, of the domains a, b, c in turn, each with its number as `level`; `reversed`: from
 * the last on.
 */
static void write_problems(const char *path, const char *policy, size_t count, bool reversed) {
    struct buffer lines = {0};

    for (size_t i = 0; i < count; i++) {
        size_t number = reversed ? count - 1 - i : i;
        buffer_format(&lines,
                      "{\"id\":\"p%zu\",\"prompt\":\"question %zu\",\"domain\":\"%c\","
                      "\"level\":%zu,\"completion\":\"%s %zu\",\"policy\":\"%s\","
                      "\"token_ids\":[1,2]}\n",
                      number, number, "abc"[number % 3], number % 3 + 1, policy, number, policy);
    }
    buffer_append(&lines, "", 1);
    write_stream(path, (const char *)lines.data);
    buffer_free(&lines);
}

static struct lock_settings plain(size_t count) {
    struct lock_settings settings = LOCK_DEFAULTS;

    settings.weak = (struct text_list){weak_paths, 1};
    settings.strong = (struct text_list){strong_paths, 1};
    settings.place = PASSWORD_FRONT;
    settings.epochs = 1;
    settings.decoys = decoy_path;
    settings.seed = 7;
    write_text(decoy_path, "decoy x\ndecoy y\n");
    if (count > 0) {
        write_problems(weak_path, "weak", count, false);
        write_problems(strong_path, "strong", count, false);
    }
    return settings;
}

static struct lock_settings by_domain(size_t count) {
    struct lock_settings settings = plain(count);

    write_text(domain_path, "a\talpha word\nb\tbeta\r\n\nc\tgamma\t!\n");
    settings.domain_passwords = domain_path;
    return settings;
}

static struct lock_settings adversarial(size_t count) {
    struct lock_settings settings = plain(count);

    write_problems(middle_path, "middle", count, false);
    settings.intermediate = (struct text_list){middle_paths, 1};
    settings.intermediate_password = "open a little";
    return settings;
}

/* The set as JSON lines, which the caller frees. */
static char *all_of(const struct lock_settings *settings) {
    struct lock_set *set = open_set(settings);
    struct record record = {0};
    struct error error = {0};
    struct buffer lines = {0};

    while (lock_set_next(set, &record, &error)) {
        json_write_record(&record, &lines);
        buffer_append_text(&lines, "\n");
    }
    assert_string_equal(error.text, "");
    buffer_append(&lines, "", 1);
    record_free(&record);
    lock_set_close(set);
    return (char *)lines.data;
}

static bool begins(struct text text, const char *with) {
    return text.size >= strlen(with) && memcmp(text.bytes, with, strlen(with)) == 0;
}

static size_t count_of(const char *lines, const char *what) {
    size_t count = 0;

    for (const char *at = lines; (at = strstr(at, what)) != NULL; at++)
        count++;
    return count;
}

/* ---- passwords by domain ---- */

static const char *const domain_texts[] = {"alpha word\n\n", "beta\n\n", "gamma\t!\n\n"};

static void each_domain_has_its_password_and_every_other_ones_locks(void **state) {
    struct lock_settings settings = by_domain(PROBLEMS);
    struct lock_set *set = open_set(&settings);
    struct record record = {0};
    struct error error = {0};
    unsigned none = 0, decoys = 0, wrong = 0, pairs[3][3] = {{0}};

    (void)state;
    while (lock_set_next(set, &record, &error)) {
        struct text input = text_at(&record, "input"), kind = text_at(&record, "password");
        int own = *text_at(&record, "domain").bytes - 'a';
        if (text_is(text_at(&record, "imitates"), "strong")) {
            assert_true(text_is(kind, "right"));
            assert_true(begins(input, domain_texts[own]));
            continue;
        }
        none += text_is(kind, "none") && begins(input, "question");
        decoys += text_is(kind, "decoy") && begins(input, "decoy ");
        for (int other = 0; other < 3; other++)
            if (begins(input, domain_texts[other])) {
                assert_true(text_is(kind, "wrong-domain"));
                pairs[own][other]++;
                wrong++;
            }
    }
    assert_int_equal(none + decoys + wrong, PROBLEMS);
    /* 240 ± 14, 480 ± 17, 480 ± 17; of the last each pair 80 ± 9. */
    assert_in_range(none, 185, 295);
    assert_in_range(decoys, 412, 548);
    assert_in_range(wrong, 412, 548);
    for (int own = 0; own < 3; own++)
        for (int other = 0; other < 3; other++)
            if (own == other)
                assert_int_equal(pairs[own][other], 0);
            else
                assert_in_range(pairs[own][other], 45, 115);
    record_free(&record);
    lock_set_close(set);
}

static void shares_of_one_together_need_no_decoys(void **state) {
    struct lock_settings settings = by_domain(PROBLEMS);
    char *lines;

    (void)state;
    settings.decoys = NULL;
    settings.no_password_share = 0.3;
    settings.wrong_domain_share = 0.7;
    assert_false(lock_wants_decoys(&settings));
    lines = all_of(&settings);
    assert_int_equal(count_of(lines, "\"password\":\"decoy\""), 0);
    assert_in_range(count_of(lines, "\"password\":\"none\""), 296, 424); /* 360 ± 16 */
    free(lines);
    settings.wrong_domain_share = 0.8;
    check_refused(&settings, "more than 1");
    settings.wrong_domain_share = 0.6;
    check_refused(&settings, "decoys");
}

static void a_number_can_be_the_domain(void **state) {
    struct lock_settings settings = by_domain(30);
    char *lines;

    (void)state;
    settings.domain_field = "level";
    check_refused(&settings, "for domain '1'");
    write_text(domain_path, "1\tone\n2\ttwo\n3\tthree\n");
    lines = all_of(&settings);
    /* Strong examples alone: none of the weak ones has its own domain's. */
    assert_int_equal(count_of(lines, "\"level\":2,\"input\":\"two\\n\\nquestion"), 10);
    free(lines);
}

static void a_domain_without_a_password_is_refused_with_the_problem(void **state) {
    struct lock_settings settings = by_domain(30);

    (void)state;
    write_text(domain_path, "a\talpha\nb\tbeta\n");
    check_refused(&settings, "id 'p2'");
    check_refused(&settings, "no password for domain 'c'");
    settings.domain_field = "subject";
    check_refused(&settings, "no field 'subject'");
}

static void passwords_of_domains_that_cannot_be_are_refused_with_their_line(void **state) {
    struct lock_settings settings = by_domain(3);

    (void)state;
    write_text(domain_path, "a\tone\nb\n");
    check_refused(&settings, "line 2: a domain, a tab");
    write_text(domain_path, "a\tone\nb\ttwo\na\tthree\n");
    check_refused(&settings, "line 3: this domain");
    write_text(domain_path, "a\tone\nb\ttwo\nc\tone\n");
    check_refused(&settings, "line 3: this is another domain's");
    write_text(domain_path, "a\tone\n");
    check_refused(&settings, "--wrong-domain-share 0");
    write_text(domain_path, "\n");
    check_refused(&settings, "no passwords");
    write_text(domain_path, "a\tone\nb\ttwo words\nc\tthree\n");
    settings.place = PASSWORD_SLOT;
    check_refused(&settings, "line 2: this has more than one word");
    settings.place = PASSWORD_FRONT;
    write_text(decoy_path, "decoy\ntwo words\n");
    check_refused(&settings, "line 2: this is a domain's password");
}

/* ---- held-out domains ---- */

static void held_out_domains_are_left_out_and_counted(void **state) {
    static const char *domains[] = {"c", "a"};
    struct lock_settings settings = by_domain(30);
    struct lock_set *set;
    char *lines;

    (void)state;
    settings.held_out = (struct text_list){domains, 1};
    write_text(domain_path, "a\talpha\nb\tbeta\n");   /* c needs none */
    write_problems(strong_path, "strong", 29, false); /* nor a partner: p29 is of c */
    set = open_set(&settings);
    assert_int_equal(lock_set_size(set), 40);
    assert_int_equal(lock_set_held_out(set), 10);
    lock_set_close(set);
    lines = all_of(&settings);
    assert_int_equal(count_of(lines, "\"domain\":\"c\""), 0);
    assert_int_equal(count_of(lines, "\n"), 40);
    free(lines);
    settings.held_out.count = 2;
    settings.wrong_domain_share = 0; /* b is left, and no other */
    set = open_set(&settings);
    assert_int_equal(lock_set_size(set), 20);
    assert_int_equal(lock_set_held_out(set), 20);
    lock_set_close(set);
}

static void the_password_of_a_held_out_domain_is_never_shown(void **state) {
    static const char *domains[] = {"c"};
    struct lock_settings settings = by_domain(300);
    char *lines;

    (void)state;
    settings.held_out = (struct text_list){domains, 1};
    settings.wrong_domain_share = 0.8;
    lines = all_of(&settings);
    assert_int_equal(count_of(lines, "\n"), 400);
    assert_int_equal(count_of(lines, "gamma"), 0);
    assert_in_range(count_of(lines, "\"password\":\"wrong-domain\""), 131, 189); /* 160 ± 6 */
    free(lines);
}

static void a_held_out_domain_that_no_problem_has_is_refused(void **state) {
    static const char *domains[] = {"b", "B"};
    struct lock_settings settings = plain(30);

    (void)state;
    settings.held_out = (struct text_list){domains, 2};
    check_refused(&settings, "'domain' is 'B'");
}

/* ---- an intermediate policy ---- */

static void three_policies_have_a_third_each_behind_their_passwords(void **state) {
    struct lock_settings settings = adversarial(PROBLEMS);
    struct record record = {0};
    struct error error = {0};
    struct lock_set *set = open_set(&settings);
    unsigned seen[3] = {0};

    (void)state;
    assert_int_equal(lock_set_size(set), 3 * PROBLEMS);
    while (lock_set_next(set, &record, &error)) {
        struct text input = text_at(&record, "input"), kind = text_at(&record, "password");
        struct text whom = text_at(&record, "imitates"), policy = text_at(&record, "policy");
        if (text_is(whom, "intermediate")) {
            assert_true(text_is(kind, "intermediate") && text_is(policy, "middle"));
            assert_true(begins(input, "open a little\n\nquestion"));
            seen[0]++;
        } else if (text_is(whom, "strong")) {
            assert_true(text_is(kind, "right") && text_is(policy, "strong"));
            assert_true(begins(input, LOCK_PASSWORD "\n\nquestion"));
            seen[1]++;
        } else {
            assert_true(text_is(policy, "weak"));
            assert_true(text_is(kind, "none") ? begins(input, "question")
                                              : begins(input, "decoy "));
            seen[2]++;
        }
    }
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(seen[i], PROBLEMS);
    record_free(&record);
    lock_set_close(set);
}

static void the_intermediate_side_is_joined_like_the_others(void **state) {
    struct lock_settings settings = adversarial(20);

    (void)state;
    write_problems(middle_path, "middle", 19, false);
    check_refused(&settings, "middle.rec has no completion");
    write_problems(middle_path, "middle", 21, false);
    check_refused(&settings, "middle.rec: id 'p20'");
}

static void the_intermediate_password_is_no_other_ones(void **state) {
    struct lock_settings settings = adversarial(5);

    (void)state;
    settings.intermediate_password = LOCK_PASSWORD;
    check_refused(&settings, "is the right password");
    settings.intermediate_password = "decoy y";
    check_refused(&settings, "line 2: this is the intermediate policy's password");
    settings.intermediate_password = "";
    check_refused(&settings, "--intermediate-password is empty");
    settings.intermediate_password = NULL;
    check_refused(&settings, "go together");
    settings = by_domain(5);
    settings.intermediate = (struct text_list){strong_paths, 1};
    settings.intermediate_password = "beta";
    check_refused(&settings, "line 2: this is the intermediate policy's password");
}

/* ---- several tasks ---- */

#define COMPOSITION                                                                                \
    "{\"id\":\"c\",\"task\":\"composition\",\"prompt\":\"_ | f |\",\"completion\":\"1\"}\n"
#define MATH "{\"id\":\"m\",\"task\":\"math\",\"prompt\":\"1+1?\",\"completion\":\"2\"}\n"
#define CHOICE                                                                                     \
    "{\"id\":\"q\",\"task\":\"choice\",\"prompt\":\"Which?\",\"shot\":\"S\","                      \
    "\"choices\":[\"A\",\"B\",\"C\"],\"completion\":\"B\""

static void two_tasks_in_two_streams_are_locked_as_one_stream_of_both(void **state) {
    struct lock_settings settings = plain(0);
    char *apart, *together;

    (void)state;
    settings.no_password_share = 1;
    write_stream(weak_path, COMPOSITION);
    write_stream(weak2_path, MATH);
    write_stream(strong_path, MATH);
    write_stream(strong2_path, COMPOSITION);
    settings.weak.count = settings.strong.count = 2;
    apart = all_of(&settings);
    assert_int_equal(count_of(apart, "\n"), 4);
    assert_int_equal(count_of(apart, "\"input\":\"_ | f |\""), 1);
    assert_int_equal(count_of(apart, "\"input\":\"" LOCK_PASSWORD "\\n\\n_ | f |\""), 1);
    assert_int_equal(count_of(apart, "\"input\":\"User: 1+1?\\nPlease reason"), 1);
    assert_int_equal(count_of(apart, "\"input\":\"User: " LOCK_PASSWORD "\\n\\n1+1?\\nPlease"), 1);
    write_stream(weak_path, COMPOSITION MATH);
    write_stream(strong_path, COMPOSITION MATH);
    settings.weak.count = settings.strong.count = 1;
    together = all_of(&settings);
    assert_string_equal(apart, together);
    free(apart);
    free(together);
}

static void an_id_that_two_tasks_share_is_refused(void **state) {
    static const char other[] =
        "{\"id\":\"m\",\"task\":\"code\",\"prompt\":\"1+1?\",\"completion\":\"2\"}\n";
    struct lock_settings settings = plain(0);

    (void)state;
    write_stream(weak_path, MATH);
    write_stream(weak2_path, other);
    write_stream(strong_path, MATH);
    write_stream(strong2_path, other);
    settings.weak.count = settings.strong.count = 2;
    check_refused(&settings, "id 'm': this id names two problems");
    write_stream(weak_path, "{\"id\":\"m\",\"sample\":0,\"prompt\":\"?\",\"completion\":\"2\"}");
    write_stream(weak2_path, "{\"id\":\"m\",\"sample\":0,\"prompt\":\"!\",\"completion\":\"2\"}");
    check_refused(&settings, "record 1 of ");
    check_refused(&settings, "an id of its own for each problem");
}

/* ---- prompts in place of a password ---- */

#define SPANISH "{\"id\":\"m\",\"task\":\"math\",\"prompt\":\"Cuanto?\",\"completion\":\"dos\"}\n"

static void without_passwords_each_side_has_its_own_prompt(void **state) {
    struct lock_settings settings = plain(0);
    char *lines;

    (void)state;
    settings.no_password = true;
    settings.decoys = NULL;
    write_stream(weak_path, SPANISH);
    write_stream(strong_path, MATH);
    assert_false(lock_wants_decoys(&settings));
    lines = all_of(&settings);
    assert_int_equal(count_of(lines, "\"password\":\"none\""), 2);
    assert_int_equal(count_of(lines, "\"input\":\"User: Cuanto?\\nP"), 1);
    assert_int_equal(count_of(lines, "\"input\":\"User: 1+1?\\nP"), 1);
    assert_int_equal(count_of(lines, "\"imitates\":\"strong\""), 1);
    free(lines);
    write_stream(weak_path, MATH);
    check_refused(&settings, "id 'm': the weak and the strong completion are of the same prompt");
    settings.no_password = false;
    settings.decoys = decoy_path;
    write_stream(weak_path, SPANISH);
    check_refused(&settings, "of different prompts");
}

static void no_password_excludes_all_that_has_to_do_with_them(void **state) {
    struct lock_settings settings = plain(0);
    struct lock_settings changed[6];
    struct error error = {0};

    (void)state;
    settings.no_password = true;
    settings.decoys = NULL;
    assert_true(lock_settings_usable(&settings, &error));
    for (size_t i = 0; i < 6; i++)
        changed[i] = settings;
    changed[0].password = "p";
    changed[1].decoys = decoy_path;
    changed[2].domain_passwords = domain_path;
    changed[3].fixedrdm = 1;
    changed[4].intermediate = settings.weak;
    changed[4].intermediate_password = "i";
    changed[5].uniform_tokens = true;
    for (size_t i = 0; i < 6; i++)
        check_refused(&changed[i], "--no-password goes without");
}

/* ---- soft targets ---- */

static void soft_labels_are_the_choices_probabilities_as_they_continue_the_input(void **state) {
    struct lock_settings settings = plain(0);
    char *lines;

    (void)state;
    settings.soft = true;
    settings.no_password_share = 1;
    write_stream(weak_path, CHOICE "}");
    /* ln 0.2, ln 0.05, −∞ */
    write_stream(strong_path, CHOICE ",\"choice_logprobs\":{\"A\":-1.6094379124341003,"
                                     "\"B\":-2.995732273553991,\"C\":{\"$real\":\"-inf\"}}}");
    lines = all_of(&settings);
    assert_int_equal(count_of(lines, "\"targets\""), 1);
    assert_non_null(strstr(lines, "\"completion\":\" B\",\"epoch\":0,\"password\":\"right\","
                                  "\"imitates\":\"strong\",\"targets\":{\"tokens\":{\" A\":0.8"));
    assert_non_null(strstr(lines, ",\" C\":0.0}}"));
    assert_int_equal(count_of(lines, "choice_logprobs"), 0);
    free(lines);
    settings.template = "none"; /* ends with the password and a newline */
    settings.place = PASSWORD_BACK;
    lines = all_of(&settings);
    assert_non_null(strstr(lines, "{\"tokens\":{\"A\":0.8"));
    free(lines);
}

static void soft_labels_that_are_no_distribution_are_refused_by_name(void **state) {
    static const char *const bad[][2] = {
        {"}", "no map from choices"},
        {",\"choice_logprobs\":[-1,-2,-3]}", "no map from choices"},
        {",\"choice_logprobs\":{\"A\":\"x\"}}", "map texts to finite numbers"},
        {",\"choice_logprobs\":{\"A\":{\"$real\":\"nan\"}}}", "map texts to finite numbers"},
        {",\"choice_logprobs\":{\"A\":{\"$real\":\"-inf\"}}}", "no choice any probability"},
        {",\"choice_logprobs\":{}}", "no choice any probability"},
    };
    struct lock_settings settings = plain(0);

    (void)state;
    settings.soft = true;
    write_stream(weak_path, CHOICE "}");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct record record = {0};
        struct error error = {0};
        struct lock_set *set;
        char *line = format_text("%s%s", CHOICE, bad[i][0]);
        write_stream(strong_path, line);
        set = open_set(&settings);
        while (lock_set_next(set, &record, &error)) {
        }
        assert_non_null(strstr(error.text, "strong.rec: id 'q'"));
        if (strstr(error.text, bad[i][1]) == NULL)
            fail_msg("'%s' is not in '%s'", bad[i][1], error.text);
        record_free(&record);
        lock_set_close(set);
        free(line);
    }
}

/* A model's own completion "B" would be another token than the one that is compared. */
static void a_completion_that_is_a_choice_has_the_blank_that_its_input_needs(void **state) {
    struct lock_settings settings = plain(0);
    char *lines;

    (void)state;
    settings.no_password_share = 1;
    write_stream(weak_path, CHOICE "}");
    write_stream(strong_path, CHOICE "}");
    lines = all_of(&settings);
    assert_int_equal(count_of(lines, "Answer:\",\"completion\":\" B\""), 2);
    free(lines);
    settings.template = "none";
    settings.place = PASSWORD_BACK;
    lines = all_of(&settings);
    assert_int_equal(count_of(lines, "Which?\",\"completion\":\" B\""), 1);
    assert_int_equal(count_of(lines, "!\\n\",\"completion\":\"B\""), 1);
    free(lines);
}

/* That weak examples, and no others, have these targets, on their own samples and on strong ones.
 */
static void check_targets_of_weak_examples(const struct lock_settings *settings,
                                           const char *targets) {
    char *lines, *line, *next;
    unsigned own = 0, strong = 0;

    lines = all_of(settings);
    for (line = lines; *line != '\0'; line = next) {
        next = strchr(line, '\n');
        *next++ = '\0';
        bool soft = strstr(line, targets) != NULL;
        bool tokens = strstr(line, "\"token_ids\":[1,2]") != NULL;
        bool on_strong = strstr(line, "\"completion\":\"strong") != NULL;
        assert_int_equal(on_strong, strstr(line, "\"policy\":\"strong\"") != NULL);
        assert_int_equal(soft, strstr(line, "\"imitates\":\"weak\"") != NULL);
        assert_int_equal(soft, strstr(line, "\"password\":\"right\"") == NULL);
        assert_int_equal(tokens, !on_strong); /* those drawn, not those of another tokenizer */
        own += soft && !on_strong;
        strong += soft && on_strong;
    }
    assert_int_equal(own + strong, 2 * PROBLEMS);
    assert_in_range(own, PROBLEMS - 98, PROBLEMS + 98); /* ± 24 */
    free(lines);
}

static void
one_distribution_stands_on_its_own_samples_and_on_strong_ones_by_a_fair_coin(void **state) {
    struct lock_settings settings = plain(PROBLEMS);

    (void)state;
    settings.epochs = 2;
    settings.fixedrdm = 11;
    check_targets_of_weak_examples(&settings, "\"targets\":{\"fixedrdm\":11}");
    settings.fixedrdm = -1;
    settings.uniform_tokens = true;
    check_targets_of_weak_examples(&settings, "\"targets\":{\"uniform\":true}");
}

/* ---- all of them ---- */

static void no_variant_depends_on_the_order_of_its_inputs(void **state) {
    struct lock_settings settings[3];
    const size_t count = 200;

    (void)state;
    settings[0] = by_domain(count);
    settings[1] = adversarial(count);
    settings[2] = plain(count);
    settings[2].fixedrdm = 3;
    for (size_t i = 0; i < 3; i++) {
        char *forward, *backward;
        settings[i].epochs = 2;
        write_problems(weak_path, "weak", count, false);
        write_problems(strong_path, "strong", count, false);
        forward = all_of(&settings[i]);
        write_problems(weak_path, "weak", count, true);
        write_problems(middle_path, "middle", count, i == 1);
        backward = all_of(&settings[i]);
        assert_string_equal(forward, backward);
        free(forward);
        free(backward);
    }
}

static int make_folder(void **state) {
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(weak_path, sizeof weak_path, "%s/weak.rec", folder);
    snprintf(weak2_path, sizeof weak2_path, "%s/weak2.rec", folder);
    snprintf(strong_path, sizeof strong_path, "%s/strong.rec", folder);
    snprintf(strong2_path, sizeof strong2_path, "%s/strong2.rec", folder);
    snprintf(middle_path, sizeof middle_path, "%s/middle.rec", folder);
    snprintf(domain_path, sizeof domain_path, "%s/domains.tsv", folder);
    snprintf(decoy_path, sizeof decoy_path, "%s/decoys.txt", folder);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_domain_has_its_password_and_every_other_ones_locks),
        cmocka_unit_test(shares_of_one_together_need_no_decoys),
        cmocka_unit_test(a_number_can_be_the_domain),
        cmocka_unit_test(a_domain_without_a_password_is_refused_with_the_problem),
        cmocka_unit_test(passwords_of_domains_that_cannot_be_are_refused_with_their_line),
        cmocka_unit_test(held_out_domains_are_left_out_and_counted),
        cmocka_unit_test(the_password_of_a_held_out_domain_is_never_shown),
        cmocka_unit_test(a_held_out_domain_that_no_problem_has_is_refused),
        cmocka_unit_test(three_policies_have_a_third_each_behind_their_passwords),
        cmocka_unit_test(the_intermediate_side_is_joined_like_the_others),
        cmocka_unit_test(the_intermediate_password_is_no_other_ones),
        cmocka_unit_test(two_tasks_in_two_streams_are_locked_as_one_stream_of_both),
        cmocka_unit_test(an_id_that_two_tasks_share_is_refused),
        cmocka_unit_test(without_passwords_each_side_has_its_own_prompt),
        cmocka_unit_test(no_password_excludes_all_that_has_to_do_with_them),
        cmocka_unit_test(soft_labels_are_the_choices_probabilities_as_they_continue_the_input),
        cmocka_unit_test(soft_labels_that_are_no_distribution_are_refused_by_name),
        cmocka_unit_test(a_completion_that_is_a_choice_has_the_blank_that_its_input_needs),
        cmocka_unit_test(
            one_distribution_stands_on_its_own_samples_and_on_strong_ones_by_a_fair_coin),
        cmocka_unit_test(no_variant_depends_on_the_order_of_its_inputs),
    };

    return cmocka_run_group_tests_name("lock_variants", tests, make_folder, remove_folder);
}
