/*
 * Tokenizers of Hugging Face checkpoints: text to token ids and back. Read from tokenizer.json, or
 * from the tokenizer.model of SentencePiece where a directory has only that.
 *
 * Text that is not UTF-8 is read as Python's errors="replace" reads it: U+FFFD for each longest
 * start of a character that is not completed. Truncation and padding, which tokenizer.json may ask
 * for, are left to the caller.
 */
#ifndef LOCKPICK_TEXT_TOKENIZER_H
#define LOCKPICK_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

struct tokenizer;

/* Token ids; all zero is an empty list. */
struct token_list {
    int32_t *ids;
    size_t count;
    size_t capacity;
};

void token_list_add(struct token_list *list, int32_t id);
void token_list_free(struct token_list *list);

/*
 * Reads `path`/tokenizer.json, or else `path`/tokenizer.model, with what tokenizer_config.json
 * beside it says of the tokens around a text and, beside the latter, it or added_tokens.json of
 * added tokens, or the file itself where `path` names one (JSON or
 * not is seen from its first byte).
 */
struct tokenizer *tokenizer_open(const char *path, struct error *error);
/* The same from the bytes of a tokenizer.json. */
struct tokenizer *tokenizer_parse(const void *bytes, size_t size, struct error *error);
/* The same from the bytes of a SentencePiece tokenizer.model; `config` is tokenizer_config.json as
 * text, or empty. */
struct tokenizer *tokenizer_parse_model(const void *bytes, size_t size, struct text config,
                                        struct error *error);
void tokenizer_close(struct tokenizer *tokenizer);

/* ---- the vocabulary ---- */

int64_t tokenizer_size(const struct tokenizer *tokenizer); /* highest id + 1 */
/* −1 where there is no such token. */
int32_t tokenizer_id(const struct tokenizer *tokenizer, struct text token);
/* The token as the vocabulary has it ("Ġthe", "▁the", "<0x0A>"), borrowed; {NULL, 0} for an id that
 * no token has. */
struct text tokenizer_token(const struct tokenizer *tokenizer, int32_t id);
/* Whether the id is a special token, one that decoding may skip. */
bool tokenizer_is_special(const struct tokenizer *tokenizer, int32_t id);
/* What the tokenizer itself names as beginning and end of a sequence (tokenizer.model does;
 * tokenizer.json has no such thing: there it is what stands first and last around a text), −1
 * where it names none. */
int32_t tokenizer_bos(const struct tokenizer *tokenizer);
int32_t tokenizer_eos(const struct tokenizer *tokenizer);
/* What has to stand between a prompt and its completion when they are joined as text: " " for
 * word-level tokenizers, "" for all others. */
const char *tokenizer_separator(const struct tokenizer *tokenizer);

/* ---- text to ids ---- */

enum encode_flags {
    ENCODE_PLAIN = 0,       /* the text alone */
    ENCODE_ADD_SPECIAL = 1, /* with what the tokenizer puts around a text, such as BOS: prompts */
    ENCODE_LITERAL = 2,     /* "<s>" in the text is four characters, not the special token */
    ENCODE_CONTINUES = 4,   /* the text goes on where another ended: nothing is put in front of its
                             * first word (SentencePiece's space, Prepend, Metaspace) */
};

/*
 * Appends the ids of `text`. With a word-level tokenizer an unknown word is an error that quotes
 * it, unless the vocabulary has the tokenizer's unk_token. Nothing is appended on failure.
 * Thread-safe; for many texts an encoder is faster.
 */
bool tokenizer_encode(const struct tokenizer *tokenizer, struct text text, unsigned flags,
                      struct token_list *out, struct error *error);

/* Memory for encoding many texts: scratch space and a cache of words, 2 MiB. One a thread; the
 * tokenizer must outlive it. */
struct encoder;

struct encoder *encoder_open(const struct tokenizer *tokenizer);
bool encoder_encode(struct encoder *encoder, struct text text, unsigned flags,
                    struct token_list *out, struct error *error);
void encoder_close(struct encoder *encoder);

/* ---- ids to text ---- */

enum decode_flags {
    DECODE_ALL = 0,
    DECODE_SKIP_SPECIAL = 1, /* special tokens leave no text */
    DECODE_CONTINUES = 2,    /* the text goes on where another ended: a space that the first token
                              * brings stays. Encoding it with ENCODE_CONTINUES is the way back */
    DECODE_PADDED = 4,       /* ids above all tokens leave no text: models have more rows than
                              * their tokenizer has tokens, and may draw one */
};

/* Appends the text of the ids, which is always UTF-8. An id out of range is an error, and nothing
 * is appended then, unless it is one that DECODE_PADDED allows; one that no token has leaves no
 * text. */
bool tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, size_t count,
                      unsigned flags, struct buffer *out, struct error *error);

/*
 * The same one id at a time: whole characters come out as soon as they are certain, and all pieces
 * with what token_stream_end() adds are, byte for byte, what tokenizer_decode() gives for the list.
 * (Byte tokens of a byte-fallback vocabulary wait for the end of their run, since one bad byte
 * there makes the reference replace all of the run.)
 */
struct token_stream;

struct token_stream *token_stream_open(const struct tokenizer *tokenizer, unsigned flags);
bool token_stream_add(struct token_stream *stream, int32_t id, struct buffer *out,
                      struct error *error);
/* Appends what was held back; the stream is then as new. */
void token_stream_end(struct token_stream *stream, struct buffer *out);
void token_stream_close(struct token_stream *stream);

#endif
