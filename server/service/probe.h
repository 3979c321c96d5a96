// Tries a key upstream: which region takes it, and what it may do. The network half of
// TestConnection and CreateConnection.
//
// One cheap request a capability, two or three more about filters. Reads no password value, and
// keeps nothing of what upstream answers but ids, a subdomain and statuses. Blocks on the
// network: never call it with a transaction open.
#pragma once

#include "docbridge/v1/connection.pb-c.h"
#include "server/service/request.h"
#include "server/source/source.h"

// What to try.
struct probe_target {
    enum source_region region;
    const struct secret *key;
    bool worked_before;  // upstream accepted this key at some time
    bool values_granted; // and served it the value of a password
    // What an image that was asked for has shown; GRANT_UNKNOWN or 0: none was.
    Docbridge__V1__Capability__Grant images_grant;
    bool probe_other_regions; // if it is refused here, send it to the other regions too
};

enum {
    PROBE_CAPABILITIES = 9,
    PROBE_SUBDOMAIN_BYTES = 64,
    // As large as upstream's own pages: the account's own organization is likely among them.
    PROBE_ORGANIZATIONS = 50,
};

struct probe_capability {
    Docbridge__V1__Capability__Kind kind;
    Docbridge__V1__Capability__Grant grant;
    char detail[120];
};

// What was found.
struct probe_report {
    Docbridge__V1__TestConnectionResponse__Diagnosis verdict;
    // The request that decided: the first, unless that one was refused for itself alone.
    int http_status;
    const char *network_failure; // "dns", "tls", ...: see struct source_attempt; NULL: none
    int64_t latency_us;
    int request_count;  // of all
    struct err failure; // why the verdict is not OK
    enum source_region region;
    enum source_region suggested_region; // 0: none
    struct probe_capability capabilities[PROBE_CAPABILITIES];
    bool organizations_denied;
    bool filters_ignored; // upstream answered a filter that cannot exist with everything
    char subdomain[PROBE_SUBDOMAIN_BYTES];         // of the account; "": not seen
    int64_t primary_organization_id;               // 0: not seen
    int64_t organization_ids[PROBE_ORGANIZATIONS]; // those that were listed first
    size_t organization_count;
};

// Whatever upstream does is in the report. Errors: CANCELLED, DEADLINE_EXCEEDED of the call itself,
// INTERNAL.
enum err_code probe_run(const struct request *request, const struct probe_target *target,
                        struct probe_report *ret_report, struct err *reterr) _must_check_;
