// The policy of the contract: as printed, and what is refused.
#include "server/rpc/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/descriptor_set.h"
#include "server/rpc/contract.h"
#include "tests/unit/rpc/contract_edit.h"

enum { TEXT_BYTES = 64 * 1024 };

static void prints_one_line_a_method(void **state)
{
    (void)state;
    _cleanup_(buffer_done) struct buffer out;
    struct err err;
    buffer_init(&out, TEXT_BYTES);
    assert_int_equal(rpc_policy_print(descriptor_set, descriptor_set_len, &out, &err), ERR_OK);
    static const char *const lines[] = {
        "CompanyService               GetCompany                       unary    read  perm=1\n",
        "CompanyService               BatchUpsertCompanies             unary    WRITE perm=2\n",
        "ConnectionService            CreateConnection                 unary    WRITE secret-in "
        "perm=2 tenant\n",
        "SyncService                  WatchSyncRun                     stream   read  perm=1\n",
        "PasswordService              RevealPassword                   unary    WRITE SECRET-OUT "
        "perm=4\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (strstr(out.data, lines[i]) == NULL)
            fail_msg("missing: %s in\n%s", lines[i], out.data);
    // Nothing but our own package, and nothing without a permission.
    assert_null(strstr(out.data, "Health"));
    assert_null(strstr(out.data, "perm=0"));
}

static void allows_the_requests_of_the_contract(void **state)
{
    (void)state;
    struct err err;
    if (rpc_policy_check_requests(descriptor_set, descriptor_set_len, &err) != ERR_OK)
        fail_msg("%s", err.text);
}

// Gives the only field of GetCompanyRequest another type. Returns what the check says.
static enum err_code check_with_type(const char *type_name, struct err *err)
{
    struct contract_edit edit;
    contract_edit_open(&edit);
    Google__Protobuf__FieldDescriptorProto *field =
        contract_edit_message(&edit, "GetCompanyRequest")->field[0];
    field->has_type = 1;
    field->type = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE;
    field->type_name = strdup(type_name);
    contract_edit_pack(&edit);
    enum err_code code = rpc_policy_check_requests(edit.bytes, edit.len, err);
    contract_edit_done(&edit);
    return code;
}

static void refuses_what_requests_may_not_hold(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(check_with_type(".docbridge.v1.GetCompanyRequest", &err), ERR_FIELD_INVALID);
    assert_non_null(strstr(err.text, "contains itself"));
    assert_int_equal(check_with_type(".google.protobuf.Any", &err), ERR_FIELD_INVALID);
    assert_non_null(strstr(err.text, "google.protobuf.Any"));
    assert_int_equal(check_with_type(".google.rpc.ErrorInfo", &err), ERR_FIELD_INVALID);
    assert_non_null(strstr(err.text, "is a map"));
    assert_int_equal(check_with_type(".google.protobuf.DescriptorProto", &err), ERR_FIELD_INVALID);
    assert_int_equal(check_with_type(".docbridge.v1.Missing", &err), ERR_FIELD_INVALID);
    assert_int_equal(check_with_type(".docbridge.v1.PsaIdentity", &err), ERR_OK);
}

static void refuses_a_broken_set(void **state)
{
    (void)state;
    struct err err;
    struct contract *contract = NULL;
    for (size_t len = 1; len < descriptor_set_len; len += 97) {
        // Cut where a file ends, it is a smaller set.
        if (contract_new(descriptor_set, len, &contract, &err) == ERR_OK)
            contract = contract_free(contract);
    }
    assert_int_equal(contract_new(descriptor_set, descriptor_set_len - 1, &contract, &err),
                     ERR_FIELD_INVALID);
    assert_int_equal(contract_new((const unsigned char *)"\x12\x00", 2, &contract, &err),
                     ERR_FIELD_INVALID);
}

static void reads_the_options(void **state)
{
    (void)state;
    struct err err;
    _cleanup_(contract_freep) struct contract *contract = NULL;
    assert_int_equal(contract_new(descriptor_set, descriptor_set_len, &contract, &err), ERR_OK);
    const contract_service *service =
        contract_find_service(contract, "docbridge.v1.PasswordService");
    assert_non_null(service);
    struct contract_policy policy;
    assert_int_equal(
        contract_policy(contract, contract_find_method(service, "RevealPassword"), &policy, &err),
        ERR_OK);
    assert_int_equal(policy.permission, PERMISSION_READ_DOCUMENTATION_PASSWORDS);
    assert_int_equal(policy.max_deadline_ms, 15000);
    assert_int_equal(policy.max_request_bytes, 64 * 1024);
    assert_true(policy.secret_out);
    assert_false(policy.secret_in);
    assert_false(policy.read_only);
    service = contract_find_service(contract, "docbridge.v1.CompanyService");
    assert_int_equal(contract_policy(contract,
                                     contract_find_method(service, "BatchUpsertCompanies"), &policy,
                                     &err),
                     ERR_OK);
    assert_int_equal(policy.max_request_bytes, 1024 * 1024);
    assert_null(contract_find_service(contract, "CompanyService"));
    assert_null(contract_find_method(service, "Nothing"));
    assert_null(contract_find_message(contract, "docbridge.v1.Nothing"));
}

static void finds_files(void **state)
{
    (void)state;
    struct err err;
    _cleanup_(contract_freep) struct contract *contract = NULL;
    assert_int_equal(contract_new(descriptor_set, descriptor_set_len, &contract, &err), ERR_OK);
    size_t file = contract_file_by_name(contract, "docbridge/v1/company.proto");
    assert_true(file < contract_file_count(contract));
    static const char *const symbols[] = {"docbridge.v1.Company", "docbridge.v1.Company.name",
                                          "docbridge.v1.CompanyService",
                                          "docbridge.v1.CompanyService.GetCompany"};
    for (size_t i = 0; i < ARRAY_LEN(symbols); i++)
        assert_int_equal(contract_file_by_symbol(contract, symbols[i]), file);
    assert_int_equal(contract_file_by_symbol(contract, "docbridge.v1"), SIZE_MAX);
    assert_int_equal(contract_file_by_symbol(contract, ""), SIZE_MAX);
    assert_int_equal(contract_file_by_name(contract, "company.proto"), SIZE_MAX);
    const unsigned char *bytes;
    size_t len;
    contract_file_bytes(contract, file, &bytes, &len);
    Google__Protobuf__FileDescriptorProto *proto =
        google__protobuf__file_descriptor_proto__unpack(NULL, len, bytes);
    assert_non_null(proto);
    assert_string_equal(proto->name, "docbridge/v1/company.proto");
    google__protobuf__file_descriptor_proto__free_unpacked(proto, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_one_line_a_method),
        cmocka_unit_test(allows_the_requests_of_the_contract),
        cmocka_unit_test(refuses_what_requests_may_not_hold),
        cmocka_unit_test(refuses_a_broken_set),
        cmocka_unit_test(reads_the_options),
        cmocka_unit_test(finds_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
