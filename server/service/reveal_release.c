// What of a reveal goes out: the value, in the clear or sealed to the caller's key.
#include "server/service/reveal_private.h"

#include <inttypes.h>
#include <string.h>

#include <sodium.h>

#include "server/service/field.h"

enum { DISPLAY_SECONDS = 30 };

// The points of X25519 that give the same secret with every key (cr.yp.to/ecdh.html). libsodium
// refuses them too, but has to multiply first.
static bool keeps_no_secret(const unsigned char key[crypto_box_PUBLICKEYBYTES])
{
#define TEN_ONES 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
// p = 2^255 - 19.
#define NEAR_P(low)                             \
    {                                           \
        low, TEN_ONES, TEN_ONES, TEN_ONES, 0x7f \
    }
    static const unsigned char points[][crypto_box_PUBLICKEYBYTES] = {
        {0},
        {1},
        NEAR_P(0xec),
        NEAR_P(0xed),
        NEAR_P(0xee),
        // The two of order 8.
        {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
         0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
         0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
        {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
         0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
         0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
    };
    unsigned char point[crypto_box_PUBLICKEYBYTES];
    memcpy(point, key, sizeof(point));
    point[sizeof(point) - 1] &= 0x7f; // the highest bit counts for nothing
    for (size_t i = 0; i < ARRAY_LEN(points); i++)
        if (memcmp(point, points[i], sizeof(point)) == 0)
            return true;
    return false;
}

enum err_code reveal_check_key(const ProtobufCBinaryData *key, bool *ret_sealed, struct err *reterr)
{
    *ret_sealed = key->len > 0;
    if (key->len == 0)
        return ERR_OK;
    if (key->len != crypto_box_PUBLICKEYBYTES)
        return err_invalid(reterr, "recipient_public_key", "must have %d bytes",
                           (int)crypto_box_PUBLICKEYBYTES);
    if (keeps_no_secret(key->data))
        return err_invalid(reterr, "recipient_public_key",
                           "is no key that a secret can be kept by");
    return ERR_OK;
}

static const char *value_of(const struct reveal *reveal, size_t *ret_len)
{
    const struct secret *value = reveal->live.value;
    *ret_len = value == NULL ? 0 : secret_len(value);
    return *ret_len == 0 ? "" : secret_bytes(value);
}

void reveal_seal(struct reveal *reveal)
{
    size_t len;
    const char *value = value_of(reveal, &len);
    if (!reveal->asks.sealed || reveal->sealed.data != NULL)
        return;
    unsigned char *sealed = arena_alloc(reveal->request->arena, len + crypto_box_SEALBYTES);
    if (sealed != NULL && crypto_box_seal(sealed, (const unsigned char *)value, len,
                                          reveal->in->recipient_public_key.data) == 0)
        reveal->sealed = (ProtobufCBinaryData){len + crypto_box_SEALBYTES, sealed};
}

static enum err_code put_value(struct reveal *reveal, Docbridge__V1__RevealPasswordResponse *out,
                               struct err *reterr)
{
    size_t len;
    const char *value = value_of(reveal, &len);
    out->empty = len == 0;
    if (!reveal->asks.sealed) {
        out->value_case = DOCBRIDGE__V1__REVEAL_PASSWORD_RESPONSE__VALUE_PLAINTEXT;
        out->plaintext = arena_strndup(reveal->request->arena, value, len);
        return out->plaintext == NULL ? err_no_memory(reterr) : ERR_OK;
    }
    reveal_seal(reveal);
    if (reveal->sealed.data == NULL)
        return err_set(reterr, ERR_INTERNAL, "a value could not be sealed");
    out->value_case = DOCBRIDGE__V1__REVEAL_PASSWORD_RESPONSE__VALUE_SEALED;
    out->sealed = reveal->sealed;
    return ERR_OK;
}

// The outcome says that the value was given out, which is the safe side of it.
static enum err_code check_caller(const struct request *request, int64_t outcome_sequence,
                                  struct err *reterr)
{
    enum err_code code = ERR_OK;
    if (request->cancelled != NULL && atomic_load(request->cancelled))
        code = err_set(reterr, ERR_CANCELLED, "the caller has gone");
    else if (deadline_left_ms(request->deadline) <= 0)
        code = err_set(reterr, ERR_DEADLINE_EXCEEDED, "the time was over before the answer");
    if (code != ERR_OK)
        err_meta(reterr, "audit_event", "auditEvents/%" PRId64, outcome_sequence);
    return code;
}

enum err_code reveal_release(struct reveal *reveal, Docbridge__V1__RevealPasswordResponse *out,
                             struct err *reterr)
{
    struct arena *arena = reveal->request->arena;
    const struct source_password *live = &reveal->live;
    const struct password_gates *gates = &reveal->gates;
    try_(check_caller(reveal->request, reveal->outcome_sequence, reterr));
    out->password_update_time = field_time(arena, live->password_update_time_us);
    out->audit_event = arena_printf(arena, "auditEvents/%" PRId64, reveal->outcome_sequence);
    out->display_ttl = field_duration(arena, DISPLAY_SECONDS * INT64_C(1000000));
    out->embedded_in_display_name = arena_strdup(arena, gates->embedded_in);
    if (live->category_id != 0)
        out->password_category = arena_printf(arena, "connections/%s/passwordCategories/%" PRId64,
                                              gates->sight.connection_id, live->category_id);
    if (out->audit_event == NULL || out->display_ttl == NULL || out->password_category == NULL ||
        out->embedded_in_display_name == NULL)
        return err_no_memory(reterr);
    return put_value(reveal, out, reterr);
}
