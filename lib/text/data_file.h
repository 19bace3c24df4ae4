/*
 * Where the files that come with lockpick are: prompt templates, decoy passwords, domain groups.
 * The folder is $LOCKPICK_DATA, or else data/ of the source tree that the running program was built
 * in, or PREFIX/share/lockpick/data of the installation that it belongs to.
 */
#ifndef LOCKPICK_TEXT_DATA_FILE_H
#define LOCKPICK_TEXT_DATA_FILE_H

#include "base/error.h"

/*
 * Path of the file `name` ("prompts/math.txt") below the folder, whether there is one or not; owned
 * by the caller. NULL where there is no folder: the error says where it was sought.
 */
char *data_file(const char *name, struct error *error);

#endif
