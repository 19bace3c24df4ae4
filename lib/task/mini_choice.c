/*
 * mini-choice: which of four is the heaviest, largest, densest, oldest? Four groups of facts, each
 * a list of twenty in their order, which a model can only know from having seen many questions. The
 * usual mistake is to answer with the first.
 */
#include "task/mini.h"

enum { ENTRIES = 20, CHOICES = 4 };

struct group {
    const char *name;             /* also the domain */
    const char *most, *least;     /* what can be asked */
    const char *entries[ENTRIES]; /* from the most to the least */
};

/* By typical adult weight; by area; by density at room temperature; by age of the invention. */
static const struct group groups[] = {
    {"Animals", "heaviest", "lightest", {"whale", "elephant", "hippo", "horse", "cow",
                                         "bear",  "lion",     "pig",   "sheep", "wolf",
                                         "fox",   "cat",      "hare",  "duck",  "crow",
                                         "rat",   "frog",     "mouse", "bee",   "ant"}},
    {"Countries", "largest", "smallest", {"Russia", "Canada", "China",   "Brazil", "India",
                                          "Mexico", "Iran",   "Peru",    "Egypt",  "Chile",
                                          "France", "Spain",  "Japan",   "Italy",  "Ghana",
                                          "Nepal",  "Cuba",   "Austria", "Qatar",  "Malta"}},
    {"Metals", "densest", "lightest", {"osmium",    "platinum", "gold",   "mercury",   "lead",
                                       "silver",    "copper",   "cobalt", "iron",      "tin",
                                       "zinc",      "titanium", "barium", "aluminum",  "beryllium",
                                       "magnesium", "calcium",  "sodium", "potassium", "lithium"}},
    {"Inventions", "oldest", "newest", {"wheel",    "coin",       "paper",  "compass",
                                        "glasses",  "telescope",  "piano",  "balloon",
                                        "battery",  "bicycle",    "camera", "telegraph",
                                        "dynamite", "telephone",  "car",    "radio",
                                        "airplane", "television", "radar",  "laser"}},
};

/* 1 where the answer is eight or more places ahead of the next best, 5 where they are neighbours.
 */
static int level_of(size_t distance) {
    return distance >= 8 ? 1 : distance >= 5 ? 2 : distance >= 3 ? 3 : distance >= 2 ? 4 : 5;
}

/* Place in the list of the best of four for the question, and its distance from the next best. */
static size_t best_of(const size_t order[CHOICES], bool least, size_t *distance) {
    size_t best = 0, nearest = ENTRIES;

    for (size_t i = 1; i < CHOICES; i++)
        if ((order[i] > order[best]) == least)
            best = i;
    for (size_t i = 0; i < CHOICES; i++) {
        size_t away = order[i] > order[best] ? order[i] - order[best] : order[best] - order[i];
        if (i != best && away < nearest)
            nearest = away;
    }
    *distance = nearest;
    return best;
}

static void set_choices(struct record *record) {
    struct buffer packed = {0};

    pack_array(&packed, CHOICES);
    for (size_t i = 0; i < CHOICES; i++)
        pack_text(&packed, (struct text){&"ABCD"[i], 1});
    record_set_value(record, "choices", (struct value){packed.data, packed.size});
    buffer_free(&packed);
}

bool mini_choice_make(const struct mini_settings *settings, struct random *random,
                      struct record *record, struct error *error) {
    const struct group *group = &groups[random_below(random, sizeof groups / sizeof *groups)];
    bool least = random_below(random, 2) == 1;
    size_t order[ENTRIES], distance, best; /* the first four are the choices */
    struct buffer prompt = {0};
    char solution[2] = " ";

    (void)error;
    random_permutation(random, ENTRIES, order);
    best = best_of(order, least, &distance);
    buffer_format(&prompt, "%s: which is the %s?", group->name, least ? group->least : group->most);
    for (size_t i = 0; i < CHOICES; i++)
        buffer_format(&prompt, "\n%c. %s", "ABCD"[i], group -> entries[order[i]]);
    solution[1] = "ABCD"[best];
    mini_set_text(record, "prompt", &prompt);
    record_set_text(record, "reference", (struct text){solution + 1, 1});
    if (mini_mistaken(settings, random))
        solution[1] = 'A';
    record_set_text(record, "solution", (struct text){solution, 2});
    record_set_text(record, "domain", text_of(group->name));
    record_set_integer(record, "level", level_of(distance));
    set_choices(record);
    buffer_free(&prompt);
    return true;
}
