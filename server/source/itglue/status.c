#include "server/source/itglue/status.h"

#include <jansson.h>
#include <limits.h>
#include <string.h>

// Sources: "official", the developer reference and help; "live", what clients report of the live
// service; "assumed", a default for want of any.
static const struct itglue_status statuses[] = {
    // A 200 is read as a page; other successes are never expected of a GET. Official.
    {201, 299, ERR_UPSTREAM_ANSWER_INVALID, false, "IT Glue answered without content"},
    // Correct URLs do not redirect; following would carry the key to another host. Live.
    {300, 399, ERR_UPSTREAM_UNEXPECTED_REDIRECT, false, "IT Glue answered with a redirect"},
    // A missing or refused parameter, such as a filter value: the caller tries another. Live.
    {400, 400, ERR_UPSTREAM_ERROR, false, "IT Glue refused the request's parameters"},
    // This resource is not open to this key, or only to sessions; the key itself is good. Live.
    {401, 401, ERR_UPSTREAM_ACCESS_DENIED, false, "IT Glue denies this key access to the resource"},
    // The key is unknown, revoked, or of another region. Official for the status; the three cannot
    // be told apart.
    {403, 403, ERR_UPSTREAM_KEY_REJECTED, false, "IT Glue rejected the key"},
    // The record is missing, or the route is. Live.
    {404, 404, ERR_UPSTREAM_RECORD_GONE, false, "IT Glue does not have it"},
    // Assumed: never reported.
    {408, 408, ERR_UPSTREAM_TIMEOUT, false, "IT Glue gave up waiting"},
    // As 400: a filter value that this tenant does not take. Live.
    {422, 422, ERR_UPSTREAM_ERROR, false, "IT Glue refused the request's parameters"},
    // Official for the status; Retry-After is honoured if there is one (assumed).
    {429, 429, ERR_UPSTREAM_RATE_LIMITED, false, "IT Glue's request limit is reached"},
    {402, 499, ERR_UPSTREAM_ERROR, false, "IT Glue refused the request"},
    // Of gateway errors the help says that smaller pages avoid them; that this one means the page
    // was too large is assumed.
    {504, 504, ERR_UPSTREAM_TIMEOUT, true, "IT Glue's gateway timed out"},
    {500, 599, ERR_UPSTREAM_ERROR, false, "IT Glue failed"},
    {0, INT_MAX, ERR_UPSTREAM_ANSWER_INVALID, false, "IT Glue answered with an unknown status"},
};

// Texts of the first error of a body. Exact: whatever else a body says stays unread.
static const struct {
    const char *member;
    const char *text;
    enum itglue_complaint complaint;
} complaints[] = {
    {"detail", "The request took too long to process and timed out.",
     ITGLUE_COMPLAINT_TOOK_TOO_LONG},                                             // live
    {"title", "Only supported for JWT requests", ITGLUE_COMPLAINT_SESSIONS_ONLY}, // live
};

const struct itglue_status *itglue_status_find(int http_status)
{
    const struct itglue_status *row = statuses;
    while (http_status < row->from || http_status > row->to)
        row++;
    return row;
}

enum itglue_complaint itglue_status_complaint(const char *body, size_t len)
{
    enum itglue_complaint found = ITGLUE_COMPLAINT_OTHER;
    json_t *root = len == 0 ? NULL : json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *first = json_array_get(json_object_get(root, "errors"), 0);
    for (size_t i = 0; i < ARRAY_LEN(complaints); i++) {
        const char *text = json_string_value(json_object_get(first, complaints[i].member));
        if (text != NULL && strcmp(text, complaints[i].text) == 0)
            found = complaints[i].complaint;
    }
    json_decref(root);
    return found;
}
