/* SVG pictures: made fit to stand alone, for people who see them and people who hear them. */
#ifndef LOCKPICK_STATS_SVG_H
#define LOCKPICK_STATS_SVG_H

#include "base/memory.h"

/*
 * Puts title and description into a picture that gnuplot drew, in place of gnuplot's own, and lets
 * it shrink with the window. Fails where it is no such picture.
 */
bool svg_finish(struct buffer *svg, const char *title, const char *description,
                struct error *error);

#endif
