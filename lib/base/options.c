/* Option tables: parsing by getopt_long, range checks, the text of --help, canonical arguments. */
#include "base/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONG_BASE = 1000 }; /* what getopt returns for entry i: LONG_BASE + i */

bool parse_integer(const char *text, int64_t *value) {
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || errno != 0)
        return false;
    int64_t factor = 1;
    if (*end == 'k' || *end == 'K')
        factor = 1000;
    else if (*end == 'M')
        factor = 1000000;
    else if (*end == 'G')
        factor = 1000000000;
    if (factor != 1)
        end++;
    int64_t result;
    if (*end != '\0' || __builtin_mul_overflow((int64_t)number, factor, &result))
        return false;
    *value = result;
    return true;
}

bool parse_real(const char *text, double *value) {
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(number))
        return false;
    *value = number;
    return true;
}

void text_list_free(struct text_list *list) {
    free(list->items);
    *list = (struct text_list){0};
}

static bool bounded(const struct option_entry *entry) {
    return entry->minimum != 0 || entry->maximum != 0;
}

static bool check_range(const struct option_entry *entry, const char *text, double value,
                        struct error *error) {
    if (!bounded(entry) || (value >= entry->minimum && value <= entry->maximum))
        return true;
    return error_set(error, "--%s: %s is out of range; %g to %g would be right", entry->name, text,
                     entry->minimum, entry->maximum);
}

static bool read_choice(const struct option_entry *entry, const char *text, struct error *error) {
    const char *word = entry->choices;
    for (int index = 0; word != NULL; index++) {
        size_t size = strcspn(word, "|");
        if (strlen(text) == size && strncmp(text, word, size) == 0) {
            *(int *)entry->target = index;
            return true;
        }
        word = word[size] ? word + size + 1 : NULL;
    }
    return error_set(error, "--%s: there is no choice '%s'; one of %s would be right", entry->name,
                     text, entry->choices);
}

static bool read_number(const struct option_entry *entry, const char *text, struct error *error) {
    if (entry->kind == OPTION_INTEGER) {
        int64_t value;
        if (!parse_integer(text, &value))
            return error_set(error, "--%s: '%s' is no whole number", entry->name, text);
        *(int64_t *)entry->target = value;
        return check_range(entry, text, (double)value, error);
    }
    if (entry->kind == OPTION_REAL) {
        double value;
        if (!parse_real(text, &value))
            return error_set(error, "--%s: '%s' is no number", entry->name, text);
        *(double *)entry->target = value;
        return check_range(entry, text, value, error);
    }
    char *end;
    errno = 0;
    uint64_t seed = strtoull(text, &end, 10);
    if (*end != '\0' || errno != 0 || text[0] < '0' || text[0] > '9')
        return error_set(error, "--%s: '%s' is no seed; a whole number below 2^64 would be right",
                         entry->name, text);
    *(uint64_t *)entry->target = seed;
    return true;
}

static bool read_option(const struct option_entry *entry, const char *text, struct error *error) {
    switch (entry->kind) {
    case OPTION_FLAG:
        *(bool *)entry->target = true;
        return true;
    case OPTION_TEXT:
    case OPTION_FILE:
        *(const char **)entry->target = text;
        return true;
    case OPTION_TEXTS: {
        struct text_list *list = entry->target;
        list->items = reallocate(list->items, list->count + 1, sizeof *list->items);
        list->items[list->count++] = text;
        return true;
    }
    case OPTION_CHOICE:
        return read_choice(entry, text, error);
    default:
        return read_number(entry, text, error);
    }
}

/* Newlines inside an argument would break the list of lines. */
static void append_canonical(struct buffer *canonical, const struct option_entry *entry,
                             const char *text) {
    if (entry->kind == OPTION_FILE || (entry->flags & OPTION_SILENT))
        return;
    buffer_format(canonical, "--%s%s", entry->name, text ? "=" : "");
    for (const char *c = text ? text : ""; *c; c++) {
        if (*c == '\n')
            buffer_append_text(canonical, "\\n");
        else if (*c == '\\')
            buffer_append_text(canonical, "\\\\");
        else
            buffer_append(canonical, c, 1);
    }
    buffer_append_text(canonical, "\n");
}

/* `word` is the last one that getopt_long has finished: the long option, when it was one. */
static bool unknown_option(int result, const char *word, const struct option_entry *table,
                           struct error *error) {
    if (result == ':' && optopt >= LONG_BASE)
        return error_set(error, "--%s needs an argument", table[optopt - LONG_BASE].name);
    if (result == ':')
        return error_set(error, "-%c needs an argument", optopt);
    if (optopt >= LONG_BASE)
        return error_set(error, "--%s takes no argument", table[optopt - LONG_BASE].name);
    if (optopt != 0)
        return error_set(error, "there is no option -%c", optopt);
    return error_set(error, "there is no option %s, or it is an ambiguous beginning", word);
}

bool options_parse(const struct option_entry *table, int argc, char **argv,
                   struct operands *operands, struct buffer *canonical, struct error *error) {
    size_t count = 0;
    while (table[count].kind != OPTION_END)
        count++;
    struct option *longs = allocate(count + 1, sizeof *longs);
    char *shorts = allocate(2 * count + 2, 1);
    const char **given = allocate(count, sizeof *given); /* the last argument, for provenance */
    bool *seen = allocate(count, sizeof *seen);
    char *next = shorts;
    *next++ = ':';
    for (size_t i = 0; i < count; i++) {
        int has = table[i].kind == OPTION_FLAG ? no_argument : required_argument;
        longs[i] = (struct option){table[i].name, has, NULL, LONG_BASE + (int)i};
        if (table[i].letter) {
            *next++ = table[i].letter;
            if (has == required_argument)
                *next++ = ':';
        }
    }
    bool fine = true;
    optind = 0; /* glibc: start afresh */
    opterr = 0;
    while (fine) {
        int result = getopt_long(argc, argv, shorts, longs, NULL);
        if (result == -1)
            break;
        size_t i = count;
        if (result >= LONG_BASE)
            i = (size_t)(result - LONG_BASE);
        else if (result != '?' && result != ':')
            for (i = 0; table[i].letter != result; i++) {
            }
        if (i == count) {
            fine = unknown_option(result, argv[optind - 1], table, error);
        } else {
            fine = read_option(&table[i], optarg, error);
            given[i] = optarg;
            seen[i] = true;
        }
    }
    for (size_t i = 0; fine && i < count; i++) {
        if (seen[i] && table[i].kind == OPTION_TEXTS) {
            const struct text_list *list = table[i].target;
            for (size_t k = 0; k < list->count; k++)
                append_canonical(canonical, &table[i], list->items[k]);
        } else if (seen[i]) {
            append_canonical(canonical, &table[i], given[i]);
        }
    }
    *operands = (struct operands){argv + optind, (size_t)(argc - optind)};
    free(longs);
    free(shorts);
    free(given);
    free(seen);
    return fine;
}

void options_describe(const struct option_entry *table, struct buffer *text) {
    enum { COLUMN = 30, WIDTH = 96 };
    for (; table->kind != OPTION_END; table++) {
        size_t start = text->size;
        if (table->letter)
            buffer_format(text, "  -%c, --%s", table->letter, table->name);
        else
            buffer_format(text, "      --%s", table->name);
        if (table->kind == OPTION_CHOICE)
            buffer_format(text, " %s", table->choices);
        else if (table->argument)
            buffer_format(text, " %s", table->argument);
        size_t used = text->size - start;
        const char *word = table->help;
        size_t line = used;
        if (used >= COLUMN) {
            buffer_append_text(text, "\n");
            line = 0;
        }
        buffer_format(text, "%*s", (int)(COLUMN - line), "");
        line = COLUMN;
        while (*word) {
            size_t size = strcspn(word, " ");
            if (line > COLUMN && line + 1 + size > WIDTH) {
                buffer_format(text, "\n%*s", COLUMN, "");
                line = COLUMN;
            }
            if (line > COLUMN) {
                buffer_append_text(text, " ");
                line++;
            }
            buffer_append(text, word, size);
            line += size;
            word += size + (word[size] == ' ');
        }
        buffer_append_text(text, "\n");
    }
}
