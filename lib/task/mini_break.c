/* Listing the breaks of a program, and explaining them. */
#include "task/mini_break.h"

#include <stdio.h>

/* ---- listing ---- */

struct list {
    const struct mini_program *right;
    struct mini_break *items;
    unsigned count;
};

/* One more, to be changed by the caller. */
static struct mini_program *add(struct list *list, enum mini_break_kind kind, unsigned place) {
    struct mini_break *broken = &list->items[list->count++];

    *broken = (struct mini_break){.kind = kind, .place = place, .program = *list->right};
    return &broken->program;
}

/* The second operation of two in a row is never a product, for it would bind more strongly. */
static unsigned operators_at(const struct mini_program *program, unsigned place) {
    return place == 1 && program->family != MINI_CONDITION ? MINI_TIMES : MINI_OPERATORS;
}

static void break_steps(struct list *list) {
    enum mini_family family = list->right->family;
    unsigned steps = family == MINI_RANGE || family == MINI_LIST || family == MINI_DIGITS ? 1 : 2;

    for (unsigned place = 0; place < steps; place++) {
        unsigned operators = operators_at(list->right, place);
        for (unsigned i = 0; i < operators; i++)
            if (i != list->right->steps[place].operator)
                add(list, BREAK_OPERATOR, place)->steps[place].operator=(enum mini_operator) i;
        add(list, BREAK_CONSTANT, place)->steps[place].constant++;
        add(list, BREAK_CONSTANT, place)->steps[place].constant--;
    }
}

static void break_test(struct list *list) {
    static const enum mini_relation boundary[] = {MINI_AT_MOST, MINI_AT_LEAST, MINI_LESS,
                                                  MINI_GREATER};
    static const enum mini_relation others[] = {MINI_GREATER, MINI_LESS,      MINI_AT_LEAST,
                                                MINI_AT_MOST, MINI_DIVISIBLE, MINI_EQUAL};
    enum mini_relation relation = list->right->relation;

    if (relation == MINI_ALWAYS)
        return;
    add(list, BREAK_COMPARED, 0)->constant++;
    add(list, BREAK_COMPARED, 0)->constant--;
    if (relation < MINI_EQUAL)
        add(list, BREAK_BOUNDARY, 0)->relation = boundary[relation];
    add(list, BREAK_RELATION, 0)->relation = others[relation];
}

static void break_loop(struct list *list) {
    enum mini_family family = list->right->family;
    bool sums = family == MINI_LIST || family == MINI_DIGITS;

    if (family == MINI_RANGE || sums) {
        add(list, BREAK_INITIAL, 0)->initial = 1;
        add(list, BREAK_LAST, 0)->short_by_one = true;
    }
    if (family == MINI_RANGE || family == MINI_REPEAT) {
        add(list, BREAK_FIRST, 0)->first++;
        add(list, BREAK_FIRST, 0)->first--;
    }
    if (sums)
        add(list, BREAK_COUNTING, 0)->counts ^= true;
}

static void break_extreme(struct list *list) {
    add(list, BREAK_DIRECTION, 0)->smallest ^= true;
    add(list, BREAK_IGNORED, 0)->ignores = true;
}

unsigned mini_breaks(const struct mini_program *program, struct mini_break breaks[MINI_BREAKS]) {
    struct list list = {program, breaks, 0};
    enum mini_family family = program->family;

    break_steps(&list);
    break_test(&list);
    break_loop(&list);
    if (family == MINI_CONDITION)
        add(&list, BREAK_BRANCHES, 0)->swapped = true;
    if (family == MINI_EXTREME)
        break_extreme(&list);
    if (family == MINI_ARITHMETIC)
        add(&list, BREAK_ORDER, 0)->reversed = true;
    if (family == MINI_ARITHMETIC || family == MINI_EXTREME || family == MINI_LIST)
        add(&list, BREAK_UNREAD, 0)->unread = true;
    return list.count;
}

const char *mini_break_name(enum mini_break_kind kind) {
    static const char *const names[BREAK_KINDS] = {
        "operator", "constant", "compared", "boundary", "relation", "branches",  "initial",
        "first",    "last",     "unread",   "order",    "counting", "direction", "ignored"};
    return names[kind];
}

/* 4: off by one; 3: one wrong operation or value; 2: another computation. */
int mini_break_rating(enum mini_break_kind kind) {
    static const int ratings[BREAK_KINDS] = {
        [BREAK_OPERATOR] = 3,  [BREAK_CONSTANT] = 4, [BREAK_COMPARED] = 4, [BREAK_BOUNDARY] = 4,
        [BREAK_RELATION] = 3,  [BREAK_BRANCHES] = 2, [BREAK_INITIAL] = 3,  [BREAK_FIRST] = 4,
        [BREAK_LAST] = 3,      [BREAK_UNREAD] = 2,   [BREAK_ORDER] = 2,    [BREAK_COUNTING] = 2,
        [BREAK_DIRECTION] = 2, [BREAK_IGNORED] = 2};
    return ratings[kind];
}

/* ---- explaining ---- */

/* Numbers are spelled out, for similarity sees spelling. */
static const char *number_word(int number) {
    static const char *const words[] = {
        "zero",     "one",     "two",     "three",     "four",     "five",     "six",
        "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen",
        "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"};
    return words[number];
}

/* The step at `place`, as sentences name it. */
static const char *place_word(const struct mini_program *program, unsigned place) {
    static const char *const words[MINI_FAMILIES][2] = {
        [MINI_ARITHMETIC] = {"first", "last"}, [MINI_CONDITION] = {"then", "else"},
        [MINI_EXTREME] = {"first", "last"},    [MINI_RANGE] = {"inner", ""},
        [MINI_REPEAT] = {"first", "last"},     [MINI_LIST] = {"final", ""},
        [MINI_DIGITS] = {"final", ""}};
    return words[program->family][place];
}

/* The clauses of a sentence: what is the matter, and what would be right. */
struct clauses {
    struct buffer fault, remedy;
};

/* What the program does and what it should do are said in different forms of the verb, or else the
 * two ways round would be made of the same words. */
static void explain_operator(const struct mini_step *right, const struct mini_step *wrong,
                             const char *place, struct clauses *clauses) {
    static const char *const does[MINI_OPERATORS] = {"adds", "subtracts", "multiplies"};
    static const char *const should[MINI_OPERATORS] = {"sum", "difference", "product"};

    buffer_format(&clauses->fault, "the %s operation %s", place, does[wrong->operator]);
    buffer_format(&clauses->remedy, "a %s is needed", should[right->operator]);
}

static void explain_size(const char *what, int right, int wrong, struct clauses *clauses) {
    buffer_format(&clauses->fault, "the %s is too %s", what, wrong < right ? "small" : "large");
    buffer_format(&clauses->remedy, "use %s", number_word(right));
}

static void explain_boundary(const struct mini_program *right, struct clauses *clauses) {
    bool excludes = right->relation == MINI_AT_MOST || right->relation == MINI_AT_LEAST;

    buffer_format(&clauses->fault, "the comparison %s the boundary",
                  excludes ? "excludes" : "includes");
    buffer_format(&clauses->remedy, "%s itself %s", number_word(right->constant),
                  excludes ? "belongs" : "fails");
}

static void explain_relation(const struct mini_program *right, struct clauses *clauses) {
    static const char *const wanted[] = {"below",    "above",    "up to",
                                         "at least", "equality", "divisibility"};

    buffer_append_text(&clauses->fault, right->relation < MINI_EQUAL
                                            ? "the test is the opposite"
                                            : "the test has another relation");
    buffer_format(&clauses->remedy, "check %s %s", wanted[right->relation],
                  number_word(right->constant));
}

static void explain_first(const struct mini_program *right, int wrong, struct clauses *clauses) {
    bool more = wrong > right->first;

    if (right->family == MINI_REPEAT)
        buffer_format(&clauses->fault, "the loop repeats too %s", more ? "often" : "rarely");
    else
        buffer_format(&clauses->fault, "the loop begins too %s", more ? "late" : "early");
    buffer_format(&clauses->remedy,
                  right->family == MINI_REPEAT ? "do %s rounds" : "enter at %s", // NOLINT
                  number_word(right->first));
}

/* What the family's parameters leave no choice about. */
static void explain_fixed(const struct mini_program *right, enum mini_break_kind kind,
                          struct clauses *clauses) {
    static const char *const says[BREAK_KINDS][2] = {
        [BREAK_BRANCHES] = {"both branches are swapped", "exchange then and else"},
        [BREAK_INITIAL] = {"the accumulator has a wrong start", "initialize to zero"},
        [BREAK_LAST] = {"the loop stops early", "process the final element too"},
        [BREAK_UNREAD] = {"an input is never read", "scan the missing variable"},
        [BREAK_ORDER] = {"inputs arrive in reversed order", "scan them as stated"},
        [BREAK_IGNORED] = {"one candidate is ignored", "compare all three"}};

    if (kind == BREAK_COUNTING) {
        buffer_append_text(&clauses->fault, right->counts ? "the loop totals their values"
                                                          : "the loop increments once per match");
        buffer_append_text(&clauses->remedy,
                           right->counts ? "how many is asked" : "accumulate amounts themselves");
    } else if (kind == BREAK_DIRECTION) {
        buffer_append_text(&clauses->fault, right->smallest ? "the maximum gets selected"
                                                            : "the minimum gets selected");
        buffer_append_text(&clauses->remedy,
                           right->smallest ? "keep lower numbers" : "keep higher numbers");
    } else {
        buffer_append_text(&clauses->fault, says[kind][0]);
        buffer_append_text(&clauses->remedy, says[kind][1]);
    }
}

static void find_clauses(const struct mini_program *right, const struct mini_break *broken,
                         struct clauses *clauses) {
    const struct mini_program *wrong = &broken->program;
    unsigned place = broken->place;
    char what[32];

    switch (broken->kind) {
    case BREAK_OPERATOR:
        explain_operator(&right->steps[place], &wrong->steps[place], place_word(right, place),
                         clauses);
        break;
    case BREAK_CONSTANT:
        snprintf(what, sizeof what, "%s constant", place_word(right, place));
        explain_size(what, right->steps[place].constant, wrong->steps[place].constant, clauses);
        break;
    case BREAK_COMPARED:
        explain_size("threshold", right->constant, wrong->constant, clauses);
        break;
    case BREAK_BOUNDARY:
        explain_boundary(right, clauses);
        break;
    case BREAK_RELATION:
        explain_relation(right, clauses);
        break;
    case BREAK_FIRST:
        explain_first(right, wrong->first, clauses);
        break;
    case BREAK_BRANCHES:
    case BREAK_INITIAL:
    case BREAK_LAST:
    case BREAK_UNREAD:
    case BREAK_ORDER:
    case BREAK_COUNTING:
    case BREAK_DIRECTION:
    case BREAK_IGNORED:
        explain_fixed(right, broken->kind, clauses);
        break;
    }
}

/* With the first letter a capital. */
static void append_sentence(const char *form, const struct buffer *one, const struct buffer *other,
                            struct buffer *out) {
    size_t start = out->size;

    buffer_format(out, form, (int)one->size, (const char *)one->data, (int)other->size, // NOLINT
                  (const char *)other->data);
    if (out->data[start] >= 'a' && out->data[start] <= 'z')
        out->data[start] = (uint8_t)(out->data[start] - 'a' + 'A');
}

void mini_break_explain(const struct mini_program *right, const struct mini_break *broken,
                        unsigned wording, struct buffer *out) {
    struct clauses clauses = {.fault = {0}};

    find_clauses(right, broken, &clauses);
    if (wording == 0)
        append_sentence("%.*s: %.*s.", &clauses.fault, &clauses.remedy, out);
    else if (wording == 1)
        append_sentence("%.*s, for %.*s.", &clauses.remedy, &clauses.fault, out);
    else
        append_sentence("%.*s, so %.*s.", &clauses.fault, &clauses.remedy, out);
    buffer_free(&clauses.fault);
    buffer_free(&clauses.remedy);
}
