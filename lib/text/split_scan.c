/* Split expressions by hand; the expressions stand in pattern.h. */
#include "text/split_scan.h"

#include "text/pattern.h"
#include "text/unicode.h"

static inline enum character_class class_at(const uint8_t *at, size_t *size) {
    static const uint8_t ascii[128] = {
        ['\t'] = 3, ['\n'] = 3, ['\v'] = 3, ['\f'] = 3, ['\r'] = 3, [' '] = 3, ['0'] = 2, ['1'] = 2,
        ['2'] = 2,  ['3'] = 2,  ['4'] = 2,  ['5'] = 2,  ['6'] = 2,  ['7'] = 2, ['8'] = 2, ['9'] = 2,
        ['A'] = 1,  ['B'] = 1,  ['C'] = 1,  ['D'] = 1,  ['E'] = 1,  ['F'] = 1, ['G'] = 1, ['H'] = 1,
        ['I'] = 1,  ['J'] = 1,  ['K'] = 1,  ['L'] = 1,  ['M'] = 1,  ['N'] = 1, ['O'] = 1, ['P'] = 1,
        ['Q'] = 1,  ['R'] = 1,  ['S'] = 1,  ['T'] = 1,  ['U'] = 1,  ['V'] = 1, ['W'] = 1, ['X'] = 1,
        ['Y'] = 1,  ['Z'] = 1,  ['a'] = 1,  ['b'] = 1,  ['c'] = 1,  ['d'] = 1, ['e'] = 1, ['f'] = 1,
        ['g'] = 1,  ['h'] = 1,  ['i'] = 1,  ['j'] = 1,  ['k'] = 1,  ['l'] = 1, ['m'] = 1, ['n'] = 1,
        ['o'] = 1,  ['p'] = 1,  ['q'] = 1,  ['r'] = 1,  ['s'] = 1,  ['t'] = 1, ['u'] = 1, ['v'] = 1,
        ['w'] = 1,  ['x'] = 1,  ['y'] = 1,  ['z'] = 1};
    static const enum character_class classes[] = {CHARACTER_OTHER, CHARACTER_LETTER,
                                                   CHARACTER_NUMBER, CHARACTER_SPACE};
    if (at[0] < 0x80) {
        *size = 1;
        return classes[ascii[at[0]]];
    }
    return character_class(utf8_code(at, size));
}

/* End of the run of `class` from `at` on. */
static inline size_t run_end(const uint8_t *bytes, size_t size, size_t at,
                             enum character_class class) {
    size_t step;
    while (at < size && class_at(bytes + at, &step) == class)
        at += step;
    return at;
}

/* 's 't 'm 'd 're 've 'll behind an apostrophe; `any_case` as (?i:) has it, with U+017F for s. */
static size_t contraction_end(const uint8_t *bytes, size_t size, size_t at, bool any_case) {
    uint8_t fold = any_case ? 0x20 : 0;
    if (bytes[at] != '\'' || at + 1 >= size)
        return at;
    uint8_t a = bytes[at + 1] | fold, b = at + 2 < size ? bytes[at + 2] | fold : 0;
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return at + 2;
    if ((b == 'e' && (a == 'r' || a == 'v')) || (a == 'l' && b == 'l'))
        return at + 3;
    if (any_case && at + 2 < size && bytes[at + 1] == 0xC5 && bytes[at + 2] == 0xBF)
        return at + 3;
    return at;
}

/* \s+(?!\S)|\s+ on white space: all of the run, or all but its last character before a word. */
static size_t space_end(const uint8_t *bytes, size_t size, size_t at) {
    size_t end = run_end(bytes, size, at, CHARACTER_SPACE);
    if (end == size)
        return end;
    size_t last = utf8_back(bytes, end);
    return last > at ? last : end;
}

static size_t scan_gpt2(const uint8_t *bytes, size_t size, size_t at) {
    size_t end = contraction_end(bytes, size, at, false), step;
    if (end > at)
        return end;
    size_t word = at + (bytes[at] == ' ');
    if (word < size) {
        enum character_class class = class_at(bytes + word, &step);
        if (class != CHARACTER_SPACE)
            return run_end(bytes, size, word + step, class);
    }
    return space_end(bytes, size, at);
}

/* \s*[\r\n]+|\s+(?!\S)|\s+ on white space. */
static size_t lines_end(const uint8_t *bytes, size_t size, size_t at) {
    size_t end = run_end(bytes, size, at, CHARACTER_SPACE);
    for (size_t i = end; i > at; i--)
        if (bytes[i - 1] == '\n' || bytes[i - 1] == '\r')
            return i;
    return space_end(bytes, size, at);
}

/* What Llama 3 and Qwen 2 share; `digits`: most of a number. */
static inline size_t scan_lines(const uint8_t *bytes, size_t size, size_t at, int digits) {
    size_t end = contraction_end(bytes, size, at, true), step, next_step;
    if (end > at)
        return end;
    enum character_class class = class_at(bytes + at, &step);
    size_t next = at + step;
    bool newline = bytes[at] == '\r' || bytes[at] == '\n';
    if (class == CHARACTER_LETTER)
        return run_end(bytes, size, next, CHARACTER_LETTER);
    if (class == CHARACTER_NUMBER) {
        while (--digits > 0 && next < size &&
               class_at(bytes + next, &next_step) == CHARACTER_NUMBER)
            next += next_step;
        return next;
    }
    enum character_class following =
        next < size ? class_at(bytes + next, &next_step) : CHARACTER_SPACE;
    if (!newline && following == CHARACTER_LETTER)
        return run_end(bytes, size, next, CHARACTER_LETTER);
    if (class == CHARACTER_OTHER || (bytes[at] == ' ' && following == CHARACTER_OTHER)) {
        end = run_end(bytes, size, next, CHARACTER_OTHER);
        while (end < size && (bytes[end] == '\r' || bytes[end] == '\n'))
            end++;
        return end;
    }
    return lines_end(bytes, size, at);
}

static size_t scan_llama3(const uint8_t *bytes, size_t size, size_t at) {
    return scan_lines(bytes, size, at, 3);
}

static size_t scan_qwen2(const uint8_t *bytes, size_t size, size_t at) {
    return scan_lines(bytes, size, at, 1);
}

split_scanner split_scanner_of(struct text expression) {
    static const struct {
        const char *expression;
        split_scanner scanner;
    } known[] = {{GPT2_EXPRESSION, scan_gpt2},
                 {LLAMA3_EXPRESSION, scan_llama3},
                 {QWEN2_EXPRESSION, scan_qwen2}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (text_is(expression, known[i].expression))
            return known[i].scanner;
    return NULL;
}
