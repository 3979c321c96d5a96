// Which names are the same (MAP-07).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdlib.h>

#include "server/base/name_key.h"

static const char *key(struct arena *arena, const char *name)
{
    const char *text = name_key(arena, name);
    assert_non_null(text);
    return text;
}

static void makes_one_key_of_equal_names(void **state)
{
    (void)state;
    static const struct {
        const char *name, *key;
    } vectors[] = {
        {"", ""},
        {" \t\n ", ""},
        {"Acme Corp", "acme corp"},
        {"  ACME \t\r\n  CORP  ", "acme corp"},
        {"Acme\xc2\xa0"
         "Corp",
         "acme corp"}, // NO-BREAK SPACE
        {"\xc2\xa0\xe3\x80\x80"
         "Acme\xe3\x80\x80\xe2\x80\x89"
         "Corp\xe2\x80\xaf",
         "acme corp"}, // IDEOGRAPHIC, THIN, NARROW NO-BREAK
        {"Acme\xc2\x85"
         "Corp\xe1\x9a\x80"
         "Ltd\xe2\x80\xa8"
         "A\xe2\x80\xa9"
         "B\xe2\x81\x9f"
         "C",
         "acme corp ltd a b c"}, // NEL, OGHAM, LINE, PARAGRAPH, MATHEMATICAL
        {"Stra\xc3\x9f"
         "e",
         "strasse"},
        {"STRASSE", "strasse"},
        {"STRA\xe1\xba\x9e"
         "E",
         "strasse"}, // capital sharp s
        {"\xef\xbc\xa1\xef\xbd\x83\xef\xbd\x8d\xef\xbd\x85\xef\xbc\x91", "acme1"}, // full-width
        {"O\xef\xac\x83"
         "ce",
         "office"},                                // ligature ffi
        {"\xe2\x84\xa2 Inc", "tm inc"},            // trade mark sign
        {"\xe2\x84\xaa\xe2\x84\xab", "k\xc3\xa5"}, // KELVIN, ANGSTROM
        {"Cafe\xcc\x81", "caf\xc3\xa9"},           // NFD
        {"CAF\xc3\x89", "caf\xc3\xa9"},            // NFC
        {"\xce\xa3\xce\x9f\xce\xa6\xce\x9f\xce\xa3",
         "\xcf\x83\xce\xbf\xcf\x86\xce\xbf\xcf\x83"}, // final sigma is a sigma
        {"\xcf\x82", "\xcf\x83"},
        {"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"}, // Hebrew
        {"\xef\xbb\xbb", "\xd9\x84\xd8\xa7"}, // Arabic LAM WITH ALEF
        {"\xf0\x9f\x98\x80 Emoji\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9",
         "\xf0\x9f\x98\x80 emoji\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9"},
        {"Smith & Sons, Inc.", "smith & sons, inc."},             // punctuation is kept
        {"\xc4\xb0", "i\xcc\x87"},                                // I WITH DOT ABOVE
        {"\xec\x82\xbc\xec\x84\xb1", "\xec\x82\xbc\xec\x84\xb1"}, // Hangul
    };
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct arena arena _cleanup_(arena_done);
        arena_init(&arena, 4096);
        const char *once = key(&arena, vectors[i].name);
        assert_string_equal(once, vectors[i].key);
        assert_string_equal(key(&arena, once), once);
    }
}

static void keeps_different_names_apart(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"kap\xc4\xb1", "kapi"}, // dotless i
        {"KAPI", "kap\xc4\xb1"},
        {"\xc4\xb0", "i"}, // I with a dot
        {"cafe", "caf\xc3\xa9"},
        {"acmecorp", "acme corp"},
        {"acme", "acme."},
        {"acme-corp", "acme corp"},
        {"a\xe2\x80\x8b"
         "b",
         "ab"}, // ZERO WIDTH SPACE is not white space
        {"\xd0\xb0"
         "cme",
         "acme"}, // Cyrillic a
        {"o", "\xc3\xb8"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct arena arena _cleanup_(arena_done);
        arena_init(&arena, 4096);
        assert_string_not_equal(key(&arena, pairs[i][0]), key(&arena, pairs[i][1]));
    }
}

static void refuses_what_is_no_name(void **state)
{
    (void)state;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 1 << 20);
    static const char *const names[] = {"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\xaf", "ok \x80"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_null(name_key(&arena, names[i]));
    assert_null(name_key(&arena, NULL));
}

static void bounds_its_work(void **state)
{
    (void)state;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 1 << 20);
    char name[NAME_KEY_MAX_BYTES + 2] = {0};
    memset(name, 'X', NAME_KEY_MAX_BYTES);
    assert_int_equal(strlen(key(&arena, name)), NAME_KEY_MAX_BYTES);
    memset(name, ' ', NAME_KEY_MAX_BYTES);
    assert_string_equal(key(&arena, name), "");
    // U+FDFA grows most.
    memset(name, 0, sizeof(name));
    for (size_t i = 0; i + 3 <= NAME_KEY_MAX_BYTES; i += 3)
        memcpy(name + i, "\xef\xb7\xba", 3);
    size_t len = strlen(key(&arena, name));
    assert_in_range(len, NAME_KEY_MAX_BYTES, 18 * NAME_KEY_MAX_BYTES);
    memset(name, 'X', NAME_KEY_MAX_BYTES + 1);
    assert_null(name_key(&arena, name));
    struct arena small _cleanup_(arena_done);
    arena_init(&small, 16);
    assert_null(name_key(&small, "a name that does not fit there"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_one_key_of_equal_names),
        cmocka_unit_test(keeps_different_names_apart),
        cmocka_unit_test(refuses_what_is_no_name),
        cmocka_unit_test(bounds_its_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
