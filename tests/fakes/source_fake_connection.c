#include "tests/fakes/source_fake_connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct source_fake source_fake;

struct source {
    enum source_region region;
    char key[128];
};

enum err_code __wrap_source_open(const struct source_settings *settings,
                                 enum source_provider provider, enum source_region region,
                                 const struct secret *key, struct source **ret_source,
                                 struct err *reterr);
void __wrap_source_closep(struct source **source);
enum err_code __wrap_source_fetch_page(struct source *source, const struct source_query *query,
                                       const struct source_sink *sink, struct deadline deadline,
                                       const atomic_bool *cancelled, struct source_page *ret_page,
                                       struct source_attempt *ret_attempt, struct err *reterr);
enum err_code __wrap_source_probe(struct source *source, struct deadline deadline,
                                  const atomic_bool *cancelled, int64_t *ret_organization_count,
                                  struct source_attempt *ret_attempt, struct err *reterr);

void source_fake_reset(void)
{
    memset(&source_fake, 0, sizeof(source_fake));
    source_fake.regions[SOURCE_REGION_EU] = ERR_UPSTREAM_KEY_REJECTED;
    source_fake.regions[SOURCE_REGION_AU] = ERR_UPSTREAM_KEY_REJECTED;
}

void source_fake_add(enum source_kind kind, int64_t id, const char *name, const char *web_url,
                     const char *body)
{
    size_t place = source_fake.record_counts[kind]++;
    struct source_record *record = &source_fake.records[kind][place];
    *record = (struct source_record){.kind = kind,
                                     .id = id,
                                     .name = name,
                                     .web_url = web_url,
                                     .body = body,
                                     .body_len = strlen(body)};
    // A hash of its own for each name and body is all that it takes here.
    (void)snprintf((char *)record->content_hash, sizeof(record->content_hash), "%.5s%.10s", name,
                   body);
}

enum err_code __wrap_source_open(const struct source_settings *settings,
                                 enum source_provider provider, enum source_region region,
                                 const struct secret *key, struct source **ret_source,
                                 struct err *reterr)
{
    (void)settings;
    if (provider != SOURCE_PROVIDER_IT_GLUE)
        return err_set(reterr, ERR_INTERNAL, "not a provider of this fake");
    struct source *source = calloc(1, sizeof(*source));
    if (source == NULL)
        return err_no_memory(reterr);
    source->region = region;
    (void)snprintf(source->key, sizeof(source->key), "%s", secret_bytes(key));
    *ret_source = source;
    return ERR_OK;
}

void __wrap_source_closep(struct source **source)
{
    free(*source);
}

static int status_of(enum err_code code)
{
    return code == ERR_OK                       ? 200
           : code == ERR_UPSTREAM_ACCESS_DENIED ? 401
           : code == ERR_UPSTREAM_KEY_REJECTED  ? 403
           : code == ERR_UPSTREAM_RATE_LIMITED  ? 429
           : code == ERR_UPSTREAM_ERROR         ? 500
                                                : 0;
}

static enum err_code answer(struct source *source, enum source_kind kind,
                            struct source_attempt *ret_attempt, struct err *reterr)
{
    enum err_code code = source_fake.regions[source->region];
    if (code == ERR_OK)
        code = source_fake.kinds[kind];
    if (atomic_fetch_add(&source_fake.calls, 1) == 0 && source_fake.while_asked != NULL)
        source_fake.while_asked(source_fake.context);
    (void)atomic_fetch_add(&source_fake.region_calls[source->region], 1);
    (void)snprintf(source_fake.last_key, sizeof(source_fake.last_key), "%s", source->key);
    *ret_attempt =
        (struct source_attempt){.http_status = status_of(code),
                                .curl_class = code == ERR_UPSTREAM_UNREACHABLE ? "connect"
                                              : code == ERR_UPSTREAM_TIMEOUT   ? "timeout"
                                                                               : NULL,
                                .latency_us = 1500,
                                .request_count = 1};
    return code == ERR_OK ? ERR_OK : err_set(reterr, code, "the fake refuses");
}

enum err_code __wrap_source_fetch_page(struct source *source, const struct source_query *query,
                                       const struct source_sink *sink, struct deadline deadline,
                                       const atomic_bool *cancelled, struct source_page *ret_page,
                                       struct source_attempt *ret_attempt, struct err *reterr)
{
    (void)deadline;
    (void)cancelled;
    try_(answer(source, query->kind, ret_attempt, reterr));
    *ret_page =
        (struct source_page){.total_count = (int64_t)source_fake.record_counts[query->kind]};
    if (query->impossible_filter && !source_fake.ignores_filters)
        return ERR_OK;
    for (size_t i = 0; i < source_fake.record_counts[query->kind]; i++) {
        (void)sink->on_record(sink->context, &source_fake.records[query->kind][i]);
        ret_page->record_count++;
    }
    return ERR_OK;
}

enum err_code __wrap_source_probe(struct source *source, struct deadline deadline,
                                  const atomic_bool *cancelled, int64_t *ret_organization_count,
                                  struct source_attempt *ret_attempt, struct err *reterr)
{
    (void)deadline;
    (void)cancelled;
    *ret_organization_count = (int64_t)source_fake.record_counts[SOURCE_ORGANIZATIONS];
    return answer(source, SOURCE_ORGANIZATIONS, ret_attempt, reterr);
}
