// GET requests over HTTPS, and no other kind.
//
// One client is one host and one account, by one key at a time: its connections, cookies (none) and
// sessions are shared with nobody. A request ends at the latest 50 ms after its deadline or its
// cancelling. Redirects are not followed, so that the key never leaves the host; the environment's
// proxies and .netrc are not read; the key stands in one header, never in a URL, and what curl held
// of it is wiped.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/buffer.h"
#include "server/source/source.h"

// Once per process; curl's memory is wiped when freed from then on.
enum err_code itglue_http_global_init(struct err *reterr) _must_check_;
void itglue_http_global_done(void);

struct itglue_http;

struct sockaddr;
// Whether an address is of the public network, the IPv4 address that a translated one stands for
// included. What IT Glue's names may resolve to.
bool itglue_http_is_public(const struct sockaddr *address);

// `base_url` has no path. `official` says that it is IT Glue's own, which lies in the public
// network. Copies everything but `settings`, and shares the key.
enum err_code itglue_http_open(const struct source_settings *settings, const char *base_url,
                               bool official, const struct secret *key,
                               struct itglue_http **ret_http, struct err *reterr) _must_check_;
struct itglue_http *itglue_http_close(struct itglue_http *http);
// Sends another key from now on (shared), or none until there is one again (NULL): idle clients
// hold no key.
void itglue_http_set_key(struct itglue_http *http, const struct secret *key);
// The key that it sends, borrowed.
const struct secret *itglue_http_key(const struct itglue_http *http);

enum itglue_http_end {
    ITGLUE_HTTP_ANSWERED,  // completely
    ITGLUE_HTTP_STOPPED,   // on_body wanted no more
    ITGLUE_HTTP_TOO_LARGE, // more than body_max_bytes
    ITGLUE_HTTP_GARBLED,   // an encoding that cannot be undone
    ITGLUE_HTTP_CANCELLED,
    ITGLUE_HTTP_DEADLINE,
    ITGLUE_HTTP_TIMED_OUT,   // sent, but the answer took longer than the settings allow
    ITGLUE_HTTP_UNREACHABLE, // curl_class says how
    ITGLUE_HTTP_NO_MEMORY,
};

struct itglue_exchange {
    const char *target; // path and query, from the slash
    // A whole address in place of `target`, on whatever host: asked for without the key. NULL:
    // none.
    const char *link;
    const char *accept; // media types; NULL: JSON
    // Gets the body of a 200, decoded, in pieces. False ends the transfer.
    bool (*on_body)(void *context, const char *bytes, size_t len);
    void *context;
    size_t body_max_bytes;
    // For a password value: sent once at most. It may go over a connection that was used before,
    // but if that turns out dead the request is not repeated. HTTP/1.1, of which no library keeps
    // a byte.
    bool once;
    struct deadline deadline;
    const atomic_bool *cancelled; // may be NULL

    // What came of it.
    enum itglue_http_end end;
    int status; // 0: no answer
    bool html;  // says of itself that it is HTML
    const char *curl_class;
    int64_t latency_us;
    int64_t retry_after_ms;
    int request_count;
    struct buffer error_body; // the first bytes of what is no 200; the caller wipes and releases it
};

void itglue_http_get(struct itglue_http *http, struct itglue_exchange *exchange);
