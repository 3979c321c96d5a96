#include "server/service/reveal_release.h"

#include <inttypes.h>
#include <string.h>

#include <sodium.h>

#include "server/service/field.h"

enum { DISPLAY_SECONDS = 30 };

_Static_assert((int)REVEAL_SEAL_KEY_BYTES == (int)crypto_box_PUBLICKEYBYTES &&
                   (int)REVEAL_SEAL_NONCE_BYTES == (int)crypto_box_NONCEBYTES,
               "the sizes of a sealed box");

// The private half of the pair stands behind the key until that is agreed on.
enum { SHARED_BYTES = crypto_box_BEFORENMBYTES, EPHEMERAL_BYTES = crypto_box_SECRETKEYBYTES };

// As libsodium derives it for a sealed box.
static void derive_nonce(const unsigned char *recipient, struct reveal_seal *seal)
{
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, sizeof(seal->nonce));
    (void)crypto_generichash_update(&state, seal->public_key, sizeof(seal->public_key));
    (void)crypto_generichash_update(&state, recipient, crypto_box_PUBLICKEYBYTES);
    (void)crypto_generichash_final(&state, seal->nonce, sizeof(seal->nonce));
}

enum err_code reveal_seal_init(const ProtobufCBinaryData *key, struct reveal_seal *ret_seal,
                               struct err *reterr)
{
    *ret_seal = (struct reveal_seal){.key = NULL};
    if (key->len == 0)
        return ERR_OK;
    if (key->len != crypto_box_PUBLICKEYBYTES)
        return err_invalid(reterr, "recipient_public_key", "must have %d bytes",
                           (int)crypto_box_PUBLICKEYBYTES);
    struct secret *pair _cleanup_(secret_freep) = secret_new(SHARED_BYTES + EPHEMERAL_BYTES);
    if (pair == NULL)
        return err_no_memory(reterr);
    unsigned char *shared = secret_bytes_mut(pair), *ephemeral = shared + SHARED_BYTES;
    (void)crypto_box_keypair(ret_seal->public_key, ephemeral);
    // Fails for the points that give the same secret with every key.
    if (crypto_box_beforenm(shared, key->data, ephemeral) != 0)
        return err_invalid(reterr, "recipient_public_key",
                           "is no key that a secret can be kept by");
    secret_truncate(pair, SHARED_BYTES);
    derive_nonce(key->data, ret_seal);
    ret_seal->key = steal(pair);
    return ERR_OK;
}

void reveal_seal_done(struct reveal_seal *seal)
{
    seal->key = secret_free(seal->key);
}

static enum err_code put_value(struct arena *arena, const struct reveal_seal *seal,
                               const struct secret *value,
                               Docbridge__V1__RevealPasswordResponse *out, struct err *reterr)
{
    size_t len = value == NULL ? 0 : secret_len(value);
    const char *bytes = len == 0 ? "" : secret_bytes(value);
    out->empty = len == 0;
    if (seal->key == NULL) {
        out->value_case = DOCBRIDGE__V1__REVEAL_PASSWORD_RESPONSE__VALUE_PLAINTEXT;
        out->plaintext = arena_strndup(arena, bytes, len);
        return out->plaintext == NULL ? err_no_memory(reterr) : ERR_OK;
    }
    unsigned char *sealed = arena_alloc(arena, len + crypto_box_SEALBYTES);
    if (sealed == NULL)
        return err_no_memory(reterr);
    memcpy(sealed, seal->public_key, sizeof(seal->public_key));
    if (crypto_box_easy_afternm(sealed + sizeof(seal->public_key), (const unsigned char *)bytes,
                                len, seal->nonce,
                                (const unsigned char *)secret_bytes(seal->key)) != 0)
        return err_set(reterr, ERR_INTERNAL, "a value could not be sealed");
    out->value_case = DOCBRIDGE__V1__REVEAL_PASSWORD_RESPONSE__VALUE_SEALED;
    out->sealed = (ProtobufCBinaryData){.data = sealed, .len = len + crypto_box_SEALBYTES};
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

enum err_code reveal_release(const struct request *request, const struct reveal_seal *seal,
                             const struct password_gates *gates, const struct source_password *live,
                             int64_t outcome_sequence, Docbridge__V1__RevealPasswordResponse *out,
                             struct err *reterr)
{
    struct arena *arena = request->arena;
    try_(check_caller(request, outcome_sequence, reterr));
    out->password_update_time = field_time(arena, live->password_update_time_us);
    out->audit_event = arena_printf(arena, "auditEvents/%" PRId64, outcome_sequence);
    out->display_ttl = field_duration(arena, DISPLAY_SECONDS * INT64_C(1000000));
    out->embedded_in_display_name = arena_strdup(arena, gates->embedded_in);
    if (live->category_id != 0)
        out->password_category = arena_printf(arena, "connections/%s/passwordCategories/%" PRId64,
                                              gates->sight.connection_id, live->category_id);
    if (out->audit_event == NULL || out->display_ttl == NULL || out->password_category == NULL ||
        out->embedded_in_display_name == NULL)
        return err_no_memory(reterr);
    return put_value(arena, seal, live->value, out, reterr);
}
