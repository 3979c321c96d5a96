#include "tests/unit/contract/tables.h"

#include <stdio.h>
#include <string.h>

#include "proto/descriptor_set.h"
#include "server/rpc/policy.h"

enum {
    NAME_BYTES = 256,
    DEFAULT_REQUEST_BYTES = 64 * 1024,
    DEFAULT_BYTES = 1024,
    DEFAULT_ITEMS = 100
};

static const char PACKAGE[] = "docbridge.v1";

struct contract *tables_contract(struct err *reterr)
{
    struct contract *contract = NULL;
    enum err_code code = contract_new(descriptor_set, descriptor_set_len, &contract, reterr);
    return code == ERR_OK ? contract : NULL;
}

static enum err_code visit_message(const char *scope, const contract_message *message,
                                   tables_visit *visit, void *context, struct err *reterr)
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof(name), "%s%s%s", scope, scope[0] == '\0' ? "" : ".", message->name);
    try_(visit(context, name, message, reterr));
    for (size_t i = 0; i < message->n_nested_type; i++)
        try_(visit_message(name, message->nested_type[i], visit, context, reterr));
    return ERR_OK;
}

enum err_code tables_each_message(const struct contract *contract, tables_visit *visit,
                                  void *context, struct err *reterr)
{
    for (size_t i = 0; i < contract_file_count(contract); i++) {
        const Google__Protobuf__FileDescriptorProto *file = contract_file(contract, i);
        if (strcmp(file->package, PACKAGE) != 0)
            continue;
        for (size_t k = 0; k < file->n_message_type; k++)
            try_(visit_message("", file->message_type[k], visit, context, reterr));
    }
    return ERR_OK;
}

enum err_code tables_policy(struct buffer *out, struct err *reterr)
{
    return rpc_policy_print(descriptor_set, descriptor_set_len, out, reterr);
}

struct printing {
    const struct contract *contract;
    struct buffer *out;
};

static enum err_code print_field_limits(void *context, const char *name,
                                        const contract_message *message, struct err *reterr)
{
    struct printing *printing = context;
    for (size_t i = 0; i < message->n_field; i++) {
        struct contract_bounds bounds;
        try_(contract_bounds(message->field[i], &bounds, reterr));
        if (bounds.max_bytes != DEFAULT_BYTES || bounds.max_items != DEFAULT_ITEMS)
            buffer_printf(printing->out, "%s.%s max_bytes=%u max_items=%u\n", name,
                          message->field[i]->name, bounds.max_bytes, bounds.max_items);
    }
    return ERR_OK;
}

static enum err_code print_method_limits(void *context, const char *full_name,
                                         const contract_service *service, struct err *reterr)
{
    (void)full_name;
    struct printing *printing = context;
    for (size_t i = 0; i < service->n_method; i++) {
        struct contract_policy policy;
        try_(contract_policy(printing->contract, service->method[i], &policy, reterr));
        if (policy.max_deadline_ms != 0 || policy.max_request_bytes != DEFAULT_REQUEST_BYTES)
            buffer_printf(printing->out, "%s.%s max_deadline_ms=%lld max_request_bytes=%zu\n",
                          service->name, service->method[i]->name,
                          (long long)policy.max_deadline_ms, policy.max_request_bytes);
    }
    return ERR_OK;
}

static enum err_code print_side_effects(void *context, const char *full_name,
                                        const contract_service *service, struct err *reterr)
{
    (void)full_name;
    struct printing *printing = context;
    for (size_t i = 0; i < service->n_method; i++) {
        struct contract_policy policy;
        try_(contract_policy(printing->contract, service->method[i], &policy, reterr));
        if (!policy.read_only)
            buffer_printf(printing->out, "%s.%s\n", service->name, service->method[i]->name);
    }
    return ERR_OK;
}

enum err_code tables_limits(struct buffer *out, struct err *reterr)
{
    _cleanup_(contract_freep) struct contract *contract = tables_contract(reterr);
    if (contract == NULL)
        return ERR_INTERNAL;
    struct printing printing = {contract, out};
    try_(contract_each_service(contract, print_method_limits, &printing, reterr));
    try_(tables_each_message(contract, print_field_limits, &printing, reterr));
    return out->failed ? err_no_memory(reterr) : ERR_OK;
}

enum err_code tables_side_effects(struct buffer *out, struct err *reterr)
{
    _cleanup_(contract_freep) struct contract *contract = tables_contract(reterr);
    if (contract == NULL)
        return ERR_INTERNAL;
    struct printing printing = {contract, out};
    try_(contract_each_service(contract, print_side_effects, &printing, reterr));
    return out->failed ? err_no_memory(reterr) : ERR_OK;
}

void tables_read(const char *path, struct buffer *out)
{
    char block[4096];
    size_t len;
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "%s cannot be opened\n", path);
        exit(1);
    }
    while ((len = fread(block, 1, sizeof(block), file)) > 0)
        (void)buffer_append(out, block, len);
    (void)fclose(file);
}
