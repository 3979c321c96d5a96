#include "server/rpc/rule.h"

#include <string.h>

#include "server/rpc/contract.h"

static const struct rule *find_rule(const struct rule_set *set,
                                    const ProtobufCMessageDescriptor *descriptor)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->rules[i]->descriptor == descriptor)
            return set->rules[i];
    return NULL;
}

static enum err_code grow(struct rule_set *set, struct err *reterr)
{
    if (set->count < set->capacity)
        return ERR_OK;
    size_t capacity = set->capacity == 0 ? 64 : set->capacity * 2;
    struct rule **rules = reallocarray(set->rules, capacity, sizeof(*rules));
    if (rules == NULL)
        return err_no_memory(reterr);
    set->rules = rules;
    set->capacity = capacity;
    return ERR_OK;
}

static enum err_code fill_field(struct rule_set *set, const struct contract *contract,
                                const contract_message *message,
                                const ProtobufCFieldDescriptor *descriptor,
                                struct rule_field *field, struct err *reterr)
{
    const contract_field *declared = contract_find_field(message, descriptor->id);
    if (declared == NULL)
        return err_invalid(reterr, message->name, "%s.%s is not in the descriptor set",
                           message->name, descriptor->name);
    struct contract_bounds bounds;
    try_(contract_bounds(declared, &bounds, reterr));
    field->max_bytes = bounds.max_bytes;
    field->max_items = bounds.max_items;
    if (descriptor->type == PROTOBUF_C_TYPE_MESSAGE)
        try_(rule_set_add(set, contract, descriptor->descriptor, &field->message, reterr));
    return ERR_OK;
}

// Recursion ends because contract_check_request refuses types that contain themselves.
static enum err_code add_rule(struct rule_set *set, const struct contract *contract,
                              const ProtobufCMessageDescriptor *descriptor,
                              const struct rule **ret_rule, struct err *reterr)
{
    const contract_message *message = contract_find_message(contract, descriptor->name);
    if (message == NULL)
        return err_invalid(reterr, descriptor->name, "%s is not in the descriptor set",
                           descriptor->name);
    if (descriptor->n_fields > RULE_FIELDS_MAX)
        return err_invalid(reterr, descriptor->name, "%s has more than %d fields", descriptor->name,
                           RULE_FIELDS_MAX);
    _cleanup_(freep) struct rule *rule =
        calloc(1, sizeof(*rule) + descriptor->n_fields * sizeof(rule->fields[0]));
    if (rule == NULL)
        return err_no_memory(reterr);
    rule->descriptor = descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        try_(fill_field(set, contract, message, &descriptor->fields[i], &rule->fields[i], reterr));
    try_(grow(set, reterr));
    *ret_rule = rule;
    set->rules[set->count++] = steal(rule);
    return ERR_OK;
}

enum err_code rule_set_add(struct rule_set *set, const struct contract *contract,
                           const ProtobufCMessageDescriptor *descriptor,
                           const struct rule **ret_rule, struct err *reterr)
{
    *ret_rule = find_rule(set, descriptor);
    if (*ret_rule != NULL)
        return ERR_OK;
    try_(contract_check_request(contract, descriptor->name, reterr));
    return add_rule(set, contract, descriptor, ret_rule, reterr);
}

void rule_set_done(struct rule_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        free(set->rules[i]);
    free(set->rules);
    *set = (struct rule_set){0};
}
