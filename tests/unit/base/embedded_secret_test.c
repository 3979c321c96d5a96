// What counts as a pasted credential, and what does not.
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
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
    {"| Password | hunter22 |", "| Password | **** |", EMBEDDED_PASSWORD},
    {"Access:\n |Password|hunter22|", "Access:\n |Password|****|", EMBEDDED_PASSWORD},
    {"| Password | see the vault |", NULL, 0},
    {"| Password |\n|---|", NULL, 0},
    {"Home | Password | Status", NULL, 0},
    {"Das Passwort lautet geheim", "Das Passwort lautet ****", EMBEDDED_PASSWORD},
    {"Das Passwort lautet: geheim", "Das Passwort lautet: ****", EMBEDDED_PASSWORD},
    {"Kennwort ist Sommer24, danke", "Kennwort ist ****, danke", EMBEDDED_PASSWORD},
    {"The password is P@ssword and more", "The password is **** and more", EMBEDDED_PASSWORD},
    {"PASSWORD IS hunter22.", "PASSWORD IS ****.", EMBEDDED_PASSWORD},
    {"The password is:\nhunter22", "The password is:\n****", EMBEDDED_PASSWORD},
    {"The password is: geheim", "The password is: ****", EMBEDDED_PASSWORD},
    {"the PSK is 'hunter22'", "the PSK is '****'", EMBEDDED_PASSWORD},
    {"the password is stored in the vault", NULL, 0},
    {"The password is required.", NULL, 0},
    {"The password is wrong!!", NULL, 0},
    {"The password is not: hunter", NULL, 0},
    {"the password is ${PASSWORD1}", NULL, 0},
    {"the password is 8-12 characters long", NULL, 0},
    {"password is 100% safe", NULL, 0},
    {"password isolation1", NULL, 0},
    {"passwordis hunter22", NULL, 0},
    {"Passwort ist abgelaufen", NULL, 0},
    {"Passwort ist ge\xC3\xA4ndert.", NULL, 0},
    {"Passwort ist 12-stellig", NULL, 0},
    {"Passwort lautet wie folgt", NULL, 0},
    {"Passwort lautet folgenderma\xC3\x9F"
     "en:",
     NULL, 0},
    {"the private key is 4096 bits long", NULL, 0},
    {"the token is base64", NULL, 0},
    {"\x1Fhunter22\tnote", "\x1F****\tnote", EMBEDDED_PASSWORD},
    {"\x1F\n\xC2\xA0 hunter22\x1Fhunter23", "\x1F\n\xC2\xA0 ****\x1F****", EMBEDDED_PASSWORD},
    {"x\x1F"
     "Hunter22",
     "x\x1F****", EMBEDDED_PASSWORD},
    {"\x1Fjoe / geheim\tnote", "\x1F****\tnote", EMBEDDED_PASSWORD},
    {"\x1Fj / k / hunter22 / ", "\x1F**** / ", EMBEDDED_PASSWORD},
    {"\x1Fsee vault", NULL, 0},
    {"\x1FPassword\t", NULL, 0},
    {"Password: \"\x1Fhunter22", "Password: \"\x1F****", EMBEDDED_PASSWORD},
    {"x://a:\x1F"
     "b@c",
     NULL, 0},
    {"key AKIAIOSFODNN7EXAMPLE here", "key **** here", EMBEDDED_ACCESS_KEY},
    {"Authorization: Bearer abcdefghijklmnop1234", "Authorization: Bearer ****", EMBEDDED_TOKEN},
    {"eyJhbGciOiJub25l.eyJzdWIiOiJhIn0.c2lnbmF0dXJl", "****", EMBEDDED_TOKEN},
    {"eyJ-eyJ eyJ.eyJ_eyJhbGciOiJub25l.eyJzdWIiOiJhIn0.c2lnbmF0dXJl", "eyJ-eyJ eyJ.****",
     EMBEDDED_TOKEN},
    {"eyJhbGciOiJub25l.eyJzdWIiOiJhIn0.short eyJhbGciOiJub25l.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
     "eyJhbGciOiJub25l.eyJzdWIiOiJhIn0.short ****", EMBEDDED_TOKEN},
    {"ghp_0123456789abcdefghij0123456789abcdef", "****", EMBEDDED_TOKEN},
    {"postgres://app:pa55word@db/x", "postgres://app:****@db/x", EMBEDDED_CONNECTION_URL},
    {"a\n-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nb", "a\n****\nb",
     EMBEDDED_PRIVATE_KEY},
    {"-----BEGIN OPENSSH PRIVATE KEY-----\ncut", "****", EMBEDDED_PRIVATE_KEY},
    {"The password: see the vault", NULL, 0},
    {"password: ****", NULL, 0},
    {"password: <from the vault>", NULL, 0},
    {"password: ${DB_PASSWORD}", NULL, 0},
    // Passwords begin like what stands for one.
    {"Password: $eKr3t!Zq9", "Password: ****", EMBEDDED_PASSWORD},
    {"Password: $ecr3t", "Password: ****", EMBEDDED_PASSWORD},
    {"Password: %eKr3tZq9!", "Password: ****", EMBEDDED_PASSWORD},
    {"Password: [eKr3tZq9!", "Password: ****", EMBEDDED_PASSWORD},
    {"Password: {eKr3tZq9", "Password: ****", EMBEDDED_PASSWORD},
    {"Password: <a>eKr3t\n>", "Password: ****\n>", EMBEDDED_PASSWORD},
    {"Password: ${eKr3t\n}", "Password: ****\n}", EMBEDDED_PASSWORD},
    {"Password: (eKr3t)", "Password: ****)", EMBEDDED_PASSWORD},
    {"password: $DB_PASSWORD1, next", NULL, 0},
    {"password: $dbPassword", NULL, 0},
    {"password: $(pass show db)", NULL, 0},
    {"password: %DB_PASSWORD%", NULL, 0},
    {"password: [from the vault].", NULL, 0},
    {"password: {{ vault_password }}", NULL, 0},
    {"password: \"{{vault_password}}\"", NULL, 0},
    {"\"secret\":{\"name\": \"x\"}", NULL, 0},
    {"\"secrets\" \"token\":[\"name\", \"x\"]", NULL, 0},
    // Signs that end a text, within one.
    {"Password: abcd;SeKr3tZq9", "Password: ****", EMBEDDED_PASSWORD},
    {"Password: ab;SeKr3tZq9; next", "Password: ****; next", EMBEDDED_PASSWORD},
    {"Password: ab'SeKr3tZq9", "Password: ****", EMBEDDED_PASSWORD},
    {"Password: abcd\"SeKr3tZq9", "Password: ****", EMBEDDED_PASSWORD},
    {"echo \"pw: hunter22\";\nx", "echo \"pw: ****\";\nx", EMBEDDED_PASSWORD},
    {"(\"pw: hunter22\"), x", "(\"pw: ****\"), x", EMBEDDED_PASSWORD},
    {"PWD=ab12;UID=x", "PWD=****;UID=x", EMBEDDED_PASSWORD},
    {"-p'PWD=ab12'x", "-p'PWD=****'x", EMBEDDED_PASSWORD},
    {"Password: 'ab;12\"34' x", "Password: '****' x", EMBEDDED_PASSWORD},
    // What leads to one, or is said of it.
    {"Password: https://acme.itglue.com/123/passwords/456", NULL, 0},
    {"Password: HTTP://vault/x1, see there", NULL, 0},
    {"Password: https://joe:hunter22@host/", "Password: https://joe:****@host/",
     EMBEDDED_CONNECTION_URL},
    {"Password: NONE, unless set", NULL, 0},
    {"Password: \"LAPS\"", NULL, 0},
    {"Pass: Failed\tToken: Required.", NULL, 0},
    {"Passwort: unver\xC3\xA4ndert", NULL, 0},
    {"Password: laps1", "Password: ****", EMBEDDED_PASSWORD},
    {"Password: requiredX", "Password: ****", EMBEDDED_PASSWORD},
    {"\x1F"
     "Failed\tx",
     NULL, 0},
    {"\x1Fhttps://acme.itglue.com/123/passwords/456\tx", NULL, 0},
    {"Private key: /etc/ssl/k1.pem", NULL, 0},
    {"Private key: ~/.ssh/id_rsa1", NULL, 0},
    {"Private key: C:\\keys\\k1.pem", NULL, 0},
    {"Private key: \\\\srv\\keys\\k1.pem", NULL, 0},
    {"PRIVATE KEY: 4096, PEM", NULL, 0},
    {"Private key: 2048-bit", NULL, 0},
    {"Private key: 4096bit", NULL, 0},
    {"Private key: 40961234", "Private key: ****", EMBEDDED_PASSWORD},
    {"Private key: 1:abcde", "Private key: ****", EMBEDDED_PASSWORD},
    {"Password: /etc/ssl/k1.pem", "Password: ****", EMBEDDED_PASSWORD},
    // Several words or lines in one cell.
    {"\x1F"
     "correct horse battery\tnote",
     "\x1F****\tnote", EMBEDDED_PASSWORD},
    {"\x1F\n"
     "a\nSeKr3tZq8 (x)\n\x1E"
     "note",
     "\x1F\n****\n\x1E"
     "note",
     EMBEDDED_PASSWORD},
    {"\x1F"
     "a\tSeKr3tZq8\xC2\xA0\x1E"
     "note",
     "\x1F****\xC2\xA0\x1E"
     "note",
     EMBEDDED_PASSWORD},
    {"\x1F"
     "admin\nSeKr3tZq8",
     "\x1F****", EMBEDDED_PASSWORD},
    {"\x1F"
     "admin\nSeKr3tZq8\x1F"
     "hunter22",
     "\x1F****\nSeKr3tZq8\x1F****", EMBEDDED_PASSWORD},
    {"\x1F"
     "\"hunter22\".\x1E",
     "\x1F\"****\".\x1E", EMBEDDED_PASSWORD},
    {"\x1F"
     "SeKr3t\xC3\xBC (old)\x1E",
     "\x1F****\x1E", EMBEDDED_PASSWORD},
    {"\x1F"
     "****;x1/\x1E",
     NULL, 0},
    {"\x1F"
     "a b22/\x1E",
     "\x1F****\x1E", EMBEDDED_PASSWORD},
    {"\x1F"
     "**** and more\x1E",
     NULL, 0},
    {"\x1FKept by Joe and Ann\n1 of 2\x1E", NULL, 0},
    {"\x1Fjust ask Joe\x1E", NULL, 0},
    {"\x1Fhttps://acme.itglue.com/1 or\x1E", NULL, 0},
    {"Credential: admin / SeKr3tZq9 x", "Credential: **** x", EMBEDDED_PASSWORD},
    {"Credential: sa / SeKr3tZq9", "Credential: ****", EMBEDDED_PASSWORD},
    {"User / Pass: joe / ab12 / x", "User / Pass: joe / **** / x", EMBEDDED_PASSWORD},
    // Labels as people write them.
    {"Passwords: hunter22", "Passwords: ****", EMBEDDED_PASSWORD},
    {"CREDENTIALS: joe / hunter22", "CREDENTIALS: ****", EMBEDDED_PASSWORD},
    {"Creds: hunter22", "Creds: ****", EMBEDDED_PASSWORD},
    {"Passw\xC3\xB6rter: hunter22", "Passw\xC3\xB6rter: ****", EMBEDDED_PASSWORD},
    {"Tokens: 1000/min", NULL, 0},
    {"Password (admin): geheim", "Password (admin): ****", EMBEDDED_PASSWORD},
    {"Password for srv01.acme: geheim", "Password for srv01.acme: ****", EMBEDDED_PASSWORD},
    {"Passwort f\xC3\xBCrs WLAN: geheim", "Passwort f\xC3\xBCrs WLAN: ****", EMBEDDED_PASSWORD},
    {"Password for admin:\nhunter22", "Password for admin:\n****", EMBEDDED_PASSWORD},
    {"Password (admin: hunter22", NULL, 0},
    {"Password (admin)\nNote: hunter22", NULL, 0},
    {"Password for Joe. Note: hunter22", NULL, 0},
    {"Password for http://srv01/x", NULL, 0},
    {"Password for this: see the vault", NULL, 0},
    {"Password for what is too much to be a name of something: hunter22", NULL, 0},
    {"Password changed: hunter22", NULL, 0},
    {"Password\xEF\xBC\x9Ageheim", "Password\xEF\xBC\x9A****", EMBEDDED_PASSWORD},
    {"Password - hunter22\nx", "Password - ****\nx", EMBEDDED_PASSWORD},
    {"Password -> hunter22", "Password -> ****", EMBEDDED_PASSWORD},
    {"Password \xE2\x80\x93 hunter22 ", "Password \xE2\x80\x93 **** ", EMBEDDED_PASSWORD},
    {"'password' => 'geheim', x", "'password' => '****', x", EMBEDDED_PASSWORD},
    {"Password - Windows10 clients", NULL, 0},
    {"Password - Reset", NULL, 0},
    {"Password -hunter22", NULL, 0},
    {"Password- hunter22", NULL, 0},
    {"Pass\xC2\xADword: hunter22", "Pass\xC2\xADword: ****", EMBEDDED_PASSWORD},
    {"Pa\xE2\x80\x8Bssword\xE2\x80\x8B: hunter22", "Pa\xE2\x80\x8Bssword\xE2\x80\x8B: ****",
     EMBEDDED_PASSWORD},
    {"Pre-shared key: hunter22", "Pre-shared key: ****", EMBEDDED_PASSWORD},
    {"WLAN-Schl\xC3\xBCssel: geheim", "WLAN-Schl\xC3\xBCssel: ****", EMBEDDED_PASSWORD},
    {"Registry key: hunter22", NULL, 0},
    {"Unwpa2 key: hunter22", NULL, 0},
    {"Schl\xC3\xBCssel: hunter22", NULL, 0},
    // Forms of their own.
    {"enable secret 5 $1$mERr$hx5rVt7rPNoS4wqbXKX7m0\n", "enable secret 5 ****\n",
     EMBEDDED_PASSWORD},
    {"username joe secret 9 $9$abc", "username joe secret 9 ****", EMBEDDED_PASSWORD},
    {" password 7 0822455D0A16", " password 7 ****", EMBEDDED_PASSWORD},
    {"password 0 cisco123", "password 0 ****", EMBEDDED_PASSWORD},
    {"password 0 attempts", NULL, 0},
    {"password 7 characters", NULL, 0},
    {"password 8 Zeichen1", NULL, 0},
    {"password 7 faceda days", NULL, 0},
    {"-----BEGIN PGP PRIVATE KEY BLOCK-----\nx\n-----END PGP PRIVATE KEY BLOCK-----\nb", "****\nb",
     EMBEDDED_PRIVATE_KEY},
    {"-----BEGIN CERTIFICATE-----\nPRIVATE KEY: none", NULL, 0},
    {"is 123456-234567-345678-456789-567890-678901-789012-890123.", "is ****.", EMBEDDED_PASSWORD},
    {"1123456-234567-345678-456789-567890-678901-789012-890123", NULL, 0},
    {"123456-234567-345678-456789-567890-678901-789012-8901234", NULL, 0},
    {"123456-234567-345678-456789-567890-678901-789012", NULL, 0},
    {"Authorization: Basic am9lOng=", "Authorization: Basic ****", EMBEDDED_TOKEN},
    {"'authorization' = 'basic am9lOng='", "'authorization' = 'basic ****'", EMBEDDED_TOKEN},
    {"Basic am9lOng=", NULL, 0},
    {"key sk-proj-abcdefghij0123456789", "key ****", EMBEDDED_TOKEN},
    {"sk-ant-abcdefghij0123456789", "****", EMBEDDED_TOKEN},
    {"sk-svcacct-abcdefghij0123456789", "****", EMBEDDED_TOKEN},
    {"sk-projects are many and have names", NULL, 0},
    // In scripts, commands and configurations.
    {"$pw = ConvertTo-SecureString \"hunter22\" -AsPlainText",
     "$pw = ConvertTo-SecureString \"****\" -AsPlainText", EMBEDDED_PASSWORD},
    {"(ConvertTo-SecureString -String 'geheim' -Force)",
     "(ConvertTo-SecureString -String '****' -Force)", EMBEDDED_PASSWORD},
    {"ConvertTo-SecureString $plain -Force", NULL, 0},
    {"$script:cred = Get-Credential", NULL, 0},
    {"$Password = Read-Host -AsSecureString \"Enter it\"", NULL, 0},
    {"$pw = Summer-Winter1", "$pw = ****", EMBEDDED_PASSWORD},
    {"password = Summer-Winter", "password = ****", EMBEDDED_PASSWORD},
    {"x -AdminPassword hunter22 -y", "x -AdminPassword **** -y", EMBEDDED_PASSWORD},
    {"(--db-password 'geheim')", "(--db-password '****')", EMBEDDED_PASSWORD},
    {"x -pw hunter22", "x -pw ****", EMBEDDED_PASSWORD},
    {"x --password-file hunter22", NULL, 0},
    {"x --password --user22", NULL, 0},
    {"x -Password $adminPassword", NULL, 0},
    {"x -Credential acme\\joe22", NULL, 0},
    {"Use -Password to be asked", NULL, 0},
    {"Non-password 2FA", NULL, 0},
    {"\n enable secret hunter22", "\n enable secret ****", EMBEDDED_PASSWORD},
    {"username joe privilege 15 secret hunter22\r\n", "username joe privilege 15 secret ****\r\n",
     EMBEDDED_PASSWORD},
    {"snmp-server community hunter22 RO\n", "snmp-server community **** RO\n", EMBEDDED_PASSWORD},
    {"Enable password 2FA1 for all", NULL, 0},
    {"enable password reset", NULL, 0},
    {"<AdminPassword>geheim</AdminPassword>", "<AdminPassword>****</AdminPassword>",
     EMBEDDED_PASSWORD},
    {"<password>$x</password> <password>geheim", NULL, 0},
    {"<add key=\"DbPassword\" value=\"geheim\"/>", "<add key=\"DbPassword\" value=\"****\"/>",
     EMBEDDED_PASSWORD},
    {"{\"password\": \"ab\\\"c22\", \"x\": 1}", "{\"password\": \"****\", \"x\": 1}",
     EMBEDDED_PASSWORD},
    {"\"password\": \"hunter22\\\\\", \"x\": 1", "\"password\": \"****\", \"x\": 1",
     EMBEDDED_PASSWORD},
    {"-d \"{\\\"password\\\": \\\"geheim\\\", \\\"x\\\":1}\"",
     "-d \"{\\\"password\\\": \\\"****\\\", \\\"x\\\":1}\"", EMBEDDED_PASSWORD},
    {"WIFI:T:WPA;S:Acme;P:ab\\;c22;;", "WIFI:T:WPA;S:Acme;P:****;;", EMBEDDED_PASSWORD},
    {"WIFI:P:geheim;S:Acme;;", "WIFI:P:****;S:Acme;;", EMBEDDED_PASSWORD},
    {"WIFI:T:nopass;S:Acme;;", NULL, 0},
    {"WIFI: Acme; UP:link22", NULL, 0},
    // Labels that are the end of a word, or joined by a hyphen.
    {"Adminpasswort: geheim", "Adminpasswort: ****", EMBEDDED_PASSWORD},
    {"ADMINKENNWORT = geheim", "ADMINKENNWORT = ****", EMBEDDED_PASSWORD},
    {"PGPASSWORD=hunter22 psql", "PGPASSWORD=**** psql", EMBEDDED_PASSWORD},
    {"Das Srv1passwort lautet geheim", "Das Srv1passwort lautet ****", EMBEDDED_PASSWORD},
    {"Adminpasswort\tgeheim", "Adminpasswort\t****", EMBEDDED_PASSWORD},
    {"Netzwerkschl\xC3\xBCssel: geheim", "Netzwerkschl\xC3\xBCssel: ****", EMBEDDED_PASSWORD},
    {"WLAN-Sicherheitsschl\xC3\xBCssel = geheim", "WLAN-Sicherheitsschl\xC3\xBCssel = ****",
     EMBEDDED_PASSWORD},
    {"Netzwerksicherheitsschl\xC3\xBCssel\tgeheim", "Netzwerksicherheitsschl\xC3\xBCssel\t****",
     EMBEDDED_PASSWORD},
    {"Schraubenschl\xC3\xBCssel: geheim", NULL, 0},
    {"Adminpasswortes: geheim", NULL, 0},
    {"Adminpasswort geheim", NULL, 0},
    {"Pre-Shared-Key: geheim", "Pre-Shared-Key: ****", EMBEDDED_PASSWORD},
    {"SNMP-Community: geheim", "SNMP-Community: ****", EMBEDDED_PASSWORD},
    {"Community string: geheim", "Community string: ****", EMBEDDED_PASSWORD},
    {"Community: Acme", NULL, 0},
    {"Wi-Fi key: hunter22", "Wi-Fi key: ****", EMBEDDED_PASSWORD},
    // What is said of one.
    {"Password: (see the vault)", NULL, 0},
    {"Password: (none)", NULL, 0},
    {"Password: user's own", NULL, 0},
    {"\"allowEmptyPassword\": false,", NULL, 0},
    {"hasPassword=true", NULL, 0},
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
        "api key",       "api_key",       "api-key",      "apikey",       "access key",
        "access_key",    "accesskey",     "accountkey",   "credential",   "kennwort",
        "password",      "passwd",        "passphrase",   "passcode",     "passwort",
        "pass",          "pwd",           "psk",          "private key",  "secret key",
        "secret_key",    "secretkey",     "secret",       "shared key",   "sharedkey",
        "shared secret", "token",         "pw",           "wifi key",     "wpa2 key",
        "network key",   "preshared key", "recovery key", "zugangsdaten", "snmp community",
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

static void headings_end_with_a_label(void **state)
{
    static const char *const labels[] = {
        "Password",  " WLAN-Passwort:\n",     "Admin password\xC2\xA0",
        "PW",        "\xC2\xA0shared secret", "Adminkennwort:",
        "PGPASSWORD"};
    static const char *const others[] = {"",
                                         "  ",
                                         ":",
                                         "Passwords",
                                         "Password age",
                                         "Bypass",
                                         "Pass 1",
                                         "Adminpasswortes",
                                         "Password (last changed)",
                                         "(PSK)",
                                         "Owner (password)",
                                         "Passwort (Ablauf)",
                                         "my-p",
                                         "no secrets",
                                         "Compasspw",
                                         "If you have forgotten it, reset your password"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(labels); i++)
        if (!embedded_secret_is_label(labels[i], strlen(labels[i])))
            fail_msg("%s", labels[i]);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (embedded_secret_is_label(others[i], strlen(others[i])))
            fail_msg("%s", others[i]);
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

static void nothing_is_found_that_begins_before(void **state)
{
    static const char text[] = "123456-234567-345678-456789-567890-678901-789012-890123";
    struct embedded_secret secret;
    (void)state;
    assert_true(embedded_secret_next(text, strlen(text), 0, &secret));
    assert_int_equal(secret.offset, 0);
    assert_false(embedded_secret_next(text, strlen(text), 1, &secret));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_label_is_known), cmocka_unit_test(headings_end_with_a_label),
        cmocka_unit_test(finds_and_masks), cmocka_unit_test(nothing_is_found_that_begins_before)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
