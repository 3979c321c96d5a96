#include "server/rpc/status.h"

#include <google/rpc/error_details.pb-c.h>
#include <google/rpc/status.pb-c.h>
#include <stdbool.h>
#include <string.h>

#include "server/rpc/codec.h"

enum {
    DETAILS_MAX = 6,
    MS_PER_S = 1000,
    NS_PER_MS = 1000000,
};

// google.rpc.Status under construction.
struct builder {
    const struct err *err;
    struct arena *arena;
    Google__Protobuf__Any *details[DETAILS_MAX];
    size_t count;
    bool failed;
};

static bool is_private(enum status code)
{
    return code == STATUS_INTERNAL || code == STATUS_UNKNOWN || code == STATUS_DATA_LOSS;
}

static void add_detail(struct builder *builder, const ProtobufCMessage *message)
{
    Google__Protobuf__Any *any = arena_alloc(builder->arena, sizeof(*any));
    if (any == NULL || builder->count == DETAILS_MAX) {
        builder->failed = true;
        return;
    }
    google__protobuf__any__init(any);
    any->type_url =
        arena_printf(builder->arena, "type.googleapis.com/%s", message->descriptor->name);
    any->value.data = codec_pack(message, builder->arena, &any->value.len);
    builder->failed = builder->failed || any->type_url == NULL || any->value.data == NULL;
    builder->details[builder->count++] = any;
}

// protobuf-c has no const in its messages; it only reads when it packs.
static char *borrowed(const char *text)
{
    return (char *)(uintptr_t)text;
}

static void add_error_info(struct builder *builder, const char *domain, bool with_metadata)
{
    Google__Rpc__ErrorInfo__MetadataEntry entries[ERR_META_MAX];
    Google__Rpc__ErrorInfo__MetadataEntry *pointers[ERR_META_MAX];
    Google__Rpc__ErrorInfo info;
    google__rpc__error_info__init(&info);
    info.reason = borrowed(err_reason(builder->err->code));
    info.domain = borrowed(domain);
    if (with_metadata) {
        for (size_t i = 0; i < builder->err->meta_count; i++) {
            google__rpc__error_info__metadata_entry__init(&entries[i]);
            entries[i].key = borrowed(builder->err->meta[i].key);
            entries[i].value = borrowed(builder->err->meta[i].value);
            pointers[i] = &entries[i];
        }
        info.metadata = pointers;
        info.n_metadata = builder->err->meta_count;
    }
    add_detail(builder, &info.base);
}

static void add_bad_request(struct builder *builder)
{
    Google__Rpc__BadRequest__FieldViolation violation;
    google__rpc__bad_request__field_violation__init(&violation);
    violation.field = borrowed(builder->err->field);
    violation.description = borrowed(builder->err->text);
    Google__Rpc__BadRequest__FieldViolation *pointer = &violation;
    Google__Rpc__BadRequest request;
    google__rpc__bad_request__init(&request);
    request.field_violations = &pointer;
    request.n_field_violations = 1;
    add_detail(builder, &request.base);
}

static void add_retry_info(struct builder *builder)
{
    Google__Protobuf__Duration delay;
    google__protobuf__duration__init(&delay);
    delay.seconds = builder->err->retry_after_ms / MS_PER_S;
    delay.nanos = (int32_t)(builder->err->retry_after_ms % MS_PER_S * NS_PER_MS);
    Google__Rpc__RetryInfo info;
    google__rpc__retry_info__init(&info);
    info.retry_delay = &delay;
    add_detail(builder, &info.base);
}

// The last collection of a name, or the singleton that it ends in, to its type in the contract.
static const struct {
    const char *segment;
    const char *type;
} resource_types[] = {
    {"auditEvents", "AuditEvent"},
    {"checklistTemplates", "ChecklistTemplate"},
    {"checklists", "Checklist"},
    {"companies", "Company"},
    {"companySets", "CompanySet"},
    {"connections", "Connection"},
    {"deletionReceipts", "DeletionReceipt"},
    {"documentationAccess", "CompanyDocumentationAccess"},
    {"documentationConfig", "DocumentationConfig"},
    {"documents", "Document"},
    {"exposures", "Exposure"},
    {"flexibleAssetTypes", "FlexibleAssetType"},
    {"flexibleAssets", "FlexibleAsset"},
    {"handoffs", "PasswordHandoff"},
    {"images", "DocumentImage"},
    {"organizations", "Organization"},
    {"passwordAccess", "CompanyPasswordAccess"},
    {"passwordCategories", "PasswordCategory"},
    {"passwordConfig", "PasswordConfig"},
    {"passwords", "Password"},
    {"revealFreezes", "RevealFreeze"},
    {"revealPolicy", "RevealPolicy"},
    {"auditSigningKey", "AuditSigningKey"},
    {"setupProgress", "SetupProgress"},
    {"syncIssues", "SyncIssue"},
    {"syncRuns", "SyncRun"},
    {"syncSchedule", "SyncSchedule"},
};

// NULL for what is no name of a resource. Ids stand at every second place: collections/id/...
static const char *resource_type(const char *name)
{
    const char *segment = name, *collection = name;
    for (size_t i = 0; segment != NULL; i++) {
        if (i % 2 == 0)
            collection = segment;
        segment = strchr(segment, '/');
        segment = segment == NULL ? NULL : segment + 1;
    }
    size_t len = strcspn(collection, "/");
    for (size_t i = 0; i < ARRAY_LEN(resource_types); i++)
        if (strlen(resource_types[i].segment) == len &&
            memcmp(resource_types[i].segment, collection, len) == 0)
            return resource_types[i].type;
    return NULL;
}

static void add_resource_info(struct builder *builder, const char *domain, const char *name)
{
    Google__Rpc__ResourceInfo info;
    google__rpc__resource_info__init(&info);
    const char *type = resource_type(name);
    if (type != NULL)
        info.resource_type = arena_printf(builder->arena, "%s/%s", domain, type);
    if (info.resource_type == NULL)
        info.resource_type = borrowed("");
    info.resource_name = borrowed(name);
    info.description = borrowed(builder->err->text);
    add_detail(builder, &info.base);
}

static void add_precondition_failure(struct builder *builder)
{
    const struct err *err = builder->err;
    Google__Rpc__PreconditionFailure__Violation violation;
    google__rpc__precondition_failure__violation__init(&violation);
    violation.type = borrowed(err_reason(err->code));
    violation.description = borrowed(err->text);
    if (err->meta_count > 0)
        violation.subject = borrowed(err->meta[0].value);
    Google__Rpc__PreconditionFailure__Violation *pointer = &violation;
    Google__Rpc__PreconditionFailure failure;
    google__rpc__precondition_failure__init(&failure);
    failure.violations = &pointer;
    failure.n_violations = 1;
    add_detail(builder, &failure.base);
}

// Whose quota it is, where the error says so.
static void add_quota_failure(struct builder *builder)
{
    Google__Rpc__QuotaFailure__Violation violation;
    google__rpc__quota_failure__violation__init(&violation);
    const char *scope = err_meta_get(builder->err, "scope");
    if (scope != NULL)
        violation.subject = borrowed(scope);
    violation.description = borrowed(builder->err->text);
    Google__Rpc__QuotaFailure__Violation *pointer = &violation;
    Google__Rpc__QuotaFailure failure;
    google__rpc__quota_failure__init(&failure);
    failure.violations = &pointer;
    failure.n_violations = 1;
    add_detail(builder, &failure.base);
}

static void add_request_info(struct builder *builder, const char *request_id)
{
    Google__Rpc__RequestInfo info;
    google__rpc__request_info__init(&info);
    info.request_id = borrowed(request_id);
    add_detail(builder, &info.base);
}

static void add_details(struct builder *builder, enum status code, const char *domain,
                        const char *request_id)
{
    const struct err *err = builder->err;
    const char *resource = err_meta_get(err, "resource");
    add_error_info(builder, domain, !is_private(code));
    if (code == STATUS_INVALID_ARGUMENT && err->field[0] != '\0')
        add_bad_request(builder);
    if (err->retry_after_ms > 0)
        add_retry_info(builder);
    if (code == STATUS_NOT_FOUND && resource != NULL)
        add_resource_info(builder, domain, resource);
    if (code == STATUS_FAILED_PRECONDITION)
        add_precondition_failure(builder);
    if (code == STATUS_RESOURCE_EXHAUSTED)
        add_quota_failure(builder);
    add_request_info(builder, request_id);
}

void status_from_error(const struct err *err, const char *domain, const char *request_id,
                       struct arena *arena, struct status_message *ret_status)
{
    *ret_status = (struct status_message){.code = err_status(err->code), .text = err->text};
    if (is_private(ret_status->code)) {
        ret_status->text = arena_printf(arena, "internal error, request id %s", request_id);
        if (ret_status->text == NULL)
            ret_status->text = "internal error";
    }
    struct builder builder = {.err = err, .arena = arena};
    add_details(&builder, ret_status->code, domain, request_id);
    Google__Rpc__Status status;
    google__rpc__status__init(&status);
    status.code = (int32_t)ret_status->code;
    status.message = borrowed(ret_status->text);
    status.details = builder.details;
    status.n_details = builder.count;
    if (!builder.failed)
        ret_status->details = codec_pack(&status.base, arena, &ret_status->details_len);
}
