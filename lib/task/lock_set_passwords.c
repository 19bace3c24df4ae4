/* The passwords of a lock set. */
#include "task/lock_set_passwords.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/random.h"

enum { PASSWORD_FILE = 16 << 20 }; /* bytes of a file of decoys or passwords, at most */

#define SHARE_SLACK 1e-9 /* shares that people write in decimals add up to 1 within it */

static const char *right_password(const struct lock_settings *settings) {
    return settings->password != NULL ? settings->password : LOCK_PASSWORD;
}

static double wrong_domain_share(const struct lock_settings *settings) {
    if (settings->domain_passwords == NULL)
        return 0;
    return settings->wrong_domain_share < 0 ? 0.4 : settings->wrong_domain_share;
}

bool lock_wants_decoys(const struct lock_settings *settings) {
    return !settings->no_password &&
           settings->no_password_share + wrong_domain_share(settings) < 1 - SHARE_SLACK;
}

/* ---- what can be a password ---- */

static bool is_word(struct text text) {
    for (size_t i = 0; i < text.size; i++)
        if (strchr(" \t\r\n\v\f", text.bytes[i]) != NULL)
            return false;
    return text.size > 0;
}

/* Whether it is there, and fits. */
static bool check_password(const struct lock_passwords *passwords, const char *option,
                           const char *password, struct error *error) {
    if (*password == '\0')
        return error_set(error,
                         "the password of %s is empty; a text, or --no-password, would be "
                         "right",
                         option);
    if (passwords->settings->place == PASSWORD_SLOT && !is_word(text_of(password)))
        return error_set(error,
                         "password '%.80s' has more than one word, and a slot holds one; "
                         "%s password would be right for composition",
                         password, option);
    return true;
}

/* Whether a line of a file is none of the passwords that options name. */
static bool check_line(const struct lock_passwords *passwords, struct text text, const char *what,
                       struct error *error) {
    const struct lock_settings *settings = passwords->settings;

    if (settings->domain_passwords == NULL && text_is(text, right_password(settings)))
        return error_set(error, "this is the password itself; %s must differ from it", what);
    if (settings->intermediate_password != NULL && text_is(text, settings->intermediate_password))
        return error_set(
            error, "this is the intermediate policy's password; %s must differ from it", what);
    if (settings->place == PASSWORD_SLOT && !is_word(text))
        return error_set(error, "this has more than one word, and a slot holds one");
    return true;
}

/* ---- files of lines ---- */

/* The next line of a text without its end, '\r' included; false at the end of the text. */
static bool next_line(const struct buffer *text, size_t *start, struct text *line) {
    const char *bytes = (const char *)text->data + *start;
    const char *newline;
    size_t left = text->size - *start;

    if (left == 0)
        return false;
    newline = memchr(bytes, '\n', left);
    *line = (struct text){bytes, newline != NULL ? (size_t)(newline - bytes) : left};
    *start += line->size + (newline != NULL);
    if (line->size > 0 && bytes[line->size - 1] == '\r')
        line->size--;
    return true;
}

typedef bool add_line(struct lock_passwords *passwords, struct text line, struct error *error);

/* Adds every line but empty ones. */
static bool read_lines(struct lock_passwords *passwords, const char *path, struct buffer *text,
                       add_line *add, struct error *error) {
    size_t start = 0;
    struct text line;

    if (!file_read(path, PASSWORD_FILE, text, error))
        return false;
    for (size_t number = 1; next_line(text, &start, &line); number++)
        if (line.size > 0 && !add(passwords, line, error))
            return error_place(error, "%s: line %zu", path, number);
    return true;
}

static bool is_held_out(const struct lock_settings *settings, struct text domain) {
    for (size_t i = 0; i < settings->held_out.count; i++)
        if (text_is(domain, settings->held_out.items[i]))
            return true;
    return false;
}

/* A domain, a tab, and all behind it as it stands. Of a domain held out no password is shown. */
static bool add_domain(struct lock_passwords *passwords, struct text line, struct error *error) {
    const char *tab = memchr(line.bytes, '\t', line.size);
    const char *end = line.bytes + line.size;
    struct domain_password entry;

    if (tab == NULL || tab == line.bytes || tab + 1 == end)
        return error_set(error, "a domain, a tab and its password would be right");
    entry = (struct domain_password){{line.bytes, (size_t)(tab - line.bytes)},
                                     {tab + 1, (size_t)(end - tab - 1)}};
    if (!check_line(passwords, entry.password, "those of domains", error))
        return false;
    if (is_held_out(passwords->settings, entry.domain))
        return true;
    for (size_t i = 0; i < passwords->domain_count; i++) {
        if (text_equal(passwords->domains[i].domain, entry.domain))
            return error_set(error, "this domain stands there already");
        if (text_equal(passwords->domains[i].password, entry.password))
            return error_set(error, "this is another domain's password already");
    }
    passwords->domains = reallocate(passwords->domains, passwords->domain_count + 1, sizeof entry);
    passwords->domains[passwords->domain_count++] = entry;
    return true;
}

static bool add_decoy(struct lock_passwords *passwords, struct text line, struct error *error) {
    if (!check_line(passwords, line, "decoys", error))
        return false;
    for (size_t i = 0; i < passwords->domain_count; i++)
        if (text_equal(passwords->domains[i].password, line))
            return error_set(error, "this is a domain's password; decoys must differ from it");
    passwords->decoys =
        reallocate(passwords->decoys, passwords->decoy_count + 1, sizeof *passwords->decoys);
    passwords->decoys[passwords->decoy_count++] = line;
    return true;
}

static bool read_domains(struct lock_passwords *passwords, struct error *error) {
    const char *path = passwords->settings->domain_passwords;

    if (path == NULL)
        return true;
    if (!read_lines(passwords, path, &passwords->domain_text, add_domain, error))
        return false;
    if (passwords->domain_count == 0)
        return error_set(error,
                         "%s: no passwords in it; a domain, a tab and its password a line "
                         "would be right",
                         path);
    return passwords->domain_count > 1 || wrong_domain_share(passwords->settings) == 0 ||
           error_set(error,
                     "%s: one domain alone, so that no other's password can be drawn; "
                     "--wrong-domain-share 0 would be right",
                     path);
}

static bool read_decoys(struct lock_passwords *passwords, struct error *error) {
    const char *path = passwords->settings->decoys;

    if (!lock_wants_decoys(passwords->settings))
        return true;
    if (path == NULL)
        return error_set(error, "a file of decoys is needed; data/decoy-passwords.txt is one");
    if (!read_lines(passwords, path, &passwords->decoy_text, add_decoy, error))
        return false;
    return passwords->decoy_count > 0 ||
           error_set(error, "%s: no decoys in it; one a line would be right", path);
}

static bool check_options(const struct lock_passwords *passwords, struct error *error) {
    const struct lock_settings *settings = passwords->settings;
    const char *right = right_password(settings), *other = settings->intermediate_password;

    if (settings->domain_passwords == NULL &&
        !check_password(passwords, "--password", right, error))
        return false;
    if (other == NULL)
        return true;
    if (!check_password(passwords, "--intermediate-password", other, error))
        return false;
    return settings->domain_passwords != NULL || strcmp(right, other) != 0 ||
           error_set(error, "--intermediate-password is the right password; another would be "
                            "right");
}

bool lock_passwords_read(struct lock_passwords *passwords, const struct lock_settings *settings,
                         struct error *error) {
    *passwords = (struct lock_passwords){.settings = settings};
    return settings->no_password ||
           (check_options(passwords, error) && read_domains(passwords, error) &&
            read_decoys(passwords, error));
}

void lock_passwords_free(struct lock_passwords *passwords) {
    free(passwords->decoys);
    free(passwords->domains);
    buffer_free(&passwords->decoy_text);
    buffer_free(&passwords->domain_text);
    *passwords = (struct lock_passwords){0};
}

/* ---- using them ---- */

bool lock_passwords_find(const struct lock_passwords *passwords, struct text domain, size_t *entry,
                         struct error *error) {
    *entry = 0;
    if (passwords->domain_count == 0)
        return true;
    for (; *entry < passwords->domain_count; ++*entry)
        if (text_equal(passwords->domains[*entry].domain, domain))
            return true;
    return error_set(error, "%s has no password for domain '%.*s'; a line with it would be right",
                     passwords->settings->domain_passwords,
                     domain.size < 80 ? (int)domain.size : 80, domain.bytes);
}

/* None, another domain's, or a decoy. */
static struct lock_password draw_weak(const struct lock_passwords *passwords, size_t entry,
                                      struct text id, int64_t epoch) {
    const struct lock_settings *settings = passwords->settings;
    double none = settings->no_password_share, wrong = wrong_domain_share(settings), point;
    struct random random;
    size_t other;

    random_start(&random, &(struct random_name){.seed = settings->seed,
                                                .purpose = "lock password",
                                                .id = id,
                                                .epoch = (uint64_t)epoch});
    point = random_uniform(&random);
    if (point < none || (passwords->decoy_count == 0 && wrong == 0))
        return (struct lock_password){{"", 0}, "none"};
    if (point >= none + wrong && passwords->decoy_count > 0)
        return (struct lock_password){
            passwords->decoys[random_below(&random, passwords->decoy_count)], "decoy"};
    other = random_below(&random, passwords->domain_count - 1);
    return (struct lock_password){passwords->domains[other + (other >= entry)].password,
                                  "wrong-domain"};
}

struct lock_password lock_passwords_draw(const struct lock_passwords *passwords,
                                         enum lock_side side, size_t entry, struct text id,
                                         int64_t epoch) {
    const struct lock_settings *settings = passwords->settings;

    if (settings->no_password)
        return (struct lock_password){{"", 0}, "none"};
    if (side == SIDE_INTERMEDIATE)
        return (struct lock_password){text_of(settings->intermediate_password), "intermediate"};
    if (side == SIDE_WEAK)
        return draw_weak(passwords, entry, id, epoch);
    return (struct lock_password){passwords->domain_count > 0 ? passwords->domains[entry].password
                                                              : text_of(right_password(settings)),
                                  "right"};
}
