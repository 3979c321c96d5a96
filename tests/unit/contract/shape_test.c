// The shape of the contract: names of messages, a policy for each method, and where secrets may
// stand (AUT-08, CON-14, REV-12, SEC-06).
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/descriptor_set.h"
#include "server/rpc/policy.h"
#include "tests/unit/contract/tables.h"

enum { NAME_BYTES = 256, RESOURCE_OPTION = 1053, REVEAL_DEADLINE_MS = 15000 };

static struct contract *contract;

static int start(void **state)
{
    (void)state;
    struct err err = {0};
    contract = tables_contract(&err);
    return contract == NULL;
}

static int stop(void **state)
{
    (void)state;
    contract = contract_free(contract);
    return 0;
}

// Option google.api.resource, which protobuf-c keeps among the fields it does not know.
static bool is_resource(const contract_message *message)
{
    const Google__Protobuf__MessageOptions *options = message->options;
    for (unsigned i = 0; options != NULL && i < options->base.n_unknown_fields; i++)
        if (options->base.unknown_fields[i].tag == RESOURCE_OPTION)
            return true;
    return false;
}

static bool is_redacted(const contract_field *field)
{
    return field->options != NULL && field->options->debug_redact;
}

static const contract_message *message_of(const char *type_name)
{
    const contract_message *message = contract_find_message(contract, type_name + 1);
    if (message == NULL)
        fail_msg("%s is not in the set", type_name);
    return message;
}

static enum err_code check_names(void *context, const char *full_name,
                                 const contract_service *service, struct err *reterr)
{
    (void)full_name;
    (void)reterr;
    size_t *count = context;
    for (size_t i = 0; i < service->n_method; i++, (*count)++) {
        const contract_method *method = service->method[i];
        char request[NAME_BYTES], response[NAME_BYTES];
        (void)snprintf(request, sizeof(request), ".docbridge.v1.%sRequest", method->name);
        (void)snprintf(response, sizeof(response), ".docbridge.v1.%sResponse", method->name);
        if (strcmp(method->input_type, request) != 0)
            fail_msg("%s takes %s", method->name, method->input_type);
        if (strcmp(method->output_type, response) != 0 &&
            !is_resource(message_of(method->output_type)))
            fail_msg("%s returns %s, which is no resource", method->name, method->output_type);
    }
    return ERR_OK;
}

static void requests_and_responses_are_named_after_their_method(void **state)
{
    (void)state;
    size_t count = 0;
    assert_int_equal(contract_each_service(contract, check_names, &count, NULL), ERR_OK);
    assert_true(count >= 37);
    assert_true(is_resource(message_of(".docbridge.v1.Connection")));
    assert_false(is_resource(message_of(".docbridge.v1.GetConnectionRequest")));
}

static enum err_code check_policy(void *context, const char *full_name,
                                  const contract_service *service, struct err *reterr)
{
    (void)context;
    (void)full_name;
    for (size_t i = 0; i < service->n_method; i++) {
        struct contract_policy policy;
        const char *name = service->method[i]->name;
        try_(contract_policy(contract, service->method[i], &policy, reterr));
        if (permission_text(policy.permission) == NULL)
            fail_msg("%s has no policy", name);
        // A secret that travels is worth an audit event, which a method without side effects lacks.
        if (policy.read_only && (policy.secret_in || policy.secret_out))
            fail_msg("%s moves a secret without side effects", name);
        if (policy.read_only && policy.permission == PERMISSION_MANAGE_INTEGRATIONS)
            fail_msg("%s reads, and asks for the right to change", name);
        // An export leaves the event that it was made, and changes nothing else.
        bool only_told = strcmp(name, "ExportAuditEvents") == 0;
        if (!policy.read_only && !only_told &&
            (policy.permission == PERMISSION_READ_INTEGRATIONS ||
             policy.permission == PERMISSION_READ_DOCUMENTATION ||
             policy.permission == PERMISSION_READ_AUDIT))
            fail_msg("%s changes something with a right to read", name);
    }
    return ERR_OK;
}

static void each_method_has_a_policy(void **state)
{
    (void)state;
    assert_int_equal(contract_each_service(contract, check_policy, NULL, NULL), ERR_OK);
}

// Secrets come out of one method, which has a right of its own, a deadline and one value, redacted
// in each of its forms.
static enum err_code check_secret_out(void *context, const char *full_name,
                                      const contract_service *service, struct err *reterr)
{
    (void)full_name;
    size_t *count = context;
    for (size_t i = 0; i < service->n_method; i++) {
        struct contract_policy policy;
        try_(contract_policy(contract, service->method[i], &policy, reterr));
        if (!policy.secret_out)
            continue;
        assert_string_equal(service->method[i]->name, "RevealPassword");
        assert_string_equal(permission_text(policy.permission), "read_documentation_passwords");
        assert_int_equal(policy.max_deadline_ms, REVEAL_DEADLINE_MS);
        assert_false(policy.client_streaming || policy.server_streaming);
        (*count)++;
    }
    return ERR_OK;
}

static void one_method_reveals(void **state)
{
    (void)state;
    size_t methods = 0, fields = 0;
    assert_int_equal(contract_each_service(contract, check_secret_out, &methods, NULL), ERR_OK);
    assert_int_equal(methods, 1);
    const contract_message *response = message_of(".docbridge.v1.RevealPasswordResponse");
    for (size_t i = 0; i < response->n_field; i++)
        if (is_redacted(response->field[i])) {
            assert_true(response->field[i]->has_oneof_index);
            fields++;
        }
    assert_int_equal(fields, 2); // in the clear, and sealed
    assert_int_equal(response->n_oneof_decl, 1);
}

static bool named_like_a_secret(const char *name)
{
    static const char *const parts[] = {"api_key",        "private_key",     "access_key",
                                        "secret",         "plaintext",       "passphrase",
                                        "password_value", "passcode",        "one_time_password",
                                        "bearer",         "credential_value"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (strstr(name, parts[i]) != NULL)
            return true;
    return strcmp(name, "password") == 0;
}

static enum err_code check_redaction(void *context, const char *name,
                                     const contract_message *message, struct err *reterr)
{
    (void)reterr;
    struct buffer *redacted = context;
    for (size_t i = 0; i < message->n_field; i++) {
        const contract_field *field = message->field[i];
        bool text = field->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING ||
                    field->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BYTES;
        if (text && named_like_a_secret(field->name) && !is_redacted(field))
            fail_msg("%s.%s is not redacted", name, field->name);
        if (is_redacted(field))
            buffer_printf(redacted, "%s.%s\n", name, field->name);
    }
    return ERR_OK;
}

static void secrets_are_redacted(void **state)
{
    (void)state;
    _cleanup_(buffer_done) struct buffer redacted;
    buffer_init(&redacted, TABLES_MAX_BYTES);
    assert_int_equal(tables_each_message(contract, check_redaction, &redacted, NULL), ERR_OK);
    assert_string_equal(redacted.data, "ConnectionCandidate.api_key\n"
                                       "RevealPasswordResponse.plaintext\n"
                                       "RevealPasswordResponse.sealed\n");
}

enum { DEPTH_MAX = 16 };

static void assert_holds_no_secret(const char *resource, const contract_message *message, int depth)
{
    assert_true(depth < DEPTH_MAX);
    for (size_t i = 0; i < message->n_field; i++) {
        const contract_field *field = message->field[i];
        if (is_redacted(field) || named_like_a_secret(field->name))
            fail_msg("%s holds %s.%s", resource, message->name, field->name);
        if (field->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE)
            assert_holds_no_secret(resource, message_of(field->type_name), depth + 1);
    }
}

static enum err_code check_resource(void *context, const char *name,
                                    const contract_message *message, struct err *reterr)
{
    (void)reterr;
    size_t *count = context;
    if (!is_resource(message))
        return ERR_OK;
    (*count)++;
    assert_holds_no_secret(name, message, 0);
    return ERR_OK;
}

static void resources_hold_no_secret(void **state)
{
    (void)state;
    size_t count = 0;
    assert_int_equal(tables_each_message(contract, check_resource, &count, NULL), ERR_OK);
    assert_true(count >= 15);
}

static void requests_are_bounded_in_depth(void **state)
{
    (void)state;
    struct err err = {0};
    if (rpc_policy_check_requests(descriptor_set, descriptor_set_len, &err) != ERR_OK)
        fail_msg("%s", err.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_and_responses_are_named_after_their_method),
        cmocka_unit_test(each_method_has_a_policy),
        cmocka_unit_test(one_method_reveals),
        cmocka_unit_test(secrets_are_redacted),
        cmocka_unit_test(resources_hold_no_secret),
        cmocka_unit_test(requests_are_bounded_in_depth),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
