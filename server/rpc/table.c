#include "server/rpc/table.h"

#include <stdio.h>
#include <string.h>

static const struct method *find_handler(const struct service *service, const char *name)
{
    for (size_t i = 0; i < service->method_count; i++)
        if (strcmp(service->methods[i].name, name) == 0)
            return &service->methods[i];
    return NULL;
}

static enum err_code add(struct table *table, const char *service, const char *name,
                         struct table_method **ret_method, struct err *reterr)
{
    if (table->methods == NULL)
        table->methods = calloc(TABLE_METHODS_MAX, sizeof(*table->methods));
    if (table->methods == NULL)
        return err_no_memory(reterr);
    if (table->count == TABLE_METHODS_MAX)
        return err_invalid(reterr, name, "more than %d methods", TABLE_METHODS_MAX);
    struct table_method *method = &table->methods[table->count];
    if (asprintf(&method->path, "/%s/%s", service, name) < 0) {
        method->path = NULL;
        return err_no_memory(reterr);
    }
    method->service = service;
    method->name = name;
    table->count++;
    *ret_method = method;
    return ERR_OK;
}

static enum err_code check_handler(const struct service *service, const struct method *handler,
                                   const struct contract_policy *policy, struct err *reterr)
{
    const char *name = handler->name;
    if (policy->permission == PERMISSION_NONE)
        return err_invalid(reterr, name, "%s.%s declares no permission", service->descriptor->name,
                           name);
    bool needs_lane = handler->kind != METHOD_UNARY || handler->denied != NULL;
    if (handler->lane > LANE_NONE || (handler->lane == LANE_NONE && needs_lane) ||
        (handler->kind != METHOD_UNARY && handler->denied != NULL))
        return err_invalid(reterr, name, "%s.%s cannot run on its lane", service->descriptor->name,
                           name);
    bool stream = handler->kind == METHOD_SERVER_STREAM;
    if (policy->client_streaming || policy->server_streaming != stream)
        return err_invalid(reterr, name, "%s.%s is of another kind in the contract",
                           service->descriptor->name, name);
    if (stream ? handler->stream == NULL : handler->unary == NULL)
        return err_invalid(reterr, name, "%s.%s has no handler", service->descriptor->name, name);
    return ERR_OK;
}

static enum err_code add_method(struct table *table, const struct contract *contract,
                                const struct service *service,
                                const ProtobufCMethodDescriptor *descriptor,
                                const contract_method *declared, struct err *reterr)
{
    const struct method *handler = find_handler(service, descriptor->name);
    if (declared == NULL)
        return err_invalid(reterr, descriptor->name, "%s.%s is not in the descriptor set",
                           service->descriptor->name, descriptor->name);
    if (handler == NULL)
        return err_invalid(reterr, descriptor->name, "%s.%s has no handler",
                           service->descriptor->name, descriptor->name);
    struct table_method *method;
    try_(add(table, service->descriptor->name, descriptor->name, &method, reterr));
    method->handler = handler;
    method->stream = handler->stream;
    method->input = descriptor->input;
    method->output = descriptor->output;
    try_(contract_policy(contract, declared, &method->policy, reterr));
    try_(check_handler(service, handler, &method->policy, reterr));
    return rule_set_add(&table->rules, contract, method->input, &method->rule, reterr);
}

static bool is_described(const ProtobufCServiceDescriptor *descriptor, const char *name)
{
    for (unsigned i = 0; i < descriptor->n_methods; i++)
        if (strcmp(descriptor->methods[i].name, name) == 0)
            return true;
    return false;
}

enum err_code table_add_service(struct table *table, const struct contract *contract,
                                const struct service *service, struct err *reterr)
{
    const ProtobufCServiceDescriptor *descriptor = service->descriptor;
    const contract_service *declared = contract_find_service(contract, descriptor->name);
    if (declared == NULL)
        return err_invalid(reterr, descriptor->name, "%s is not in the descriptor set",
                           descriptor->name);
    if (declared->n_method != descriptor->n_methods)
        return err_invalid(reterr, descriptor->name,
                           "%s has other methods in the descriptor set than in the program",
                           descriptor->name);
    for (size_t i = 0; i < service->method_count; i++)
        if (!is_described(descriptor, service->methods[i].name))
            return err_invalid(reterr, service->methods[i].name,
                               "%s.%s has a handler but is no method", descriptor->name,
                               service->methods[i].name);
    for (unsigned i = 0; i < descriptor->n_methods; i++)
        try_(add_method(table, contract, service, &descriptor->methods[i],
                        contract_find_method(declared, descriptor->methods[i].name), reterr));
    return ERR_OK;
}

enum err_code table_add_builtin(struct table *table, const struct contract *contract,
                                const char *service, const char *name,
                                const ProtobufCMessageDescriptor *input,
                                const ProtobufCMessageDescriptor *output,
                                struct table_method **ret_method, struct err *reterr)
{
    struct table_method *method;
    try_(add(table, service, name, &method, reterr));
    method->input = input;
    method->output = output;
    method->policy.max_request_bytes = 4096;
    *ret_method = method;
    return rule_set_add(&table->rules, contract, input, &method->rule, reterr);
}

const struct table_method *table_find_named(const struct table *table, const char *path, size_t len)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct table_method *method = &table->methods[i];
        if (method->registered == NULL && strlen(method->path) == len &&
            memcmp(method->path, path, len) == 0)
            return method;
    }
    return NULL;
}

void table_done(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->methods[i].path);
    free(table->methods);
    rule_set_done(&table->rules);
    *table = (struct table){0};
}
