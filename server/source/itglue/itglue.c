#include "server/source/itglue/itglue.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "server/base/counter.h"
#include "server/source/itglue/http.h"
#include "server/source/itglue/image.h"
#include "server/source/itglue/page.h"
#include "server/source/itglue/query.h"
#include "server/source/itglue/reveal.h"
#include "server/source/itglue/status.h"

enum {
    PAGE_MAX_BYTES = 64 * 1024 * 1024,
    // A document of 20 MB, of which upstream may write each "<" in six bytes.
    RECORD_MAX_BYTES = 48 * 1024 * 1024,
    REVEAL_MAX_BYTES = 1024 * 1024,
    IMAGE_MAX_BYTES = 10 * 1024 * 1024,
    IMAGE_RECORD_MAX_BYTES = 256 * 1024,
    TARGET_MAX_BYTES = 2048,
    // Where upstream does not say when to try again.
    RATE_LIMIT_DELAY_MS = 30 * 1000,
    FAILURE_DELAY_MS = 5 * 1000,
};

struct itglue {
    const struct source_settings *settings;
    char official_url[64];
    const char *base_url; // the official one, or that of the settings
    bool official;
    struct itglue_http *http;
};

enum err_code itglue_open(const struct source_settings *settings,
                          const struct source_region_info *region, const struct secret *key,
                          struct itglue **ret_itglue, struct err *reterr)
{
    const char *other = settings->base_url[region->region];
    struct itglue *itglue = calloc(1, sizeof(*itglue));
    if (itglue == NULL)
        return err_no_memory(reterr);
    itglue->settings = settings;
    itglue->official = other == NULL;
    (void)snprintf(itglue->official_url, sizeof(itglue->official_url), "https://%s",
                   region->api_host);
    itglue->base_url = other == NULL ? itglue->official_url : other;
    enum err_code code =
        itglue_http_open(settings, itglue->base_url, itglue->official, key, &itglue->http, reterr);
    if (code != ERR_OK) {
        free(itglue);
        return code;
    }
    *ret_itglue = itglue;
    return ERR_OK;
}

struct itglue *itglue_close(struct itglue *itglue)
{
    if (itglue != NULL)
        itglue_http_close(itglue->http);
    free(itglue);
    return NULL;
}

void itglue_set_key(struct itglue *itglue, const struct secret *key)
{
    itglue_http_set_key(itglue->http, key);
}

const struct secret *itglue_key(const struct itglue *itglue)
{
    return itglue_http_key(itglue->http);
}

static void exchange_done(struct itglue_exchange *exchange)
{
    // An error body may echo what was submitted.
    if (exchange->error_body.data != NULL)
        sodium_memzero(exchange->error_body.data, exchange->error_body.len);
    buffer_done(&exchange->error_body);
}

// Says when to try again, of every error that may pass by itself.
static void set_retry_delay(const struct itglue_exchange *exchange, enum err_code code,
                            struct err *reterr)
{
    int64_t delay_ms = exchange->retry_after_ms;
    if (delay_ms == 0 && code == ERR_UPSTREAM_RATE_LIMITED)
        delay_ms = RATE_LIMIT_DELAY_MS;
    if (delay_ms == 0 && (code == ERR_UPSTREAM_ERROR || code == ERR_UPSTREAM_UNREACHABLE))
        delay_ms = FAILURE_DELAY_MS;
    if (delay_ms > 0)
        err_retry_after(reterr, delay_ms);
}

// The error of an answer that is no 200.
static enum err_code refuse(const struct itglue_exchange *exchange, struct source_attempt *attempt,
                            struct err *reterr)
{
    const struct itglue_status *status = itglue_status_find(exchange->status);
    enum itglue_complaint complaint =
        itglue_status_complaint(exchange->error_body.data, exchange->error_body.len);
    enum err_code code = status->code;
    const char *text = status->text;
    attempt->page_too_heavy = status->page_too_heavy;
    if (complaint == ITGLUE_COMPLAINT_TOOK_TOO_LONG) {
        code = ERR_UPSTREAM_TIMEOUT;
        text = "IT Glue gave up on the request's size";
        attempt->page_too_heavy = true;
    }
    if (complaint == ITGLUE_COMPLAINT_SESSIONS_ONLY)
        text = "IT Glue does not open this resource to API keys";
    err_set(reterr, code, "%s", text);
    err_meta(reterr, "http_status", "%d", exchange->status);
    set_retry_delay(exchange, code, reterr);
    return code;
}

static enum err_code unreachable(const struct itglue_exchange *exchange, struct err *reterr)
{
    bool timed_out = exchange->end == ITGLUE_HTTP_TIMED_OUT;
    enum err_code code = timed_out ? ERR_UPSTREAM_TIMEOUT : ERR_UPSTREAM_UNREACHABLE;
    err_set(reterr, code, timed_out ? "IT Glue did not answer in time" : "IT Glue is unreachable");
    err_meta(reterr, "curl_class", "%s", exchange->curl_class);
    set_retry_delay(exchange, code, reterr);
    return code;
}

static void count_status(int status)
{
    enum counter counter = COUNTER_UPSTREAM_ODD;
    if (status == 200)
        counter = COUNTER_UPSTREAM_OK;
    else if (status == 429)
        counter = COUNTER_UPSTREAM_THROTTLED;
    else if (status >= 400 && status < 600)
        counter = status < 500 ? COUNTER_UPSTREAM_REFUSED : COUNTER_UPSTREAM_BROKEN;
    else if (status == 0)
        counter = COUNTER_UPSTREAM_SILENT;
    counter_add(counter, 1);
}

// Sends a GET and turns everything but a complete 200 into an error. A body that its reader stopped
// counts as complete: the reader knows why.
static enum err_code get(struct itglue *itglue, struct itglue_exchange *exchange,
                         struct source_attempt *attempt, struct err *reterr)
{
    *attempt = (struct source_attempt){0};
    if (exchange->cancelled != NULL && atomic_load(exchange->cancelled))
        return err_set(reterr, ERR_CANCELLED, "the request was cancelled");
    if (deadline_left_ms(exchange->deadline) == 0)
        return err_set(reterr, ERR_DEADLINE_EXCEEDED, "no time is left for the request");
    itglue_http_get(itglue->http, exchange);
    count_status(exchange->status);
    *attempt = (struct source_attempt){.http_status = exchange->status,
                                       .curl_class = exchange->curl_class,
                                       .latency_us = exchange->latency_us,
                                       .retry_after_ms = exchange->retry_after_ms,
                                       .request_count = exchange->request_count};
    switch (exchange->end) {
    case ITGLUE_HTTP_ANSWERED:
        if (exchange->status != 200)
            return refuse(exchange, attempt, reterr);
        if (exchange->html)
            return err_set(reterr, ERR_UPSTREAM_ANSWER_INVALID, "IT Glue answered with HTML");
        return ERR_OK;
    case ITGLUE_HTTP_STOPPED:
        if (exchange->html)
            return err_set(reterr, ERR_UPSTREAM_ANSWER_INVALID, "IT Glue answered with HTML");
        return ERR_OK;
    case ITGLUE_HTTP_TOO_LARGE:
        attempt->page_too_heavy = true;
        return err_set(reterr, ERR_UPSTREAM_ANSWER_INVALID, "the answer is larger than allowed");
    case ITGLUE_HTTP_GARBLED:
        return err_set(reterr, ERR_UPSTREAM_ANSWER_INVALID, "the answer cannot be decoded");
    case ITGLUE_HTTP_CANCELLED:
        return err_set(reterr, ERR_CANCELLED, "the request was cancelled");
    case ITGLUE_HTTP_DEADLINE:
        return err_set(reterr, ERR_DEADLINE_EXCEEDED, "the deadline passed during the request");
    case ITGLUE_HTTP_TIMED_OUT:
        attempt->page_too_heavy = true;
        return unreachable(exchange, reterr);
    case ITGLUE_HTTP_UNREACHABLE:
        return unreachable(exchange, reterr);
    case ITGLUE_HTTP_NO_MEMORY:
        break;
    }
    return err_no_memory(reterr);
}

static bool feed_page(void *page, const char *bytes, size_t len)
{
    return itglue_page_feed(page, bytes, len);
}

static enum err_code fetch(struct itglue *itglue, const char *target,
                           const struct source_query *query, const struct source_sink *sink,
                           struct deadline deadline, const atomic_bool *cancelled,
                           struct source_page *ret_page, struct source_attempt *ret_attempt,
                           struct err *reterr)
{
    const struct source_settings *settings = itglue->settings;
    size_t page_max = settings->page_max_bytes > 0 ? settings->page_max_bytes : PAGE_MAX_BYTES;
    size_t record_max =
        settings->record_max_bytes > 0 ? settings->record_max_bytes : RECORD_MAX_BYTES;
    struct itglue_page *page _cleanup_(itglue_page_freep) =
        itglue_page_new(query, sink, record_max, page_max);
    if (page == NULL)
        return err_no_memory(reterr);
    struct itglue_exchange exchange _cleanup_(exchange_done) = {.target = target,
                                                                .on_body = feed_page,
                                                                .context = page,
                                                                .body_max_bytes = page_max,
                                                                .deadline = deadline,
                                                                .cancelled = cancelled};
    try_(get(itglue, &exchange, ret_attempt, reterr));
    return itglue_page_finish(page, ret_page, reterr);
}

enum err_code itglue_fetch_page(struct itglue *itglue, const struct source_query *query,
                                const struct source_sink *sink, struct deadline deadline,
                                const atomic_bool *cancelled, struct source_page *ret_page,
                                struct source_attempt *ret_attempt, struct err *reterr)
{
    struct buffer target _cleanup_(buffer_done);
    buffer_init(&target, TARGET_MAX_BYTES);
    *ret_page = (struct source_page){.total_count = -1};
    *ret_attempt = (struct source_attempt){0};
    try_(itglue_query_page(query, &target, reterr));
    return fetch(itglue, target.data, query, sink, deadline, cancelled, ret_page, ret_attempt,
                 reterr);
}

static bool ignore_record(void *context, const struct source_record *record)
{
    (void)context;
    (void)record;
    return true;
}

static bool ignore_quarantine(void *context, const struct source_quarantine *quarantine)
{
    (void)context;
    (void)quarantine;
    return true;
}

enum err_code itglue_probe(struct itglue *itglue, struct deadline deadline,
                           const atomic_bool *cancelled, int64_t *ret_organization_count,
                           struct source_attempt *ret_attempt, struct err *reterr)
{
    struct source_query query = {.kind = SOURCE_ORGANIZATIONS, .page_number = 1, .page_size = 1};
    struct source_sink sink = {.on_record = ignore_record, .on_quarantine = ignore_quarantine};
    struct source_page page;
    *ret_organization_count = -1;
    *ret_attempt = (struct source_attempt){0};
    // The plainest request there is: nothing to filter, sort or include that could be refused.
    try_(fetch(itglue, "/organizations?page%5Bnumber%5D=1&page%5Bsize%5D=1", &query, &sink,
               deadline, cancelled, &page, ret_attempt, reterr));
    *ret_organization_count = page.total_count;
    return ERR_OK;
}

static bool feed_reveal(void *reveal, const char *bytes, size_t len)
{
    return itglue_reveal_feed(reveal, bytes, len);
}

enum err_code itglue_fetch_password(struct itglue *itglue, int64_t password_id,
                                    const char *user_email, struct deadline deadline,
                                    const atomic_bool *cancelled,
                                    struct source_password *ret_password,
                                    struct source_attempt *ret_attempt, struct err *reterr)
{
    char target[96];
    // The one form whose parameter is documented; that the record belongs to the organization, the
    // caller sees from the answer.
    (void)snprintf(target, sizeof(target), "/passwords/%" PRId64 "?show_password=true%s",
                   password_id, user_email == NULL ? "" : "&include=authorized_users");
    *ret_password = (struct source_password){0};
    *ret_attempt = (struct source_attempt){0};
    struct itglue_reveal reveal _cleanup_(itglue_reveal_done) = {0};
    if (!itglue_reveal_init(&reveal, user_email))
        return err_no_memory(reterr);
    struct itglue_exchange exchange _cleanup_(exchange_done) = {.target = target,
                                                                .on_body = feed_reveal,
                                                                .context = &reveal,
                                                                .body_max_bytes = REVEAL_MAX_BYTES,
                                                                .once = true,
                                                                .deadline = deadline,
                                                                .cancelled = cancelled};
    enum err_code code = get(itglue, &exchange, ret_attempt, reterr);
    ret_attempt->page_too_heavy = false;
    if (code != ERR_OK)
        return code;
    return itglue_reveal_finish(&reveal, password_id, ret_password, reterr);
}

static bool append_to(void *buffer, const char *bytes, size_t len)
{
    return buffer_append(buffer, bytes, len);
}

static enum err_code no_image(const char *cause, const char *text, struct err *reterr)
{
    (void)err_set(reterr, ERR_UPSTREAM_IMAGE_UNAVAILABLE, "%s", text);
    err_meta(reterr, "cause", "%s", cause);
    return ERR_UPSTREAM_IMAGE_UNAVAILABLE;
}

static enum err_code fetch_image_record(struct itglue *itglue, int64_t image_id,
                                        struct deadline deadline, const atomic_bool *cancelled,
                                        struct itglue_image *ret_record,
                                        struct source_attempt *ret_attempt, struct err *reterr)
{
    char target[64];
    struct buffer json _cleanup_(buffer_done);
    buffer_init(&json, IMAGE_RECORD_MAX_BYTES);
    (void)snprintf(target, sizeof(target), "/document_images/%" PRId64, image_id);
    struct itglue_exchange exchange _cleanup_(exchange_done) = {.target = target,
                                                                .on_body = append_to,
                                                                .context = &json,
                                                                .body_max_bytes =
                                                                    IMAGE_RECORD_MAX_BYTES,
                                                                .deadline = deadline,
                                                                .cancelled = cancelled};
    try_(get(itglue, &exchange, ret_attempt, reterr));
    ret_attempt->page_too_heavy = false;
    if (!itglue_image_parse(json.data, json.len, image_id, ret_record))
        return err_set(reterr, ERR_UPSTREAM_ANSWER_INVALID, "the answer is no record of the image");
    return ERR_OK;
}

// What an answer to a link means. It says nothing of the key: other hosts do not know it.
static enum err_code judge_link_answer(const struct itglue_exchange *exchange, enum err_code code,
                                       size_t max_bytes, struct err *reterr)
{
    if (exchange->end == ITGLUE_HTTP_TOO_LARGE) {
        code = no_image("TOO_LARGE", "the image is larger than allowed", reterr);
        err_meta(reterr, "max_bytes", "%zu", max_bytes);
        return code;
    }
    if (code == ERR_UPSTREAM_ACCESS_DENIED || code == ERR_UPSTREAM_KEY_REJECTED)
        return no_image("LINK_REFUSED", "IT Glue's link to the image does not open", reterr);
    // A download that failed can be a page that asks to sign in.
    if (exchange->status == 200 && exchange->html)
        return no_image("NOT_AN_IMAGE", "IT Glue's link leads to a web page", reterr);
    return code;
}

static enum err_code fetch_linked(struct itglue *itglue, const char *link, bool own,
                                  struct deadline deadline, const atomic_bool *cancelled,
                                  struct source_image *ret_image,
                                  struct source_attempt *ret_attempt, struct err *reterr)
{
    size_t max = itglue->settings->image_max_bytes;
    max = max > 0 ? max : IMAGE_MAX_BYTES;
    size_t base_len = link[0] == '/' ? 0 : strlen(itglue->base_url);
    buffer_init(&ret_image->bytes, max);
    struct itglue_exchange exchange _cleanup_(exchange_done) = {
        .target = own ? link + base_len : NULL,
        .link = own ? NULL : link,
        .accept = "Accept: image/png, image/jpeg, image/gif, image/webp",
        .on_body = append_to,
        .context = &ret_image->bytes,
        .body_max_bytes = max,
        .deadline = deadline,
        .cancelled = cancelled};
    struct source_attempt attempt;
    enum err_code code = get(itglue, &exchange, &attempt, reterr);
    if (own)
        ret_attempt->request_count += attempt.request_count;
    try_(judge_link_answer(&exchange, code, max, reterr));
    if (ret_image->bytes.failed)
        return err_no_memory(reterr);
    ret_image->media_type = itglue_image_type(ret_image->bytes.data, ret_image->bytes.len);
    return ret_image->media_type != NULL
               ? ERR_OK
               : no_image("NOT_AN_IMAGE", "IT Glue's link leads to no image of a known type",
                          reterr);
}

enum err_code itglue_fetch_image(struct itglue *itglue, int64_t image_id, struct deadline deadline,
                                 const atomic_bool *cancelled, struct source_image *ret_image,
                                 struct source_attempt *ret_attempt, struct err *reterr)
{
    struct itglue_image record;
    char host[256];
    *ret_image = (struct source_image){0};
    *ret_attempt = (struct source_attempt){0};
    try_(fetch_image_record(itglue, image_id, deadline, cancelled, &record, ret_attempt, reterr));
    ret_image->document_id = record.document_id;
    ret_image->organization_id = record.organization_id;
    if (record.link[0] == '\0')
        return no_image("NO_LINK", "IT Glue gives no link to the image", reterr);
    enum itglue_link_way way =
        itglue_link_judge(itglue->settings, itglue->base_url, itglue->official, record.link, host);
    if (way == ITGLUE_LINK_CLOSED) {
        enum err_code code = no_image("LINK_NOT_ALLOWED",
                                      "IT Glue's link to the image leads where none may", reterr);
        err_meta(reterr, "host", "%s", host);
        return code;
    }
    return fetch_linked(itglue, record.link, way == ITGLUE_LINK_OWN, deadline, cancelled, ret_image,
                        ret_attempt, reterr);
}
