/* lib/stats/svg_inline and markup: pictures and texts of others, made fit to stand in a page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "stats/markup.h"
#include "stats/svg_inline.h"

static void assert_inlined(const char *svg, const char *wanted) {
    struct buffer out = {0};
    struct error error = {0};
    if (!svg_inline(text_of(svg), "p1", "wide", &out, &error))
        fail_msg("%s: %s", svg, error.text);
    buffer_append(&out, "", 1);
    assert_string_equal((const char *)out.data, wanted);
    buffer_free(&out);
}

static void assert_refused(const char *svg, const char *part) {
    struct buffer out = {0};
    struct error error = {0};
    buffer_append_text(&out, "before");
    if (svg_inline(text_of(svg), "p1", "wide", &out, &error))
        fail_msg("not refused: %s", svg);
    if (strstr(error.text, part) == NULL)
        fail_msg("'%s' lacks '%s'", error.text, part);
    assert_int_equal(out.size, 6); /* nothing is appended */
    buffer_free(&out);
}

/* A picture with `content`. */
static void assert_content_refused(const char *content, const char *part) {
    char *svg = format_text("<svg viewBox=\"0 0 10 10\">\n%s</svg>", content);
    assert_refused(svg, part);
    free(svg);
}

static void ids_and_what_refers_to_them_get_a_name_of_their_own(void **state) {
    (void)state;
    assert_inlined(
        "<?xml version=\"1.0\"?>\n<!-- by <hand> -->\n<svg width=\"9\" height='9' "
        "viewBox=\"0 0 80 40\" xmlns=\"http://www.w3.org/2000/svg\">\n"
        "<defs><circle id='dot' r='1'/></defs><g fill=\"url(#shade)\" clip-path='url(#clip)'>"
        "<use xlink:href='#dot' x=\"1\"/><text xml:space=\"preserve\">a &lt; b</text></g></svg>\n",
        "<svg viewBox=\"0 0 80 40\" class=\"wide\" role=\"img\" style=\"max-width:100px\">\n"
        "<defs><circle id=\"p1-dot\" r=\"1\"/></defs><g fill=\"url(#p1-shade)\" "
        "clip-path=\"url(#p1-clip)\"><use xlink:href=\"#p1-dot\" x=\"1\"/>"
        "<text>a &lt; b</text></g></svg>");
}

static void what_runs_or_reaches_out_is_refused_with_its_line(void **state) {
    (void)state;
    assert_content_refused("<script>alert(1)</script>", "line 2: an element that may not stand");
    assert_content_refused("<SCRIPT/>", "an element that may not stand");
    assert_content_refused("<g onload=\"x()\"/>", "handles events");
    assert_content_refused("<g OnClick='x()'/>", "handles events");
    assert_content_refused("<use href=\"http://a/b.svg#c\"/>", "something outside");
    assert_content_refused("<use xlink:href='data:x'/>", "something outside");
    assert_content_refused("<g fill=\"url(http://a/b)\"/>", "something outside");
    assert_content_refused("<g fill=\"red;x:URL(http://a)\"/>", "something outside");
    assert_content_refused("<image href='#a'/>", "may not stand");
    assert_content_refused("<a href='#a'/>", "may not stand");
    assert_content_refused("<foreignObject/>", "may not stand");
    assert_content_refused("<style>a{}</style>", "may not stand");
    assert_content_refused("<set attributeName='href'/>", "may not stand");
    assert_content_refused("<p>", "may not stand");
    assert_content_refused("<title><g/></title>", "within a title");
    assert_content_refused("<desc><svg/></desc>", "a picture in a picture");
    assert_content_refused("<![CDATA[<script>]]>", "a declaration");
    assert_content_refused("<use href='#a&quot;b'/>", "no id");
    assert_content_refused("<g id=''/>", "no id");
}

static void what_is_no_whole_picture_is_refused(void **state) {
    (void)state;
    assert_refused("", "no picture");
    assert_refused("hello", "text outside");
    assert_refused("<g/>", "an element outside");
    assert_refused("<svg></svg>", "no viewBox");
    assert_refused("<svg viewBox='0 0 0 4'/>", "a viewBox that is no size");
    assert_refused("<svg viewBox='0 0 4 4;}'/>", "a viewBox that is no size");
    assert_refused("<svg viewBox='0 0 nan 4'/>", "a viewBox that is no size");
    assert_refused("<svg viewBox='0 0 4 4'>", "ends within");
    assert_refused("<svg viewBox='0 0 4 4'/><g/>", "an element outside");
    assert_refused("<svg viewBox='0 0 4 4'/><svg viewBox='0 0 4 4'/>", "a picture in a picture");
    assert_refused("<svg viewBox='0 0 4 4'/>x", "text outside");
    assert_refused("<svg viewBox='0 0 4 4'/></svg>", "an end without");
    assert_refused("<!DOCTYPE svg><svg viewBox='0 0 4 4'/>", "a declaration");
    assert_content_refused("<g></text>", "an end without");
    assert_content_refused("<g a=b/>", "without quotes");
    assert_content_refused("<g a", "no attribute");
    assert_content_refused("<g a='b", "without an end");
    assert_content_refused("<g a='<'/>", "with markup");
    assert_content_refused("a & b", "text with markup");
    assert_content_refused("&#x3c;", "text with markup");
    assert_content_refused("\xff", "text with markup");
    assert_content_refused("<!-- ", "a comment without");
}

static void elements_too_deep_within_each_other_are_refused(void **state) {
    (void)state;
    struct buffer svg = {0};
    buffer_append_text(&svg, "<svg viewBox='0 0 4 4'>");
    for (int i = 0; i < 100; i++)
        buffer_append_text(&svg, "<g>");
    buffer_append(&svg, "", 1);
    assert_refused((const char *)svg.data, "too deep");
    buffer_free(&svg);
}

static void escaped_text_is_shown_as_it_is(void **state) {
    (void)state;
    struct buffer out = {0};
    const char bytes[] = "<b a=\"1\" c='2'>&\x01\0\xff größe 😀";
    markup_escape((struct text){bytes, sizeof bytes - 1}, &out);
    buffer_append(&out, "", 1);
    assert_string_equal((const char *)out.data,
                        "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;  \xef\xbf\xbd größe 😀");
    buffer_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_and_what_refers_to_them_get_a_name_of_their_own),
        cmocka_unit_test(what_runs_or_reaches_out_is_refused_with_its_line),
        cmocka_unit_test(what_is_no_whole_picture_is_refused),
        cmocka_unit_test(elements_too_deep_within_each_other_are_refused),
        cmocka_unit_test(escaped_text_is_shown_as_it_is),
    };
    return cmocka_run_group_tests_name("svg_inline", tests, NULL, NULL);
}
