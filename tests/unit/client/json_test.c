// JSON against expected strings: every kind of field, well-known types, escapes, both styles.

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/json.h"
#include "docbridge/v1/connection.pb-c.h"
#include "google/protobuf/any.pb-c.h"
#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/empty.pb-c.h"
#include "google/protobuf/field_mask.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "google/rpc/error_details.pb-c.h"
#include "kinds.pb-c.h"

static void expect(const ProtobufCMessage *message, const char *expected)
{
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, 64 * 1024);
    assert_true(json_write(&text, message, JSON_COMPACT));
    assert_string_equal(text.data, expected);
}

static void empty_is_an_object(void **state)
{
    (void)state;
    Kinds__Kinds kinds = KINDS__KINDS__INIT;
    expect(&kinds.base, "{}");
    Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
    expect(&empty.base, "{}");
}

static void integers(void **state)
{
    (void)state;
    Kinds__Kinds kinds = KINDS__KINDS__INIT;
    kinds.an_int32 = INT32_MIN;
    kinds.a_sint32 = -1;
    kinds.a_sfixed32 = INT32_MAX;
    kinds.a_uint32 = UINT32_MAX;
    kinds.a_fixed32 = 7;
    kinds.an_int64 = INT64_MIN;
    kinds.a_sint64 = -1;
    kinds.a_sfixed64 = INT64_MAX;
    kinds.a_uint64 = UINT64_MAX;
    kinds.a_fixed64 = 7;
    kinds.x9_digits_2 = 1;
    expect(&kinds.base,
           "{\"anInt32\":-2147483648,\"aSint32\":-1,\"aSfixed32\":2147483647,"
           "\"aUint32\":4294967295,\"aFixed32\":7,\"anInt64\":\"-9223372036854775808\","
           "\"aSint64\":\"-1\",\"aSfixed64\":\"9223372036854775807\","
           "\"aUint64\":\"18446744073709551615\",\"aFixed64\":\"7\",\"x9Digits2\":1}");
}

static void floating(void **state)
{
    (void)state;
    Kinds__Kinds kinds = KINDS__KINDS__INIT;
    kinds.a_float = 0.1f;
    kinds.a_double = 0.1;
    expect(&kinds.base, "{\"aFloat\":0.1,\"aDouble\":0.1}");
    kinds.a_float = -INFINITY;
    kinds.a_double = NAN;
    expect(&kinds.base, "{\"aFloat\":\"-Infinity\",\"aDouble\":\"NaN\"}");
    kinds.a_float = 0;
    kinds.a_double = 1.0 / 3;
    expect(&kinds.base, "{\"aDouble\":0.3333333333333333}");
    kinds.a_double = 1e300;
    expect(&kinds.base, "{\"aDouble\":1e+300}");
}

static void words(void **state)
{
    (void)state;
    Kinds__Kinds kinds = KINDS__KINDS__INIT;
    Kinds__Inner inner = KINDS__INNER__INIT;
    uint8_t bytes[] = {0xfb, 0xff, 0, 1};
    char text[] = "a\"b\\c\n\x1b[31m\xc2\x9b\xe2\x80\xae\xff z\xc3\xa9";
    kinds.a_bool = 1;
    kinds.colour = KINDS__COLOUR__COLOUR_DEEP_RED;
    kinds.a_text = text;
    kinds.some_bytes = (ProtobufCBinaryData){sizeof(bytes), bytes};
    kinds.inner = &inner;
    expect(&kinds.base,
           "{\"aBool\":true,\"colour\":\"COLOUR_DEEP_RED\","
           "\"aText\":\"a\\\"b\\\\c\\u000a\\u001b[31m\\u009b\\u202e\xef\xbf\xbd z\xc3\xa9\","
           "\"someBytes\":\"+/8AAQ==\",\"inner\":{}}");
    Kinds__Kinds unknown = KINDS__KINDS__INIT;
    unknown.colour = (Kinds__Colour)77;
    expect(&unknown.base, "{\"colour\":77}");
}

static void lists(void **state)
{
    (void)state;
    Kinds__Kinds kinds = KINDS__KINDS__INIT;
    int64_t numbers[] = {0, -5};
    char first[] = "", second[] = "two";
    char *texts[] = {first, second};
    Kinds__Colour colours[] = {KINDS__COLOUR__COLOUR_UNSPECIFIED, KINDS__COLOUR__COLOUR_BLUE};
    Kinds__Inner one = KINDS__INNER__INIT, two = KINDS__INNER__INIT;
    two.text = second;
    Kinds__Inner *inners[] = {&one, &two};
    protobuf_c_boolean bools[] = {0, 1, 1};
    double doubles[] = {0, 2.5};
    uint8_t byte = 'x';
    ProtobufCBinaryData more[] = {{0, NULL}, {1, &byte}};
    kinds.numbers = numbers;
    kinds.n_numbers = 2;
    kinds.texts = texts;
    kinds.n_texts = 2;
    kinds.colours = colours;
    kinds.n_colours = 2;
    kinds.inners = inners;
    kinds.n_inners = 2;
    kinds.bools = bools;
    kinds.n_bools = 3;
    kinds.doubles = doubles;
    kinds.n_doubles = 2;
    kinds.more_bytes = more;
    kinds.n_more_bytes = 2;
    expect(&kinds.base,
           "{\"numbers\":[\"0\",\"-5\"],\"texts\":[\"\",\"two\"],"
           "\"colours\":[\"COLOUR_UNSPECIFIED\",\"COLOUR_BLUE\"],"
           "\"inners\":[{},{\"text\":\"two\"}],\"bools\":[false,true,true],\"doubles\":[0,2.5],"
           "\"moreBytes\":[\"\",\"eA==\"]}");
}

static void maps(void **state)
{
    (void)state;
    Kinds__Kinds kinds = KINDS__KINDS__INIT;
    char key[] = "k\t", value[] = "v";
    Kinds__Kinds__ByTextEntry text = KINDS__KINDS__BY_TEXT_ENTRY__INIT;
    text.key = key;
    text.value = value;
    Kinds__Kinds__ByTextEntry *by_text[] = {&text};
    Kinds__Inner inner = KINDS__INNER__INIT;
    Kinds__Kinds__ByInt32Entry small = KINDS__KINDS__BY_INT32_ENTRY__INIT;
    small.key = 4;
    small.value = &inner;
    Kinds__Kinds__ByInt32Entry *by_int32[] = {&small};
    Kinds__Kinds__ByInt64Entry wide = KINDS__KINDS__BY_INT64_ENTRY__INIT;
    wide.key = -4;
    Kinds__Kinds__ByInt64Entry *by_int64[] = {&wide};
    Kinds__Kinds__ByBoolEntry yes = KINDS__KINDS__BY_BOOL_ENTRY__INIT;
    yes.key = 1;
    yes.value = 9;
    Kinds__Kinds__ByBoolEntry *by_bool[] = {&yes};
    kinds.by_text = by_text;
    kinds.by_int32 = by_int32;
    kinds.by_int64 = by_int64;
    kinds.by_bool = by_bool;
    kinds.n_by_text = kinds.n_by_int32 = kinds.n_by_int64 = kinds.n_by_bool = 1;
    expect(&kinds.base, "{\"byText\":{\"k\\u0009\":\"v\"},\"byInt32\":{\"4\":{}},"
                        "\"byInt64\":{\"-4\":false},\"byBool\":{\"true\":\"9\"}}");
}

static void choices(void **state)
{
    (void)state;
    Kinds__Kinds kinds = KINDS__KINDS__INIT;
    kinds.choice_case = KINDS__KINDS__CHOICE_CHOSEN_NUMBER;
    kinds.chosen_number = 0;
    expect(&kinds.base, "{\"chosenNumber\":0}");
    char none[] = "";
    kinds.choice_case = KINDS__KINDS__CHOICE_CHOSEN_TEXT;
    kinds.chosen_text = none;
    expect(&kinds.base, "{\"chosenText\":\"\"}");
}

static void timestamp(int64_t seconds, int32_t nanos, const char *expected)
{
    Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    time.seconds = seconds;
    time.nanos = nanos;
    expect(&time.base, expected);
}

static void timestamps(void **state)
{
    (void)state;
    timestamp(0, 0, "\"1970-01-01T00:00:00Z\"");
    timestamp(1772366400, 500000000, "\"2026-03-01T12:00:00.500Z\"");
    timestamp(1772366400, 1000, "\"2026-03-01T12:00:00.000001Z\"");
    timestamp(1772366400, 1, "\"2026-03-01T12:00:00.000000001Z\"");
    timestamp(-1, 0, "\"1969-12-31T23:59:59Z\"");
    timestamp(-62135596800, 0, "\"0001-01-01T00:00:00Z\"");
    timestamp(253402300799, 999999999, "\"9999-12-31T23:59:59.999999999Z\"");
    timestamp(253402300800, 0, "null");
    timestamp(0, -1, "null");
    timestamp(INT64_MIN, 0, "null");
}

static void duration(int64_t seconds, int32_t nanos, const char *expected)
{
    Google__Protobuf__Duration time = GOOGLE__PROTOBUF__DURATION__INIT;
    time.seconds = seconds;
    time.nanos = nanos;
    expect(&time.base, expected);
}

static void durations(void **state)
{
    (void)state;
    duration(0, 0, "\"0s\"");
    duration(1, 500000000, "\"1.500s\"");
    duration(0, -1, "\"-0.000000001s\"");
    duration(-3, -250000, "\"-3.000250s\"");
    duration(315576000000, 0, "\"315576000000s\"");
    duration(315576000001, 0, "null");
    duration(1, -1, "null");
    duration(INT64_MIN, 0, "null");
}

static void masks_and_any(void **state)
{
    (void)state;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    expect(&mask.base, "\"\"");
    char first[] = "documents_enabled", second[] = "actor.display_name";
    char *paths[] = {first, second};
    mask.paths = paths;
    mask.n_paths = 2;
    expect(&mask.base, "\"documentsEnabled,actor.displayName\"");
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    char url[] = "type.googleapis.com/x.Y";
    uint8_t byte = 8;
    any.type_url = url;
    any.value = (ProtobufCBinaryData){1, &byte};
    expect(&any.base, "{\"@type\":\"type.googleapis.com/x.Y\",\"value\":\"CA==\"}");
}

static void pretty(void **state)
{
    (void)state;
    char key[] = "region", value[] = "US", reason[] = "R";
    Google__Rpc__ErrorInfo__MetadataEntry entry = GOOGLE__RPC__ERROR_INFO__METADATA_ENTRY__INIT;
    entry.key = key;
    entry.value = value;
    Google__Rpc__ErrorInfo__MetadataEntry *entries[] = {&entry};
    Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
    info.reason = reason;
    info.metadata = entries;
    info.n_metadata = 1;
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, 4096);
    assert_true(json_write(&text, &info.base, JSON_PRETTY));
    assert_string_equal(text.data, "{\n  \"reason\": \"R\",\n  \"metadata\": {\n"
                                   "    \"region\": \"US\"\n  }\n}");
}

static void bounded(void **state)
{
    (void)state;
    Kinds__Kinds kinds = KINDS__KINDS__INIT;
    char text[] = "a text longer than the buffer";
    kinds.a_text = text;
    struct buffer small _cleanup_(buffer_done);
    buffer_init(&small, 16);
    assert_false(json_write(&small, &kinds.base, JSON_COMPACT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_is_an_object),
        cmocka_unit_test(integers),
        cmocka_unit_test(floating),
        cmocka_unit_test(words),
        cmocka_unit_test(lists),
        cmocka_unit_test(maps),
        cmocka_unit_test(choices),
        cmocka_unit_test(timestamps),
        cmocka_unit_test(durations),
        cmocka_unit_test(masks_and_any),
        cmocka_unit_test(pretty),
        cmocka_unit_test(bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
