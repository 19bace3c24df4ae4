/*
 * tokenize: text to token ids and back, line by line or whole; or a field of records to a field of
 * ids.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/tool.h"
#include "record/filter.h"
#include "record/lines.h"
#include "text/tokenizer.h"

#define WHOLE_LIMIT ((size_t)1 << 30)
#define WRITE_SIZE (64 << 10)

static const char *tokenizer_path;
static bool decode, pieces, whole, bare, literal, skip_special;
static const char *field;
static const char *into = "token_ids";
static const char *count_into = "n_tokens";
static struct filter_settings settings = FILTER_DEFAULTS;

static const struct option_entry options[] = {
    {.kind = OPTION_FILE,
     .letter = 't',
     .name = "tokenizer",
     .argument = "PATH",
     .target = &tokenizer_path,
     .help = "tokenizer.json, tokenizer.model, or a directory that holds one"},
    {.kind = OPTION_FILE,
     .letter = 'm',
     .name = "model",
     .argument = "DIR",
     .target = &tokenizer_path,
     .help = "the same, of a checkpoint"},
    {.kind = OPTION_FLAG,
     .letter = 'd',
     .name = "decode",
     .target = &decode,
     .help = "ids to text"},
    {.kind = OPTION_FLAG,
     .letter = 'p',
     .name = "pieces",
     .target = &pieces,
     .help = "show each id with its token, a line each"},
    {.kind = OPTION_FLAG,
     .letter = 'w',
     .name = "whole",
     .target = &whole,
     .help = "an input is one text, not one a line"},
    {.kind = OPTION_FLAG,
     .name = "bare",
     .target = &bare,
     .help = "add no special tokens (BOS, …)"},
    {.kind = OPTION_FLAG,
     .name = "literal",
     .target = &literal,
     .help = "special tokens spelled out in the text are text"},
    {.kind = OPTION_FLAG,
     .name = "skip-special",
     .target = &skip_special,
     .help = "with --decode: special tokens leave no text"},
    {.kind = OPTION_TEXT,
     .letter = 'f',
     .name = "field",
     .argument = "NAME",
     .target = &field,
     .help = "read record streams, and encode this field of each record"},
    {.kind = OPTION_TEXT,
     .name = "into",
     .argument = "NAME",
     .target = &into,
     .help = "with --field: the field for the ids (token_ids)"},
    {.kind = OPTION_TEXT,
     .name = "count",
     .argument = "NAME",
     .target = &count_into,
     .help = "with --field: the field for their number (n_tokens)"},
    FILTER_OPTIONS(settings),
    {OPTION_END},
};

static const struct tool tool = {
    .name = "tokenize",
    .usage = "-t PATH [options] [FILE ...]",
    .summary = "Turns text, or a field of records, into token ids and back.",
    .options = options,
};

struct run {
    struct tokenizer *tokenizer;
    struct encoder *encoder;
    struct token_list ids;
    struct buffer out; /* what is to be printed, or a packed list */
    struct output_file file;
};

static bool encode(struct run *run, struct text text, struct error *error) {
    unsigned flags = (bare ? 0 : ENCODE_ADD_SPECIAL) | (literal ? ENCODE_LITERAL : 0);
    run->ids.count = 0;
    return encoder_encode(run->encoder, text, flags, &run->ids, error);
}

/* ---- text ---- */

/* Tokens with control characters as \xNN, so that each stays on its line. */
static void print_piece(struct buffer *out, int32_t id, struct text token) {
    buffer_format(out, "%d\t", (int)id);
    for (size_t i = 0; i < token.size; i++)
        if ((uint8_t)token.bytes[i] < 0x20 || token.bytes[i] == 0x7F)
            buffer_format(out, "\\x%02x", (unsigned)(uint8_t)token.bytes[i]);
        else
            buffer_append(out, token.bytes + i, 1);
    buffer_append_text(out, "\n");
}

static bool text_to_ids(struct run *run, struct text text, struct error *error) {
    if (!encode(run, text, error))
        return false;
    for (size_t i = 0; i < run->ids.count; i++)
        if (pieces)
            print_piece(&run->out, run->ids.ids[i],
                        tokenizer_token(run->tokenizer, run->ids.ids[i]));
        else
            buffer_format(&run->out, i > 0 ? " %d" : "%d", (int)run->ids.ids[i]);
    buffer_append_text(&run->out, "\n");
    return true;
}

/* Numbers between white space. */
static bool read_ids(struct token_list *ids, struct text text, struct error *error) {
    char *copy = allocate(text.size + 1, 1), *rest = copy;
    bool fine = memchr(text.bytes, '\0', text.size) == NULL;
    memcpy(copy, text.bytes, text.size);
    ids->count = 0;
    for (char *word; fine && (word = strsep(&rest, " \t\r\n")) != NULL;) {
        char *end = word;
        errno = 0;
        long id = strtol(word, &end, 10);
        if (*word == '\0')
            continue;
        fine = *end == '\0' && errno == 0 && id >= 0 && id <= INT32_MAX;
        if (fine)
            token_list_add(ids, (int32_t)id);
        else
            error_set(error, "'%.40s' is no token id; numbers from 0 up would be right", word);
    }
    free(copy);
    return fine || error->text[0] != '\0' ? fine : error_set(error, "a zero byte among token ids");
}

static bool ids_to_text(struct run *run, struct text text, struct error *error) {
    if (!read_ids(&run->ids, text, error) ||
        !tokenizer_decode(run->tokenizer, run->ids.ids, run->ids.count,
                          skip_special ? DECODE_SKIP_SPECIAL : DECODE_ALL, &run->out, error))
        return false;
    if (!whole)
        buffer_append_text(&run->out, "\n");
    return true;
}

static bool flush(struct run *run, struct error *error) {
    bool fine = output_write(&run->file, run->out.data, run->out.size, error);
    run->out.size = 0;
    return fine;
}

static bool convert(struct run *run, struct text text, struct error *error) {
    return (decode ? ids_to_text(run, text, error) : text_to_ids(run, text, error)) &&
           (run->out.size < WRITE_SIZE || flush(run, error));
}

static bool convert_lines(struct run *run, const char *path, struct error *error) {
    struct line_reader *reader = line_reader_open(path, error);
    struct text line;
    bool fine = reader != NULL;
    while (fine && line_reader_next(reader, &line, error)) {
        fine = convert(run, line, error);
        if (fine && stop_requested()) /* convert_all() says so */
            break;
        if (!fine)
            error_place(error, "%s: line %llu", line_reader_name(reader),
                        (unsigned long long)line_reader_number(reader));
    }
    line_reader_close(reader);
    return fine && error->text[0] == '\0';
}

static bool convert_whole(struct run *run, const char *path, struct error *error) {
    struct buffer content = {0};
    const char *name = path != NULL ? path : "/dev/stdin";
    bool fine = file_read(name, WHOLE_LIMIT, &content, error);
    if (fine && !convert(run, (struct text){(const char *)content.data, content.size}, error))
        fine = error_place(error, "%s", path != NULL ? path : "standard input");
    buffer_free(&content);
    return fine;
}

static bool convert_all(struct run *run, const struct operands *files, struct error *error) {
    if (!output_open(&run->file, settings.output, error))
        return false;
    bool fine = true;
    for (size_t i = 0; fine && i < (files->count > 0 ? files->count : 1); i++) {
        const char *path = files->count > 0 ? files->items[i] : NULL;
        if (path != NULL && strcmp(path, "-") == 0)
            path = NULL;
        fine = whole ? convert_whole(run, path, error) : convert_lines(run, path, error);
    }
    if (fine && stop_requested())
        fine = error_set(error, "stopped by a signal");
    if (fine && flush(run, error))
        return output_commit(&run->file, error);
    output_abandon(&run->file);
    return false;
}

/* ---- records ---- */

static bool add_ids(void *context, struct record *record, struct error *error) {
    struct run *run = context;
    struct text text = {0};
    if (!record_text(record, field, &text, error) || !encode(run, text, error))
        return false;
    run->out.size = 0;
    pack_array(&run->out, run->ids.count);
    for (size_t i = 0; i < run->ids.count; i++)
        pack_integer(&run->out, run->ids.ids[i]);
    record_set_value(record, into, (struct value){run->out.data, run->out.size});
    record_set_unsigned(record, count_into, run->ids.count);
    return true;
}

static bool convert_records(struct run *run, const struct invocation *invocation,
                            struct error *error) {
    struct filter *filter = filter_open(invocation, &settings, 0, NULL, error);
    return filter != NULL && filter_each(filter, add_ids, run, error);
}

int main(int argc, char **argv) {
    struct invocation invocation;
    struct error error = {0};
    struct run run = {0};

    tool_start(&invocation, &tool, argc, argv);
    if (tokenizer_path == NULL)
        tool_misused(&invocation, "-t PATH or -m DIR is needed");
    if (field != NULL && (decode || pieces || whole))
        tool_misused(&invocation, "--field goes with none of --decode, --pieces and --whole");
    if (decode && pieces)
        tool_misused(&invocation, "--decode and --pieces exclude each other");

    bool fine = (run.tokenizer = tokenizer_open(tokenizer_path, &error)) != NULL;
    if (fine)
        run.encoder = encoder_open(run.tokenizer);
    fine = fine && (field != NULL ? convert_records(&run, &invocation, &error)
                                  : convert_all(&run, &invocation.operands, &error));
    encoder_close(run.encoder);
    tokenizer_close(run.tokenizer);
    token_list_free(&run.ids);
    buffer_free(&run.out);
    if (!fine)
        tool_fail(&invocation, &error);
    tool_end(&invocation);
    return 0;
}
