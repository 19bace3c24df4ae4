/* Addresses of endpoints, taken apart by libcurl so that we and it cannot read them differently. */
#include "remote/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* A part of the URL, owned by the caller (curl_free), or NULL. */
static char *part_of(CURLU *handle, CURLUPart part) {
    char *text = NULL;

    return curl_url_get(handle, part, &text, 0) == CURLUE_OK ? text : NULL;
}

static bool has_part(CURLU *handle, CURLUPart part) {
    char *text = part_of(handle, part);

    curl_free(text);
    return text != NULL;
}

static bool is_local(const char *host) {
    struct in_addr address;

    if (host == NULL)
        return false;
    if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, host, &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

/* The messages do not repeat the text: it may hold a password. */
static bool take_apart(CURLU *handle, struct endpoint_url *url, struct error *error) {
    char *scheme = part_of(handle, CURLUPART_SCHEME);
    char *host = part_of(handle, CURLUPART_HOST);
    char *whole = part_of(handle, CURLUPART_URL);
    bool fine = false;

    if (scheme == NULL || host == NULL || whole == NULL ||
        (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0)) {
        error_set(error, "--url: is no http or https address; https://api.openai.com/v1 would be "
                         "right");
    } else if (has_part(handle, CURLUPART_USER) || has_part(handle, CURLUPART_PASSWORD)) {
        error_set(error, "--url: has a user name or password in it; keys come from the "
                         "environment (--key-variable)");
    } else if (has_part(handle, CURLUPART_QUERY) || has_part(handle, CURLUPART_FRAGMENT)) {
        error_set(error, "--url: has a '?' or '#' in it; the part before would be right");
    } else {
        size_t size = strlen(whole);
        while (size > 0 && whole[size - 1] == '/')
            size--;
        url->base = format_text("%.*s", (int)size, whole);
        url->https = strcmp(scheme, "https") == 0;
        url->local = is_local(host);
        fine = true;
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(whole);
    return fine;
}

bool endpoint_url_parse(struct endpoint_url *url, const char *text, struct error *error) {
    CURLU *handle = curl_url();
    bool fine;

    *url = (struct endpoint_url){0};
    if (handle == NULL)
        return error_set(error, "libcurl has no memory");
    if (curl_url_set(handle, CURLUPART_URL, text, 0) != CURLUE_OK)
        fine = error_set(error, "--url: is no address; https://api.openai.com/v1 would be right");
    else
        fine = take_apart(handle, url, error);
    curl_url_cleanup(handle);
    return fine;
}

void endpoint_url_free(struct endpoint_url *url) {
    free(url->base);
    *url = (struct endpoint_url){0};
}
