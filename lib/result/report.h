/*
 * The report: one page of HTML that holds everything (pictures, tables, style) and needs neither
 * scripts nor anything else from anywhere. Its bytes depend on the descriptions and what they name
 * alone.
 */
#ifndef LOCKPICK_RESULT_REPORT_H
#define LOCKPICK_RESULT_REPORT_H

#include "result/description.h"

struct report {
    const char *title;
    const char *const *notes; /* paragraphs below the title */
    size_t note_count;
    const char *version; /* of lockpick */
    const struct description *figures;
    size_t figure_count;
};

/* Appends the page. Texts of descriptions and rows are escaped. */
bool report_write(const struct report *report, struct buffer *out, struct error *error);

/* The style sheet, without anything that would need escaping. */
extern const char report_style[];

#endif
