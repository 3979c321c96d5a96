#include "server/rpc/policy.h"

#include "server/rpc/contract.h"

struct printing {
    const struct contract *contract;
    struct buffer *out;
};

static const char *kind_text(const struct contract_policy *policy)
{
    if (policy->client_streaming)
        return policy->server_streaming ? "bidi" : "upload";
    return policy->server_streaming ? "stream" : "unary";
}

static enum err_code print_service(void *context, const char *full_name,
                                   const contract_service *service, struct err *reterr)
{
    (void)full_name;
    struct printing *printing = context;
    for (size_t i = 0; i < service->n_method; i++) {
        struct contract_policy policy;
        try_(contract_policy(printing->contract, service->method[i], &policy, reterr));
        buffer_printf(printing->out, "%-28s %-32s %-8s %-5s %s%sperm=%d%s\n", service->name,
                      service->method[i]->name, kind_text(&policy),
                      policy.read_only ? "read" : "WRITE", policy.secret_in ? "secret-in " : "",
                      policy.secret_out ? "SECRET-OUT " : "", (int)policy.permission,
                      policy.of_tenant ? " tenant" : "");
    }
    return printing->out->failed ? err_no_memory(reterr) : ERR_OK;
}

enum err_code rpc_policy_print(const unsigned char *set, size_t len, struct buffer *out,
                               struct err *reterr)
{
    _cleanup_(contract_freep) struct contract *contract = NULL;
    try_(contract_new(set, len, &contract, reterr));
    struct printing printing = {contract, out};
    return contract_each_service(contract, print_service, &printing, reterr);
}

static enum err_code check_service(void *context, const char *full_name,
                                   const contract_service *service, struct err *reterr)
{
    (void)full_name;
    for (size_t i = 0; i < service->n_method; i++)
        try_(contract_check_request(context, service->method[i]->input_type + 1, reterr));
    return ERR_OK;
}

enum err_code rpc_policy_check_requests(const unsigned char *set, size_t len, struct err *reterr)
{
    _cleanup_(contract_freep) struct contract *contract = NULL;
    try_(contract_new(set, len, &contract, reterr));
    return contract_each_service(contract, check_service, contract, reterr);
}
