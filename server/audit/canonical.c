#include "server/audit/canonical.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <sodium.h>

#include "server/base/cleanup.h"
#include "server/base/encoding.h"

#define AT(field) offsetof(struct audit_event_row, field)
const struct audit_field audit_fields[] = {
    {"tenant", AUDIT_FIELD_TEXT, AT(tenant)},
    {"sequence", AUDIT_FIELD_INT64, AT(sequence)},
    {"event_time_us", AUDIT_FIELD_INT64, AT(event_time_us)},
    {"type", AUDIT_FIELD_INT, AT(type)},
    {"phase", AUDIT_FIELD_INT, AT(phase)},
    {"outcome", AUDIT_FIELD_INT, AT(outcome)},
    {"error_reason", AUDIT_FIELD_TEXT, AT(error_reason)},
    {"actor_subject", AUDIT_FIELD_TEXT, AT(actor_subject)},
    {"actor_display_name", AUDIT_FIELD_TEXT, AT(actor_display_name)},
    {"actor_kind", AUDIT_FIELD_INT, AT(actor_kind)},
    {"resource", AUDIT_FIELD_TEXT, AT(resource)},
    {"resource_display_name", AUDIT_FIELD_TEXT, AT(resource_display_name)},
    {"company_id", AUDIT_FIELD_TEXT, AT(company_id)},
    {"company_display_name", AUDIT_FIELD_TEXT, AT(company_display_name)},
    {"organization", AUDIT_FIELD_TEXT, AT(organization)},
    {"password_category_display_name", AUDIT_FIELD_TEXT, AT(password_category_display_name)},
    {"reason", AUDIT_FIELD_TEXT, AT(reason)},
    {"ticket", AUDIT_FIELD_TEXT, AT(ticket)},
    {"request_id", AUDIT_FIELD_TEXT, AT(request_id)},
    {"peer", AUDIT_FIELD_TEXT, AT(peer)},
    {"upstream_status", AUDIT_FIELD_INT, AT(upstream_status)},
    {"upstream_served", AUDIT_FIELD_BOOL, AT(upstream_served)},
    {"policy_version", AUDIT_FIELD_INT64, AT(policy_version)},
    {"intent_sequence", AUDIT_FIELD_INT64, AT(intent_sequence)},
    {"changes", AUDIT_FIELD_TEXT, AT(changes)},
};
const size_t audit_field_count = ARRAY_LEN(audit_fields);

int64_t audit_field_number(const struct audit_event_row *row, const struct audit_field *field)
{
    const char *at = (const char *)row + field->offset;
    int64_t number = 0;
    int small;
    bool flag;
    switch (field->kind) {
    case AUDIT_FIELD_INT64:
        memcpy(&number, at, sizeof(number));
        break;
    case AUDIT_FIELD_INT:
        memcpy(&small, at, sizeof(small));
        number = small;
        break;
    case AUDIT_FIELD_BOOL:
        memcpy(&flag, at, sizeof(flag));
        number = flag;
        break;
    case AUDIT_FIELD_TEXT:
        break;
    }
    return number;
}

// SHA-256 by OpenSSL, which has the processor's own instructions where libsodium computes; fed in
// pieces that are worth a call.
struct digest {
    EVP_MD_CTX *context;
    size_t len;
    unsigned char bytes[1024];
};

static EVP_MD *sha256;

static void fetch_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

// Without memory for a few hundred bytes there is no way on.
static void must(int ok)
{
    if (ok != 1)
        abort();
}

static void digest_begin(struct digest *digest)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, fetch_sha256);
    digest->context = EVP_MD_CTX_new();
    digest->len = 0;
    must(EVP_DigestInit_ex(digest->context, sha256, NULL));
}

static void digest_flush(struct digest *digest)
{
    must(EVP_DigestUpdate(digest->context, digest->bytes, digest->len));
    digest->len = 0;
}

static void digest_end(struct digest *digest, unsigned char ret_hash[AUDIT_HASH_BYTES])
{
    digest_flush(digest);
    must(EVP_DigestFinal_ex(digest->context, ret_hash, NULL));
    EVP_MD_CTX_free(digest->context);
}

static void digest_add(struct digest *digest, const void *bytes, size_t len)
{
    if (len > sizeof(digest->bytes) - digest->len)
        digest_flush(digest);
    if (len > sizeof(digest->bytes)) {
        must(EVP_DigestUpdate(digest->context, bytes, len));
        return;
    }
    memcpy(digest->bytes + digest->len, bytes, len);
    digest->len += len;
}

static void feed(struct digest *digest, const void *bytes, size_t len)
{
    unsigned char prefix[8];
    for (size_t i = 0; i < sizeof(prefix); i++)
        prefix[i] = (unsigned char)((uint64_t)len >> (56 - 8 * i));
    digest_add(digest, prefix, sizeof(prefix));
    digest_add(digest, bytes, len);
}

static void feed_text(struct digest *digest, const char *text)
{
    feed(digest, text, strlen(text));
}

// By hand, for there are ten in an event: printf() would take as long as the rest of its form.
static void feed_number(struct digest *digest, int64_t number)
{
    char text[24];
    size_t at = sizeof(text);
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do
        text[--at] = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (number < 0)
        text[--at] = '-';
    feed(digest, text + at, sizeof(text) - at);
}

void audit_hash(const struct audit_event_row *row, unsigned char ret_hash[AUDIT_HASH_BYTES])
{
    struct digest digest;
    digest_begin(&digest);
    feed(&digest, row->previous_hash, sizeof(row->previous_hash));
    feed_text(&digest, "docbridge.audit.v1");
    for (size_t i = 0; i < audit_field_count; i++) {
        const struct audit_field *field = &audit_fields[i];
        const char *text;
        if (field->kind == AUDIT_FIELD_TEXT) {
            memcpy(&text, (const char *)row + field->offset, sizeof(text));
            feed_text(&digest, text);
        } else {
            feed_number(&digest, audit_field_number(row, field));
        }
    }
    digest_end(&digest, ret_hash);
}

void audit_mark_digest(const struct audit_mark *mark, const char *tenant,
                       unsigned char ret_digest[AUDIT_HASH_BYTES])
{
    struct digest digest;
    digest_begin(&digest);
    feed_text(&digest, mark->kind == AUDIT_MARK_HEAD ? "docbridge.audit.head.v1"
                                                     : "docbridge.audit.retained.v1");
    feed_text(&digest, tenant);
    feed_number(&digest, mark->sequence);
    feed(&digest, mark->hash, sizeof(mark->hash));
    feed_number(&digest, mark->time_us);
    digest_end(&digest, ret_digest);
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
    struct digest digest;
    digest_begin(&digest);
    digest_add(&digest, public_key, AUDIT_KEY_BYTES);
    digest_end(&digest, hash);
    encoding_hex(hash, (AUDIT_KEY_ID_BYTES - 1) / 2, ret_id);
}
