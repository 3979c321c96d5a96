// What of an error reaches the wire.
#include "server/rpc/status.h"

#include <google/rpc/error_details.pb-c.h>
#include <google/rpc/status.pb-c.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA_BYTES = 32 * 1024 };

// A status as a client sees it.
struct seen {
    struct arena arena;
    struct status_message message;
    Google__Rpc__Status *status;
};

static void look(const struct err *err, struct seen *seen)
{
    arena_init(&seen->arena, ARENA_BYTES);
    status_from_error(err, "test.domain", "id-1", &seen->arena, &seen->message);
    assert_non_null(seen->message.details);
    seen->status =
        google__rpc__status__unpack(NULL, seen->message.details_len, seen->message.details);
    assert_non_null(seen->status);
    assert_int_equal(seen->status->code, (int)seen->message.code);
    assert_string_equal(seen->status->message, seen->message.text);
}

static void forget(struct seen *seen)
{
    google__rpc__status__free_unpacked(seen->status, NULL);
    arena_done(&seen->arena);
}

// The detail of that type, unpacked; NULL if it is absent. The caller frees it.
static void *detail(const struct seen *seen, const ProtobufCMessageDescriptor *type)
{
    for (size_t i = 0; i < seen->status->n_details; i++) {
        const Google__Protobuf__Any *any = seen->status->details[i];
        const char *prefix = "type.googleapis.com/";
        assert_memory_equal(any->type_url, prefix, strlen(prefix));
        if (strcmp(any->type_url + strlen(prefix), type->name) == 0)
            return protobuf_c_message_unpack(type, NULL, any->value.len, any->value.data);
    }
    return NULL;
}

static void carries_reason_and_metadata(void **state)
{
    (void)state;
    struct err err;
    struct seen seen;
    (void)err_set(&err, ERR_MISSING_PERMISSION, "no");
    err_meta(&err, "permission", "read_audit");
    look(&err, &seen);
    assert_int_equal(seen.message.code, STATUS_PERMISSION_DENIED);
    Google__Rpc__ErrorInfo *info = detail(&seen, &google__rpc__error_info__descriptor);
    assert_string_equal(info->reason, "MISSING_PERMISSION");
    assert_string_equal(info->domain, "test.domain");
    assert_int_equal(info->n_metadata, 1);
    assert_string_equal(info->metadata[0]->key, "permission");
    assert_string_equal(info->metadata[0]->value, "read_audit");
    google__rpc__error_info__free_unpacked(info, NULL);
    Google__Rpc__RequestInfo *request = detail(&seen, &google__rpc__request_info__descriptor);
    assert_string_equal(request->request_id, "id-1");
    google__rpc__request_info__free_unpacked(request, NULL);
    assert_null(detail(&seen, &google__rpc__bad_request__descriptor));
    assert_null(detail(&seen, &google__rpc__retry_info__descriptor));
    forget(&seen);
}

static void carries_the_field_at_fault(void **state)
{
    (void)state;
    struct err err;
    struct seen seen;
    (void)err_invalid(&err, "a.b[3]", "is wrong");
    look(&err, &seen);
    Google__Rpc__BadRequest *request = detail(&seen, &google__rpc__bad_request__descriptor);
    assert_int_equal(request->n_field_violations, 1);
    assert_string_equal(request->field_violations[0]->field, "a.b[3]");
    google__rpc__bad_request__free_unpacked(request, NULL);
    forget(&seen);
}

static void carries_resource_retry_and_precondition(void **state)
{
    (void)state;
    struct err err;
    struct seen seen;
    (void)err_not_found(&err, "companies/one");
    look(&err, &seen);
    Google__Rpc__ResourceInfo *resource = detail(&seen, &google__rpc__resource_info__descriptor);
    assert_string_equal(resource->resource_name, "companies/one");
    google__rpc__resource_info__free_unpacked(resource, NULL);
    forget(&seen);

    (void)err_set(&err, ERR_SERVER_BUSY, "busy");
    err_retry_after(&err, 2500);
    look(&err, &seen);
    Google__Rpc__RetryInfo *retry = detail(&seen, &google__rpc__retry_info__descriptor);
    assert_int_equal(retry->retry_delay->seconds, 2);
    assert_int_equal(retry->retry_delay->nanos, 500000000);
    google__rpc__retry_info__free_unpacked(retry, NULL);
    forget(&seen);

    (void)err_set(&err, ERR_REVEAL_BUDGET_EXCEEDED, "enough");
    err_meta(&err, "scope", "USER");
    look(&err, &seen);
    Google__Rpc__QuotaFailure *quota = detail(&seen, &google__rpc__quota_failure__descriptor);
    assert_string_equal(quota->violations[0]->subject, "USER");
    assert_string_equal(quota->violations[0]->description, "enough");
    google__rpc__quota_failure__free_unpacked(quota, NULL);
    forget(&seen);

    (void)err_set(&err, ERR_REVEALS_PAUSED, "paused");
    look(&err, &seen);
    Google__Rpc__PreconditionFailure *failure =
        detail(&seen, &google__rpc__precondition_failure__descriptor);
    assert_string_equal(failure->violations[0]->type, "REVEALS_PAUSED");
    google__rpc__precondition_failure__free_unpacked(failure, NULL);
    forget(&seen);
}

static void names_the_type_of_a_resource(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"companies/one", "test.domain/Company"},
        {"companies/one/passwords/companies", "test.domain/Password"},
        {"companies/one/passwordAccess", "test.domain/CompanyPasswordAccess"},
        {"connections/one/passwordCategories/two", "test.domain/PasswordCategory"},
        {"companiesx/one", ""},
        {"companie/one", ""},
        {"one", ""},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err;
        struct seen seen;
        (void)err_not_found(&err, cases[i][0]);
        look(&err, &seen);
        Google__Rpc__ResourceInfo *resource =
            detail(&seen, &google__rpc__resource_info__descriptor);
        assert_string_equal(resource->resource_type, cases[i][1]);
        google__rpc__resource_info__free_unpacked(resource, NULL);
        forget(&seen);
    }
}

static void keeps_the_inside_inside(void **state)
{
    (void)state;
    const enum err_code codes[] = {ERR_INTERNAL, ERR_VAULT_RECORD_UNREADABLE,
                                   ERR_UPSTREAM_SCOPE_VIOLATION};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        struct err err;
        struct seen seen;
        (void)err_set(&err, codes[i], "canary");
        err_meta(&err, "key", "canary");
        err_field(&err, "canary");
        look(&err, &seen);
        assert_string_equal(seen.message.text, "internal error, request id id-1");
        assert_null(memmem(seen.message.details, seen.message.details_len, "canary", 6));
        forget(&seen);
    }
}

static void works_without_memory(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 1024; bytes += 16) {
        struct err err;
        struct arena arena;
        struct status_message message;
        (void)err_set(&err, ERR_INTERNAL, "canary");
        arena_init(&arena, bytes);
        status_from_error(&err, "test.domain", "id-1", &arena, &message);
        assert_int_equal(message.code, STATUS_INTERNAL);
        assert_null(strstr(message.text, "canary"));
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_reason_and_metadata),
        cmocka_unit_test(carries_the_field_at_fault),
        cmocka_unit_test(carries_resource_retry_and_precondition),
        cmocka_unit_test(names_the_type_of_a_resource),
        cmocka_unit_test(keeps_the_inside_inside),
        cmocka_unit_test(works_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
