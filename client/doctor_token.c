#include <jansson.h>
#include <string.h>

#include "client/doctor.h"
#include "server/base/clock.h"
#include "server/base/encoding.h"
#include "server/base/secret.h"

enum { TOKEN_MAX_BYTES = 16 * 1024, TEXT_MAX_BYTES = 1024, SOON_S = 60 };

static const char get_token[] = "get a new token from your portal; tokens live 15 minutes at most";

// The claims in the second of three parts. NULL: there are none.
static json_t *read_claims(const char *path)
{
    struct secret *token _cleanup_(secret_freep) = NULL;
    unsigned char payload[TOKEN_MAX_BYTES];
    size_t len;
    struct err err;
    if (secret_read_file(path, TOKEN_MAX_BYTES, &token, &err) != ERR_OK)
        return NULL;
    const char *start = memchr(secret_bytes(token), '.', secret_len(token));
    const char *end = start == NULL ? NULL : strchr(start + 1, '.');
    if (end == NULL || !encoding_base64url_decode(start + 1, (size_t)(end - start - 1), payload,
                                                  sizeof(payload), &len))
        return NULL;
    json_t *claims = json_loadb((const char *)payload, len, 0, NULL);
    if (json_is_object(claims))
        return claims;
    json_decref(claims);
    return NULL;
}

static const char *text_of(const json_t *claims, const char *name)
{
    const char *text = json_string_value(json_object_get(claims, name));
    return text == NULL ? "?" : text;
}

static int64_t time_of(const json_t *claims, const char *name)
{
    const json_t *value = json_object_get(claims, name);
    return json_is_integer(value) ? json_integer_value(value) * INT64_C(1000000) : 0;
}

static void say_permissions(struct doctor *doctor, const json_t *claims)
{
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, TEXT_MAX_BYTES);
    const json_t *permissions = json_object_get(claims, "permissions");
    for (size_t i = 0; i < json_array_size(permissions); i++) {
        const char *permission = json_string_value(json_array_get(permissions, i));
        buffer_printf(&text, "%s%s", i == 0 ? "" : ", ", permission == NULL ? "?" : permission);
    }
    bool none = text.len == 0;
    doctor_say(doctor, none ? DOCTOR_WARN : DOCTOR_OK, EXIT_OK, "permissions",
               none ? "ask an administrator of your portal for permissions" : "", "%s",
               none || text.failed ? "none" : text.data);
}

static void say_life(struct doctor *doctor, const json_t *claims, const struct doctor_token *token)
{
    int64_t left_s = (token->expire_time_us - clock_wall_us()) / 1000000;
    const char *subject = text_of(claims, "sub"), *tenant = text_of(claims, "tenant");
    if (token->expire_time_us == 0)
        doctor_say(doctor, DOCTOR_WARN, EXIT_OK, "token", get_token, "%s of %s, without an end",
                   subject, tenant);
    else if (left_s <= 0)
        doctor_say(doctor, DOCTOR_FAIL, EXIT_UNAUTHENTICATED, "token", get_token,
                   "%s of %s, expired %s ago", subject, tenant, doctor_span(doctor, -left_s));
    else
        doctor_say(doctor, left_s < SOON_S ? DOCTOR_WARN : DOCTOR_OK, EXIT_OK, "token",
                   left_s < SOON_S ? get_token : "", "%s of %s, good for %s", subject, tenant,
                   doctor_span(doctor, left_s));
}

struct doctor_token doctor_read_token(struct doctor *doctor)
{
    struct doctor_token token = {0};
    const char *path = doctor->session->options.token_file;
    if (path == NULL) {
        doctor_say(doctor, DOCTOR_FAIL, EXIT_UNAUTHENTICATED, "token",
                   "name a file with your token: --token-file FILE or DOCBRIDGE_TOKEN_FILE",
                   "no file with a token is named");
        return token;
    }
    json_t *claims = read_claims(path);
    if (claims == NULL) {
        doctor_say(doctor, DOCTOR_WARN, EXIT_OK, "token",
                   "put the whole token into the file, and nothing else",
                   "%s does not have the form of a token", path);
        return token;
    }
    token = (struct doctor_token){true, time_of(claims, "iat"), time_of(claims, "exp")};
    say_life(doctor, claims, &token);
    say_permissions(doctor, claims);
    json_decref(claims);
    return token;
}
