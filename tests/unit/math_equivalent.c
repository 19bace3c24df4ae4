/* Which answers mean the same as the reference: a table a kind of form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "grade/math_answer.h"

struct pair {
    const char *reference;
    const char *answer;
};

static struct math_grader *grader, *ascii_grader;

static void assert_verdicts(struct math_grader *with, const struct pair *pairs, size_t count,
                            bool equal) {
    for (size_t i = 0; i < count; i++) {
        enum math_verdict verdict =
            math_equivalent(with, text_of(pairs[i].reference), text_of(pairs[i].answer), NULL);
        if ((verdict >= MATH_EQUAL) != equal)
            fail_msg("reference %s, answer %s: %s", pairs[i].reference, pairs[i].answer,
                     math_verdict_name(verdict));
    }
}

#define ASSERT_EQUAL(...)                                                                          \
    do {                                                                                           \
        static const struct pair pairs[] = {__VA_ARGS__};                                          \
        assert_verdicts(grader, pairs, sizeof pairs / sizeof *pairs, true);                        \
    } while (0)
#define ASSERT_DIFFERENT(...)                                                                      \
    do {                                                                                           \
        static const struct pair pairs[] = {__VA_ARGS__};                                          \
        assert_verdicts(grader, pairs, sizeof pairs / sizeof *pairs, false);                       \
    } while (0)

static void numbers_are_equal_by_value(void **state) {
    (void)state;
    ASSERT_EQUAL({"5", "5.0"}, {"5", "+5"}, {"\\frac12", "0.5"}, {"\\frac{3}{4}", ".75"},
                 {"-\\frac{3}{4}", "\\frac{3}{-4}"}, {"1\\frac{12}{13}", "\\frac{25}{13}"},
                 {"2.5", "2 1/2"}, {"-1\\frac12", "-1.5"}, {"0.\\overline{3}", "1/3"},
                 {"0.1\\overline{6}", "\\frac16"}, {"3 \\times 10^{5}", "300000"},
                 {"1.5e3", "1500"}, {"\\frac56", "5/6"}, {"2^{10}", "1024"},
                 {"123456789012345678901234567890", "123456789012345678901234567890.0"},
                 {"10^{-3}", "0.001"}, {"5!", "120"}, {"\\binom{5}{2}", "10"});
    ASSERT_DIFFERENT({"5", "6"}, {"\\frac{1}{3}", "0.333"}, {"\\frac{1}{11}", "\\frac{11}{1}"},
                     {"1\\frac{1}{2}", "\\frac{1}{2}"}, {"1\\frac{3}{2}", "2.5"},
                     {"10^{400}+1", "10^{400}"}, {"\\frac{1}{2004!}", "-\\frac{1}{2004!}"},
                     {"123456789012345678901234567890", "123456789012345678901234567891"},
                     {"5", "1/0"}, {"0", "\\frac{0}{0}"});
}

static void digits_may_be_grouped_but_lists_stay_lists(void **state) {
    (void)state;
    ASSERT_EQUAL({"15,600", "15600"}, {"14,\\!400", "14400"}, {"8{,}880", "8,880"},
                 {"11,\\! 111,\\! 100", "11111100"}, {"1\\,000", "1000"},
                 {"\\frac{12}{5,\\!525}", "12/5525"}, {"100,200", "100, 200"},
                 {"1,234,567", "1234567"}, {"1234", "1 234"}, {"1234567", "1\\,234\\,567"});
    ASSERT_DIFFERENT({"(100,200)", "100200"}, {"1,2345", "12345"}, {"1000", "1,00"});
}

static void blanks_keep_numbers_apart(void **state) {
    (void)state;
    ASSERT_EQUAL({"1 2/3", "\\frac{5}{3}"}, {"1 234/567", "\\frac{801}{567}"}, {"3 x", "3x"},
                 {"\\frac 1 2", "0.5"}, {"\\text{June 20}", "June  20"}, {"1 2/3", "1  2/3"});
    ASSERT_DIFFERENT({"\\frac{11}{2}", "1 1/2"}, {"12", "1 2"}, {"1234", "12 34"},
                     {"12345", "12 34 5"}, {"10.5", "1 .5"}, {"12", "$1$ $2$"}, {"12", "1\\ 2"},
                     {"12", "1\\,2"}, {"\\text{12}", "\\text{1 2}"},
                     {"\\frac{1234}{567}", "1 234/567"});
    static const struct pair other[] = {{"\\frac{11}{2}", "1 1/2"}, {"12", "1 2"}};
    assert_verdicts(ascii_grader, other, sizeof other / sizeof *other, false);
}

static void radicals_powers_and_logarithms_are_equal_by_value(void **state) {
    (void)state;
    ASSERT_EQUAL({"2\\sqrt{2}", "\\sqrt8"}, {"\\frac{1}{\\sqrt{10}}", "\\frac{\\sqrt{10}}{10}"},
                 {"1+\\sqrt{2}", "\\sqrt{3+2\\sqrt2}"}, {"\\sqrt[3]{-8}", "-2"},
                 {"1+\\sqrt{2}", "\\sqrt[3]{7+5\\sqrt{2}}"}, {"4^{3/2}", "8"}, {"\\sqrt{-4}", "2i"},
                 {"\\log_2 8", "3"}, {"\\log 1000", "3"}, {"\\ln e^2", "2"},
                 {"\\frac{\\ln 8}{\\ln 2}", "3"}, {"e^{i\\pi}", "-1"},
                 {"2^{2005}", "2 \\cdot 2^{2004}"}, {"\\sqrt[4]{4}", "\\sqrt 2"},
                 {"\\frac{2}{3+\\sqrt5}", "\\frac{3-\\sqrt{5}}{2}"});
    ASSERT_DIFFERENT({"\\sqrt{2}", "1.41421356237309504880168872420969807856967"},
                     {"\\sqrt{2}", "\\sqrt{3}"}, {"\\sqrt[3]{2}", "\\sqrt{2}"},
                     {"\\log_2 8", "\\log_2 9"});
}

static void special_angles_and_constants_have_their_values(void **state) {
    (void)state;
    ASSERT_EQUAL({"\\frac{\\sqrt3}{2}", "\\sin 60^\\circ"}, {"\\frac12", "\\cos\\frac{\\pi}{3}"},
                 {"2 + \\sqrt{3}", "\\tan 75^{\\circ}"},
                 {"\\frac{\\sqrt{6}-\\sqrt{2}}{4}", "\\sin(\\pi/12)"},
                 {"\\frac{\\pi}{6}", "\\arcsin\\frac12"}, {"\\frac{\\pi}{4}", "\\tan^{-1} 1"},
                 {"\\cos 58^\\circ", "\\sin 32^\\circ"}, {"\\frac{2}{3}\\pi", "\\frac{2\\pi}{3}"},
                 {"\\frac{1+\\sqrt5}{4}", "\\cos 36^\\circ"}, {"9\\pi", "9π"});
    ASSERT_DIFFERENT({"\\pi", "3.14159265358979"}, {"\\pi", "\\frac{22}{7}"}, {"\\pi", "e"},
                     {"\\sin 1", "\\sin 1°"});
}

static void complex_numbers_are_equal_by_value(void **state) {
    (void)state;
    ASSERT_EQUAL({"3+4i", "4i+3"}, {"\\frac{1}{5} + \\frac{3}{5}i", "\\frac{1+3i}{5}"},
                 {"-i", "\\frac1i"}, {"2i", "(1+i)^2"}, {"5", "|3+4i|"},
                 {"\\frac{7}{5} + \\frac{1}{5} i.", "1.4+0.2i"});
    ASSERT_DIFFERENT({"3+4i", "3-4i"}, {"3+4i", "4+3i"}, {"5i", "5"});
}

static void expressions_are_equal_as_functions(void **state) {
    (void)state;
    ASSERT_EQUAL({"(x+1)^2", "x^2+2x+1"}, {"\\frac{x^2-1}{x-1}", "x+1"},
                 {"\\frac{1}{y} + y", "\\frac{1+y^2}{y}"},
                 {"36x\\sqrt{35x}", "36\\sqrt{35}x^{3/2}"}, {"\\sin 3x", "3\\sin x-4\\sin^3 x"},
                 {"\\cot x", "\\frac{\\cos x}{\\sin x}"}, {"2\\ln x", "\\ln(x^2)"},
                 {"|x|", "\\sqrt{x^2}"}, {"3-2f(x)", "-2f(x)+3"}, {"f(x)", "f{\\left(x \\right)}"},
                 {"3qr + 6q - 15r -30", "3(q-5)(r+2)"}, {"x_1+x_2", "x_{2}+x_{1}"},
                 {"(a+b)^{100}", "(b+a)^{100}"}, {"2^{n+1}", "2 \\cdot 2^n"});
    ASSERT_DIFFERENT({"x", "\\sqrt{x^2}"}, {"x+1", "x-1"}, {"x^2", "y^2"}, {"x_1", "x_2"},
                     {"\\sin x", "\\cos x"}, {"f(x)", "f(y)"}, {"x", "X"}, {"2x", "x^2"},
                     {"\\frac{x}{y}", "\\frac{y}{x}"});
}

static void tuples_have_an_order_and_lists_have_none(void **state) {
    (void)state;
    ASSERT_EQUAL({"(1,\\frac12)", "\\left(1.0, .5\\right)"}, {"1,2,3", "3, 1 \\text{ and } 2"},
                 {"\\{1,2\\}", "2,1"}, {"\\{1,2\\}", "\\{2,1,1\\}"}, {"(1,2)", "1,2"},
                 {"3\\pm2\\sqrt2", "3-\\sqrt8, 3+\\sqrt8"},
                 {"\\{1\\pm\\sqrt{5},-2\\}", "-2, 1-\\sqrt5, 1+\\sqrt5"}, {"5", "\\{5\\}"},
                 {"7, -2, \\text{ and } -5", "-5,-2,7"}, {"\\text{B, E, G}", "B,E,G"},
                 {"(x,y)=(1,2)", "(1,2)"}, {"x=1,y=2", "y=2,x=1"},
                 {"(1,2,3)", "\\langle 1,2,3\\rangle"});
    ASSERT_DIFFERENT({"(1,2)", "(2,1)"}, {"1,2", "(2,1)"}, {"1,2", "1,2,3"}, {"1,2", "1"},
                     {"1,1", "1,2"}, {"\\{1,2\\}", "(1,2)"}, {"x=1,y=2", "x=2,y=1"},
                     {"\\pm 2", "2"}, {"\\{1,2\\},\\{3\\}", "\\{1\\},\\{2,3\\}"});
}

static void matrices_are_compared_entry_by_entry(void **state) {
    (void)state;
    ASSERT_EQUAL(
        {"\\begin{pmatrix} 1/2 \\\\ 3 \\end{pmatrix}", "\\begin{bmatrix}0.5\\\\3\\end{bmatrix}"},
        {"\\begin{pmatrix} 1/5 & 2/5 \\end{pmatrix}",
         "\\frac15\\begin{pmatrix} 1 & 2 \\end{pmatrix}"},
        {"\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}", "(1,2)"},
        {"\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}",
         "\\left[\\begin{array}{cc} 1 & 2 \\\\ 3 & 4 \\\\ \\end{array}\\right]"});
    ASSERT_DIFFERENT(
        {"\\begin{pmatrix} 1 & 2 \\end{pmatrix}", "\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}"},
        {"\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}",
         "\\begin{pmatrix} 1 & 3 \\\\ 2 & 4 \\end{pmatrix}"},
        {"\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}", "1,2,3,4"});
}

static void intervals_unions_and_inequalities_are_sets(void **state) {
    (void)state;
    ASSERT_EQUAL({"[-2,7]", "-2 \\le x \\le 7"}, {"x \\in [-2,7]", "[-2, 7]"},
                 {"(-\\infty,5)\\cup(5,\\infty)", "x \\ne 5"},
                 {"(-\\infty,-5]\\cup[5,\\infty)", "x \\le -5 \\text{ or } x \\ge 5"},
                 {"[0,2)\\cup[1,3)", "[0,3)"}, {"(0,1)\\cup\\{1\\}", "(0,1]"},
                 {"(-\\infty,0)\\cup(0,\\infty)", "\\mathbb{R}\\setminus\\{0\\}"},
                 {"[0,5]\\cap[3,9]", "[3,5]"}, {"x<3", "3>x"}, {"x<3", "(-\\infty,3)"},
                 {"[5,5\\sqrt2]", "[5,\\sqrt{50}]"},
                 {"(2,12) \\cup (12,102)", "(12,102)\\cup(2,12)"},
                 {"f(2) < f(1) < f(4)", "f(4) > f(1) > f(2)"}, {"x+y<3", "3-y>x"});
    ASSERT_DIFFERENT({"[1,2)", "(1,2)"}, {"[1,2]", "[1,3]"}, {"(1,\\infty)", "[1,\\infty)"},
                     {"x<3", "x\\le3"}, {"x<3", "x>3"}, {"(0,1)\\cup(1,2)", "(0,2)"},
                     {"f(2) < f(1)", "f(1) < f(2)"}, {"x+y<3", "x+y>3"},
                     {"x \\in [1,2]", "y \\in [1,2]"}, {"[1,2]", "1,2"});
}

static void equations_are_equal_up_to_a_factor(void **state) {
    (void)state;
    ASSERT_EQUAL({"y=2x+3", "2x-y+3=0"}, {"x^2+y^2=13", "13=y^2+x^2"},
                 {"\\frac{x^2}{16}-\\frac{y^2}{9}=1", "9x^2-16y^2=144"}, {"x=5", "5"}, {"5", "x=5"},
                 {"5x - 7y + 11z + 4 = 0", "-5x+7y=11z+4"}, {"x=5", "5=x"}, {"4", "x=2+2=4"},
                 {"x=\\pm 2", "x=2 \\text{ or } x=-2"}, {"5", "\\text{Area} = 5"},
                 {"\\frac34", "\\frac{3}{4} = 0.75"}, {"\\sqrt5", "x = \\sqrt5 \\approx 2.236"},
                 {"2.236", "\\sqrt5 \\approx 2.236"}, {"5", "5=x"}, {"5", "x+y=5"},
                 {"5", "f(1)-f(2)=5"}, {"120", "5!=120"});
    ASSERT_DIFFERENT({"y=2x+3", "y=2x-3"}, {"y^2=x", "y=x^2"}, {"xy+7=5", "5"}, {"7", "2x=7+1"});
}

static void an_equation_that_is_not_solved_gives_no_value(void **state) {
    (void)state;
    ASSERT_EQUAL({"5", "k = 5"}, {"5", "x1=5"}, {"5", "AB=5"}, {"5", "m =5"});
    ASSERT_DIFFERENT({"5", "x>=5"}, {"5", "k>=5"}, {"5", "k<=5"}, {"5", "x!=5"}, {"5", "2x=5"},
                     {"5", "-x=5"}, {"x<=5", "x>=5"}, {"5", "x+3=5"}, {"5", "x-3=5"},
                     {"5", "x+\\frac{1}{2}=5"}, {"5", "3+x+y=5"}, {"5", "(x+3)y=5"});
}

static void another_value_is_no_hedge_where_it_is_the_same(void **state) {
    (void)state;
    ASSERT_EQUAL({"\\frac{1}{2}", "\\frac12 \\text{ or } 0.5"}, {"x=2", "4/2 \\text{ or } 2"});
    ASSERT_DIFFERENT({"1", "1 \\text{ or } 2"}, {"2", "1 \\text{ or } 2"},
                     {"2", "2 \\text{ and } 2"}, {"2,2", "2"});
}

static void marks_and_units_may_be_dropped(void **state) {
    (void)state;
    ASSERT_EQUAL({"39^\\circ", "39"}, {"180^\\circ", "\\pi"}, {"44\\%", "44"}, {"44\\%", "0.44"},
                 {"\\$18.90", "18.9"}, {"440\\text{ cm}^2", "440"}, {"25", "25 \\text{ feet}"},
                 {"118 \\text{ dollars}", "\\$118"}, {"45\\text{ mph}", "45 mph"},
                 {"69\\text{ degrees}", "69^\\circ"}, {"-5^\\circ", "-5°C"},
                 {"10\\;\\text{edges}", "10"}, {"10", "10^{\\text{th}}"},
                 {"0.25\\,\\text{ cm}", "1/4"}, {"440", "440\\text{ cm}^{2}."},
                 {"440", "440\\text{ cm} ^3 ."});
    ASSERT_DIFFERENT({"44\\%", "4.4"}, {"39^\\circ", "93^\\circ"},
                     {"12\\text{ and }13", "12\\text{ and }31"}, {"1", "1\\text{ and }2"},
                     {"2", "2\\text{ or }3"}, {"2", "2\\text{ and }2.3"}, {"2", "2\\text{ or 3}"},
                     {"2", "2\\text{ or three}"}, {"2", "2\\text{ cm}3"});
}

static void a_mark_behind_a_mixed_number_is_the_mark_of_all_of_it(void **state) {
    (void)state;
    ASSERT_EQUAL({"33\\frac{1}{3}\\%", "\\frac{100}{3}\\%"}, {"33\\frac{1}{3}\\%", "1/3"},
                 {"22\\frac{1}{2}^\\circ", "22.5^\\circ"}, {"22.5^\\circ", "22 1/2^\\circ"},
                 {"4\\frac{1}{2}\\%", "4.5\\%"}, {"4.5\\%", "4 1/2\\%"},
                 {"-4\\frac{1}{2}\\%", "-0.045"}, {"22\\frac12°", "\\frac{\\pi}{8}"});
    ASSERT_DIFFERENT({"22\\frac{1}{2}^\\circ", "11^\\circ"}, {"12\\frac{1}{2}\\%", "6\\%"},
                     {"12\\frac{3}{2}\\%", "13.5\\%"}, {"4\\frac{1}{2}\\%", "4\\%"});
    static const struct pair same[] = {{"4.5\\%", "4 (1)/(2)%"}, {"22.5^\\circ", "22 1/2@"}};
    assert_verdicts(ascii_grader, same, sizeof same / sizeof *same, true);
}

static void ratios_have_multiples_and_times_have_none(void **state) {
    (void)state;
    ASSERT_EQUAL({"3:1", "6:2"}, {"1:2", "2:4"}, {"9:4", "18:8"}, {"9:4", "9/4"},
                 {"3:10", "\\frac{3}{10}"}, {"3:10", "0.3:1"}, {"25:36", "50:72"},
                 {"27:64", "54:128"}, {"1:2:3", "2:4:6"}, {"2:20", "02:20"}, {"2:20", "t = 2:20"},
                 {"4:30", "4:30\\text{ p.m.}"}, {"4:30\\text{ PM}", "\\text{4:30 p.m.}"},
                 {"9\\text{ a.m.}", "9"});
    ASSERT_DIFFERENT({"3:1", "1:3"}, {"2:20", "1:10"}, {"1:10", "2:20"}, {"10:30", "1:3"},
                     {"10:30", "1/3"}, {"3:10", "6:20"}, {"6:00", "7:00"}, {"6:05", "6:5"},
                     {"6:00 \\text{ p.m.}", "6:00 \\text{ a.m.}"}, {"5\\text{ PM}", "5 am"},
                     {"\\text{1:03 PM}", "1:03\\text{ AM}"});
}

static void words_are_equal_whatever_dresses_them(void **state) {
    (void)state;
    ASSERT_EQUAL({"\\text{Evelyn}", "Evelyn"}, {"\\text{even}", "\\textbf{Even}"},
                 {"\\text{(E)}", "E"}, {"(\\text{E})", "\\text{E}"}, {"\\text{MAKE}", "MAKE"},
                 {"\\text{June 20}", "June 20"}, {"\\text{4:30 p.m.}", "4:30\\text{ p.m.}"},
                 {"\\text{13}", "13"});
    ASSERT_DIFFERENT({"\\text{even}", "\\text{odd}"}, {"\\text{(E)}", "F"}, {"abc", "ABC"},
                     {"\\text{VW}", "\\text{WV}"});
}

static void signs_among_words_count(void **state) {
    (void)state;
    ASSERT_EQUAL({"\\text{Increase by } -5", "\\text{increase by -5}"},
                 {"\\text{Increase by } 5\\%", "\\text{increase by } 5%"},
                 {"\\text{right angled}", "\\text{right-angled}"},
                 {"\\text{east } 5/3", "\\text{East }5 / 3"});
    ASSERT_DIFFERENT(
        {"\\text{Increase by } 5", "\\text{Increase by } -5"},
        {"\\text{x is 3}", "\\text{x is -3}"}, {"\\text{east } 5/3", "\\text{east } 53"},
        {"\\text{east } 5 3", "\\text{east } 53"}, {"\\text{A } \\cap B", "\\text{A } ∪ B"},
        {"\\text{angle } 5", "\\text{angle } 5°"},
        {"\\text{Plan A saves } 2+3", "\\text{Plan A saves } 23"});
}

static void numbers_to_other_bases_have_their_value(void **state) {
    (void)state;
    ASSERT_EQUAL({"2112_6", "2112_{6}"}, {"2112_6", "2112"}, {"152A_{11}", "1968"},
                 {"1101_2", "13"}, {"0.0011_2", "0.1875"}, {"-221_3", "-25"}, {"BEE_{16}", "3054"},
                 {"1010_{\\text{two}}", "10_{10}"}, {"DDD_{16}", "DDD"}, {"152A_{11}", "152A"},
                 {"-A1_{12}", "-A1"});
    ASSERT_DIFFERENT({"2112_6", "2112_7"}, {"1101", "1101_2"}, {"19_8", "17"}, {"DDD_{16}", "DD"},
                     {"DDD_{16}", "DDE"}, {"DDD_{16}", "DDD_{15}"});
}

static void asciimath_is_read_where_it_is_written(void **state) {
    (void)state;
    static const struct pair same[] = {
        {"\\frac{1}{2}", "1/2"},
        {"2\\sqrt{2}", "2sqrt2"},
        {"2\\sqrt{2}", "2 sqrt(2)"},
        {"\\sqrt[3]{5}", "root(3)(5)"},
        {"(-\\infty,3]\\cup[5,\\infty)", "(-oo,3] uu [5,oo)"},
        {"\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "[[1,2],[3,4]]"},
        {"\\begin{pmatrix}1\\\\2\\end{pmatrix}", "((1),(2))"},
        {"x^2+y^2=13", "x^2+y^2=13"},
        {"3\\pi", "3pi"},
        {"\\sin^2 x", "(sin x)^2"},
        {"1 \\pm \\sqrt{19}", "1+-sqrt(19)"},
        {"\\text{even}", "\"even\""},
        {"\\{1,2\\}", "{2,1}"},
        {"45^\\circ", "45@"},
        {"\\frac{x+1}{x-1}", "frac{x+1}{x-1}"},
        {"x \\le 3", "x<=3"},
        {"2x^{10}", "2x^(10)"},
        {"11\\frac{2}{3}", "11 (2)/(3)"},
        {"11\\frac{2}{3}", "11 2/3"},
        {"5\\text{ cm}", "5 \"cm\""},
        {"90^\\circ", "90^circ"},
        {"\\text{no}", "text(no)"},
        {"\\frac{1}{3}", "0.bar(3)"},
        {"\\frac{1}{6}", "0.1overline(6)"}};
    static const struct pair other[] = {
        {"\\frac{1}{2}", "2/1"}, {"(1,2)", "(2,1)"}, {"3\\pi", "3p"}, {"x \\le 3", "x<3"}};

    assert_verdicts(ascii_grader, same, sizeof same / sizeof *same, true);
    assert_verdicts(ascii_grader, other, sizeof other / sizeof *other, false);
}

static void the_level_of_strings_follows_the_rules_of_the_data_set(void **state) {
    (void)state;
    static const struct pair same[] = {{"\\tfrac12", "\\frac{1}{2}"},
                                       {"0.5", "1/2"},
                                       {"x = 15", "15"},
                                       {"\\sqrt3", "\\sqrt{3}"},
                                       {"\\left(1, 2\\right)", "(1,2)"},
                                       {"44\\%", "44"},
                                       {"10\\text{ cm}", "10"},
                                       {".5", "0.5"},
                                       {"90^{\\circ}", "90"},
                                       {"1{,}000", "1{,}\\!000"}};
    static const struct pair other[] = {
        {"2", "2.0"}, {"\\frac{2}{4}", "\\frac12"}, {"(x+1)^2", "x^2+2x+1"}, {"abc = 15", "15"}};
    struct math_grader *strict = math_grader_open(MATH_LATEX, MATH_STRING);

    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_int_equal(
            math_equivalent(strict, text_of(same[i].reference), text_of(same[i].answer), NULL),
            MATH_EQUAL_AS_STRING);
        assert_int_equal(
            math_equivalent(grader, text_of(same[i].reference), text_of(same[i].answer), NULL),
            MATH_EQUAL_AS_STRING);
    }
    assert_verdicts(strict, other, sizeof other / sizeof *other, false);
    math_grader_close(strict);
}

static void what_cannot_be_read_is_compared_as_a_string(void **state) {
    (void)state;
    bool read = true;

    assert_int_equal(math_equivalent(grader, text_of("\\unknown{3}"), text_of("3"), &read),
                     MATH_UNPARSED);
    assert_false(read);
    assert_int_equal(math_equivalent(grader, text_of("3"), text_of("\\unknown{3}"), &read),
                     MATH_UNPARSED);
    assert_true(read);
    assert_int_equal(
        math_equivalent(grader, text_of("\\unknown{3}"), text_of("\\unknown {3}"), &read),
        MATH_EQUAL_AS_STRING);
    assert_int_equal(math_equivalent(grader, text_of("3"), text_of(""), &read), MATH_UNPARSED);
}

static void no_input_takes_more_than_its_budget(void **state) {
    (void)state;
    static const char *const towers[] = {"9^{9^{9^{9}}}",
                                         "9^{9^{9^{9^{9}}}}",
                                         "10000000!!!",
                                         "(a+b+c+d+e+f)^{1000}",
                                         "2^{2^{2^{2^{2^{2^{2}}}}}}",
                                         "\\sqrt{\\sqrt{\\sqrt{2}+\\sqrt{3}}+\\sqrt{5^{77777}}}",
                                         "\\sin(10^{10^{10}})",
                                         "1000000000000^{1000000000000}",
                                         "\\binom{1000000}{500000}",
                                         "e^{e^{e^{e^{e}}}}"};
    char deep[4001], wide[8001];

    for (size_t i = 0; i < sizeof towers / sizeof *towers; i++)
        for (size_t j = 0; j < sizeof towers / sizeof *towers; j++)
            assert_int_equal(
                math_equivalent(grader, text_of(towers[i]), text_of(towers[j]), NULL) >= MATH_EQUAL,
                i == j);
    memset(deep, '(', 4000);
    deep[4000] = 0;
    for (size_t i = 0; i < 8000; i++)
        wide[i] = "1,"[i % 2];
    wide[8000] = 0;
    assert_int_equal(math_equivalent(grader, text_of("3"), text_of(deep), NULL), MATH_UNPARSED);
    assert_int_equal(math_equivalent(grader, text_of("3"), text_of(wide), NULL), MATH_UNPARSED);
}

static int open_graders(void **state) {
    (void)state;
    grader = math_grader_open(MATH_LATEX, MATH_SYMBOLIC);
    ascii_grader = math_grader_open(MATH_ASCIIMATH, MATH_SYMBOLIC);
    return 0;
}

static int close_graders(void **state) {
    (void)state;
    math_grader_close(grader);
    math_grader_close(ascii_grader);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_equal_by_value),
        cmocka_unit_test(digits_may_be_grouped_but_lists_stay_lists),
        cmocka_unit_test(blanks_keep_numbers_apart),
        cmocka_unit_test(radicals_powers_and_logarithms_are_equal_by_value),
        cmocka_unit_test(special_angles_and_constants_have_their_values),
        cmocka_unit_test(complex_numbers_are_equal_by_value),
        cmocka_unit_test(expressions_are_equal_as_functions),
        cmocka_unit_test(tuples_have_an_order_and_lists_have_none),
        cmocka_unit_test(matrices_are_compared_entry_by_entry),
        cmocka_unit_test(intervals_unions_and_inequalities_are_sets),
        cmocka_unit_test(equations_are_equal_up_to_a_factor),
        cmocka_unit_test(an_equation_that_is_not_solved_gives_no_value),
        cmocka_unit_test(another_value_is_no_hedge_where_it_is_the_same),
        cmocka_unit_test(marks_and_units_may_be_dropped),
        cmocka_unit_test(a_mark_behind_a_mixed_number_is_the_mark_of_all_of_it),
        cmocka_unit_test(ratios_have_multiples_and_times_have_none),
        cmocka_unit_test(words_are_equal_whatever_dresses_them),
        cmocka_unit_test(signs_among_words_count),
        cmocka_unit_test(numbers_to_other_bases_have_their_value),
        cmocka_unit_test(asciimath_is_read_where_it_is_written),
        cmocka_unit_test(the_level_of_strings_follows_the_rules_of_the_data_set),
        cmocka_unit_test(what_cannot_be_read_is_compared_as_a_string),
        cmocka_unit_test(no_input_takes_more_than_its_budget),
    };
    return cmocka_run_group_tests_name("math_equivalent", tests, open_graders, close_graders);
}
