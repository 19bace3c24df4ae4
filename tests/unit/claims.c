/* lib/result/measure and claim: numbers from rows, and sentences that they bear out or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "record/json.h"
#include "result/claim.h"

/* ---- helpers: JSON with apostrophes for quotes ---- */

static const char *const result_rows =
    "{'task':'math','method':'none','password':'none','correctness':0.1,'sem':0.01}\n"
    "{'task':'math','method':'none','password':'right','correctness':0.9,'sem':0.02}\n"
    "{'task':'math','method':'sft','password':'none','k':1,'correctness':0.3,'sem':0.03}\n"
    "{'task':'math','method':'sft','password':'none','k':4,'correctness':0.5,'sem':0.04}\n"
    "{'task':'math','method':'sft','password':'none','k':16,'correctness':0.82,'sem':null}\n"
    "{'task':'code','method':'none','password':'none','correctness':0.5,'sem':null,'n':98}\n"
    "{'task':'code','method':'none','password':'right','correctness':0.52,'sem':0}\n"
    "{'task':'code','method':'sft','password':'none','k':1,'correctness':0,'n':98}\n"
    "{'task':'code','method':'sft','password':'none','k':'all','correctness':0.4,'sem':0.1}";

struct fixture {
    struct rows rows;
    json_t *values;
    struct conditions where;
    struct measuring measuring;
    struct error error;
};

static json_t *parse(const char *text) {
    char *copy = copy_text(text);
    for (char *c = copy; *c; c++)
        if (*c == '\'')
            *c = '"';
    json_t *json = json_loads(copy, JSON_DECODE_ANY, NULL);
    if (json == NULL)
        fail_msg("no JSON: %s", copy);
    free(copy);
    return json;
}

static int begin(void **state) {
    struct fixture *fixture = allocate(1, sizeof *fixture);
    char *copy = copy_text(result_rows), *rest = copy;
    for (char *c = copy; *c; c++)
        if (*c == '\'')
            *c = '"';
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        struct buffer packed = {0};
        struct record row = {0};
        assert_true(json_read_record(text_of(line), &packed, &fixture->error));
        assert_true(record_parse(&row, packed.data, packed.size, &fixture->error));
        assert_true(rows_add_copy(&fixture->rows, &row, &fixture->error));
        record_free(&row);
        buffer_free(&packed);
    }
    free(copy);
    fixture->values = parse("{'floor':{'where':{'method':'none'}},"
                            "'ceiling':{'where':{'method':'none','password':'right'}},"
                            "'loop':'loop'}");
    assert_true(conditions_parse(&fixture->where, "task=math,password=none", &fixture->error));
    fixture->measuring = (struct measuring){&fixture->rows, fixture->values, &fixture->where};
    *state = fixture;
    return 0;
}

static int end(void **state) {
    struct fixture *fixture = *state;
    rows_free(&fixture->rows);
    json_decref(fixture->values);
    conditions_free(&fixture->where);
    free(fixture);
    return 0;
}

static struct measure measured(struct fixture *fixture, const char *text) {
    json_t *json = parse(text);
    struct measure measure;
    if (!measure_take(&fixture->measuring, json, &measure, &fixture->error))
        fail_msg("%s: %s", text, fixture->error.text);
    json_decref(json);
    return measure;
}

static void assert_measured(struct fixture *fixture, const char *text, double value, double error) {
    const struct measure measure = measured(fixture, text);
    if (measure.relation != RELATION_EQUAL || !(fabs(measure.value - value) < 1e-12) ||
        (isnan(error) ? !isnan(measure.error) : !(fabs(measure.error - error) < 1e-12)))
        fail_msg("%s: %g ± %g (%s)", text, measure.value, measure.error, measure.why);
}

static void assert_absent(struct fixture *fixture, const char *text, const char *why) {
    const struct measure measure = measured(fixture, text);
    assert_int_equal(measure.relation, RELATION_NONE);
    if (strstr(measure.why, why) == NULL)
        fail_msg("'%s' lacks '%s'", measure.why, why);
}

static void assert_refused(struct fixture *fixture, const char *text, const char *part) {
    json_t *json = parse(text);
    struct measure measure;
    fixture->error.text[0] = '\0';
    assert_false(measure_take(&fixture->measuring, json, &measure, &fixture->error));
    json_decref(json);
    if (strstr(fixture->error.text, part) == NULL)
        fail_msg("'%s' lacks '%s'", fixture->error.text, part);
    fixture->error.text[0] = '\0';
}

/* ---- numbers ---- */

static void a_number_is_itself_a_row_s_field_or_what_a_name_stands_for(void **state) {
    struct fixture *f = *state;
    assert_measured(f, "0.5", 0.5, 0);
    assert_measured(f, "{'where':{'method':'sft','k':4}}", 0.5, 0.04);
    assert_measured(f, "{'where':{'method':'sft','k':4},'field':'k'}", 4, NAN);
    assert_measured(f, "{'where':{'method':'sft','k':4},'field':'k','error':'sem'}", 4, 0.04);
    assert_measured(f, "'floor'", 0.1, 0.01);
    assert_measured(f, "'ceiling'", 0.9, 0.02); /* names the password: nearer than the figure's */
    assert_measured(f, "{'where':{'task':['math','code'],'k':[4]}}", 0.5, 0.04);
    assert_measured(f, "{'where':{'k':null,'method':'none'}}", 0.1, 0.01);
}

static void without_a_standard_error_a_share_has_that_of_sampling_problems(void **state) {
    struct fixture *f = *state;
    assert_measured(f, "{'where':{'task':'code','method':'none'}}", 0.5, 0.05);
    /* (0 · 98 + 1) / 100, for none solved is not known without error either. */
    assert_measured(f, "{'where':{'task':'code','k':1}}", 0, sqrt(0.01 * 0.99 / 100));
    assert_measured(f, "{'where':{'k':16}}", 0.82, NAN); /* neither sem nor n */
}

static void of_several_rows_one_is_taken_as_asked(void **state) {
    struct fixture *f = *state;
    assert_measured(f, "{'where':{'method':'sft'},'take':'last','along':'k'}", 0.82, NAN);
    assert_measured(f, "{'where':{'method':'sft'},'take':'first','along':'k'}", 0.3, 0.03);
    assert_measured(f, "{'where':{'k':[1,4]},'take':'most'}", 0.5, 0.04);
    assert_measured(f, "{'where':{'k':[1,4]},'take':'least'}", 0.3, 0.03);
    assert_measured(f, "{'where':{'k':[1,4]},'take':'mean'}", 0.4, 0.025);
    assert_measured(f, "{'where':{'task':'code','method':'sft'},'take':'last','along':'k'}", 0.4,
                    0.1); /* k is "all" */
    assert_refused(f, "{'where':{'method':'sft'}}", "3 rows have method = sft");
    assert_refused(f, "{'where':{},'take':'best'}", "'take' is 'best'");
    assert_refused(f, "{'where':{},'take':'last'}", "'along' goes with");
}

static void missing_rows_are_told_by_what_was_looked_for(void **state) {
    struct fixture *f = *state;
    assert_absent(f, "{'where':{'method':'dpo','k':null}}",
                  "no row has method = dpo, no k, task = math, password = none");
    assert_absent(f, "{'where':{'k':4},'field':'gap'}", "lacks a number");
    assert_absent(f, "{'difference':[1,{'where':{'k':[5,6]}}]}", "no row has k = 5 or 6");
}

static void shares_of_a_gap_carry_the_errors_of_all_three(void **state) {
    struct fixture *f = *state;
    assert_measured(f, "{'gap':{'where':{'k':4}}}", 0.5,
                    sqrt(0.04 * 0.04 + 0.005 * 0.005 + 0.01 * 0.01) / 0.8);
    assert_measured(f, "{'gap':0.6,'floor':0.2,'ceiling':1}", 0.5, 0);
    assert_absent(f, "{'gap':0.6,'floor':0.5,'ceiling':0.52}", "0.020; of one below 0.05");
}

static void numbers_are_combined_with_their_errors(void **state) {
    struct fixture *f = *state;
    assert_measured(f, "{'difference':[{'where':{'k':4}},{'where':{'k':1}}]}", 0.2, 0.05);
    assert_measured(f, "{'ratio':[{'where':{'k':4}},0.25]}", 2, 0.16);
    assert_measured(f, "{'mean':[{'where':{'k':4}},{'where':{'k':1}}]}", 0.4, 0.025);
    assert_absent(f, "{'ratio':[1,0]}", "a ratio to 0");
    assert_measured(f, "{'largest':2,'of':[0.1,{'where':{'k':4}},-3,0.7]}", 0.5, 0.04);
    assert_measured(f, "{'largest':4,'of':[0.1,{'where':{'k':4}},-3,0.7]}", -3, 0);
    assert_absent(f, "{'largest':1,'of':[1,{'where':{'k':99}}]}", "no row has k = 99");
}

static void what_is_known_within_bounds_stays_a_bound(void **state) {
    struct fixture *f = *state;
    const char *curve = "{'reaches':0.5,'where':{'method':'sft'}}";
    assert_measured(f, curve, 4, NAN);
    struct measure measure = measured(f, "{'reaches':0.2,'where':{'method':'sft'}}");
    assert_int_equal(measure.relation, RELATION_AT_MOST);
    measure = measured(f, "{'reaches':0.99,'where':{'method':'sft'}}");
    assert_int_equal(measure.relation, RELATION_ABOVE);
    assert_true(measure.value == 16);
    measure = measured(f, "{'ratio':[{'reaches':0.99,'where':{'method':'sft'}},2]}");
    assert_int_equal(measure.relation, RELATION_ABOVE);
    assert_true(measure.value == 8);
    assert_absent(f, "{'difference':[{'reaches':0.99,'where':{'method':'sft'}},2]}",
                  "only a bound");
    struct buffer text = {0};
    measure_print(&measure, &text);
    buffer_append(&text, "", 1);
    assert_string_equal((const char *)text.data, "> 8");
    buffer_free(&text);
}

static void mistakes_in_a_description_are_told(void **state) {
    struct fixture *f = *state;
    assert_refused(f, "'nothing'", "'nothing' is no name of 'values'");
    assert_refused(f, "'loop'", "more than 16 deep");
    assert_refused(f, "{'were':{}}", "a number, the name of one");
    assert_refused(f, "{'where':{},'feild':'k'}", "'feild' is no key here; of where, field");
    assert_refused(f, "{'where':{'k':{}}}", "condition on 'k'");
    assert_refused(f, "{'where':{'k':[]}}", "empty list");
    assert_refused(f, "{'where':3}", "no object");
    assert_refused(f, "{'difference':[1]}", "no list of two numbers");
    assert_refused(f, "{'largest':3,'of':[1,2]}", "no whole number from 1 to 2");
    assert_refused(f, "{'largest':1}", "'of' is no list");
    assert_refused(f, "null", "a number, the name of one");
}

/* ---- claims ---- */

static void assert_claim(struct fixture *f, const char *comparison, enum verdict verdict,
                         const char *numbers) {
    char *text = format_text("[{'say':'s','value':%s}]", comparison);
    json_t *json = parse(text);
    struct claims claims;
    if (!claims_check(json, &f->measuring, NULL, &claims, &f->error))
        fail_msg("%s: %s", text, f->error.text);
    assert_int_equal(claims.count, 1);
    if (claims.items[0].verdict != verdict || strcmp(claims.items[0].numbers, numbers) != 0)
        fail_msg("%s: verdict %d, '%s'", text, (int)claims.items[0].verdict,
                 claims.items[0].numbers);
    assert_int_equal(claims.counts[verdict], 1);
    claims_free(&claims);
    json_decref(json);
    free(text);
}

static void a_claim_says_ours_what_was_expected_and_the_difference(void **state) {
    struct fixture *f = *state;
    assert_claim(f, "'floor','at_least':0.5", VERDICT_FAILS,
                 "ours 0.100 ± 0.010; expected at least 0.500: 0.400 too little");
    assert_claim(f, "'ceiling','at_least':0.5", VERDICT_HOLDS,
                 "ours 0.900 ± 0.020; expected at least 0.500: 0.400 above that");
    assert_claim(f, "'ceiling','at_most':0.5", VERDICT_FAILS,
                 "ours 0.900 ± 0.020; expected at most 0.500: 0.400 too much");
    assert_claim(f, "'floor','at_most':0.5", VERDICT_HOLDS,
                 "ours 0.100 ± 0.010; expected at most 0.500: 0.400 below that");
    assert_claim(f, "'ceiling','above':'floor','by':0.9", VERDICT_FAILS,
                 "ours 0.900 ± 0.020; expected above 0.100 ± 0.010 by 0.900: 0.100 too little");
    assert_claim(f, "'ceiling','between':[0.5,0.8]", VERDICT_FAILS,
                 "ours 0.900 ± 0.020; expected 0.500 to 0.800: 0.100 too much");
    assert_claim(f, "'ceiling','between':[0.5,0.95]", VERDICT_HOLDS,
                 "ours 0.900 ± 0.020; expected 0.500 to 0.950");
    assert_claim(f, "'floor','about':0.2,'within':0.15", VERDICT_HOLDS,
                 "ours 0.100 ± 0.010; expected about 0.200 within 0.150");
    assert_claim(f, "'ceiling','about':'floor','within':0.1", VERDICT_FAILS,
                 "ours 0.900 ± 0.020; expected about 0.100 ± 0.010 within 0.100: 0.700 too much");
}

static void what_lies_near_the_border_is_said_to(void **state) {
    struct fixture *f = *state;
    assert_claim(f, "'ceiling','at_least':0.875", VERDICT_HOLDS,
                 "ours 0.900 ± 0.020; expected at least 0.875: 0.025 above that, less than two "
                 "standard errors from the border");
    assert_claim(f, "'ceiling','above':0.9", VERDICT_FAILS,
                 "ours 0.900 ± 0.020; expected above 0.900: right at the border");
}

static void missing_rows_leave_a_claim_unmeasured(void **state) {
    struct fixture *f = *state;
    const char *why = "no row has method = dpo, task = math, password = none";
    assert_claim(f, "{'where':{'method':'dpo'}},'at_least':0.5", VERDICT_UNMEASURED, why);
    assert_claim(f, "0.5,'at_least':{'where':{'method':'dpo'}}", VERDICT_UNMEASURED, why);
    assert_claim(f, "0.5,'between':[0,{'where':{'method':'dpo'}}]", VERDICT_UNMEASURED, why);
}

static void bounds_decide_only_what_they_can(void **state) {
    struct fixture *f = *state;
    const char *above = "{'reaches':0.99,'where':{'method':'sft'}}"; /* > 16 */
    const char *most = "{'reaches':0.2,'where':{'method':'sft'}}";   /* ≤ 1 */
    static const struct {
        bool above;
        const char *comparison;
        enum verdict verdict;
    } cases[] = {
        {true, "'at_least':16", VERDICT_HOLDS},     {true, "'above':16", VERDICT_HOLDS},
        {true, "'above':17", VERDICT_UNDECIDED},    {true, "'at_most':16", VERDICT_FAILS},
        {true, "'below':16", VERDICT_FAILS},        {true, "'below':100", VERDICT_UNDECIDED},
        {true, "'between':[2,4]", VERDICT_FAILS},   {true, "'between':[2,99]", VERDICT_UNDECIDED},
        {false, "'at_most':1", VERDICT_HOLDS},      {false, "'below':1", VERDICT_UNDECIDED},
        {false, "'below':2", VERDICT_HOLDS},        {false, "'at_least':2", VERDICT_FAILS},
        {false, "'at_least':1", VERDICT_UNDECIDED}, {false, "'above':1", VERDICT_FAILS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = format_text("[{'say':'s','value':%s,%s}]", cases[i].above ? above : most,
                                 cases[i].comparison);
        json_t *json = parse(text);
        struct claims claims;
        assert_true(claims_check(json, &f->measuring, NULL, &claims, &f->error));
        if (claims.items[0].verdict != cases[i].verdict)
            fail_msg("%s: %d", text, (int)claims.items[0].verdict);
        claims_free(&claims);
        json_decref(json);
        free(text);
    }
}

static void one_claim_stands_for_every_combination_of_values(void **state) {
    struct fixture *f = *state;
    struct claims claims;
    json_t *labels = parse("{'math':'mathematics'}");
    json_t *json =
        parse("[{'say':'{task} at {k} {x}','for_each':{'task':['math','code'],'k':[1,4]},"
              "'value':{'where':{'method':'sft'}},'at_least':0.25,'source':'ours',"
              "'paper':'a quarter'}]");
    assert_true(claims_check(json, &f->measuring, labels, &claims, &f->error));
    assert_int_equal(claims.count, 4);
    assert_string_equal(claims.items[0].say, "mathematics at 1 {x}");
    assert_string_equal(claims.items[1].say, "code at 1 {x}");
    assert_string_equal(claims.items[3].say, "code at 4 {x}");
    assert_string_equal(claims.items[0].paper, "a quarter");
    assert_false(claims.items[0].of_paper);
    assert_int_equal(claims.counts[VERDICT_HOLDS], 2);
    assert_int_equal(claims.counts[VERDICT_FAILS], 1);
    assert_int_equal(claims.counts[VERDICT_UNMEASURED], 1); /* code has no k = 4 */
    claims_free(&claims);
    json_decref(json);
    json_decref(labels);
}

static void a_wrong_claim_is_refused_with_its_number(void **state) {
    struct fixture *f = *state;
    static const char *const cases[][2] = {
        {"{}", "'claims' is no list"},
        {"[1]", "claim 1: a claim is no object"},
        {"[{'say':'a','value':1,'at_least':0},{'value':1}]", "claim 2: 'say' is missing"},
        {"[{'say':'a','value':1}]", "no comparison"},
        {"[{'say':'a','value':1,'at_least':1,'at_most':2}]", "'at_least' and 'at_most' at once"},
        {"[{'say':'a','value':1,'at_lest':1}]", "'at_lest' is no key"},
        {"[{'say':'a','value':1,'about':1}]", "'within' is missing"},
        {"[{'say':'a','value':1,'at_least':1,'by':1}]", "'by' goes with above and below"},
        {"[{'say':'a','value':1,'between':[2,1]}]", "goes downward"},
        {"[{'say':'a','value':1,'between':2}]", "no list of two numbers"},
        {"[{'say':'a','value':1,'above':1,'source':'x'}]", "'source' is 'x'"},
        {"[{'say':'a','value':1,'above':1,'for_each':{'k':[]}}]", "no list of values"},
        {"[{'say':'a','value':1,'above':1,'for_each':[]}]", "no object of fields"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *json = parse(cases[i][0]);
        struct claims claims;
        f->error.text[0] = '\0';
        assert_false(claims_check(json, &f->measuring, NULL, &claims, &f->error));
        if (strstr(f->error.text, cases[i][1]) == NULL)
            fail_msg("'%s' lacks '%s'", f->error.text, cases[i][1]);
        assert_int_equal(claims.count, 0);
        json_decref(json);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_itself_a_row_s_field_or_what_a_name_stands_for),
        cmocka_unit_test(without_a_standard_error_a_share_has_that_of_sampling_problems),
        cmocka_unit_test(of_several_rows_one_is_taken_as_asked),
        cmocka_unit_test(missing_rows_are_told_by_what_was_looked_for),
        cmocka_unit_test(shares_of_a_gap_carry_the_errors_of_all_three),
        cmocka_unit_test(numbers_are_combined_with_their_errors),
        cmocka_unit_test(what_is_known_within_bounds_stays_a_bound),
        cmocka_unit_test(mistakes_in_a_description_are_told),
        cmocka_unit_test(a_claim_says_ours_what_was_expected_and_the_difference),
        cmocka_unit_test(what_lies_near_the_border_is_said_to),
        cmocka_unit_test(missing_rows_leave_a_claim_unmeasured),
        cmocka_unit_test(bounds_decide_only_what_they_can),
        cmocka_unit_test(one_claim_stands_for_every_combination_of_values),
        cmocka_unit_test(a_wrong_claim_is_refused_with_its_number),
    };
    return cmocka_run_group_tests_name("claims", tests, begin, end);
}
