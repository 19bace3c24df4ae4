/*
 * Any two texts, divided by a line end, as reference and answer, in both formats: a verdict, the
 * same one again, within a time that libFuzzer's -timeout sees to.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "grade/math_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

/* Graders are kept from one input to the next, as a tool does. */
struct graders {
    struct math_grader *symbolic, *strict;
};

static void check(const struct graders *graders, struct text reference, struct text answer) {
    bool read;
    enum math_verdict verdict = math_equivalent(graders->symbolic, reference, answer, &read);

    require(math_equivalent(graders->symbolic, reference, answer, NULL) == verdict);
    require((math_equivalent(graders->strict, reference, answer, NULL) == MATH_EQUAL_AS_STRING) ==
            (verdict == MATH_EQUAL_AS_STRING));
    require(read || verdict != MATH_DIFFERENT);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static struct graders graders[2];
    const uint8_t *line = size > 0 ? memchr(bytes, '\n', size) : NULL;
    struct text reference, answer;

    if (line == NULL)
        return 0;
    reference = (struct text){(const char *)bytes, (size_t)(line - bytes)};
    answer = (struct text){(const char *)line + 1, size - reference.size - 1};
    for (int format = MATH_LATEX; format <= MATH_ASCIIMATH; format++) {
        if (graders[format].symbolic == NULL) {
            graders[format].symbolic = math_grader_open((enum math_format)format, MATH_SYMBOLIC);
            graders[format].strict = math_grader_open((enum math_format)format, MATH_STRING);
        }
        check(&graders[format], reference, answer);
    }
    return 0;
}
