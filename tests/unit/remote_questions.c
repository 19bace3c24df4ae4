/* What is asked: addresses, keys, prompt files, request bodies, and the cache of what was answered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/files.h"
#include "record/json.h"
#include "remote/cache.h"
#include "remote/conversation.h"
#include "remote/secret.h"
#include "remote/url.h"

/* ---- addresses and keys ---- */

static void addresses_are_normalized_and_told_local_from_far(void **state) {
    static const struct {
        const char *text, *base;
        bool https, local;
    } known[] = {
        {"https://api.openai.com/v1", "https://api.openai.com/v1", true, false},
        {"HTTPS://Example.org//", "https://Example.org", true, false},
        {"http://localhost:8000/v1/", "http://localhost:8000/v1", false, true},
        {"http://127.3.2.1/v1", "http://127.3.2.1/v1", false, true},
        {"http://[::1]:80/v1", "http://[::1]:80/v1", false, true},
        {"http://127.0.0.1.example.org/v1", "http://127.0.0.1.example.org/v1", false, false},
        {"http://localhost.example.org", "http://localhost.example.org", false, false},
        {"http://10.0.0.1/v1", "http://10.0.0.1/v1", false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct endpoint_url url;
        struct error error = {0};
        if (!endpoint_url_parse(&url, known[i].text, &error))
            fail_msg("%s: %s", known[i].text, error.text);
        assert_string_equal(url.base, known[i].base);
        assert_int_equal(url.https, known[i].https);
        assert_int_equal(url.local, known[i].local);
        endpoint_url_free(&url);
    }
}

static void addresses_with_passwords_queries_or_other_schemes_are_refused(void **state) {
    static const char *const bad[] = {"",
                                      "api.openai.com/v1",
                                      "file:///etc/passwd",
                                      "gopher://x/",
                                      "https://",
                                      "https://user:geheim@x/v1",
                                      "https://geheim@x/v1",
                                      "https://x/v1?key=geheim",
                                      "https://x/v1#geheim",
                                      "http://x:99999/"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct endpoint_url url;
        struct error error = {0};
        if (endpoint_url_parse(&url, bad[i], &error))
            fail_msg("%s was taken", bad[i]);
        assert_null(strstr(error.text, "geheim"));
        endpoint_url_free(&url);
    }
}

static void a_key_is_taken_without_the_white_space_around_it(void **state) {
    struct error error = {0};
    char *key;

    (void)state;
    setenv("LOCKPICK_TEST_KEY", " sk-1 \n", 1);
    key = secret_from_environment("LOCKPICK_TEST_KEY", &error);
    assert_string_equal(key, "sk-1");
    secret_free(key);
    setenv("LOCKPICK_TEST_KEY", "sk-1\r\nX: 2", 1);
    assert_null(secret_from_environment("LOCKPICK_TEST_KEY", &error));
    assert_null(strstr(error.text, "sk-1"));
    setenv("LOCKPICK_TEST_KEY", " ", 1);
    assert_null(secret_from_environment("LOCKPICK_TEST_KEY", &error));
    assert_non_null(strstr(error.text, "is not set"));
    unsetenv("LOCKPICK_TEST_KEY");
}

static void a_key_is_hidden_wherever_it_stands(void **state) {
    char bytes[] = "abc-key-key-kekey";

    (void)state;
    secret_hide("key", bytes, strlen(bytes));
    assert_string_equal(bytes, "abc-***-***-ke***");
    secret_hide(NULL, bytes, strlen(bytes));
    secret_hide("longer than all of it, much longer", bytes, strlen(bytes));
    assert_string_equal(bytes, "abc-***-***-ke***");
}

static void assert_hidden(const char *key, const char *text, const char *wanted) {
    char *bytes = copy_text(text);

    secret_hide(key, bytes, strlen(bytes));
    assert_string_equal(bytes, wanted);
    free(bytes);
}

static void a_key_is_hidden_however_json_escapes_it(void **state) {
    (void)state;
    assert_hidden("s/k", "{\"a\":\"s\\/k\"}", "{\"a\":\"****\"}");
    assert_hidden("s/k", "\"\\u0073\\u002F\\u006b\"", "\"******************\"");
    assert_hidden("s/k", "\"\\n\\u0073/ks\\/\"", "\"\\n********s\\/\"");
    /* a text of JSON in a text of JSON, and in another one */
    assert_hidden("s/k", "\"{\\\"a\\\": \\\"s\\\\/k\\\"}\"", "\"{\\\"a\\\": \\\"*****\\\"}\"");
    assert_hidden("s/k", "\\\\\\\\u0073\\\\\\/\\u005cu006b.", "************************.");
    assert_hidden("a\"b\\c", "\"a\\\"b\\\\c\"", "\"*******\"");
    assert_hidden("nkey", "\"\\nkey\"", "\"*****\""); /* and what remains is JSON */
    assert_hidden("key", "\\u006", "\\u006");
    assert_hidden("key", "ke\\", "ke\\");
    assert_hidden("\\", "a\\\\b", "a\\\\b");
}

static void hiding_a_key_takes_no_longer_where_all_is_escapes(void **state) {
    enum { COUNT = 1 << 22 };
    char *bytes = allocate(COUNT + 1, 1);

    (void)state;
    memset(bytes, '\\', COUNT);
    secret_hide("key", bytes, COUNT);
    assert_int_equal(bytes[COUNT - 1], '\\');
    free(bytes);
}

/* ---- prompt files ---- */

/* The messages of a prompt file for {"q":"Q","n":[1]}, as text. */
static void assert_rendered(const char *file, const char *wanted) {
    struct conversation *conversation;
    struct message_list messages = {0};
    struct buffer packed = {0}, got = {0};
    struct record record = {0};
    const struct record *examples[] = {&record, &record};
    struct error error = {0};
    bool fine;

    json_read_record(text_of("{\"q\":\"Q\",\"n\":[1]}"), &packed, &error);
    record_parse(&record, packed.data, packed.size, &error);
    conversation = conversation_parse("file", text_of(file), &error);
    fine = conversation != NULL &&
           conversation_render(conversation, &record, examples, 2, &messages, &error);
    if (fine)
        messages_as_text(&messages, &got);
    buffer_append(&got, "", 1);
    if (fine)
        assert_string_equal((char *)got.data, wanted);
    else if (strstr(error.text, wanted) == NULL)
        fail_msg("'%s' is not in '%s'", wanted, error.text);
    conversation_close(conversation);
    message_list_free(&messages);
    record_free(&record);
    buffer_free(&packed);
    buffer_free(&got);
}

static void a_file_without_parts_is_what_the_user_says(void **state) {
    (void)state;
    assert_rendered("\nWhat is {{q}}?\n\n", "What is Q?");
    assert_rendered("====\n===x\n {{n}}", "====\n===x\n [1]");
}

static void parts_are_messages_and_examples_come_again(void **state) {
    (void)state;
    assert_rendered("note\n=== system\ns\n\n=== user\r\n{{q}}\n", "[system]\ns\n\n[user]\nQ");
    assert_rendered("=== user\na\n=== assistant\nb\n=== user\nc",
                    "[user]\na\n\n[assistant]\nb\n\n[user]\nc");
    assert_rendered("=== example user\n{{q}}?\n=== example assistant\n!\n=== user\nc",
                    "[user]\nQ?\n\n[assistant]\n!\n\n[user]\nQ?\n\n[assistant]\n!\n\n[user]\nc");
}

static void malformed_prompt_files_are_refused_by_line(void **state) {
    (void)state;
    assert_rendered("x\n=== nobody\n", "file: line 2: there is no part 'nobody'");
    assert_rendered("=== user\n{{q}}\n=== \n", "file: line 3: there is no part ''");
    assert_rendered("=== system\nx", "does not end in a part '=== user'");
    assert_rendered("=== example user\nx", "does not end in a part '=== user'");
    assert_rendered("=== user\n{{q", "file: part 'user': line 1");
    assert_rendered("=== user\n{{r}}", "field 'r' is missing");
    assert_rendered("=== example user\n{{r}}\n=== user\nx", "example 1: file: part 'example user'");
}

/* ---- bodies ---- */

static void the_body_of_a_request_is_canonical(void **state) {
    static const char *const stop[] = {"\n"};
    struct request_settings settings = {.model = "m",
                                        .temperature = 0.1,
                                        .top_p = 1,
                                        .seed = 5,
                                        .top_logprobs = 2,
                                        .stop = stop,
                                        .stop_count = 1};
    struct message message = {"user", {"a\"\xc3\xa4", 4}};
    struct buffer body = {0};
    struct error error = {0};

    (void)state;
    assert_true(request_add_extra(&settings.extra, "z=[1]", &error));
    assert_true(request_add_extra(&settings.extra, "b=text", &error));
    assert_true(request_add_extra(&settings.extra, "stop=null", &error));
    assert_false(request_add_extra(&settings.extra, "messages=[]", &error));
    assert_false(request_add_extra(&settings.extra, "=1", &error));
    assert_false(request_add_extra(&settings.extra, "x", &error));
    assert_true(request_text(CALL_CHAT, &settings, &message, 1, 2, &body, &error));
    buffer_append(&body, "", 1);
    assert_string_equal((char *)body.data,
                        "{\"b\":\"text\",\"logprobs\":true,\"messages\":[{\"content\":\"a\\\"\xc3"
                        "\xa4\",\"role\":\"user\"}],\"model\":\"m\",\"seed\":7,\"temperature\":0.1,"
                        "\"top_logprobs\":2,\"z\":[1]}");
    json_decref(settings.extra);
    buffer_free(&body);
}

static void text_that_is_no_utf8_is_not_sent(void **state) {
    struct request_settings settings = {.model = "m", .top_p = 1, .seed = -1, .top_logprobs = -1};
    struct message messages[] = {{"user", {"\xff", 1}}, {"user", {"b", 1}}};
    struct buffer body = {0};
    struct error error = {0};

    (void)state;
    assert_false(request_text(CALL_CHAT, &settings, messages, 1, 0, &body, &error));
    assert_non_null(strstr(error.text, "UTF-8"));
    assert_false(request_embedding(&settings, &messages[0].text, 1, &body, &error));
    assert_false(request_text(CALL_COMPLETION, &settings, messages, 2, 0, &body, &error));
    assert_non_null(strstr(error.text, "2 messages"));
    settings.model = "\xff";
    assert_false(request_text(CALL_CHAT, &settings, &messages[1], 1, 0, &body, &error));
    assert_non_null(strstr(error.text, "the model's name is no UTF-8"));
    assert_int_equal(body.size, 0);
    buffer_free(&body);
}

/* ---- the cache ---- */

static void the_cache_gives_back_what_it_was_given_and_nothing_else(void **state) {
    char folder[] = "/tmp/lockpick-cache-XXXXXX";
    struct error error = {0};
    struct buffer found = {0};

    (void)state;
    assert_non_null(mkdtemp(folder));
    char *inside = format_text("%s/a/b", folder);
    struct cache *cache = cache_open(inside, "here", &error);
    struct cache *other = cache_open(inside, "there", &error);
    assert_non_null(cache);
    struct cache_question question = {"chat", 0, {"{\"a\":1}", 7}};
    struct cache_question sample = {"chat", 1, {"{\"a\":1}", 7}};
    struct cache_question kind = {"completion", 0, {"{\"a\":1}", 7}};
    assert_false(cache_find(cache, &question, &found));
    assert_true(cache_store(cache, &question, (struct text){"x\0y", 3}, &error));
    assert_true(cache_find(cache, &question, &found));
    assert_int_equal(found.size, 3);
    assert_memory_equal(found.data, "x\0y", 3);
    assert_false(cache_find(cache, &sample, &found));
    assert_false(cache_find(cache, &kind, &found));
    assert_false(cache_find(other, &question, &found));
    assert_true(cache_store(cache, &question, text_of("new"), &error));
    assert_true(cache_find(cache, &question, &found));
    assert_memory_equal(found.data, "new", 3);
    assert_true(remove_tree(folder, &error));
    cache_close(cache);
    cache_close(other);
    free(inside);
    buffer_free(&found);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_normalized_and_told_local_from_far),
        cmocka_unit_test(addresses_with_passwords_queries_or_other_schemes_are_refused),
        cmocka_unit_test(a_key_is_taken_without_the_white_space_around_it),
        cmocka_unit_test(a_key_is_hidden_wherever_it_stands),
        cmocka_unit_test(a_key_is_hidden_however_json_escapes_it),
        cmocka_unit_test(hiding_a_key_takes_no_longer_where_all_is_escapes),
        cmocka_unit_test(a_file_without_parts_is_what_the_user_says),
        cmocka_unit_test(parts_are_messages_and_examples_come_again),
        cmocka_unit_test(malformed_prompt_files_are_refused_by_line),
        cmocka_unit_test(the_body_of_a_request_is_canonical),
        cmocka_unit_test(text_that_is_no_utf8_is_not_sent),
        cmocka_unit_test(the_cache_gives_back_what_it_was_given_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
