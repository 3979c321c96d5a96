#include "server/audit/canonical.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "server/base/encoding.h"

static void feed(crypto_hash_sha256_state *state, const void *bytes, size_t len)
{
    unsigned char prefix[8];
    for (size_t i = 0; i < sizeof(prefix); i++)
        prefix[i] = (unsigned char)((uint64_t)len >> (56 - 8 * i));
    (void)crypto_hash_sha256_update(state, prefix, sizeof(prefix));
    (void)crypto_hash_sha256_update(state, bytes, len);
}

static void feed_text(crypto_hash_sha256_state *state, const char *text)
{
    feed(state, text, strlen(text));
}

static void feed_number(crypto_hash_sha256_state *state, int64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRId64, number);
    feed_text(state, text);
}

void audit_hash(const struct audit_event_row *row, unsigned char ret_hash[AUDIT_HASH_BYTES])
{
    crypto_hash_sha256_state state;
    (void)crypto_hash_sha256_init(&state);
    feed(&state, row->previous_hash, sizeof(row->previous_hash));
    feed_text(&state, "docbridge.audit.v1");
    feed_text(&state, row->tenant);
    feed_number(&state, row->sequence);
    feed_number(&state, row->event_time_us);
    feed_number(&state, row->type);
    feed_number(&state, row->phase);
    feed_number(&state, row->outcome);
    feed_text(&state, row->error_reason);
    feed_text(&state, row->actor_subject);
    feed_text(&state, row->actor_display_name);
    feed_number(&state, row->actor_kind);
    feed_text(&state, row->resource);
    feed_text(&state, row->resource_display_name);
    feed_text(&state, row->company_id);
    feed_text(&state, row->company_display_name);
    feed_text(&state, row->organization);
    feed_text(&state, row->password_category_display_name);
    feed_text(&state, row->reason);
    feed_text(&state, row->ticket);
    feed_text(&state, row->request_id);
    feed_text(&state, row->peer);
    feed_number(&state, row->upstream_status);
    feed_number(&state, row->upstream_served);
    feed_number(&state, row->policy_version);
    feed_number(&state, row->intent_sequence);
    feed_text(&state, row->changes);
    (void)crypto_hash_sha256_final(&state, ret_hash);
}

void audit_mark_digest(const struct audit_mark *mark, const char *tenant,
                       unsigned char ret_digest[AUDIT_HASH_BYTES])
{
    crypto_hash_sha256_state state;
    (void)crypto_hash_sha256_init(&state);
    feed_text(&state, mark->kind == AUDIT_MARK_HEAD ? "docbridge.audit.head.v1"
                                                    : "docbridge.audit.retained.v1");
    feed_text(&state, tenant);
    feed_number(&state, mark->sequence);
    feed(&state, mark->hash, sizeof(mark->hash));
    feed_number(&state, mark->time_us);
    (void)crypto_hash_sha256_final(&state, ret_digest);
}

bool audit_mark_verify(const struct audit_mark *mark, const char *tenant,
                       const unsigned char public_key[AUDIT_KEY_BYTES])
{
    unsigned char digest[AUDIT_HASH_BYTES];
    char id[AUDIT_KEY_ID_BYTES];
    audit_key_id(public_key, id);
    audit_mark_digest(mark, tenant, digest);
    return strcmp(id, mark->key_id) == 0 &&
           crypto_sign_verify_detached(mark->signature, digest, sizeof(digest), public_key) == 0;
}

void audit_key_id(const unsigned char public_key[AUDIT_KEY_BYTES], char ret_id[AUDIT_KEY_ID_BYTES])
{
    unsigned char hash[AUDIT_HASH_BYTES];
    (void)crypto_hash_sha256(hash, public_key, AUDIT_KEY_BYTES);
    encoding_hex(hash, (AUDIT_KEY_ID_BYTES - 1) / 2, ret_id);
}
