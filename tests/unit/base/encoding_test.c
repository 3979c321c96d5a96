// The edges of int64, hexadecimal, canonical base64url and random ids.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/cleanup.h"
#include "server/base/encoding.h"

static void reads_the_edges_of_int64(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {
        {"0", 0},
        {"-0", 0},
        {"007", 7},
        {"-1", -1},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        int64_t value = 42;
        assert_true(encoding_int64(good[i].text, strlen(good[i].text), &value));
        assert_int_equal(value, good[i].value);
    }
    static const char *const bad[] = {
        "",
        "-",
        "+1",
        " 1",
        "1 ",
        "--1",
        "1-",
        "0x1",
        "1.0",
        "1e3",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t value = 42;
        assert_false(encoding_int64(bad[i], strlen(bad[i]), &value));
        assert_int_equal(value, 42);
    }
    int64_t value;
    assert_true(encoding_int64("123x", 3, &value));
    assert_false(encoding_int64("1\0", 2, &value));
}

static void writes_hexadecimal(void **state)
{
    (void)state;
    char text[7];
    encoding_hex("\x00\x7f\xff", 3, text);
    assert_string_equal(text, "007fff");
    encoding_hex("", 0, text);
    assert_string_equal(text, "");
}

static void goes_round_through_base64url(void **state)
{
    (void)state;
    unsigned char bytes[64], back[64];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(255 - i * 7);
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        char text[ENCODING_BASE64_BYTES(sizeof(bytes))];
        size_t back_len = 99;
        encoding_base64url(bytes, len, text);
        assert_true(encoding_base64url_decode(text, strlen(text), back, sizeof(back), &back_len));
        assert_int_equal(back_len, len);
        assert_memory_equal(back, bytes, len);
        if (len > 0)
            assert_false(encoding_base64url_decode(text, strlen(text), back, len - 1, &back_len));
    }
    char text[ENCODING_BASE64_BYTES(3)];
    encoding_base64url("\xfb\xff\xfe", 3, text);
    assert_string_equal(text, "-__-");
}

static void refuses_other_base64(void **state)
{
    (void)state;
    // Padded, standard alphabet, spaces, one character over, bits that no byte holds.
    static const char *const texts[] = {"YQ==",   "YWI=",  "+//+",       "YW Jj",
                                        "YWJj\n", "YWJjY", "YR",         "YWJ",
                                        ".",      "Y",     "YW\xc3\xbf", "\xff\xff\xff\xff"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        unsigned char bytes[16];
        size_t len;
        if (strcmp(texts[i], "YWJ") == 0) // "YWI" is the one way to write "ab"
            assert_true(encoding_base64url_decode("YWI", 3, bytes, sizeof(bytes), &len));
        assert_false(
            encoding_base64url_decode(texts[i], strlen(texts[i]), bytes, sizeof(bytes), &len));
    }
}

static void makes_ids_that_differ(void **state)
{
    (void)state;
    char a[ENCODING_ID_BYTES], b[ENCODING_ID_BYTES];
    encoding_random_id(a);
    encoding_random_id(b);
    assert_int_equal(strlen(a), ENCODING_ID_BYTES - 1);
    assert_int_equal(strspn(a, "abcdefghijklmnopqrstuvwxyz234567"), ENCODING_ID_BYTES - 1);
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_edges_of_int64),     cmocka_unit_test(writes_hexadecimal),
        cmocka_unit_test(goes_round_through_base64url), cmocka_unit_test(refuses_other_base64),
        cmocka_unit_test(makes_ids_that_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
