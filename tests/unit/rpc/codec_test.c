// Messages to and from gRPC's byte buffers.
#include "server/rpc/codec.h"

#include <docbridge/v1/company.pb-c.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA_BYTES = 64 * 1024 };

static char long_name[] = "companies/with-a-name-that-is-longer-than-an-inlined-slice";

static grpc_byte_buffer *encode(char *name, bool secret)
{
    Docbridge__V1__GetCompanyRequest request;
    docbridge__v1__get_company_request__init(&request);
    request.name = name;
    grpc_byte_buffer *payload = NULL;
    struct err err;
    assert_int_equal(codec_encode(&request.base, ARENA_BYTES, secret, &payload, &err), ERR_OK);
    return payload;
}

static void round_trip(char *name, bool secret)
{
    _cleanup_(arena_done) struct arena arena;
    struct err err;
    const unsigned char *bytes;
    size_t len;
    ProtobufCMessage *message;
    arena_init(&arena, ARENA_BYTES);
    grpc_byte_buffer *payload = encode(name, secret);
    assert_int_equal(codec_bytes(payload, &arena, &bytes, &len, &err), ERR_OK);
    assert_int_equal(codec_decode(&docbridge__v1__get_company_request__descriptor, bytes, len,
                                  ARENA_BYTES, &arena, &message, &err),
                     ERR_OK);
    assert_string_equal(((Docbridge__V1__GetCompanyRequest *)message)->name, name);
    codec_wipe(payload);
    assert_int_equal(codec_bytes(payload, &arena, &bytes, &len, &err), ERR_OK);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(bytes[i], 0);
    // What was decoded is a copy.
    assert_string_equal(((Docbridge__V1__GetCompanyRequest *)message)->name, name);
    grpc_byte_buffer_destroy(payload);
}

static void round_trips(void **state)
{
    (void)state;
    static char short_name[] = "a", empty[] = "";
    for (int secret = 0; secret < 2; secret++) {
        round_trip(empty, secret);
        round_trip(short_name, secret);
        round_trip(long_name, secret);
    }
}

static void joins_slices(void **state)
{
    (void)state;
    _cleanup_(arena_done) struct arena arena;
    struct err err;
    const unsigned char *bytes;
    size_t len;
    arena_init(&arena, ARENA_BYTES);
    grpc_slice slices[] = {grpc_slice_from_static_string("one "), grpc_empty_slice(),
                           grpc_slice_from_static_string("two "),
                           grpc_slice_from_static_string("three")};
    grpc_byte_buffer *payload = grpc_raw_byte_buffer_create(slices, ARRAY_LEN(slices));
    assert_int_equal(codec_bytes(payload, &arena, &bytes, &len, &err), ERR_OK);
    assert_int_equal(len, 13);
    assert_memory_equal(bytes, "one two three", len);
    grpc_byte_buffer_destroy(payload);
    payload = grpc_raw_byte_buffer_create(NULL, 0);
    assert_int_equal(codec_bytes(payload, &arena, &bytes, &len, &err), ERR_OK);
    assert_int_equal(len, 0);
    grpc_byte_buffer_destroy(payload);
    assert_int_equal(codec_bytes(NULL, &arena, &bytes, &len, &err), ERR_MESSAGE_INVALID);
}

static void bounds_both_ways(void **state)
{
    (void)state;
    _cleanup_(arena_done) struct arena arena;
    struct err err;
    ProtobufCMessage *message;
    unsigned char bytes[] = {0x0a, 3, 'a', 'b', 'c'};
    arena_init(&arena, ARENA_BYTES);
    const ProtobufCMessageDescriptor *type = &docbridge__v1__get_company_request__descriptor;
    for (size_t max = 0; max < type->sizeof_message + 4; max++)
        assert_int_equal(codec_decode(type, bytes, sizeof(bytes), max, &arena, &message, &err),
                         ERR_MESSAGE_INVALID);
    assert_int_equal(codec_decode(type, bytes, sizeof(bytes), 1024, &arena, &message, &err),
                     ERR_OK);
    grpc_byte_buffer *payload = NULL;
    assert_int_equal(codec_encode(message, 4, false, &payload, &err), ERR_INTERNAL);
    assert_null(payload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),
        cmocka_unit_test(joins_slices),
        cmocka_unit_test(bounds_both_ways),
    };
    grpc_init();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    grpc_shutdown();
    return failed;
}
