/*
 * Room for all of a figure: title above, small multiples in a grid, text along the axes, the legend
 * in rows below. Nothing may be cut or lie on something else whatever the texts, so the widths of
 * texts are estimated, long ones are broken into lines, and what is left is the panels'.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats/figure_parts.h"

enum {
    EDGE = 8,        /* around everything */
    RIGHT_EDGE = 18, /* half a tick's text may stand beyond the last panel */
    PANEL_GAP = 18,  /* between columns */
    ROW_GAP = 12,
    LINES_LIMIT = 3,   /* of one text */
    TURNED_LIMIT = 22, /* characters of a turned name */
    PANEL_WIDTH_LEAST = 60,
    PANEL_HEIGHT_LEAST = 50,
};

/* ---- texts ---- */

/* The width of the character that starts at `at`, in average Latin ones; `at` moves behind it. */
static double character_width(struct text text, size_t *at) {
    const unsigned char first = (unsigned char)text.bytes[*at];
    do
        ++*at;
    while (*at < text.size && ((unsigned char)text.bytes[*at] & 0xc0) == 0x80);
    return first >= 0xe3 ? 1.8 : 1; /* from U+3000 on most are square */
}

double text_width(struct text text, int size) {
    double width = 0;
    for (size_t i = 0; i < text.size;)
        width += character_width(text, &i);
    return width * 0.6 * size;
}

/* How much of the text fits: up to the last space within the width, or the width itself. */
static size_t fitting(struct text text, double width, int size) {
    size_t at = 0, space = 0;
    for (double used = 0; at < text.size;) {
        const size_t start = at;
        if (text.bytes[at] == ' ')
            space = at;
        used += character_width(text, &at) * 0.6 * size;
        if (used > width && start > 0)
            return space > 0 ? space : start;
    }
    return text.size;
}

struct text_lines text_break(const char *string, double width, int size) {
    struct text_lines lines = {allocate(LINES_LIMIT, sizeof *lines.items), 0, 0};
    lines.limit = (size_t)fmax(width / (0.6 * size), 1);
    struct text rest = text_of(string ? string : "");
    while (rest.size > 0 && lines.count < LINES_LIMIT) {
        const size_t taken = lines.count + 1 < LINES_LIMIT ? fitting(rest, width, size) : rest.size;
        lines.items[lines.count++] = (struct text){rest.bytes, taken};
        rest = (struct text){rest.bytes + taken, rest.size - taken};
        while (rest.size > 0 && rest.bytes[0] == ' ')
            rest = (struct text){rest.bytes + 1, rest.size - 1};
    }
    return lines;
}

void text_lines_free(struct text_lines *lines) {
    free(lines->items);
    *lines = (struct text_lines){0};
}

double font_size(const struct figure *figure, int pixels) {
    return figure->format == FIGURE_SVG ? pixels : pixels * 11.0 / 15;
}

/* ---- legend ---- */

static void add_entry(struct layout *layout, enum entry_kind kind, size_t index, const char *name) {
    if (name[0] == '\0')
        return;
    const double room = layout->width - 2 * EDGE - SAMPLE_WIDTH - SAMPLE_GAP;
    layout->entries = reallocate(layout->entries, layout->entry_count + 1, sizeof *layout->entries);
    layout->entries[layout->entry_count++] = (struct legend_entry){
        .kind = kind,
        .index = index,
        .name = text_break(name, fmin(room, NAME_LIMIT * 0.6 * TEXT_SIZE), TEXT_SIZE),
    };
}

static bool has_level(const struct figure *figure, size_t kind) {
    for (size_t i = 0; i < figure->panel_count; i++)
        for (size_t k = 0; k < figure->panels[i].level_count; k++)
            if (figure->panels[i].levels[k].kind == kind)
                return true;
    return false;
}

/* The only style needs no explaining; a kind of level only where there is such a level. */
static void find_entries(const struct figure *figure, struct layout *layout) {
    for (size_t i = 0; i < figure->colors.count; i++)
        add_entry(layout, ENTRY_COLOR, i, figure->colors.items[i]);
    for (size_t i = 0; figure->styles.count > 1 && i < figure->styles.count; i++)
        add_entry(layout, ENTRY_STYLE, i, figure->styles.items[i]);
    for (size_t i = 0; i < figure->level_names.count; i++)
        if (has_level(figure, i))
            add_entry(layout, ENTRY_LEVEL, i, figure->level_names.items[i]);
}

static double entry_width(const struct legend_entry *entry) {
    double widest = 0;
    for (size_t i = 0; i < entry->name.count; i++)
        widest = fmax(widest, text_width(entry->name.items[i], TEXT_SIZE));
    return SAMPLE_WIDTH + SAMPLE_GAP + fmin(widest, (double)entry->name.limit * 0.6 * TEXT_SIZE);
}

/* Entries one after another in rows, each row in the middle. Returns the height of all rows. */
static double place_entries(struct layout *layout) {
    double height = 0;
    for (size_t first = 0; first < layout->entry_count;) {
        double width = -ENTRY_GAP;
        size_t end = first, lines = 1;
        for (; end < layout->entry_count; end++) {
            const struct legend_entry *entry = &layout->entries[end];
            const double more = ENTRY_GAP + entry_width(entry);
            if (end > first && width + more > layout->width - 2 * EDGE)
                break;
            width += more;
            lines = entry->name.count > lines ? entry->name.count : lines;
        }
        double left = (layout->width - width) / 2;
        for (; first < end; first++) {
            layout->entries[first].left = left;
            layout->entries[first].top = height;
            left += entry_width(&layout->entries[first]) + ENTRY_GAP;
        }
        height += (double)lines * LINE_HEIGHT + LEGEND_GAP;
    }
    return height;
}

/* ---- categories ---- */

static double slot_width(const struct figure_panel *panel, double width) {
    return width / ((double)panel->categories.count + 0.2);
}

/* The most lines that a name takes where it stands upright; 0 where a word is too wide. */
static size_t lines_upright(const struct figure_panel *panel, double width) {
    size_t most = 1;
    const double slot = slot_width(panel, width) - 6;
    for (size_t i = 0; i < panel->categories.count; i++) {
        struct text_lines lines = text_break(panel->categories.items[i], slot, TICK_SIZE);
        most = lines.count > most ? lines.count : most;
        for (size_t k = 0; k < lines.count; k++) {
            const char *end = lines.items[k].bytes + lines.items[k].size;
            /* The last line takes all the rest; one that ends within a word was cut there. */
            if (text_width(lines.items[k], TICK_SIZE) > slot || (*end != '\0' && *end != ' '))
                most = SIZE_MAX / 2;
        }
        text_lines_free(&lines);
    }
    return most > LINES_LIMIT ? 0 : most;
}

/* ---- the grid ---- */

static size_t choose_columns(const struct figure *figure) {
    const size_t count = figure->panel_count;
    const size_t chosen = count <= 3 ? count : count == 4 ? 2 : count <= 9 ? 3 : 4;
    const size_t wanted = figure->columns ? figure->columns : chosen;
    return wanted < count ? wanted : count > 0 ? count : 1;
}

/* Shares of one need less room for their ticks' texts than numbers of any size. */
static double ticks_width(const struct figure *figure) {
    const bool shares = !figure->log_y && figure->y_minimum >= 0 && figure->y_maximum <= 1 &&
                        figure->y_minimum < figure->y_maximum;
    return shares ? 40 : 70;
}

/* What stands around the areas within the axes. */
struct frame {
    double top, bottom, left; /* of all panels together */
    double title, ticks;      /* of each panel: above and below */
};

static double panel_width(const struct layout *layout, const struct frame *frame) {
    const double gaps = PANEL_GAP * (double)(layout->columns - 1);
    return (layout->width - frame->left - RIGHT_EDGE - gaps) / (double)layout->columns;
}

/* The height of what stands below an axis; names that do not fit upright are turned, and end before
 * the left edge of the figure. */
static double ticks_height(const struct figure *figure, struct layout *layout,
                           const struct frame *frame) {
    const double width = panel_width(layout, frame), turn = 40 * M_PI / 180;
    size_t most = 1;
    double longest = 0, room = TURNED_LIMIT * 0.6 * TICK_SIZE;
    for (size_t i = 0; i < figure->panel_count && figure->over_categories; i++) {
        const struct figure_panel *panel = &figure->panels[i];
        const size_t lines = lines_upright(panel, width);
        most = lines > most ? lines : most;
        if (lines == 0)
            layout->turned = 40;
        room = fmin(room, (frame->left + slot_width(panel, width) / 2) / cos(turn));
        for (size_t k = 0; k < panel->categories.count; k++)
            longest = fmax(longest, text_width(text_of(panel->categories.items[k]), TICK_SIZE));
    }
    if (layout->turned == 0)
        return TICK_LENGTH + (double)most * TICK_LINE;
    layout->turned_limit = (size_t)fmax(room / (0.6 * TICK_SIZE), 1);
    return TICK_LENGTH + TICK_LINE + fmin(longest, room) * sin(turn);
}

static double height_of_rows(const struct layout *layout, const struct frame *frame, double area) {
    const double rows = (double)layout->rows;
    return rows * (frame->title + area + frame->ticks) + (rows - 1) * ROW_GAP;
}

static double panel_height(const struct layout *layout, const struct frame *frame) {
    const double room = layout->height - frame->top - frame->bottom;
    return (room - height_of_rows(layout, frame, 0)) / (double)layout->rows;
}

static void break_titles(const struct figure *figure, struct layout *layout, struct frame *frame) {
    size_t most = 0;
    for (size_t i = 0; i < figure->panel_count; i++) {
        text_lines_free(&layout->panel_titles[i]);
        layout->panel_titles[i] =
            text_break(figure->panels[i].title, panel_width(layout, frame), TEXT_SIZE);
        const size_t count = layout->panel_titles[i].count;
        most = count > most ? count : most;
    }
    frame->title = most ? (double)most * LINE_HEIGHT + 4 : 0;
}

static void place_panels(const struct figure *figure, struct layout *layout,
                         const struct frame *frame) {
    const double width = panel_width(layout, frame), height = panel_height(layout, frame);
    for (size_t i = 0; i < figure->panel_count; i++) {
        const size_t column = i % layout->columns, row = i / layout->columns;
        layout->panels[i] = (struct box){
            .left = frame->left + (double)column * (width + PANEL_GAP),
            .top = frame->top + frame->title +
                   (double)row * (frame->title + height + frame->ticks + ROW_GAP),
            .width = width,
            .height = height,
        };
    }
}

static bool check_room(const struct layout *layout, const struct frame *frame,
                       struct error *error) {
    const double width = panel_width(layout, frame), height = panel_height(layout, frame);
    if (width >= PANEL_WIDTH_LEAST && height >= PANEL_HEIGHT_LEAST)
        return true;
    const double more_width = fmax(0, PANEL_WIDTH_LEAST - width) * (double)layout->columns;
    const double more_height = fmax(0, PANEL_HEIGHT_LEAST - height) * (double)layout->rows;
    return error_set(error,
                     "%.0fx%.0f is too small for %zu columns and %zu rows of panels with their "
                     "texts; %.0fx%.0f or more would be right",
                     layout->width, layout->height, layout->columns, layout->rows,
                     ceil(layout->width + more_width), ceil(layout->height + more_height));
}

bool layout_figure(const struct figure *figure, struct layout *layout, struct error *error) {
    *layout = (struct layout){
        .width = figure->width, .height = figure->height, .panel_count = figure->panel_count};
    const double text_room = layout->width - 2 * EDGE;
    struct frame frame = {.top = EDGE, .bottom = EDGE};
    layout->title = text_break(figure->title, text_room, TEXT_SIZE);
    layout->x_label = text_break(figure->x_label, text_room, TEXT_SIZE);
    layout->title_top = EDGE;
    frame.top += layout->title.count ? (double)layout->title.count * LINE_HEIGHT + 8 : 6;
    find_entries(figure, layout);
    const double legend = place_entries(layout);
    frame.bottom += legend + (legend > 0 ? 6 : 0);
    const double x_label = (double)layout->x_label.count * LINE_HEIGHT;
    frame.bottom += x_label;

    layout->columns = choose_columns(figure);
    layout->rows = (figure->panel_count + layout->columns - 1) / layout->columns;
    layout->panels = allocate(figure->panel_count, sizeof *layout->panels);
    layout->panel_titles = allocate(figure->panel_count, sizeof *layout->panel_titles);
    const double beside = EDGE + ticks_width(figure);
    frame.left = beside + (figure->y_label && figure->y_label[0] ? LINE_HEIGHT : 0);
    break_titles(figure, layout, &frame);
    frame.ticks = ticks_height(figure, layout, &frame);
    if (figure->height == 0) {
        const double share = figure->panel_count == 1 ? 0.5 : 0.75;
        const double area = fmin(fmax(share * panel_width(layout, &frame), 170), 420);
        layout->height = ceil(frame.top + height_of_rows(layout, &frame, area) + frame.bottom);
    }
    /* The text along the y axis may need more lines than one: then the panels are narrower. */
    layout->y_label =
        text_break(figure->y_label, layout->height - frame.top - frame.bottom, TEXT_SIZE);
    frame.left = beside + (double)layout->y_label.count * LINE_HEIGHT;
    layout->x_label_top = layout->height - frame.bottom;
    for (size_t i = 0; i < layout->entry_count; i++)
        layout->entries[i].top += layout->height - EDGE - legend;
    place_panels(figure, layout, &frame);
    return check_room(layout, &frame, error);
}

void layout_free(struct layout *layout) {
    for (size_t i = 0; layout->panel_titles && i < layout->panel_count; i++)
        text_lines_free(&layout->panel_titles[i]);
    text_lines_free(&layout->title);
    text_lines_free(&layout->x_label);
    text_lines_free(&layout->y_label);
    for (size_t i = 0; i < layout->entry_count; i++)
        text_lines_free(&layout->entries[i].name);
    free(layout->panels);
    free(layout->panel_titles);
    free(layout->entries);
    *layout = (struct layout){0};
}
