// Vectors for the check of wire bytes: each bound and each kind of broken message.
#include "server/rpc/validation.h"

#include <docbridge/v1/company.pb-c.h>
#include <google/protobuf/descriptor.pb-c.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/descriptor_set.h"
#include "server/rpc/contract.h"

enum { SMALL_BYTES = 1024, REQUEST_BYTES = 64 * 1024 };

struct fixture {
    struct contract *contract;
    struct rule_set rules;
    const struct rule *company; // GetCompanyRequest {string name = 1}
    const struct rule *batch;   // BatchUpsertCompaniesRequest {repeated Company companies = 1, ...}
    const struct rule *numbers; // SourceCodeInfo.Location {repeated int32 path = 1 [packed], ...}
};

static int setup(void **state)
{
    static struct fixture fixture;
    struct err err;
    fixture = (struct fixture){0};
    if (contract_new(descriptor_set, descriptor_set_len, &fixture.contract, &err) != ERR_OK ||
        rule_set_add(&fixture.rules, fixture.contract,
                     &docbridge__v1__get_company_request__descriptor, &fixture.company,
                     &err) != ERR_OK ||
        rule_set_add(&fixture.rules, fixture.contract,
                     &docbridge__v1__batch_upsert_companies_request__descriptor, &fixture.batch,
                     &err) != ERR_OK ||
        rule_set_add(&fixture.rules, fixture.contract,
                     &google__protobuf__source_code_info__location__descriptor, &fixture.numbers,
                     &err) != ERR_OK) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    rule_set_done(&fixture->rules);
    fixture->contract = contract_free(fixture->contract);
    return 0;
}

static enum err_code check(const struct rule *rule, const void *bytes, size_t len, struct err *err)
{
    memset(err, 0, sizeof(*err));
    return validation_check(rule, bytes, len, REQUEST_BYTES, err);
}

#define CHECK(rule, literal, err) check((rule), (literal), sizeof(literal) - 1, (err))

static void accepts(void **state)
{
    const struct fixture *fixture = *state;
    struct err err;
    assert_int_equal(CHECK(fixture->company, "", &err), ERR_OK);
    assert_int_equal(CHECK(fixture->company, "\x0a\x00", &err), ERR_OK);
    assert_int_equal(CHECK(fixture->company,
                           "\x0a\x03"
                           "abc",
                           &err),
                     ERR_OK);
    assert_int_equal(CHECK(fixture->company, "\x0a\x04\xf0\x9f\x98\x80", &err), ERR_OK);
    // Twice: the last one counts.
    assert_int_equal(CHECK(fixture->company,
                           "\x0a\x01"
                           "a\x0a\x01"
                           "b",
                           &err),
                     ERR_OK);
    // A length that is written with more bytes than needed.
    assert_int_equal(CHECK(fixture->company, "\x0a\x81\x80\x00x", &err), ERR_OK);
}

static void skips_unknown_fields(void **state)
{
    const struct fixture *fixture = *state;
    struct err err;
    // Field 99 in each wire type.
    assert_int_equal(CHECK(fixture->company, "\x98\x06\x05", &err), ERR_OK);
    assert_int_equal(CHECK(fixture->company,
                           "\x99\x06"
                           "12345678",
                           &err),
                     ERR_OK);
    assert_int_equal(CHECK(fixture->company, "\x9a\x06\x02\x00\xff", &err), ERR_OK);
    assert_int_equal(CHECK(fixture->company,
                           "\x9d\x06"
                           "1234",
                           &err),
                     ERR_OK);
    assert_int_equal(CHECK(fixture->company, "\x98\x06", &err), ERR_MESSAGE_INVALID);
    assert_int_equal(CHECK(fixture->company,
                           "\x99\x06"
                           "1234567",
                           &err),
                     ERR_MESSAGE_INVALID);
    assert_int_equal(CHECK(fixture->company, "\x9a\x06\x03\x00\xff", &err), ERR_MESSAGE_INVALID);
    assert_int_equal(CHECK(fixture->company,
                           "\x9d\x06"
                           "123",
                           &err),
                     ERR_MESSAGE_INVALID);
}

static void refuses_broken_messages(void **state)
{
    const struct fixture *fixture = *state;
    static const struct {
        const char *bytes;
        size_t len;
    } vectors[] = {
        {"\x0a", 1}, // no length
        {"\x0a\x05"  // shorter than its length
         "abc",
         5},                                                      //
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},     // length -1
        {"\x0a\xff\xff\xff\xff\x7f", 6},                          // length 2^35
        {"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 12}, // eleven bytes of length
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11},     // more than 64 bits
        {"\x80", 1},                                              // tag cut short
        {"\xff\xff\xff\xff\xff\x01\x00", 7},                      // tag of six bytes
        {"\xf8\xff\xff\xff\x1f\x00", 6},                          // field number above 2^29
        {"\x00\x00", 2},                                          // field number 0
        {"\x02\x00", 2},                                          // field number 0
        {"\x08\x01", 2},                                          // a string as varint
        {"\x09"                                                   // a string as 64 bit
         "12345678",
         9},    //
        {"\x0d" // a string as 32 bit
         "1234",
         5},                     //
        {"\x0b\x0c", 2},         // a group
        {"\x0c", 1},             // the end of a group
        {"\x0e", 1},             // wire type 6
        {"\x0f", 1},             // wire type 7
        {"\x9b\x06\x9c\x06", 4}, // an unknown group
        {"\x9e\x06", 2},         // unknown, wire type 6
    };
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct err err;
        if (check(fixture->company, vectors[i].bytes, vectors[i].len, &err) != ERR_MESSAGE_INVALID)
            fail_msg("vector %zu is accepted", i);
    }
}

static void refuses_bad_text(void **state)
{
    const struct fixture *fixture = *state;
    static const struct {
        const char *bytes;
        size_t len;
    } vectors[] = {
        {"a\0b", 3},     {"\0", 1},           {"\xc3\x28", 2},
        {"\xc0\xaf", 2}, {"\xed\xa0\x80", 3}, {"\xf4\x90\x80\x80", 4},
        {"\x80", 1},     {"ab\xe2\x82", 4},
    };
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        unsigned char bytes[16] = {0x0a, (unsigned char)vectors[i].len};
        memcpy(bytes + 2, vectors[i].bytes, vectors[i].len);
        struct err err;
        if (check(fixture->company, bytes, vectors[i].len + 2, &err) != ERR_FIELD_INVALID)
            fail_msg("vector %zu is accepted", i);
        assert_string_equal(err.field, "name");
    }
}

// Writes tag and length of a field of wire type 2. Returns the bytes used.
static size_t put_header(unsigned char *at, unsigned field, size_t len)
{
    size_t used = 0;
    at[used++] = (unsigned char)(field << 3 | 2);
    for (; len >= 0x80; len >>= 7)
        at[used++] = (unsigned char)(len | 0x80);
    at[used++] = (unsigned char)len;
    return used;
}

static void bounds_the_size_of_fields(void **state)
{
    const struct fixture *fixture = *state;
    static unsigned char bytes[2 * SMALL_BYTES];
    struct err err;
    memset(bytes, 'x', sizeof(bytes));
    size_t used = put_header(bytes, 1, SMALL_BYTES);
    assert_int_equal(check(fixture->company, bytes, used + SMALL_BYTES, &err), ERR_OK);
    used = put_header(bytes, 1, SMALL_BYTES + 1);
    assert_int_equal(check(fixture->company, bytes, used + SMALL_BYTES + 1, &err),
                     ERR_FIELD_INVALID);
    assert_string_equal(err.field, "name");
    assert_string_equal(err_meta_get(&err, "allowed"), "1024");
}

static void bounds_the_size_of_messages(void **state)
{
    const struct fixture *fixture = *state;
    static unsigned char bytes[REQUEST_BYTES + 1];
    struct err err;
    size_t used = put_header(bytes, 15, REQUEST_BYTES - 4); // 1 of tag, 3 of length
    assert_int_equal(used, 4);
    assert_int_equal(check(fixture->company, bytes, REQUEST_BYTES, &err), ERR_OK);
    assert_int_equal(check(fixture->company, bytes, REQUEST_BYTES + 1, &err), ERR_MESSAGE_INVALID);
    assert_string_equal(err_meta_get(&err, "allowed"), "65536");
}

static void bounds_the_count_of_messages(void **state)
{
    const struct fixture *fixture = *state;
    static unsigned char bytes[2 * 1001];
    for (size_t i = 0; i < 1001; i++)
        (void)put_header(bytes + 2 * i, 1, 0);
    struct err err;
    assert_int_equal(check(fixture->batch, bytes, 2 * 1000, &err), ERR_OK);
    assert_int_equal(check(fixture->batch, bytes, 2 * 1001, &err), ERR_FIELD_INVALID);
    assert_string_equal(err.field, "companies");
    assert_string_equal(err_meta_get(&err, "allowed"), "1000");
}

static void names_the_path(void **state)
{
    const struct fixture *fixture = *state;
    struct err err;
    // companies[1].psa.external_id holds a NUL.
    assert_int_equal(CHECK(fixture->batch,
                           "\x0a\x00\x0a\x07\x1a\x05\x12\x03"
                           "a\0b",
                           &err),
                     ERR_FIELD_INVALID);
    assert_string_equal(err.field, "companies[1].psa.external_id");
    // companies[0].psa is cut short: its parent's length says so.
    assert_int_equal(CHECK(fixture->batch, "\x0a\x02\x1a\x05", &err), ERR_MESSAGE_INVALID);
    assert_string_equal(err.field, "companies[0].psa");
}

static void refuses_merged_messages(void **state)
{
    const struct fixture *fixture = *state;
    struct err err;
    // Company.psa twice.
    assert_int_equal(CHECK(fixture->batch, "\x0a\x04\x1a\x00\x1a\x00", &err), ERR_FIELD_INVALID);
    assert_string_equal(err.field, "companies[0].psa");
}

static void counts_packed_and_unpacked_numbers(void **state)
{
    const struct fixture *fixture = *state;
    struct err err;
    // repeated int32 path = 1 [packed]: both forms count together.
    assert_int_equal(CHECK(fixture->numbers, "\x0a\x03\x01\x80\x01", &err), ERR_OK);
    assert_int_equal(CHECK(fixture->numbers, "\x08\x01\x08\x02\x0a\x01\x03", &err), ERR_OK);
    assert_int_equal(CHECK(fixture->numbers, "\x0a\x02\x01\x80", &err), ERR_MESSAGE_INVALID);
    assert_int_equal(CHECK(fixture->numbers,
                           "\x0d"
                           "1234",
                           &err),
                     ERR_MESSAGE_INVALID);
    static unsigned char bytes[2 + 101 + 2];
    size_t used = put_header(bytes, 1, 100);
    assert_int_equal(check(fixture->numbers, bytes, used + 100, &err), ERR_OK);
    bytes[used + 100] = 0x08;
    assert_int_equal(check(fixture->numbers, bytes, used + 102, &err), ERR_FIELD_INVALID);
    used = put_header(bytes, 1, 101);
    assert_int_equal(check(fixture->numbers, bytes, used + 101, &err), ERR_FIELD_INVALID);
}

// No input may crash the check or make it read beyond the end (the sanitizers look).
static void survives_noise(void **state)
{
    const struct fixture *fixture = *state;
    uint64_t seed = 42;
    for (int round = 0; round < 200000; round++) {
        unsigned char bytes[24];
        for (size_t i = 0; i < sizeof(bytes); i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            bytes[i] = (unsigned char)(seed >> 56);
            if ((seed >> 40 & 3) != 0)
                bytes[i] &= 0x1f;
        }
        struct err err;
        size_t len = (size_t)(seed >> 33) % (sizeof(bytes) + 1);
        unsigned char *exact = malloc(len + 1);
        assert_non_null(exact);
        memcpy(exact, bytes, len);
        enum err_code code = check(fixture->batch, exact, len, &err);
        // What passes the check can be decoded.
        if (code == ERR_OK) {
            Docbridge__V1__BatchUpsertCompaniesRequest *request =
                docbridge__v1__batch_upsert_companies_request__unpack(NULL, len, exact);
            assert_non_null(request);
            docbridge__v1__batch_upsert_companies_request__free_unpacked(request, NULL);
        }
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),
        cmocka_unit_test(skips_unknown_fields),
        cmocka_unit_test(refuses_broken_messages),
        cmocka_unit_test(refuses_bad_text),
        cmocka_unit_test(bounds_the_size_of_fields),
        cmocka_unit_test(bounds_the_size_of_messages),
        cmocka_unit_test(bounds_the_count_of_messages),
        cmocka_unit_test(names_the_path),
        cmocka_unit_test(refuses_merged_messages),
        cmocka_unit_test(counts_packed_and_unpacked_numbers),
        cmocka_unit_test(survives_noise),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
