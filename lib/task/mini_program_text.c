/* The statement of a problem, and its program as C++. */
#include "task/mini_program.h"

/* ---- the statement ---- */

static void say_step(struct mini_step step, struct buffer *out) {
    static const char *const words[MINI_OPERATORS] = {"plus", "minus", "times"};
    buffer_format(out, " %s %d", words[step.operator], step.constant);
}

static void say_test(const struct mini_program *program, const char *verb, struct buffer *out) {
    static const char *const words[] = {
        " %s less than %d", " %s greater than %d", " %s at most %d",
        " %s at least %d",  " %s equal to %d",     " %s divisible by %d",
    };
    if (program->relation != MINI_ALWAYS)
        buffer_format(out, words[program->relation], verb, program->constant); // NOLINT
}

static void say_arithmetic(const struct mini_program *program, struct buffer *out) {
    static const char *const words[MINI_OPERATORS] = {"plus", "minus", "times"};
    bool second = program->second_first;

    buffer_format(out, "Read %c and %c. Print %c times %d %s %c", mini_name(program, 0),
                  mini_name(program, 1), mini_name(program, second), program->steps[0].constant,
                  words[program->steps[0].operator], mini_name(program, !second));
    say_step(program->steps[1], out);
}

static void say_condition(const struct mini_program *program, struct buffer *out) {
    char name = mini_name(program, 0);

    buffer_format(out, "Read %c. If %c", name, name);
    say_test(program, "is", out);
    buffer_format(out, " print %c", name);
    say_step(program->steps[0], out);
    buffer_format(out, ", else print %c", name);
    say_step(program->steps[1], out);
}

static void say_extreme(const struct mini_program *program, struct buffer *out) {
    buffer_format(out, "Read %c, %c and %c. Print the %s", mini_name(program, 0),
                  mini_name(program, 1), mini_name(program, 2),
                  program->smallest ? "smallest" : "largest");
    say_step(program->steps[0], out);
    say_step(program->steps[1], out);
}

static void say_range(const struct mini_program *program, struct buffer *out) {
    char name = mini_name(program, 0);

    buffer_format(out, "Read %c. Print the sum of i", name);
    say_step(program->steps[0], out);
    buffer_format(out, " for i from %d to %c", program->first, name);
    if (program->relation != MINI_ALWAYS)
        buffer_append_text(out, " where i");
    say_test(program, "is", out);
}

static void say_repeat(const struct mini_program *program, struct buffer *out) {
    char name = mini_name(program, 0);

    buffer_format(out, "Read %c. %d times, change %c to %c", name, program->first, name, name);
    say_step(program->steps[0], out);
    say_step(program->steps[1], out);
    buffer_format(out, ". Print %c", name);
}

static void say_list(const struct mini_program *program, struct buffer *out) {
    buffer_format(out, "Read %c, then %c numbers. Print %s", mini_name(program, 0),
                  mini_name(program, 0), program->counts ? "how many" : "the sum of those that");
    say_test(program, "are", out);
    buffer_append_text(out, ",");
    say_step(program->steps[0], out);
}

static void say_digits(const struct mini_program *program, struct buffer *out) {
    buffer_format(out, "Read %c. Print %s", mini_name(program, 0),
                  program->counts ? "how many of its digits" : "the sum of its digits that");
    say_test(program, "are", out);
    buffer_append_text(out, ",");
    say_step(program->steps[0], out);
}

void mini_program_statement(const struct mini_program *program, struct buffer *out) {
    static void (*const say[MINI_FAMILIES])(const struct mini_program *, struct buffer *) = {
        say_arithmetic, say_condition, say_extreme, say_range, say_repeat, say_list, say_digits};

    say[program->family](program, out);
    buffer_append_text(out, ".");
}

/* ---- the program ---- */

/* Letters of variables that are not read by name. */
struct letters {
    char index, sum, element;
};

static struct letters letters_of(const struct mini_style *style) {
    return style->letters == 0 ? (struct letters){'i', 's', 'v'} : (struct letters){'k', 't', 'd'};
}

static void write_step(struct mini_step step, struct buffer *out) {
    buffer_format(out, "%c%d", "+-*"[step.operator], step.constant);
}

static void write_test(const struct mini_program *program, char name, struct buffer *out) {
    static const char *const signs[] = {"<", ">", "<=", ">=", "=="};

    if (program->relation == MINI_DIVISIBLE)
        buffer_format(out, "%c%%%d==0", name, program->constant);
    else if (program->relation != MINI_ALWAYS)
        buffer_format(out, "%c%s%d", name, signs[program->relation], program->constant);
}

/* "if(v<5)", or nothing. */
static void write_if(const struct mini_program *program, char name, struct buffer *out) {
    if (program->relation == MINI_ALWAYS)
        return;
    buffer_append_text(out, "if(");
    write_test(program, name, out);
    buffer_append_text(out, ")");
}

/* "int a,b;scanf("%d%d",&a,&b);", with what is not read set to zero. */
static void write_reading(const struct mini_program *program, unsigned count, struct buffer *out) {
    unsigned read = count - program->unread;

    buffer_append_text(out, "int ");
    for (unsigned i = 0; i < count; i++)
        buffer_format(out, "%s%c%s", i > 0 ? "," : "", mini_name(program, i), i < read ? "" : "=0");
    buffer_append_text(out, ";scanf(\"");
    for (unsigned i = 0; i < read; i++)
        buffer_append_text(out, "%d");
    buffer_append_text(out, "\"");
    for (unsigned i = 0; i < read; i++)
        buffer_format(out, ",&%c", mini_name(program, i < 2 && program->reversed ? 1 - i : i));
    buffer_append_text(out, ");");
}

/* "int n,v,s=0;scanf("%d",&n);": a loop's bound, the letters it works with, what a sum begins at.
 */
static void write_loop_reading(const struct mini_program *program, struct letters letters,
                               struct buffer *out) {
    char name = mini_name(program, 0);

    buffer_format(out, "int %c,", name);
    if (program->family == MINI_LIST)
        buffer_format(out, "%c%s,", letters.element, program->unread ? "=0" : "");
    buffer_format(out, "%c=%d;scanf(\"%%d\",&%c);", letters.sum, program->initial, name);
}

static void write_arithmetic(const struct mini_program *program, const struct mini_style *style,
                             struct buffer *out) {
    char first = mini_name(program, program->second_first);
    char second = mini_name(program, !program->second_first);
    char join = "+-*"[program->steps[0].operator];
    int constant = program->steps[0].constant;

    write_reading(program, 2, out);
    if (style->turned)
        buffer_format(out, "printf(\"%%d\",%d*%c%c%c", constant, first, join, second);
    else
        buffer_format(out, "printf(\"%%d\",%c*%d%c%c", first, constant, join, second);
    write_step(program->steps[1], out);
    buffer_append_text(out, ");");
}

static void write_condition(const struct mini_program *program, const struct mini_style *style,
                            struct buffer *out) {
    char name = mini_name(program, 0);

    write_reading(program, 1, out);
    if (!style->turned)
        write_if(program, name, out);
    buffer_append_text(out, "printf(\"%d\",");
    if (style->turned) {
        write_test(program, name, out);
        buffer_append_text(out, "?");
    }
    buffer_format(out, "%c", name);
    write_step(program->steps[program->swapped], out);
    buffer_append_text(out, style->turned ? ":" : ");else printf(\"%d\",");
    buffer_format(out, "%c", name);
    write_step(program->steps[!program->swapped], out);
    buffer_append_text(out, ");");
}

/* The first variable takes over what is larger, or smaller. */
static void write_extreme(const struct mini_program *program, const struct mini_style *style,
                          struct buffer *out) {
    char found = mini_name(program, 0);

    write_reading(program, 3, out);
    for (unsigned i = 1; i < (program->ignores ? 2 : 3); i++) {
        char name = mini_name(program, i);
        if (style->turned)
            buffer_format(out, "if(%c%c%c)", found, program->smallest ? '>' : '<', name);
        else
            buffer_format(out, "if(%c%c%c)", name, program->smallest ? '<' : '>', found);
        buffer_format(out, "%c=%c;", found, name);
    }
    buffer_format(out, "printf(\"%%d\",%c", found);
    write_step(program->steps[0], out);
    write_step(program->steps[1], out);
    buffer_append_text(out, ");");
}

static void write_range(const struct mini_program *program, const struct mini_style *style,
                        struct buffer *out) {
    struct letters letters = letters_of(style);
    char name = mini_name(program, 0), index = letters.index, sum = letters.sum;
    const char *sign = program->short_by_one ? "<" : "<=";

    write_loop_reading(program, letters, out);
    if (style->while_loop)
        buffer_format(out, "int %c=%d;while(%c%s%c){", index, program->first, index, sign, name);
    else
        buffer_format(out, "for(int %c=%d;%c%s%c;%c++)", index, program->first, index, sign, name,
                      index);
    write_if(program, index, out);
    buffer_format(out, "%c+=%c", sum, index);
    write_step(program->steps[0], out);
    buffer_append_text(out, ";");
    if (style->while_loop)
        buffer_format(out, "%c++;}", index);
    buffer_format(out, "printf(\"%%d\",%c);", sum);
}

/* x=x*3-7: steps apply from left to right, for the second is no product. */
static void write_repeat(const struct mini_program *program, const struct mini_style *style,
                         struct buffer *out) {
    char name = mini_name(program, 0), index = letters_of(style).index;

    write_reading(program, 1, out);
    if (style->while_loop)
        buffer_format(out, "int %c=%d;while(%c>0){", index, program->first, index);
    else
        buffer_format(out, "for(int %c=0;%c<%d;%c++)", index, index, program->first, index);
    buffer_format(out, "%c=%c", name, name);
    write_step(program->steps[0], out);
    write_step(program->steps[1], out);
    buffer_append_text(out, ";");
    if (style->while_loop)
        buffer_format(out, "%c--;}", index);
    buffer_format(out, "printf(\"%%d\",%c);", name);
}

/* "s+=v;", "s++;" behind its test. */
static void write_share(const struct mini_program *program, struct letters letters,
                        struct buffer *out) {
    write_if(program, letters.element, out);
    if (program->counts)
        buffer_format(out, "%c++;", letters.sum);
    else
        buffer_format(out, "%c+=%c;", letters.sum, letters.element);
}

static void write_result(const struct mini_program *program, char sum, struct buffer *out) {
    buffer_format(out, "printf(\"%%d\",%c", sum);
    write_step(program->steps[0], out);
    buffer_append_text(out, ");");
}

static void write_list(const struct mini_program *program, const struct mini_style *style,
                       struct buffer *out) {
    struct letters letters = letters_of(style);
    char name = mini_name(program, 0);

    write_loop_reading(program, letters, out);
    if (style->while_loop && program->short_by_one)
        buffer_format(out, "while(--%c>0)", name);
    else if (style->while_loop)
        buffer_format(out, "while(%c--)", name);
    else
        buffer_format(out, "for(int i=%d;i<%c;i++)", program->short_by_one, name);
    buffer_append_text(out, "{");
    if (!program->unread)
        buffer_format(out, "scanf(\"%%d\",&%c);", letters.element);
    write_share(program, letters, out);
    buffer_append_text(out, "}");
    write_result(program, letters.sum, out);
}

static void write_digits(const struct mini_program *program, const struct mini_style *style,
                         struct buffer *out) {
    struct letters letters = letters_of(style);
    char name = mini_name(program, 0);
    int last = program->short_by_one ? 9 : 0;

    write_loop_reading(program, letters, out);
    if (style->while_loop)
        buffer_format(out, "while(%c>%d){", name, last);
    else
        buffer_format(out, "for(;%c>%d;%c/=10){", name, last, name);
    buffer_format(out, "int %c=%c%%10;", letters.element, name);
    write_share(program, letters, out);
    if (style->while_loop)
        buffer_format(out, "%c/=10;", name);
    buffer_append_text(out, "}");
    write_result(program, letters.sum, out);
}

void mini_program_write(const struct mini_program *program, const struct mini_style *style,
                        struct buffer *out) {
    static void (*const write[MINI_FAMILIES])(const struct mini_program *,
                                              const struct mini_style *, struct buffer *) = {
        write_arithmetic, write_condition, write_extreme, write_range,
        write_repeat,     write_list,      write_digits};

    buffer_append_text(out, "#include <cstdio>\nint main(){");
    write[program->family](program, style, out);
    buffer_append_text(out, "}");
}
