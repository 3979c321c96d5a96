// Organizations of a connection, each with its mapping.
//
// An organization that is gone upstream is there as long as it is mapped (ORPHANED), and not
// otherwise. A caller limited to some companies sees what is unmapped and what is mapped to these;
// the rest reads as if it were not there. Written by sync/ but for the marks of a mapping.
#pragma once

#include "server/auth/principal.h"
#include "server/store/store.h"

// The numbers of docbridge.v1.Organization.MappingState.
enum {
    ORGANIZATION_MAPPED = 1,
    ORGANIZATION_UNMAPPED = 2,
    ORGANIZATION_IGNORED = 3,
    ORGANIZATION_ORPHANED = 4,
};

// An organization as it stands. Strings are never NULL and live in the arena they were read into.
struct organization {
    int64_t id;
    const char *display_name, *previous_display_name; // previous: since it was mapped; "": none
    const char *name_key; // the first part of the name, by which lists go
    const char *web_url;
    const char *const *psa_ids; // upstream's, of the connection's kind of PSA
    size_t psa_id_count;
    int mapping_state;
    int64_t discover_time_us, revision;
    // The mapping; company_id "": none.
    const char *company_id, *company_display_name;
    int source;
    const char *actor_subject, *actor_display_name;
    int actor_kind;
    int64_t mapping_time_us;
};

// Finds some in sight, in no order; those that are not are left out. `lock` holds their mappings as
// they are until the transaction ends.
enum err_code organization_get_many(struct tx *tx, const char *connection_id, const int64_t *ids,
                                    size_t count, const struct principal *sight, bool lock,
                                    struct arena *arena, struct organization **ret_organizations,
                                    size_t *ret_count, struct err *reterr) _must_check_;
// Finds one in sight. NULL if there is none.
enum err_code organization_get(struct tx *tx, const char *connection_id, int64_t id,
                               const struct principal *sight, bool lock, struct arena *arena,
                               struct organization **ret_organization,
                               struct err *reterr) _must_check_;

struct organization_query {
    const char *connection_id;
    const struct principal *sight;
    int mapping_state;         // 0: any
    const char *name_key_part; // NULL: any
    const char *company_id;    // NULL: any
    int has_findings;          // 1: only with findings, 0: only without, -1: any
    bool by_id, descending;    // otherwise by display name, ascending
    // The name_key and id of the row after which the page begins; "" and 0: the first.
    const char *after_name;
    int64_t after_id;
    int limit;
};
struct organization_counts {
    int64_t matching;                                   // of the query
    int64_t total, mapped, unmapped, ignored, orphaned; // of the connection
    int64_t found;                                      // have findings
};
// A page by display name and id, or by id.
enum err_code organization_list(struct tx *tx, const struct organization_query *query,
                                struct arena *arena, struct organization **ret_organizations,
                                size_t *ret_count, struct organization_counts *ret_counts,
                                struct err *reterr) _must_check_;

// Sets an organization that the transaction holds aside, or takes that back.
enum err_code organization_set_ignored(struct tx *tx, const char *connection_id, int64_t id,
                                       bool ignored, struct err *reterr) _must_check_;
// Whether any organizations of the connection are known, and whether any of `ids` is among them.
enum err_code organization_any_known(struct tx *tx, const char *connection_id, const int64_t *ids,
                                     size_t count, bool *ret_known, bool *ret_shared,
                                     struct err *reterr) _must_check_;

// The run that fetches the organizations, or the last that did.
struct organization_fetch {
    const char *run_id;    // "": none ever was asked to
    bool live;             // it is still to fetch them
    int64_t done, total;   // records; a total of 0 is not known
    int64_t start_time_us; // of the run; 0: it has not started
};
enum err_code organization_get_fetch(struct tx *tx, const char *connection_id, struct arena *arena,
                                     struct organization_fetch *ret_fetch,
                                     struct err *reterr) _must_check_;
