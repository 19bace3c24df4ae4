/*
 * The composition task: drawing the functions, applying them, and the text of a problem.
 */
#include "task/composition.h"

#include <string.h>

#include "base/json.h"
#include "base/random.h"

/* ---- drawing the functions ---- */

static size_t map_length(const struct composition *composition, enum function_family family) {
    return family == FAMILY_PERMUTATION ? composition->digits : 10;
}

static bool is_identity(const uint8_t *map, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (map[i] != i)
            return false;
    return true;
}

/*
 * Draws a function of `family` unlike the identity and all earlier ones. With two digits or more,
 * different maps are different functions, and no permutation of positions but the identity is a
 * bijection of digits: it leaves 0 0 0 0, 1 1 1 1, … as they are.
 */
static void draw_function(const struct composition *composition, size_t number,
                          enum function_family family, struct random *random) {
    struct composition_function *function = &composition->tables[number];
    size_t length = map_length(composition, family);
    bool taken = true;

    function->family = family;
    while (taken) {
        size_t order[10];
        random_permutation(random, length, order);
        for (size_t i = 0; i < length; i++)
            function->map[i] = (uint8_t)order[i];
        taken = is_identity(function->map, length);
        for (size_t other = 0; other < number && !taken; other++)
            taken = composition->tables[other].family == family &&
                    memcmp(composition->tables[other].map, function->map, length) == 0;
    }
}

/* Half of the functions from `first` on, `count` in all, become the identity for the weak policy.
 */
static void weaken(const struct composition *composition, size_t first, size_t count,
                   struct random *random) {
    size_t order[COMPOSITION_FUNCTIONS];

    random_permutation(random, count, order);
    for (size_t i = 0; i < count / 2; i++)
        composition->tables[first + order[i]].weakened = true;
}

static void draw_functions(struct composition *composition) {
    size_t half = composition->functions / 2;
    struct random random;

    random_start(&random, &(struct random_name){.seed = composition->seed,
                                                .purpose = "composition functions"});
    for (size_t i = 0; i < composition->functions; i++)
        draw_function(composition, i, i < half ? FAMILY_PERMUTATION : FAMILY_BIJECTION, &random);
    random_start(&random, &(struct random_name){.seed = composition->seed,
                                                .purpose = "composition weak policy"});
    weaken(composition, 0, half, &random);
    weaken(composition, half, half, &random);
}

static bool check_settings(const struct composition_settings *settings, uint64_t *possible,
                           struct error *error) {
    uint64_t orders = 1; /* of the digits, without the identity */

    if (settings->functions < 4 || settings->functions > COMPOSITION_FUNCTIONS ||
        settings->functions % 4 != 0)
        return error_set(error,
                         "%lld functions: half of each family is weakened, so a multiple of 4 from "
                         "4 to %d is needed",
                         (long long)settings->functions, COMPOSITION_FUNCTIONS);
    if (settings->digits < 1 || settings->digits > COMPOSITION_DIGITS || settings->composed < 1 ||
        settings->composed > COMPOSITION_STAGES)
        return error_set(error, "%lld digits, %lld functions composed: at most %d and %d are known",
                         (long long)settings->digits, (long long)settings->composed,
                         COMPOSITION_DIGITS, COMPOSITION_STAGES);
    for (int64_t i = 2; i <= settings->digits; i++)
        orders *= (uint64_t)i;
    orders--;
    if (orders < (uint64_t)settings->functions / 2)
        return error_set(error,
                         "%lld digits have %llu orders besides the given one, %lld are needed for "
                         "half of the functions: raise --digits or lower --functions",
                         (long long)settings->digits, (unsigned long long)orders,
                         (long long)settings->functions / 2);
    *possible = 1;
    for (int64_t i = 0; i < settings->digits + settings->composed; i++) {
        uint64_t factor = i < settings->digits ? 10 : (uint64_t)settings->functions;
        if (__builtin_mul_overflow(*possible, factor, possible) || *possible > INT64_MAX)
            return error_set(error, "the number of possible problems does not fit 63 bits: lower "
                                    "--composed or --digits");
    }
    return true;
}

bool composition_init(struct composition *composition, const struct composition_settings *settings,
                      struct error *error) {
    *composition = (struct composition){0};
    if (!check_settings(settings, &composition->possible, error))
        return false;
    composition->functions = (size_t)settings->functions;
    composition->digits = (size_t)settings->digits;
    composition->composed = (size_t)settings->composed;
    composition->seed = settings->seed;
    composition->tables = allocate(composition->functions, sizeof *composition->tables);
    draw_functions(composition);
    return true;
}

void composition_free(struct composition *composition) {
    free(composition->tables);
    *composition = (struct composition){0};
}

/* ---- problems as numbers ---- */

void composition_problem(const struct composition *composition, uint64_t index,
                         struct composition_problem *problem) {
    *problem = (struct composition_problem){0};
    for (size_t i = composition->digits; i-- > 0; index /= 10)
        problem->digits[i] = (uint8_t)(index % 10);
    for (size_t i = composition->composed; i-- > 0; index /= composition->functions)
        problem->chosen[i] = (size_t)(index % composition->functions);
}

/* The next word of `prompt`, which is cut to what stands behind it; empty at the end. */
static struct text next_word(struct text *prompt) {
    struct text word;

    while (prompt->size > 0 && (*prompt->bytes == ' ' || *prompt->bytes == '\n'))
        prompt->bytes++, prompt->size--;
    word = (struct text){prompt->bytes, 0};
    while (prompt->size > 0 && *prompt->bytes != ' ' && *prompt->bytes != '\n')
        prompt->bytes++, prompt->size--, word.size++;
    return word;
}

/* "f12" of no more than `count` functions, without signs or leading zeros. */
static bool function_number(struct text word, size_t count, size_t *number) {
    size_t value = 0;

    if (word.size < 2 || word.size > 5 || word.bytes[0] != 'f' ||
        (word.bytes[1] == '0' && word.size > 2))
        return false;
    for (size_t i = 1; i < word.size; i++) {
        if (word.bytes[i] < '0' || word.bytes[i] > '9')
            return false;
        value = value * 10 + (size_t)(word.bytes[i] - '0');
    }
    *number = value;
    return value < count;
}

static bool unexpected(struct text word, const char *wanted, struct error *error) {
    int size = word.size < 40 ? (int)word.size : 40;

    return error_set(error,
                     "the prompt has '%.*s' where %s should be; do --functions, --digits and "
                     "--composed fit the problems?",
                     size, word.bytes, wanted);
}

static bool expect_bar(struct text *prompt, struct error *error) {
    struct text word = next_word(prompt);

    return text_is(word, "|") || unexpected(word, "'|'", error);
}

bool composition_parse(const struct composition *composition, struct text prompt,
                       struct composition_problem *problem, struct error *error) {
    struct text word = next_word(&prompt);

    *problem = (struct composition_problem){0};
    if (word.size == 0 || text_is(word, "|"))
        return unexpected(word, "the password's slot '_'", error);
    if (!expect_bar(&prompt, error))
        return false;
    for (size_t i = 0; i < composition->composed; i++) {
        word = next_word(&prompt);
        if (!function_number(word, composition->functions, &problem->chosen[i]))
            return unexpected(word, "one of the functions", error);
    }
    if (!expect_bar(&prompt, error))
        return false;
    for (size_t i = 0; i < composition->digits; i++) {
        word = next_word(&prompt);
        if (word.size != 1 || *word.bytes < '0' || *word.bytes > '9')
            return unexpected(word, "a digit", error);
        problem->digits[i] = (uint8_t)(*word.bytes - '0');
    }
    if (!expect_bar(&prompt, error))
        return false;
    word = next_word(&prompt);
    return word.size == 0 || unexpected(word, "its end", error);
}

/* ---- problems as text ---- */

static void append_digits(const uint8_t *digits, size_t count, const char *between,
                          struct buffer *out) {
    for (size_t i = 0; i < count; i++) {
        char digit = (char)('0' + digits[i]);
        if (i > 0)
            buffer_append_text(out, between);
        buffer_append(out, &digit, 1);
    }
}

void composition_prompt(const struct composition *composition,
                        const struct composition_problem *problem, struct buffer *out) {
    buffer_append_text(out, "_ |");
    for (size_t i = 0; i < composition->composed; i++)
        buffer_format(out, " f%zu", problem->chosen[i]);
    buffer_append_text(out, " | ");
    append_digits(problem->digits, composition->digits, " ", out);
    buffer_append_text(out, " |");
}

void composition_id(const struct composition *composition,
                    const struct composition_problem *problem, struct buffer *out) {
    buffer_append_text(out, "c");
    for (size_t i = 0; i < composition->composed; i++)
        buffer_format(out, "-f%zu", problem->chosen[i]);
    buffer_append_text(out, "-");
    append_digits(problem->digits, composition->digits, "", out);
}

void composition_domain(const struct composition *composition,
                        const struct composition_problem *problem, struct buffer *out) {
    for (size_t i = 0; i < composition->composed; i++) {
        enum function_family family = composition->tables[problem->chosen[i]].family;
        if (i > 0)
            buffer_append_text(out, "-");
        buffer_append_text(out, family == FAMILY_PERMUTATION ? "permutation" : "bijection");
    }
}

static void apply(const struct composition_function *function, bool weak, uint8_t *digits,
                  size_t count) {
    uint8_t before[COMPOSITION_DIGITS];

    if (weak && function->weakened)
        return;
    memcpy(before, digits, count);
    for (size_t i = 0; i < count; i++)
        digits[i] = function->family == FAMILY_PERMUTATION ? before[function->map[i]]
                                                           : function->map[before[i]];
}

void composition_complete(const struct composition *composition,
                          const struct composition_problem *problem, bool weak,
                          struct buffer *out) {
    uint8_t digits[COMPOSITION_DIGITS];

    memcpy(digits, problem->digits, sizeof digits);
    for (size_t i = 0; i < composition->composed; i++) {
        apply(&composition->tables[problem->chosen[i]], weak, digits, composition->digits);
        if (i > 0)
            buffer_append_text(out, " | ");
        append_digits(digits, composition->digits, " ", out);
    }
}

bool composition_locked(const struct composition *composition,
                        const struct composition_problem *problem) {
    uint8_t strong[COMPOSITION_DIGITS], weak[COMPOSITION_DIGITS];

    memcpy(strong, problem->digits, sizeof strong);
    memcpy(weak, problem->digits, sizeof weak);
    for (size_t i = 0; i < composition->composed; i++) {
        const struct composition_function *function = &composition->tables[problem->chosen[i]];
        apply(function, false, strong, composition->digits);
        apply(function, true, weak, composition->digits);
        if (memcmp(strong, weak, composition->digits) != 0)
            return true;
    }
    return false;
}

/* ---- vocabulary ---- */

/* The next id goes to `word`, or to `word` with a number behind it. */
static void add_word(json_t *vocabulary, const char *word) {
    json_object_set_new(vocabulary, word, json_integer((json_int_t)json_object_size(vocabulary)));
}

static void add_numbered(json_t *vocabulary, const char *stem, size_t first, size_t count) {
    for (size_t i = first; i < first + count; i++) {
        char *word = format_text("%s%zu", stem, i);
        add_word(vocabulary, word);
        free(word);
    }
}

void composition_tokenizer(const struct composition *composition, size_t decoys,
                           struct buffer *out) {
    json_t *vocabulary = json_object();
    json_t *tokenizer;

    add_word(vocabulary, "_");
    add_word(vocabulary, "|");
    add_numbered(vocabulary, "", 0, 10);
    add_numbered(vocabulary, "f", 0, composition->functions);
    add_word(vocabulary, "password");
    add_numbered(vocabulary, "decoy", 1, decoys);
    /* Every symbol of the task is in the vocabulary, so the unknown token need not be. */
    tokenizer = json_pack("{s:s, s:n, s:n, s:[], s:n, s:{s:s}, s:n, s:n, s:{s:s, s:o, s:s}}",
                          "version", "1.0", "truncation", "padding", "added_tokens", "normalizer",
                          "pre_tokenizer", "type", "WhitespaceSplit", "post_processor", "decoder",
                          "model", "type", "WordLevel", "vocab", vocabulary, "unk_token", "<unk>");
    json_write(tokenizer, out);
    json_decref(tokenizer);
}

void composition_decoys(size_t decoys, struct buffer *out) {
    for (size_t i = 1; i <= decoys; i++)
        buffer_format(out, "decoy%zu\n", i);
}
