/* Fences, line by line. */
#include "grade/code_source.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct fence {
    char mark;
    size_t length;    /* 0: the line is no fence */
    struct text word; /* what follows it, without blanks around */
};

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

static struct text trim(struct text text) {
    while (text.size > 0 && is_blank(text.bytes[0])) {
        text.bytes++;
        text.size--;
    }
    while (text.size > 0 && is_blank(text.bytes[text.size - 1]))
        text.size--;
    return text;
}

static struct fence read_fence(struct text line) {
    struct fence fence = {0};
    size_t at = 0, start;

    while (at < line.size && at < 3 && line.bytes[at] == ' ')
        at++;
    if (at == line.size || (line.bytes[at] != '`' && line.bytes[at] != '~'))
        return fence;
    fence.mark = line.bytes[at];
    for (start = at; at < line.size && line.bytes[at] == fence.mark; at++)
        continue;
    if (at - start < 3)
        return fence;
    fence.word = trim((struct text){line.bytes + at, line.size - at});
    /* ```x``` within a line is no fence */
    if (fence.mark == '`' && fence.word.size > 0 &&
        memchr(fence.word.bytes, '`', fence.word.size) != NULL)
        return fence;
    fence.length = at - start;
    return fence;
}

static bool is_our_language(struct text word) {
    static const char *const names[] = {"c++", "cpp", "cc", "cxx", "c"};
    size_t size = 0;

    while (size < word.size && !is_blank(word.bytes[size]) && word.bytes[size] != ',')
        size++;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == size && strncasecmp(names[i], word.bytes, size) == 0)
            return true;
    return false;
}

/* What the blocks seen so far leave as the program. */
struct choice {
    struct text named, unnamed;
    bool has_named, has_unnamed, has_blocks;
};

static void end_block(struct choice *choice, struct text word, const char *from, const char *to) {
    struct text block = {from, (size_t)(to - from)};

    choice->has_blocks = true;
    if (is_our_language(word)) {
        choice->named = block;
        choice->has_named = true;
    } else if (word.size == 0 && !choice->has_unnamed) {
        choice->unnamed = block;
        choice->has_unnamed = true;
    }
}

static void read_blocks(struct text text, struct choice *choice) {
    const char *end = text.bytes + text.size, *block = NULL, *next;
    struct fence open = {0};

    for (const char *line = text.bytes; line < end; line = next) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop != NULL ? stop : end;
        next = stop < end ? stop + 1 : end;
        struct fence fence = read_fence((struct text){line, (size_t)(stop - line)});
        if (fence.length == 0)
            continue;
        if (open.length == 0) {
            open = fence;
            block = next;
        } else if (fence.mark == open.mark && fence.length >= open.length && fence.word.size == 0) {
            end_block(choice, open.word, block, line);
            open.length = 0;
        }
    }
    if (open.length > 0)
        end_block(choice, open.word, block, end);
}

struct text code_extract(struct text completion) {
    struct choice choice = {.has_blocks = false};
    struct text code = completion;

    read_blocks(completion, &choice);
    if (choice.has_named)
        code = choice.named;
    else if (choice.has_unnamed)
        code = choice.unnamed;
    else if (choice.has_blocks)
        code.size = 0;
    if (trim(code).size == 0)
        code.size = 0;
    return code;
}
