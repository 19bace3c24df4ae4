/*
 * From what a model wrote to the program in it. Models put programs in fenced blocks of Markdown,
 * among prose, or write nothing but the program.
 */
#ifndef LOCKPICK_GRADE_CODE_SOURCE_H
#define LOCKPICK_GRADE_CODE_SOURCE_H

#include "base/memory.h"

/*
 * The program in `completion`, borrowed from it; size 0: there is none. A fence is a line of three
 * or more backquotes or tildes, indented by three spaces at most, with an optional word for the
 * language behind it; its block ends at a line of as many at least, or at the end of the text. In
 * this order:
 *
 *   the last block whose word is c++, cpp, cc, cxx or c (in whatever case),
 *   the first block without a word,
 *   nothing, where there are blocks in other languages only,
 *   the whole text, where there are no blocks and more than white space.
 */
struct text code_extract(struct text completion);

#endif
