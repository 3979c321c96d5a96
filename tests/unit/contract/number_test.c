// Numbers that C code shares with enums of the contract without including its generated headers.
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/audit.pb-c.h"
#include "docbridge/v1/common.pb-c.h"
#include "docbridge/v1/config.pb-c.h"
#include "docbridge/v1/connection.pb-c.h"
#include "docbridge/v1/exposure.pb-c.h"
#include "docbridge/v1/mapping.pb-c.h"
#include "docbridge/v1/options.pb-c.h"
#include "docbridge/v1/reveal_policy.pb-c.h"
#include "docbridge/v1/sync.pb-c.h"
#include "server/audit/audit.h"
#include "server/auth/principal.h"
#include "server/source/source.h"
#include "server/store/connection_state.h"
#include "server/store/exposure.h"
#include "server/store/mapping.h"
#include "server/store/organization.h"
#include "server/store/removal.h"
#include "server/store/reveal_policy.h"
#include "server/store/sight.h"
#include "server/store/sync_issue.h"
#include "server/store/sync_run.h"
#include "server/sync/state.h"
#include "server/sync/sync.h"

struct pair {
    int number;
    const char *name; // of the value, without its prefix
};

// Both sides must agree; `whole` when C has all values but the one of 0.
static void assert_numbers(const ProtobufCEnumDescriptor *type, const char *prefix, bool whole,
                           const struct pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[128];
        (void)snprintf(name, sizeof(name), "%s%s", prefix, pairs[i].name);
        const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value_by_name(type, name);
        if (value == NULL)
            fail_msg("%s has no value %s", type->name, name);
        else if (value->value != pairs[i].number)
            fail_msg("%s is %d in %s and %d in C", name, value->value, type->name, pairs[i].number);
    }
    if (whole && type->n_values != count + 1)
        fail_msg("%s has %u values, C knows %zu", type->name, type->n_values - 1, count);
}

#define ASSERT_NUMBERS(type, prefix, whole, ...)                            \
    assert_numbers(&docbridge__v1__##type##__descriptor, (prefix), (whole), \
                   (const struct pair[]){__VA_ARGS__},                      \
                   sizeof((const struct pair[]){__VA_ARGS__}) / sizeof(struct pair))

static void permissions_and_actors(void **state)
{
    (void)state;
    ASSERT_NUMBERS(
        permission, "PERMISSION_", true, {PERMISSION_READ_INTEGRATIONS, "READ_INTEGRATIONS"},
        {PERMISSION_MANAGE_INTEGRATIONS, "MANAGE_INTEGRATIONS"},
        {PERMISSION_READ_DOCUMENTATION, "READ_DOCUMENTATION"},
        {PERMISSION_READ_DOCUMENTATION_PASSWORDS, "READ_DOCUMENTATION_PASSWORDS"},
        {PERMISSION_READ_AUDIT, "READ_AUDIT"}, {PERMISSION_OPERATE_SERVICE, "OPERATE_SERVICE"});
    ASSERT_NUMBERS(actor__kind, "KIND_", true, {ACTOR_HUMAN, "HUMAN"}, {ACTOR_SERVICE, "SERVICE"},
                   {ACTOR_AGENT, "AGENT"}, {ACTOR_SYSTEM, "SYSTEM"});
}

// The token spells a permission as the contract does, in lower case and without its prefix.
static void permissions_are_spelt_like_their_values(void **state)
{
    (void)state;
    for (int i = PERMISSION_NONE + 1; i < PERMISSION_COUNT; i++) {
        char name[128] = "PERMISSION_";
        const char *text = permission_text((enum permission)i);
        assert_non_null(text);
        for (size_t k = strlen(name); *text != '\0'; k++)
            name[k] = (char)toupper((unsigned char)*text++);
        const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value_by_name(
            &docbridge__v1__permission__descriptor, name);
        assert_non_null(value);
        assert_int_equal(value->value, i);
    }
    assert_string_equal(permission_text(PERMISSION_READ_DOCUMENTATION_PASSWORDS),
                        "read_documentation_passwords");
}

static void providers_and_regions(void **state)
{
    (void)state;
    ASSERT_NUMBERS(provider, "PROVIDER_", true, {SOURCE_PROVIDER_IT_GLUE, "IT_GLUE"},
                   {SOURCE_PROVIDER_HUDU, "HUDU"});
    ASSERT_NUMBERS(psa_type, "PSA_TYPE_", false,
                   {SOURCE_PSA_CONNECTWISE_MANAGE, "CONNECTWISE_MANAGE"},
                   {SOURCE_PSA_AUTOTASK, "AUTOTASK"}, {SOURCE_PSA_TIGERPAW, "TIGERPAW"},
                   {SOURCE_PSA_KASEYA_BMS, "KASEYA_BMS"}, {SOURCE_PSA_PULSEWAY_PSA, "PULSEWAY_PSA"},
                   {SOURCE_PSA_VOREX, "VOREX"});
    ASSERT_NUMBERS(region, "REGION_", true, {SOURCE_REGION_US, "US"}, {SOURCE_REGION_EU, "EU"},
                   {SOURCE_REGION_AU, "AU"});
}

static void connections_and_mappings(void **state)
{
    (void)state;
    ASSERT_NUMBERS(connection__state, "STATE_", true, {CONNECTION_ACTIVE, "ACTIVE"},
                   {CONNECTION_ERROR, "ERROR"}, {CONNECTION_DISCONNECTED, "DISCONNECTED"},
                   {CONNECTION_DELETING, "DELETING"});
    ASSERT_NUMBERS(company_password_access__level, "LEVEL_", true, {SIGHT_NO_ACCESS, "NO_ACCESS"},
                   {SIGHT_SELECTED_CATEGORIES, "SELECTED_CATEGORIES"},
                   {SIGHT_ALL_CATEGORIES, "ALL_CATEGORIES"});
    ASSERT_NUMBERS(organization__mapping_state, "MAPPING_STATE_", true,
                   {ORGANIZATION_MAPPED, "MAPPED"}, {ORGANIZATION_UNMAPPED, "UNMAPPED"},
                   {ORGANIZATION_IGNORED, "IGNORED"}, {ORGANIZATION_ORPHANED, "ORPHANED"});
    ASSERT_NUMBERS(mapping__source, "SOURCE_", true, {MAPPING_SOURCE_MANUAL, "MANUAL"},
                   {MAPPING_SOURCE_PSA_ID, "PSA_ID"}, {MAPPING_SOURCE_NAME, "NAME"});
}

// The number of the one bit that is set.
static int bit(unsigned mask)
{
    assert_int_equal(__builtin_popcount(mask), 1);
    return __builtin_ctz(mask);
}

static void sync_tasks(void **state)
{
    (void)state;
    ASSERT_NUMBERS(sync_task_kind, "SYNC_TASK_KIND_", true,
                   {bit(SYNC_TASK_ORGANIZATIONS), "ORGANIZATIONS"},
                   {bit(SYNC_TASK_DOCUMENTS), "DOCUMENTS"}, {bit(SYNC_TASK_PASSWORDS), "PASSWORDS"},
                   {bit(SYNC_TASK_FLEXIBLE_ASSETS), "FLEXIBLE_ASSETS"},
                   {bit(SYNC_TASK_CHECKLISTS), "CHECKLISTS"});
    assert_int_equal(__builtin_popcount(SYNC_TASK_ALL), SYNC_TASK_KINDS);
    assert_int_equal(docbridge__v1__sync_task_kind__descriptor.n_values, SYNC_TASK_KINDS + 1);
    ASSERT_NUMBERS(sync_run__trigger, "TRIGGER_", true, {SYNC_TRIGGER_MANUAL, "MANUAL"},
                   {SYNC_TRIGGER_SCHEDULE, "SCHEDULE"}, {SYNC_TRIGGER_CONNECT, "CONNECT"},
                   {SYNC_TRIGGER_MAPPING, "MAPPING"});
    ASSERT_NUMBERS(sync_issue__kind, "KIND_", true, {SYNC_ISSUE_QUARANTINED, "RECORD_QUARANTINED"},
                   {SYNC_ISSUE_DELETION_GUARD, "DELETION_GUARD"},
                   {SYNC_ISSUE_SCOPE_VIOLATION, "SCOPE_VIOLATION"},
                   {SYNC_ISSUE_ORDER_IGNORED, "ORDER_IGNORED"},
                   {SYNC_ISSUE_LIST_INCOMPLETE, "LIST_INCOMPLETE"},
                   {SYNC_ISSUE_FOLDERS_UNKNOWN, "FOLDERS_UNKNOWN"});
    ASSERT_NUMBERS(sync_mode, "SYNC_MODE_", true, {SYNC_MODE_QUICK, "QUICK"},
                   {SYNC_MODE_FULL, "FULL"});
    ASSERT_NUMBERS(sync_issue__state, "STATE_", true, {SYNC_ISSUE_OPEN, "OPEN"},
                   {SYNC_ISSUE_RESOLVED, "RESOLVED"}, {SYNC_ISSUE_DISMISSED, "DISMISSED"});
}

static void sync_states(void **state)
{
    (void)state;
    ASSERT_NUMBERS(sync_run__state, "STATE_", true, {RUN_QUEUED, "QUEUED"},
                   {RUN_RUNNING, "RUNNING"}, {RUN_WAITING, "WAITING_FOR_QUOTA"},
                   {RUN_CANCELLING, "CANCELLING"}, {RUN_SUCCEEDED, "SUCCEEDED"},
                   {RUN_PARTIAL, "PARTIAL"}, {RUN_FAILED, "FAILED"}, {RUN_CANCELLED, "CANCELLED"});
    ASSERT_NUMBERS(sync_task__state, "STATE_", true, {TASK_DISABLED, "DISABLED"},
                   {TASK_QUEUED, "QUEUED"}, {TASK_RUNNING, "RUNNING"},
                   {TASK_WAITING, "WAITING_FOR_QUOTA"}, {TASK_SUCCEEDED, "SUCCEEDED"},
                   {TASK_PARTIAL, "PARTIAL"}, {TASK_FAILED, "FAILED"},
                   {TASK_CANCELLED, "CANCELLED"});
}

static void audit_events(void **state)
{
    (void)state;
    ASSERT_NUMBERS(
        audit_event__type, "TYPE_", true, {AUDIT_PASSWORD_REVEAL, "PASSWORD_REVEAL"},
        {AUDIT_CONNECTION_CREATE, "CONNECTION_CREATE"}, {AUDIT_CONNECTION_TEST, "CONNECTION_TEST"},
        {AUDIT_MAPPING, "MAPPING"}, {AUDIT_QUICK_MATCH, "QUICK_MATCH"}, {AUDIT_CONFIG, "CONFIG"},
        {AUDIT_SYNC, "SYNC"}, {AUDIT_COMPANY, "COMPANY"}, {AUDIT_REVOCATION, "REVOCATION"},
        {AUDIT_CONNECTION_UPDATE, "CONNECTION_UPDATE"},
        {AUDIT_CONNECTION_PAUSE, "CONNECTION_PAUSE"},
        {AUDIT_CONNECTION_RESUME, "CONNECTION_RESUME"},
        {AUDIT_CONNECTION_DISCONNECT, "CONNECTION_DISCONNECT"},
        {AUDIT_CONNECTION_STATE, "CONNECTION_STATE"},
        {AUDIT_CREDENTIAL_ROTATE, "CREDENTIAL_ROTATE"},
        {AUDIT_CONNECTION_DELETE, "CONNECTION_DELETE"}, {AUDIT_VAULT_REWRAP, "VAULT_REWRAP"},
        {AUDIT_REVEALS_FREEZE, "REVEALS_FREEZE"}, {AUDIT_REVEALS_UNFREEZE, "REVEALS_UNFREEZE"},
        {AUDIT_EXPOSURE_RESOLVE, "EXPOSURE_RESOLVE"}, {AUDIT_EXPORT, "AUDIT_EXPORT"},
        {AUDIT_RETENTION, "AUDIT_RETENTION"}, {AUDIT_RAW_READ, "RAW_READ"},
        {AUDIT_PASSWORD_HANDOFF, "PASSWORD_HANDOFF"});
    ASSERT_NUMBERS(audit_event__phase, "PHASE_", true, {AUDIT_INTENT, "INTENT"},
                   {AUDIT_OUTCOME, "OUTCOME"}, {AUDIT_SINGLE, "SINGLE"});
    ASSERT_NUMBERS(audit_event__outcome, "OUTCOME_", true, {AUDIT_SUCCEEDED, "SUCCEEDED"},
                   {AUDIT_DENIED, "DENIED"}, {AUDIT_FAILED, "FAILED"}, {AUDIT_UNKNOWN, "UNKNOWN"},
                   {AUDIT_OUTCOME_UNRESOLVED, "UNRESOLVED"});
}

static void reveal_policies(void **state)
{
    (void)state;
    ASSERT_NUMBERS(exposure__state, "STATE_", true, {EXPOSURE_OPEN, "OPEN"},
                   {EXPOSURE_ROTATED, "ROTATED"}, {EXPOSURE_RESOLVED, "RESOLVED"});
    ASSERT_NUMBERS(reveal_policy__restricted_records, "RESTRICTED_RECORDS_", true,
                   {REVEAL_RESTRICTED_PER_USER, "PER_USER"},
                   {REVEAL_RESTRICTED_KEY_ONLY, "KEY_ONLY"});
    ASSERT_NUMBERS(reveal_policy__service_callers, "SERVICE_CALLERS_", true,
                   {REVEAL_SERVICES_LIKE_HUMANS, "LIKE_HUMANS"},
                   {REVEAL_SERVICES_LIKE_AGENTS, "LIKE_AGENTS"},
                   {REVEAL_SERVICES_REFUSED, "REFUSED"});
    ASSERT_NUMBERS(reveal_scope, "REVEAL_SCOPE_", true, {REVEAL_SCOPE_USER, "USER"},
                   {REVEAL_SCOPE_COMPANY, "COMPANY"}, {REVEAL_SCOPE_TENANT, "TENANT"});
}

static void deletions(void **state)
{
    (void)state;
    ASSERT_NUMBERS(deletion_receipt__count__kind, "KIND_", true, {REMOVAL_CREDENTIAL, "CREDENTIAL"},
                   {REMOVAL_MAPPING, "MAPPING"}, {REMOVAL_SETTING, "SETTING"},
                   {REMOVAL_DOCUMENT, "DOCUMENT"}, {REMOVAL_FLEXIBLE_ASSET, "FLEXIBLE_ASSET"},
                   {REMOVAL_CHECKLIST, "CHECKLIST"}, {REMOVAL_PASSWORD, "PASSWORD"},
                   {REMOVAL_FOLDER, "FOLDER"}, {REMOVAL_TYPE, "TYPE"},
                   {REMOVAL_ORGANIZATION, "ORGANIZATION"}, {REMOVAL_SYNC_RUN, "SYNC_RUN"},
                   {REMOVAL_SYNC_ISSUE, "SYNC_ISSUE"});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(permissions_and_actors),
        cmocka_unit_test(permissions_are_spelt_like_their_values),
        cmocka_unit_test(providers_and_regions),
        cmocka_unit_test(connections_and_mappings),
        cmocka_unit_test(sync_tasks),
        cmocka_unit_test(sync_states),
        cmocka_unit_test(audit_events),
        cmocka_unit_test(deletions),
        cmocka_unit_test(reveal_policies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
