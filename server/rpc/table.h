// The methods that are served: contract, policy, bounds and handler of each, paired at start-up.
//
// Immutable once the server runs.
#pragma once

#include <stddef.h>

#include "server/rpc/contract.h"
#include "server/rpc/rule.h"
#include "server/service/method.h"

struct call;
struct poller;
struct rpc_server;

struct table_method {
    char *path; // as HTTP/2 carries it: "/docbridge.v1.CompanyService/GetCompany"
    const char *service;
    const char *name;
    const struct method *handler; // NULL for a built-in method
    // Serves a built-in unary method on the poller; needs no token.
    enum err_code (*builtin)(struct call *call, const void *in, void *out, struct err *reterr);
    // The messages of a server stream, of a service or built in; NULL for other kinds.
    const struct stream_handler *stream;
    const ProtobufCMessageDescriptor *input;
    const ProtobufCMessageDescriptor *output;
    const struct rule *rule; // of the input
    struct contract_policy policy;
    // Posts one call of this method on a poller; done again for each call that arrives.
    void (*arm)(struct rpc_server *server, struct poller *poller,
                const struct table_method *method);
    void *registered; // gRPC's handle; NULL: calls of it arrive by name
};

enum { TABLE_METHODS_MAX = 512 };

struct table {
    struct table_method *methods;
    size_t count;
    struct rule_set rules;
};

// Adds all methods of a service. Errors: FIELD_INVALID that names the method: without permission,
// without handler, not in the contract, of another kind, or with a request that is not allowed.
enum err_code table_add_service(struct table *table, const struct contract *contract,
                                const struct service *service, struct err *reterr) _must_check_;
// Adds one built-in method; `arm` and `builtin` are the caller's to set. `service` and `name` are
// borrowed.
enum err_code table_add_builtin(struct table *table, const struct contract *contract,
                                const char *service, const char *name,
                                const ProtobufCMessageDescriptor *input,
                                const ProtobufCMessageDescriptor *output,
                                struct table_method **ret_method, struct err *reterr) _must_check_;
// The method of that path whose calls arrive by name; NULL if there is none.
const struct table_method *table_find_named(const struct table *table, const char *path,
                                            size_t len);
void table_done(struct table *table);
