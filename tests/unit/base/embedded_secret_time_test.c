// The scan for pasted credentials takes as long as a text is, also one that was written to be slow.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "server/base/cleanup.h"
#include "server/base/embedded_secret.h"

static void repeat(const char *unit, char *text, size_t len)
{
    size_t unit_len = strlen(unit);
    for (size_t at = 0; at < len; at++)
        text[at] = unit[at % unit_len];
}

// The time that it takes; whether there is one is not asked.
static clock_t look_through(const char *text, size_t len)
{
    struct embedded_secret secret;
    clock_t begin = clock();
    (void)embedded_secret_next(text, len, 0, &secret);
    return clock() - begin;
}

// What begins many times over costs no more for that: some texts are written to be slow.
static void hostile_texts_are_looked_through_once(void **state)
{
    (void)state;
    // Of words nearly every byte is passed over by one look. None of these texts takes a hundred
    // times as long; one that is looked through for each unit takes thousands of times.
    enum { LEN = 2 * 1024 * 1024, TIMES_MAX = 1000 };
    static const char *const units[] = {"-eyJ",
                                        "eyJaaaaaaaa.",
                                        "pw=<",
                                        "pass:$",
                                        "pw:{\"",
                                        "pw:http://",
                                        "pw:[x",
                                        "pw:;",
                                        "pw:<pw:> ",
                                        "pw:\"",
                                        "pw:' ",
                                        "pw (",
                                        "pw for a ",
                                        "pw - a1 ",
                                        "key key-",
                                        "123456-",
                                        "pw 7 ",
                                        "basic ",
                                        "pass\xC2\xAD",
                                        "<pw>",
                                        "-pw a1 ",
                                        "pw:\\\"",
                                        "pw:\"\\\\",
                                        "WIFI:",
                                        "ConvertTo-SecureString ",
                                        "apassword",
                                        "enable pw a1 ",
                                        "curl -",
                                        "net user ",
                                        "sshpass -p ",
                                        "set pw a1 ",
                                        "rootpw",
                                        "crypto isakmp key a ",
                                        "pw:\n1.2.3.4 ",
                                        "pw\na",
                                        "pw\n\n",
                                        "pw: |\n a\n",
                                        "pw: AAAA ",
                                        "backup code:\n1 ",
                                        "backup codes (",
                                        "backup-code:"};
    _cleanup_(freep) char *text = malloc(LEN);
    assert_non_null(text);
    repeat("lorem ipsum ", text, LEN);
    clock_t words = look_through(text, LEN);
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        repeat(units[i], text, LEN);
        if (look_through(text, LEN) > words * TIMES_MAX)
            fail_msg("%s", units[i]);
    }
    // Many in front of one that is one.
    repeat("-eyJ", text, LEN);
    static const char token[] = "eyJhbGciOiJub25l.eyJzdWIiOiJhIn0.c2lnbmF0dXJl";
    struct embedded_secret secret;
    memcpy(text + LEN - (sizeof(token) - 1), token, sizeof(token) - 1);
    assert_true(embedded_secret_next(text, LEN, 0, &secret) && secret.offset + secret.len == LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hostile_texts_are_looked_through_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
