#include "api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "call.h"
#include "image.h"
#include "memory.h"
#include "moment.h"
#include "route.h"

struct exchange { /* one request being answered */
    struct emulator *emulator;
    const struct api_request *request;
    struct answer *answer;
    struct query query;
    char *path;
    char *target;
    struct fault fault;
    int64_t now_ms;
    bool password_returned;
};

static bool is_key_like(const struct parameter *item)
{
    static const char *const names[] = {"api_key",   "apikey", "api-key",
                                        "x-api-key", "key",    "token"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(item->key, names[i]) == 0)
            return true;
    }
    return strncmp(item->value, "ITG.", 4) == 0;
}

/* The query as recorded: readable, and never with a key in it. */
static char *recorded_query(const struct exchange *exchange, bool *key_in_query)
{
    struct text text = {0};
    for (size_t i = 0; i < exchange->query.count; i++) {
        const struct parameter *item = &exchange->query.items[i];
        bool key = is_key_like(item);
        *key_in_query |= key;
        text_format(&text, "%s%s=%s", i ? "&" : "", item->key, key ? "(key)" : item->value);
    }
    return text_take(&text);
}

static void record(struct exchange *exchange)
{
    const char *shown = query_get(&exchange->query, "show_password");
    struct record entry = {.time_ms = exchange->now_ms,
                           .region = memory_text(port_name(exchange->request->port)),
                           .method = memory_text(exchange->request->method),
                           .path = memory_text(exchange->path),
                           .status = exchange->answer->status,
                           .bytes = exchange->answer->body.length,
                           .had_key = exchange->request->key != NULL,
                           .show_password =
                               shown && strcmp(shown, "false") != 0 && strcmp(shown, "0") != 0,
                           .password_returned = exchange->password_returned,
                           .fault = exchange->fault.action != FAULT_NONE};
    entry.query = recorded_query(exchange, &entry.key_in_query);
    recorder_add(&exchange->emulator->recorder, &entry);
}

static void set_retry_after(struct exchange *exchange, int64_t wait_ms)
{
    const struct switches *switches = &exchange->emulator->switches;
    struct answer *answer = exchange->answer;
    int64_t seconds = switch_int(switches, SWITCH_RETRY_AFTER_SECONDS);
    if (!seconds)
        seconds = (wait_ms + 999) / 1000;
    if (switch_is(switches, SWITCH_RETRY_AFTER, "seconds")) {
        snprintf(answer->retry_after, sizeof answer->retry_after, "%" PRId64, seconds);
    } else if (switch_is(switches, SWITCH_RETRY_AFTER, "date")) {
        struct tm parts;
        time_t due = (time_t)(moment_wall_ms() / 1000 + seconds + 1);
        gmtime_r(&due, &parts);
        strftime(answer->retry_after, sizeof answer->retry_after, "%a, %d %b %Y %H:%M:%S GMT",
                 &parts);
    }
}

static bool admitted(struct exchange *exchange, struct api_key *key)
{
    struct emulator *emulator = exchange->emulator;
    const struct switches *switches = &emulator->switches;
    struct limiter *limiter = &key->limiter;
    if (switch_is(switches, SWITCH_RATE_SCOPE, "account"))
        limiter = &emulator->account_limiters[key->account == emulator->account ? 0 : 1];
    int64_t wait_ms;
    if (limiter_admit(limiter, (size_t)switch_int(switches, SWITCH_LIMIT),
                      switch_int(switches, SWITCH_WINDOW_MS), exchange->now_ms,
                      switch_on(switches, SWITCH_RATE_COUNTS_REJECTED), &wait_ms))
        return true;
    answer_gateway(exchange->answer, 429, switch_text(switches, SWITCH_RATE_BODY),
                   "Too Many Requests");
    set_retry_after(exchange, wait_ms);
    return false;
}

/* The key, if it opens this region; else the answer is given. */
static struct api_key *authorized(struct exchange *exchange)
{
    struct emulator *emulator = exchange->emulator;
    const char *form = switch_text(&emulator->switches, SWITCH_FORBIDDEN_BODY);
    if (!exchange->request->key) {
        unsigned status = (unsigned)switch_int(&emulator->switches, SWITCH_NO_KEY_STATUS);
        answer_gateway(exchange->answer, status, form,
                       status == 401 ? "Unauthorized" : "Forbidden");
        return NULL;
    }
    struct api_key *key = emulator_find_key(emulator, exchange->request->key);
    bool home = strcmp(emulator->account->plan.region, port_name(exchange->request->port)) == 0;
    if (key && home && !key->revoked)
        return key;
    answer_gateway(exchange->answer, 403, form, "Forbidden");
    return NULL;
}

/* A link to an image: of another house, behind whose door no limit counts. True: answered. */
static bool answered_image(struct exchange *exchange)
{
    struct emulator *emulator = exchange->emulator;
    const char *key_text = exchange->request->key;
    const struct api_key *key = key_text ? emulator_find_key(emulator, key_text) : NULL;
    const struct image_request request = {.account = emulator->account,
                                          .switches = &emulator->switches,
                                          .query = &exchange->query,
                                          .path = exchange->path,
                                          .with_key = key && !key->revoked};
    if (!image_is_link(exchange->path))
        return false;
    image_answer(&request, exchange->answer);
    return true;
}

/* Faults of a gateway, which never reach the application; true when the answer is given. */
static bool meets_gateway_fault(struct exchange *exchange)
{
    const struct fault *fault = &exchange->fault;
    struct answer *answer = exchange->answer;
    switch (fault->action) {
    case FAULT_STATUS:
        if (strcmp(fault->body, "json") == 0)
            answer_error(answer, fault->status, "Emulated fault", "Emulated fault", NULL);
        else
            answer_gateway(answer, fault->status, fault->body, "Emulated fault");
        if (fault->retry_after >= 0)
            snprintf(answer->retry_after, sizeof answer->retry_after, "%" PRId64,
                     fault->retry_after);
        return true;
    case FAULT_HTML_200:
        answer_html(answer, 200, "Please sign in");
        return true;
    case FAULT_REDIRECT:
        answer_gateway(answer, 302, "empty", "");
        if (fault->location[0])
            snprintf(answer->location, sizeof answer->location, "%s", fault->location);
        else
            snprintf(answer->location, sizeof answer->location,
                     "http://127.0.0.1:%u/redirect-target", exchange->emulator->ports[PORT_ADMIN]);
        return true;
    case FAULT_HANG:
        answer_gateway(answer, 504, "empty", "");
        answer->delivery = DELIVERY_HANG;
        answer->delay_ms = fault->ms;
        return true;
    case FAULT_DROP:
        answer_gateway(answer, 502, "empty", "");
        answer->delivery = DELIVERY_DROP;
        return true;
    default:
        return false;
    }
}

/* Faults that spoil a good answer on its way out. */
static void spoil(struct exchange *exchange)
{
    const struct fault *fault = &exchange->fault;
    struct answer *answer = exchange->answer;
    if (fault->action == FAULT_TRUNCATE) {
        answer->delivery = DELIVERY_TRUNCATED;
        answer->framing = fault->framing;
    } else if (fault->action == FAULT_TRICKLE) {
        answer->delivery = DELIVERY_TRICKLE;
        answer->trickle_bytes = fault->bytes;
        answer->trickle_ms = fault->ms;
    } else if (fault->action == FAULT_DELAY) {
        answer->delay_ms += fault->ms;
    } else if (fault->action == FAULT_HOLD) {
        answer->delay_ms += fault->ms;
        answer->hold = exchange->emulator->faults.cleared + 1;
    } else if (fault->action == FAULT_INVALID_JSON && answer->body.length > 2) {
        answer->body.data[answer->body.length / 2] = '}';
        answer->body.length -= 2;
        text_put(&answer->body, ",,");
    }
}

static void run_call(struct exchange *exchange, const struct api_key *key)
{
    const struct switches *switches = &exchange->emulator->switches;
    struct call call = {
        .account = key->account,
        .switches = switches,
        .query = &exchange->query,
        .base_url = exchange->request->base_url,
        .path = exchange->path,
        .password_access = key->password_access && switch_on(switches, SWITCH_PASSWORD_ACCESS),
        .wrong_org = exchange->fault.action == FAULT_WRONG_ORG,
        .answer = exchange->answer,
    };
    route_answer(&call);
    exchange->password_returned = call.password_returned && exchange->answer->status == 200;
}

/* Validation errors of the real service may echo what a record holds. */
static void echo_secret(struct exchange *exchange)
{
    const char *id = strrchr(exchange->path, '/');
    char *end;
    if (exchange->answer->status < 400 || !strstr(exchange->path, "passwords/") || !id)
        return;
    const struct row *row =
        account_find(exchange->emulator->account, COLLECTION_PASSWORDS, strtoll(id + 1, &end, 10));
    if (!row || !row->secret)
        return;
    unsigned status = exchange->answer->status;
    answer_reset(exchange->answer, status, answer_json_api);
    struct text *body = &exchange->answer->body;
    text_format(body, "{\"errors\":[{\"status\":%u,\"title\":\"Unprocessable Entity\"", status);
    struct text detail = {0};
    text_format(&detail, "password %s is invalid", row->secret);
    attr_text(body, "detail", detail.data);
    text_put(body, ",\"source\":{\"pointer\":\"/data/attributes/password\"");
    attr_text(body, "value", row->secret);
    text_put(body, "}}]}");
    text_done(&detail);
}

static void answer_exchange(struct exchange *exchange)
{
    struct emulator *emulator = exchange->emulator;
    exchange->fault =
        faults_take(&emulator->faults, exchange->target, port_name(exchange->request->port));
    int64_t jitter = switch_int(&emulator->switches, SWITCH_LATENCY_JITTER_MS);
    exchange->answer->delay_ms = switch_int(&emulator->switches, SWITCH_LATENCY_MS);
    if (jitter)
        exchange->answer->delay_ms += random_between(&emulator->jitter, 0, jitter);
    if (!meets_gateway_fault(exchange)) {
        struct api_key *key = answered_image(exchange) ? NULL : authorized(exchange);
        if (key && admitted(exchange, key)) {
            if (strcmp(exchange->request->method, "GET") == 0)
                run_call(exchange, key);
            else
                answer_error(exchange->answer, 501, "Not emulated",
                             "This emulator answers GET requests only", NULL);
        }
        spoil(exchange);
    }
    if (switch_on(&emulator->switches, SWITCH_ECHO_SECRET))
        echo_secret(exchange);
    record(exchange);
}

void api_handle(struct emulator *emulator, const struct api_request *request, struct answer *answer)
{
    const char *question = strchr(request->target, '?');
    size_t length = question ? (size_t)(question - request->target) : strlen(request->target);
    struct exchange exchange = {.emulator = emulator, .request = request, .answer = answer};
    exchange.path = memory_text_n(request->target, length);
    query_decode(exchange.path, false);
    exchange.target = memory_text(request->target);
    query_decode(exchange.target, true);
    query_parse(&exchange.query, question ? question + 1 : NULL);
    pthread_mutex_lock(&emulator->lock);
    exchange.now_ms = moment_monotonic_ms();
    answer_exchange(&exchange);
    pthread_mutex_unlock(&emulator->lock);
    query_done(&exchange.query);
    free(exchange.path);
    free(exchange.target);
}
