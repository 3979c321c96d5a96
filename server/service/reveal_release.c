#include "server/service/reveal_release.h"

#include <inttypes.h>

#include <sodium.h>

#include "server/service/field.h"

enum { DISPLAY_SECONDS = 30 };

enum err_code reveal_check_key(const ProtobufCBinaryData *key, bool *ret_sealed, struct err *reterr)
{
    static const unsigned char any_scalar[crypto_scalarmult_SCALARBYTES] = {8};
    unsigned char point[crypto_scalarmult_BYTES];
    *ret_sealed = key->len > 0;
    if (key->len == 0)
        return ERR_OK;
    if (key->len != crypto_box_PUBLICKEYBYTES)
        return err_invalid(reterr, "recipient_public_key", "must have %d bytes",
                           (int)crypto_box_PUBLICKEYBYTES);
    // Fails for the points that give the same secret with every key.
    if (crypto_scalarmult(point, any_scalar, key->data) != 0)
        return err_invalid(reterr, "recipient_public_key",
                           "is no key that a secret can be kept by");
    return ERR_OK;
}

static enum err_code put_value(struct arena *arena, const ProtobufCBinaryData *key,
                               const struct secret *value,
                               Docbridge__V1__RevealPasswordResponse *out, struct err *reterr)
{
    size_t len = value == NULL ? 0 : secret_len(value);
    const char *bytes = len == 0 ? "" : secret_bytes(value);
    out->empty = len == 0;
    if (key->len == 0) {
        out->value_case = DOCBRIDGE__V1__REVEAL_PASSWORD_RESPONSE__VALUE_PLAINTEXT;
        out->plaintext = arena_strndup(arena, bytes, len);
        return out->plaintext == NULL ? err_no_memory(reterr) : ERR_OK;
    }
    unsigned char *sealed = arena_alloc(arena, len + crypto_box_SEALBYTES);
    if (sealed == NULL)
        return err_no_memory(reterr);
    if (crypto_box_seal(sealed, (const unsigned char *)bytes, len, key->data) != 0)
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

enum err_code reveal_release(const struct request *request,
                             const Docbridge__V1__RevealPasswordRequest *in,
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
    return put_value(arena, &in->recipient_public_key, live->value, out, reterr);
}
