// The audit trail by itself.
//
//     audit write DSN TENANT CALLERS SECONDS   intents and outcomes of one tenant, made durable by
//     the
//                                              trail: pairs a second
//     audit lines FILE COUNT                   an export of so many events, with a signed head
//     behind
//                                              each thousandth: the public key in hexadecimal
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "server/audit/line.h"
#include "server/audit/trail.h"
#include "server/base/encoding.h"

enum { CALLERS_MAX = 256, LINE_BYTES = 64 * 1024, HEADS_EVERY = 1000, WAIT_MS = 30000 };

static struct trail *trail;
static const char *tenant;
static atomic_long pairs;
static atomic_bool over;

static _Noreturn void fail(const char *what, const struct err *err)
{
    fprintf(stderr, "audit: %s: %s\n", what, err == NULL ? "" : err->text);
    exit(1);
}

static int64_t number(const char *text)
{
    int64_t value;
    if (!encoding_int64(text, strlen(text), &value) || value < 1)
        fail(text, NULL);
    return value;
}

static void *reveal(void *context)
{
    const struct principal caller = {
        .tenant = tenant, .subject = "auth0|42", .display_name = "Ada", .actor = ACTOR_HUMAN};
    const struct request request = {
        .caller = &caller, .request_id = "b7c9e1a2-0f4d", .peer = "ipv4:127.0.0.1:4711"};
    struct audit_event event = {.type = AUDIT_PASSWORD_REVEAL,
                                .resource = "companies/acme/passwords/9001",
                                .resource_display_name = "Core switch",
                                .company_id = "acme",
                                .company_display_name = "Acme GmbH"};
    struct err err;
    (void)context;
    while (!atomic_load(&over)) {
        event.phase = AUDIT_INTENT;
        event.outcome = AUDIT_NO_OUTCOME;
        if (trail_write(trail, &request, &event, deadline_in(WAIT_MS), &event.intent_sequence,
                        &err) != ERR_OK)
            fail("an intent", &err);
        event.phase = AUDIT_OUTCOME;
        event.outcome = AUDIT_SUCCEEDED;
        if (trail_write(trail, &request, &event, deadline_in(WAIT_MS), NULL, &err) != ERR_OK)
            fail("an outcome", &err);
        event.intent_sequence = 0;
        atomic_fetch_add(&pairs, 1);
    }
    return NULL;
}

static void measure_writes(const char *dsn, int callers, int64_t seconds)
{
    struct err err;
    struct store *store;
    pthread_t threads[CALLERS_MAX];
    const struct store_settings settings = {.dsn = dsn};
    if (store_open(&settings, &store, &err) != ERR_OK ||
        trail_new(&(struct trail_settings){.store = store}, &trail, &err) != ERR_OK)
        fail("the store", &err);
    int64_t begin_ms = clock_steady_ms();
    for (int i = 0; i < callers; i++)
        if (pthread_create(&threads[i], NULL, reveal, NULL) != 0)
            fail("no thread", NULL);
    while (clock_steady_ms() - begin_ms < seconds * 1000)
        (void)usleep(1000);
    long count = atomic_load(&pairs);
    int64_t took_ms = clock_steady_ms() - begin_ms;
    atomic_store(&over, true);
    for (int i = 0; i < callers; i++)
        (void)pthread_join(threads[i], NULL);
    trail = trail_free(trail);
    store = store_close(store);
    printf("%.1f\n", (double)count * 1000 / (double)took_ms);
}

static void write_head(struct buffer *line, const struct audit_event_row *row,
                       const unsigned char *secret_key, const char *key_id)
{
    unsigned char digest[AUDIT_HASH_BYTES];
    struct audit_mark mark = {.kind = AUDIT_MARK_HEAD,
                              .sequence = row->sequence,
                              .time_us = row->event_time_us,
                              .key_id = key_id};
    memcpy(mark.hash, row->hash, sizeof(mark.hash));
    audit_mark_digest(&mark, row->tenant, digest);
    (void)crypto_sign_detached(mark.signature, NULL, digest, sizeof(digest), secret_key);
    audit_line_write_mark(line, row->tenant, &mark);
}

static void write_lines(const char *path, int64_t count)
{
    unsigned char public_key[AUDIT_KEY_BYTES], secret_key[crypto_sign_SECRETKEYBYTES];
    char key_id[AUDIT_KEY_ID_BYTES], hex[2 * AUDIT_KEY_BYTES + 1];
    struct buffer line;
    FILE *file = fopen(path, "we");
    if (file == NULL)
        fail(path, NULL);
    (void)crypto_sign_keypair(public_key, secret_key);
    audit_key_id(public_key, key_id);
    buffer_init(&line, LINE_BYTES);
    audit_line_write_export(&line, "bench", 1, count);
    struct audit_event_row row = {.tenant = "bench",
                                  .type = AUDIT_PASSWORD_REVEAL,
                                  .error_reason = "",
                                  .actor_subject = "auth0|42",
                                  .actor_display_name = "Ada Lovelace",
                                  .actor_kind = ACTOR_HUMAN,
                                  .resource = "companies/acme/passwords/9001",
                                  .resource_display_name = "Core switch",
                                  .company_id = "acme",
                                  .company_display_name = "Acme GmbH",
                                  .organization = "connections/main/organizations/4102",
                                  .password_category_display_name = "Infrastructure",
                                  .reason = "router down",
                                  .ticket = "T-1704",
                                  .request_id = "b7c9e1a2-0f4d-4c11-9d2e-6f1f1b0a7c55",
                                  .peer = "ipv4:127.0.0.1:4711",
                                  .changes = "[]"};
    for (row.sequence = 1; row.sequence <= count; row.sequence++) {
        row.event_time_us = 1772366400000000 + row.sequence;
        row.phase = row.sequence % 2 == 1 ? AUDIT_INTENT : AUDIT_OUTCOME;
        row.outcome = row.sequence % 2 == 1 ? AUDIT_NO_OUTCOME : AUDIT_SUCCEEDED;
        row.intent_sequence = row.sequence % 2 == 1 ? 0 : row.sequence - 1;
        audit_hash(&row, row.hash);
        audit_line_write_event(&line, &row);
        if (row.sequence % HEADS_EVERY == 0 || row.sequence == count)
            write_head(&line, &row, secret_key, key_id);
        if (line.failed || fwrite(line.data, 1, line.len, file) != line.len)
            fail(path, NULL);
        buffer_reset(&line);
        memcpy(row.previous_hash, row.hash, sizeof(row.hash));
    }
    buffer_done(&line);
    if (fclose(file) != 0)
        fail(path, NULL);
    encoding_hex(public_key, sizeof(public_key), hex);
    printf("%s\n", hex);
}

int main(int argc, char **argv)
{
    if (sodium_init() < 0)
        return 1;
    if (argc == 6 && strcmp(argv[1], "write") == 0 && number(argv[4]) <= CALLERS_MAX) {
        tenant = argv[3];
        measure_writes(argv[2], (int)number(argv[4]), number(argv[5]));
    } else if (argc == 4 && strcmp(argv[1], "lines") == 0) {
        write_lines(argv[2], number(argv[3]));
    } else {
        fail("see the head of audit.c", NULL);
    }
    return 0;
}
