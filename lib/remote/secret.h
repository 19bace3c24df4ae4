/*
 * The endpoint's key: where it comes from, and keeping it out of everything that is printed or
 * kept.
 */
#ifndef LOCKPICK_REMOTE_SECRET_H
#define LOCKPICK_REMOTE_SECRET_H

#include <stdbool.h>

#include "base/error.h"
#include "base/memory.h"

/*
 * The value of an environment variable, without white space around it; owned by the caller, who
 * ends it with secret_free(). NULL where it is not set, or has characters that no key has.
 */
char *secret_from_environment(const char *variable, struct error *error);
/* Overwrites and frees it; NULL is fine. */
void secret_free(char *secret);

/*
 * Puts asterisks over every occurrence of the secret, also where its characters are escaped as JSON
 * has it (\/, \u0073), in texts within texts too; NULL hides nothing. What was JSON stays JSON.
 */
void secret_hide(const char *secret, char *bytes, size_t size);

#endif
