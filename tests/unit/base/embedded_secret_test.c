// What counts as a pasted credential, and what does not.
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/cleanup.h"
#include "server/base/embedded_secret.h"

static const struct {
    const char *text, *masked;
    enum embedded_secret_kind kind; // of the first; 0: none
} rows[] = {
    {"password: hunter22", "password: ****", EMBEDDED_PASSWORD},
    {"Password = \"two words\" next", "Password = \"****\" next", EMBEDDED_PASSWORD},
    {"DB_PASSWORD=abc123;Server=x", "DB_PASSWORD=****;Server=x", EMBEDDED_PASSWORD},
    {"adminPassword: Geheim12.", "adminPassword: ****.", EMBEDDED_PASSWORD},
    {"Kennwort:\tS\xC3\xBC\xC3\x9F"
     "34",
     "Kennwort:\t****", EMBEDDED_PASSWORD},
    {"Password\tTr0ub4dor\tnote", "Password\t****\tnote", EMBEDDED_PASSWORD},
    {"user: joe pwd=x9x9 api key: 12345", "user: joe pwd=**** api key: ****", EMBEDDED_PASSWORD},
    {"password:\xC2\xA0hunter22", "password:\xC2\xA0****", EMBEDDED_PASSWORD},
    {"PW: PwSecret12!", "PW: ****", EMBEDDED_PASSWORD},
    {"pw", NULL, 0},
    {"pw1: PwSecret12!", NULL, 0},
    {"User / Pass: admin / AdminSlash1! x", "User / Pass: admin / **** x", EMBEDDED_PASSWORD},
    {"User/Pass: admin/AdminSlash1! x", "User/Pass: **** x", EMBEDDED_PASSWORD},
    {"User / Pass: admin", "User / Pass: ****", EMBEDDED_PASSWORD},
    {"User / Pass: admin /", "User / Pass: **** /", EMBEDDED_PASSWORD},
    {"Password:\nHunter22\nNotes", "Password:\n****\nNotes", EMBEDDED_PASSWORD},
    {"Password: \r\n Hunter22 ", "Password: \r\n **** ", EMBEDDED_PASSWORD},
    {"Password:\nNotes\nmore", NULL, 0},
    {"Password:\nSee page 12", NULL, 0},
    {"Password:\n\nHunter22", NULL, 0},
    {"Password:\n", NULL, 0},
    {"key AKIAIOSFODNN7EXAMPLE here", "key **** here", EMBEDDED_ACCESS_KEY},
    {"Authorization: Bearer abcdefghijklmnop1234", "Authorization: Bearer ****", EMBEDDED_TOKEN},
    {"eyJhbGciOiJub25l.eyJzdWIiOiJhIn0.c2lnbmF0dXJl", "****", EMBEDDED_TOKEN},
    {"ghp_0123456789abcdefghij0123456789abcdef", "****", EMBEDDED_TOKEN},
    {"postgres://app:pa55word@db/x", "postgres://app:****@db/x", EMBEDDED_CONNECTION_URL},
    {"a\n-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nb", "a\n****\nb",
     EMBEDDED_PRIVATE_KEY},
    {"-----BEGIN OPENSSH PRIVATE KEY-----\ncut", "****", EMBEDDED_PRIVATE_KEY},
    {"The password: see the vault", NULL, 0},
    {"password: ****", NULL, 0},
    {"password: <from the vault>", NULL, 0},
    {"password: ${DB_PASSWORD}", NULL, 0},
    {"passwords are rotated", NULL, 0},
    {"passwordless login: enabled", NULL, 0},
    {"password: abc", NULL, 0},
    {"http://host:8080/path@x", NULL, 0},
    {"-----BEGIN CERTIFICATE-----\nMIIE", NULL, 0},
    {"AKIA is a prefix", NULL, 0},
    {"bearer of news", NULL, 0},
    {"", NULL, 0},
};

static void every_label_is_known(void **state)
{
    static const char *const labels[] = {
        "api key",     "api_key",       "api-key",    "apikey",    "access key", "access_key",
        "accesskey",   "accountkey",    "credential", "kennwort",  "password",   "passwd",
        "passphrase",  "passcode",      "passwort",   "pass",      "pwd",        "psk",
        "private key", "secret key",    "secret_key", "secretkey", "secret",     "shared key",
        "sharedkey",   "shared secret", "token",      "pw",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        struct embedded_secret secret = {0};
        char text[64];
        int len = snprintf(text, sizeof(text), "a word  %s: hunter22", labels[i]);
        if (!embedded_secret_next(text, (size_t)len, 0, &secret))
            fail_msg("%s", labels[i]);
        assert_int_equal(secret.offset, (size_t)len - strlen("hunter22"));
        for (char *at = text; *at != ':'; at++)
            *at = (char)toupper((unsigned char)*at);
        assert_true(embedded_secret_next(text, (size_t)len, 0, &secret));
    }
}

static void finds_and_masks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct embedded_secret secret = {0};
        char text[256];
        size_t len = strlen(rows[i].text);
        memcpy(text, rows[i].text, len);
        bool found = embedded_secret_next(text, len, 0, &secret);
        if (found != (rows[i].kind != 0))
            fail_msg("%s", rows[i].text);
        assert_int_equal(secret.kind, rows[i].kind);
        len = embedded_secret_mask(text, len);
        text[len] = '\0';
        assert_string_equal(text, rows[i].masked == NULL ? rows[i].text : rows[i].masked);
        // A mask is no secret.
        assert_false(embedded_secret_next(text, len, 0, &secret));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_label_is_known),
                                       cmocka_unit_test(finds_and_masks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
