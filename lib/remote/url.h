/*
 * The address of an endpoint: what we accept, and whether a key may travel there.
 */
#ifndef LOCKPICK_REMOTE_URL_H
#define LOCKPICK_REMOTE_URL_H

#include <stdbool.h>

#include "base/error.h"

struct endpoint_url {
    char *base; /* normalized, no slash at the end; owned */
    bool https;
    bool local; /* this very machine: localhost, 127.0.0.0/8, ::1 */
};

/* Refuses what is no http or https URL, or has a user name, a query or a fragment. */
bool endpoint_url_parse(struct endpoint_url *url, const char *text, struct error *error);
void endpoint_url_free(struct endpoint_url *url);

#endif
