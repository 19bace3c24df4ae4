/* Choosing inputs, and writing them down. */
#include "task/mini_tests.h"

#include <stdio.h>
#include <string.h>

enum { CANDIDATES = 24 };

/* Which breaks show on `input`, a bit each. */
static uint32_t shown_by(const struct mini_program *program, const struct mini_break *breaks,
                         unsigned count, const struct mini_input *input) {
    int64_t right = mini_program_output(program, input);
    uint32_t shown = 0;

    for (unsigned i = 0; i < count; i++)
        if (mini_program_output(&breaks[i].program, input) != right)
            shown |= UINT32_C(1) << i;
    return shown;
}

/* The one not used yet that shows most breaks unseen so far; among equals, most breaks. */
static unsigned best_of(const uint32_t shown[CANDIDATES], uint32_t used, uint32_t covered) {
    unsigned best = 0;
    int most = -1;

    for (unsigned i = 0; i < CANDIDATES; i++) {
        int worth = 64 * __builtin_popcount(shown[i] & ~covered) + __builtin_popcount(shown[i]);
        if (!(used >> i & 1) && worth > most) {
            most = worth;
            best = i;
        }
    }
    return best;
}

void mini_tests_draw(const struct mini_program *program, struct mini_tests *tests,
                     struct random *random) {
    struct mini_input candidates[CANDIDATES];
    struct mini_break breaks[MINI_BREAKS];
    unsigned count = mini_breaks(program, breaks);
    uint32_t shown[CANDIDATES], used = 0, covered = 0;

    for (unsigned i = 0; i < CANDIDATES; i++) {
        mini_input_draw(program, &candidates[i], random);
        shown[i] = shown_by(program, breaks, count, &candidates[i]);
    }
    for (unsigned test = 0; test < MINI_TESTS; test++) {
        unsigned best = best_of(shown, used, covered);
        tests->inputs[test] = candidates[best];
        for (unsigned i = 0; i < CANDIDATES; i++)
            if (memcmp(&candidates[i], &candidates[best], sizeof candidates[i]) == 0)
                used |= UINT32_C(1) << i;
        covered |= shown[best];
    }
}

bool mini_tests_catch(const struct mini_tests *tests, const struct mini_program *program,
                      const struct mini_program *other) {
    for (unsigned i = 0; i < MINI_TESTS; i++)
        if (mini_program_output(program, &tests->inputs[i]) !=
            mini_program_output(other, &tests->inputs[i]))
            return true;
    return false;
}

void mini_tests_set(const struct mini_tests *tests, const struct mini_program *program,
                    struct record *record) {
    struct buffer packed = {0}, text = {0};
    char output[24];

    pack_array(&packed, MINI_TESTS);
    for (unsigned i = 0; i < MINI_TESTS; i++) {
        const struct mini_input *input = &tests->inputs[i];
        text.size = 0;
        for (int k = 0; k < input->count; k++)
            buffer_format(&text, "%s%d", k > 0 ? " " : "", input->numbers[k]);
        snprintf(output, sizeof output, "%lld", (long long)mini_program_output(program, input));
        pack_map(&packed, 2);
        pack_text(&packed, text_of("stdin"));
        pack_text(&packed, (struct text){(const char *)text.data, text.size});
        pack_text(&packed, text_of("stdout"));
        pack_text(&packed, text_of(output));
    }
    record_set_value(record, "tests", (struct value){packed.data, packed.size});
    buffer_free(&packed);
    buffer_free(&text);
}
