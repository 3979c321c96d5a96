// Which organization is which company: making, replacing, dropping, and Quick Match.
#pragma once

#include "server/auth/principal.h"
#include "server/store/store.h"

// The numbers of docbridge.v1.Mapping.Source.
enum {
    MAPPING_SOURCE_MANUAL = 1,
    MAPPING_SOURCE_PSA_ID = 2,
    MAPPING_SOURCE_NAME = 3,
};

// Maps an organization that the transaction holds (organization_get with lock) to a company, in
// place of what it was mapped to. `*ret_made` is false if the company has another organization: the
// transaction can still read (mapping_holder), then must be abandoned.
enum err_code mapping_set(struct tx *tx, const char *connection_id, int64_t organization_id,
                          const char *company_id, const struct principal *actor, int64_t time_us,
                          bool *ret_made, struct err *reterr) _must_check_;
// The organization of a company. 0 if it has none.
enum err_code mapping_holder(struct tx *tx, const char *connection_id, const char *company_id,
                             int64_t *ret_organization_id, struct err *reterr) _must_check_;
// Keeps every other change of the connection's mappings waiting until the transaction ends: the
// first thing that such a change locks.
enum err_code mapping_lock(struct tx *tx, const char *connection_id,
                           struct err *reterr) _must_check_;
// Unmaps an organization that the transaction holds.
enum err_code mapping_clear(struct tx *tx, const char *connection_id, int64_t organization_id,
                            struct err *reterr) _must_check_;

// What Quick Match says of one organization. Strings live in the arena.
struct mapping_verdict {
    int64_t organization_id;
    const char *organization_display_name;
    int outcome;            // docbridge.v1.QuickMatchResponse.Outcome
    const char *company_id; // matched, or mapped before; "": none
    const char *const *candidates;
    size_t candidate_count;
};
// Judges every organization of the connection, by both passes in one statement; writes nothing.
// service/quick_match.c has the rules. In the order of names.
enum err_code mapping_judge(struct tx *tx, const char *connection_id, int psa_type,
                            struct arena *arena, struct mapping_verdict **ret_verdicts,
                            size_t *ret_count, struct err *reterr) _must_check_;

struct mapping_match {
    const int64_t *organization_ids;
    const char *const *company_ids;
    const int64_t *sources;
    size_t count;
};
// Maps all of them at once. Errors: CONFLICT if a mapping was made meanwhile.
enum err_code mapping_apply(struct tx *tx, const char *connection_id,
                            const struct mapping_match *match, const struct principal *actor,
                            int64_t time_us, struct err *reterr) _must_check_;
