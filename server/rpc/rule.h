// The bounds of requests, compiled: for each message type its fields with their limits, next to
// protobuf-c's own descriptor of it.
//
// Built at start-up, then immutable and shared by all threads.
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/cleanup.h"
#include "server/base/err.h"

struct contract;

enum {
    // More fields than this in one message of a request are refused at start-up, so that the check
    // can count items on its stack.
    RULE_FIELDS_MAX = 64,
    // The deepest nesting, the request itself being 1.
    RULE_DEPTH_MAX = 12,
};

struct rule_field {
    uint32_t max_bytes;
    uint32_t max_items;
    const struct rule *message; // of a field of type message, else NULL
};

struct rule {
    const ProtobufCMessageDescriptor *descriptor;
    struct rule_field fields[]; // parallel to descriptor->fields
};

// All rules of a server; owns them. One rule a type, however many requests hold it.
struct rule_set {
    struct rule **rules;
    size_t count;
    size_t capacity;
};

// Gives the rule for `descriptor` and all it holds; finds it if the set has it already. Errors:
// FIELD_INVALID for a type that no request may hold or that the contract does not know.
enum err_code rule_set_add(struct rule_set *set, const struct contract *contract,
                           const ProtobufCMessageDescriptor *descriptor,
                           const struct rule **ret_rule, struct err *reterr) _must_check_;
void rule_set_done(struct rule_set *set);
