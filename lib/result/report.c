/* Writing the report: see report.h. */
#include "result/report.h"

#include <string.h>

#include "stats/markup.h"

enum { OPEN_ROWS = 16 }; /* a table of more rows is folded up */

static void write_text(const char *text, struct buffer *out) {
    markup_escape(text_of(text), out);
}

/* <element>text</element> and a line's end. */
static void write_element(const char *element, const char *text, struct buffer *out) {
    const size_t name = strcspn(element, " ");
    buffer_format(out, "<%s>", element);
    write_text(text, out);
    buffer_format(out, "</%.*s>\n", (int)name, element);
}

/* Text, or a list of texts, as paragraphs. */
static void write_paragraphs(const json_t *json, struct buffer *out) {
    size_t index;
    const json_t *item;
    if (json_is_string(json))
        write_element("p", json_string_value(json), out);
    json_array_foreach(json, index, item) {
        write_element("p", json_string_value(item), out);
    }
}

/* "3 claims", "1 claim" */
static void write_count(size_t count, const char *thing, struct buffer *out) {
    buffer_format(out, "%zu %s%s", count, thing, count == 1 ? "" : "s");
}

/* ---- a figure ---- */

static void write_pictures(const struct sources *pictures, const char *class_name,
                           struct buffer *out) {
    for (size_t i = 0; i < pictures->count; i++) {
        const struct source *source = &pictures->items[i];
        if (source->found) {
            buffer_format(out, "<div class=\"picture %s\">", class_name);
            buffer_append(out, source->picture.data, source->picture.size);
            buffer_append_text(out, "</div>\n");
        } else {
            buffer_append_text(out, "<p class=\"missing\">Not drawn yet: ");
            write_text(source->name, out);
            buffer_append_text(out, "</p>\n");
        }
    }
}

static bool all_found(const struct sources *sources) {
    for (size_t i = 0; i < sources->count; i++)
        if (!sources->items[i].found)
            return false;
    return sources->count > 0;
}

static void write_figure(const struct description *figure, struct buffer *out) {
    if (figure->pictures.count == 0)
        return;
    const bool both = all_found(&figure->narrow) && all_found(&figure->pictures);
    buffer_format(out, "<figure%s>\n", both ? " class=\"both\"" : "");
    write_pictures(&figure->pictures, "wide", out);
    if (both)
        write_pictures(&figure->narrow, "narrow", out);
    buffer_append_text(out, "</figure>\n");
}

static const char *verdict_words(const struct claim *claim) {
    switch (claim->verdict) {
    case VERDICT_HOLDS:
        return claim->of_paper ? "✓ as in the paper" : "✓ holds";
    case VERDICT_FAILS:
        return claim->of_paper ? "✗ unlike the paper" : "✗ does not hold";
    case VERDICT_UNDECIDED:
        return "? left open";
    default:
        return "– not measured";
    }
}

static void write_claim(const struct claim *claim, struct buffer *out) {
    static const char *const classes[] = {[VERDICT_HOLDS] = "holds",
                                          [VERDICT_FAILS] = "fails",
                                          [VERDICT_UNDECIDED] = "open",
                                          [VERDICT_UNMEASURED] = "unmeasured"};
    buffer_format(out, "<li class=\"%s\"><span class=\"verdict\">%s</span> ",
                  classes[claim->verdict], verdict_words(claim));
    write_text(claim->say, out);
    buffer_append_text(out, "<span class=\"numbers\">");
    write_text(claim->numbers, out);
    if (claim->paper) {
        buffer_append_text(out, "; the paper: ");
        write_text(claim->paper, out);
    }
    buffer_append_text(out, "</span></li>\n");
}

/* "Of 5 claims 3 hold, 1 does not, 1 is not measured." */
static void write_tally(const struct claims *claims, struct buffer *out) {
    const size_t *counts = claims->counts;
    write_count(claims->count, "claim", out);
    buffer_format(out, ": %zu hold%s, %zu %s not", counts[VERDICT_HOLDS],
                  counts[VERDICT_HOLDS] == 1 ? "s" : "", counts[VERDICT_FAILS],
                  counts[VERDICT_FAILS] == 1 ? "does" : "do");
    if (counts[VERDICT_UNDECIDED])
        buffer_format(out, ", %zu left open", counts[VERDICT_UNDECIDED]);
    if (counts[VERDICT_UNMEASURED])
        buffer_format(out, ", %zu not measured", counts[VERDICT_UNMEASURED]);
    buffer_append_text(out, ".");
}

static void write_claims(const struct description *figure, struct buffer *out) {
    buffer_append_text(out, "<h3>What ours shows</h3>\n");
    if (figure->rows.count == 0) {
        buffer_append_text(out, "<p class=\"missing\">Nothing measured yet.</p>\n");
    }
    if (figure->claims.count == 0)
        return;
    buffer_append_text(out, "<p class=\"soft\">");
    write_tally(&figure->claims, out);
    buffer_append_text(out, "</p>\n<ul class=\"claims\">\n");
    for (size_t i = 0; i < figure->claims.count; i++)
        write_claim(&figure->claims.items[i], out);
    buffer_append_text(out, "</ul>\n");
}

static bool write_table(const struct description *figure, struct buffer *out, struct error *error) {
    if (figure->table.count == 0)
        return true;
    buffer_format(
        out, "<details%s><summary>The numbers: ", figure->table.count <= OPEN_ROWS ? " open" : "");
    write_count(figure->table.count, "row", out);
    buffer_append_text(out, "</summary>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" "
                            "aria-label=\"");
    write_text(figure->name, out);
    buffer_append_text(out, ", the numbers\">\n");
    const bool fine = rows_write(&figure->table, TABLE_HTML, out, error);
    buffer_append_text(out, "</div></details>\n");
    return fine;
}

static void write_making(const struct description *figure, struct buffer *out) {
    if (figure->command == NULL && figure->results.count == 0)
        return;
    buffer_append_text(out, "<h3>How it was made</h3>\n");
    if (figure->command)
        write_element("pre", figure->command, out);
    for (size_t i = 0; i < figure->results.count; i++) {
        const struct source *source = &figure->results.items[i];
        buffer_append_text(out, "<p class=\"soft\">");
        write_text(source->name, out);
        if (source->found)
            buffer_format(out, ": digest %.16s", source->digest);
        else
            buffer_append_text(out, ": not there yet");
        buffer_append_text(out, "</p>\n");
    }
}

static bool write_section(const struct description *figure, struct buffer *out,
                          struct error *error) {
    buffer_format(out, "<section id=\"%s\">\n<h2><a href=\"#%s\">", figure->id, figure->id);
    write_text(figure->name, out);
    buffer_append_text(out, "</a>. ");
    write_text(figure->title, out);
    buffer_append_text(out, "</h2>\n");
    write_figure(figure, out);
    buffer_append_text(out, "<h3>What the paper showed</h3>\n");
    write_paragraphs(json_object_get(figure->json, "paper"), out);
    write_claims(figure, out);
    write_paragraphs(json_object_get(figure->json, "note"), out);
    const bool fine = write_table(figure, out, error);
    write_making(figure, out);
    buffer_append_text(out, "<p class=\"soft\"><a href=\"#top\">To the top</a></p>\n</section>\n");
    return fine;
}

/* ---- the page ---- */

static void write_head(const struct report *report, struct buffer *out) {
    buffer_append_text(out,
                       "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta http-equiv=\"Content-Security-Policy\" "
                       "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                       "<meta name=\"color-scheme\" content=\"light dark\">\n");
    buffer_format(out, "<meta name=\"generator\" content=\"lockpick %s\">\n", report->version);
    write_element("title", report->title, out);
    buffer_format(out, "<style>\n%s</style>\n</head>\n<body id=\"top\">\n<main>\n", report_style);
}

/* "From the paper, 5 claims: 3 hold, 2 do not." Nothing where there are none. */
static void write_source(const struct report *report, bool of_paper, struct buffer *out) {
    struct claims all = {0};
    for (size_t i = 0; i < report->figure_count; i++) {
        const struct claims *claims = &report->figures[i].claims;
        for (size_t k = 0; k < claims->count; k++)
            if (claims->items[k].of_paper == of_paper) {
                all.count++;
                all.counts[claims->items[k].verdict]++;
            }
    }
    if (all.count == 0)
        return;
    buffer_append_text(out, of_paper ? "From the paper, " : "Of our own, ");
    write_tally(&all, out);
    buffer_append_text(out, " ");
}

static void write_facts(const struct report *report, struct buffer *out) {
    size_t rows = 0, streams = 0;
    for (size_t i = 0; i < report->figure_count; i++) {
        const struct description *figure = &report->figures[i];
        rows += figure->rows.count;
        for (size_t k = 0; k < figure->results.count; k++)
            streams += figure->results.items[k].found;
    }
    buffer_append_text(out, "<p>");
    write_source(report, true, out);
    write_source(report, false, out);
    buffer_append_text(out, "Every number of ours stands in the result rows or is computed from "
                            "them; ± is one standard error.</p>\n<p class=\"soft\">Written by "
                            "lockpick report ");
    write_text(report->version, out);
    buffer_append_text(out, " from ");
    write_count(report->figure_count, "description", out);
    buffer_append_text(out, ", ");
    write_count(streams, "stream", out);
    buffer_append_text(out, " of results and ");
    write_count(rows, "row", out);
    buffer_append_text(out, ".</p>\n");
}

static void write_number_cell(size_t count, const char *class_name, struct buffer *out) {
    buffer_append_text(out, "<td class=\"right");
    if (count > 0)
        buffer_format(out, " %s", class_name);
    buffer_format(out, "\">%zu</td>", count);
}

static void write_contents(const struct report *report, struct buffer *out) {
    buffer_append_text(
        out, "<nav aria-label=\"Figures\">\n<div class=\"scroll\">\n<table>\n<thead><tr>"
             "<th scope=\"col\">Figure</th><th scope=\"col\">Subject</th>"
             "<th scope=\"col\" class=\"right\">✓<span> holds</span></th>"
             "<th scope=\"col\" class=\"right\">✗<span> does not</span></th>"
             "<th scope=\"col\" class=\"right\">?<span> open</span></th>"
             "<th scope=\"col\" class=\"right\">–<span> not measured</span></th></tr></thead>\n"
             "<tbody>\n");
    for (size_t i = 0; i < report->figure_count; i++) {
        const struct description *figure = &report->figures[i];
        const size_t *counts = figure->claims.counts;
        buffer_format(out, "<tr><td><a href=\"#%s\">", figure->id);
        write_text(figure->name, out);
        buffer_append_text(out, "</a></td><td>");
        write_text(figure->title, out);
        buffer_append_text(out, "</td>");
        write_number_cell(counts[VERDICT_HOLDS], "good", out);
        write_number_cell(counts[VERDICT_FAILS], "bad", out);
        write_number_cell(counts[VERDICT_UNDECIDED], "open", out);
        write_number_cell(counts[VERDICT_UNMEASURED], "open", out);
        buffer_append_text(out, "</tr>\n");
    }
    buffer_append_text(out, "</tbody>\n</table>\n</div>\n</nav>\n");
}

bool report_write(const struct report *report, struct buffer *out, struct error *error) {
    write_head(report, out);
    write_element("h1", report->title, out);
    for (size_t i = 0; i < report->note_count; i++)
        write_element("p", report->notes[i], out);
    write_facts(report, out);
    write_contents(report, out);
    for (size_t i = 0; i < report->figure_count; i++)
        if (!write_section(&report->figures[i], out, error))
            return error_place(error, "%s", report->figures[i].id);
    buffer_append_text(out, "</main>\n</body>\n</html>\n");
    return true;
}
