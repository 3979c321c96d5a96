// The embedded FileDescriptorSet, opened: finds services, messages and the options of docbridge.v1.
//
// Read at start-up by one thread, then immutable. What protobuf-c's own descriptors lack
// (streaming, options, redaction) is known from here alone.
#pragma once

#include <google/protobuf/descriptor.pb-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/auth/principal.h"
#include "server/base/cleanup.h"
#include "server/base/err.h"

struct contract;

// Opens `set`, which is borrowed for the contract's life. Errors: FIELD_INVALID if it is none.
enum err_code contract_new(const unsigned char *set, size_t len, struct contract **ret_contract,
                           struct err *reterr) _must_check_;
struct contract *contract_free(struct contract *contract);
void contract_freep(struct contract **contract);

typedef Google__Protobuf__DescriptorProto contract_message;
typedef Google__Protobuf__ServiceDescriptorProto contract_service;
typedef Google__Protobuf__MethodDescriptorProto contract_method;
typedef Google__Protobuf__FieldDescriptorProto contract_field;

// Full names have no leading dot. NULL: there is none.
const contract_message *contract_find_message(const struct contract *contract, const char *name);
const contract_service *contract_find_service(const struct contract *contract, const char *name);
const contract_method *contract_find_method(const contract_service *service, const char *name);
const contract_field *contract_find_field(const contract_message *message, uint32_t number);

// Calls `visit` for each service of package docbridge.v1 in the set's order; stops at an error.
enum err_code contract_each_service(const struct contract *contract,
                                    enum err_code (*visit)(void *context, const char *full_name,
                                                           const contract_service *service,
                                                           struct err *reterr),
                                    void *context, struct err *reterr);

// What the options of one method say.
struct contract_policy {
    enum permission permission;
    int64_t max_deadline_ms;  // 0: the server's general maximum
    size_t max_request_bytes; // the default if the method names none
    bool read_only;
    bool of_tenant; // only for callers who see all companies
    bool secret_in;
    bool secret_out;
    bool client_streaming;
    bool server_streaming;
};
// Errors: FIELD_INVALID for options that cannot be read.
enum err_code contract_policy(const struct contract *contract, const contract_method *method,
                              struct contract_policy *ret_policy, struct err *reterr);

struct contract_bounds {
    uint32_t max_bytes;
    uint32_t max_items;
};
enum err_code contract_bounds(const contract_field *field, struct contract_bounds *ret_bounds,
                              struct err *reterr);

// Refuses what no request may hold: recursion, maps, and the types google.protobuf.Struct, Value,
// ListValue and Any. `name` is a message's full name.
enum err_code contract_check_request(const struct contract *contract, const char *name,
                                     struct err *reterr);

// The files, for reflection: the raw bytes of file `index` as protoc wrote them.
size_t contract_file_count(const struct contract *contract);
const Google__Protobuf__FileDescriptorProto *contract_file(const struct contract *contract,
                                                           size_t index);
void contract_file_bytes(const struct contract *contract, size_t index,
                         const unsigned char **ret_bytes, size_t *ret_len);
// The index of the file of that name, or of the file that defines a service, method, message, enum
// or field of that full name; SIZE_MAX if there is none.
size_t contract_file_by_name(const struct contract *contract, const char *name);
size_t contract_file_by_symbol(const struct contract *contract, const char *symbol);
