// The server's table of errors is the contract's ErrorReason: the same names, and for each the
// code that its comment in error_reason.proto promises.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/error_reason.pb-c.h"
#include "tests/unit/contract/tables.h"

static const char PREFIX[] = "ERROR_REASON_";

static const char *const CODES[] = {
    [STATUS_OK] = "OK",
    [STATUS_CANCELLED] = "CANCELLED",
    [STATUS_UNKNOWN] = "UNKNOWN",
    [STATUS_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
    [STATUS_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
    [STATUS_NOT_FOUND] = "NOT_FOUND",
    [STATUS_ALREADY_EXISTS] = "ALREADY_EXISTS",
    [STATUS_PERMISSION_DENIED] = "PERMISSION_DENIED",
    [STATUS_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
    [STATUS_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
    [STATUS_ABORTED] = "ABORTED",
    [STATUS_OUT_OF_RANGE] = "OUT_OF_RANGE",
    [STATUS_UNIMPLEMENTED] = "UNIMPLEMENTED",
    [STATUS_INTERNAL] = "INTERNAL",
    [STATUS_UNAVAILABLE] = "UNAVAILABLE",
    [STATUS_DATA_LOSS] = "DATA_LOSS",
    [STATUS_UNAUTHENTICATED] = "UNAUTHENTICATED",
};

static const ProtobufCEnumDescriptor *const REASONS = &docbridge__v1__error_reason__descriptor;

static void each_reason_of_the_contract_is_in_the_table(void **state)
{
    (void)state;
    for (unsigned i = 0; i < REASONS->n_values; i++) {
        const ProtobufCEnumValue *value = &REASONS->values[i];
        assert_memory_equal(value->name, PREFIX, sizeof(PREFIX) - 1);
        if (value->value == 0)
            continue;
        const char *reason = value->name + sizeof(PREFIX) - 1;
        // ERR_INTERNAL is also the answer for a reason that there is not.
        if (strcmp(err_reason(err_from_reason(reason)), reason) != 0)
            fail_msg("%s is not in ERR_TABLE", reason);
    }
}

static void each_reason_of_the_table_is_in_the_contract(void **state)
{
    (void)state;
    for (int code = ERR_OK + 1; code < ERR_CODE_COUNT; code++) {
        char name[128];
        (void)snprintf(name, sizeof(name), "%s%s", PREFIX, err_reason((enum err_code)code));
        if (protobuf_c_enum_descriptor_get_value_by_name(REASONS, name) == NULL)
            fail_msg("%s is not in ErrorReason", name);
    }
    assert_int_equal(REASONS->n_values, ERR_CODE_COUNT);
}

// Reads comment and value line by line; the first word of a comment is the code.
static void each_comment_names_the_code(void **state)
{
    (void)state;
    _cleanup_(buffer_done) struct buffer proto;
    buffer_init(&proto, TABLES_MAX_BYTES);
    tables_read("proto/docbridge/v1/error_reason.proto", &proto);
    char code[64] = "";
    size_t count = 0;
    for (char *rest = proto.data, *line; (line = strsep(&rest, "\n")) != NULL;) {
        line += strspn(line, " ");
        if (strncmp(line, "// ", 3) == 0) {
            // Only the first line of a comment.
            if (code[0] == '\0')
                (void)snprintf(code, sizeof(code), "%.*s", (int)strcspn(line + 3, ". "), line + 3);
            continue;
        }
        if (strncmp(line, PREFIX, sizeof(PREFIX) - 1) == 0) {
            char *reason = line + sizeof(PREFIX) - 1;
            reason[strcspn(reason, " =")] = '\0';
            if (strcmp(reason, "UNSPECIFIED") != 0) {
                const char *wanted = CODES[err_status(err_from_reason(reason))];
                if (strcmp(code, wanted) != 0)
                    fail_msg("the comment of %s says %s, the table %s", reason, code, wanted);
                count++;
            }
        }
        code[0] = '\0';
    }
    assert_int_equal(count, ERR_CODE_COUNT - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_reason_of_the_contract_is_in_the_table),
        cmocka_unit_test(each_reason_of_the_table_is_in_the_contract),
        cmocka_unit_test(each_comment_names_the_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
