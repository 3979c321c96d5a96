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

// Keeps every other change of the connection's mappings waiting until the transaction ends: the
// first thing that such a change locks.
enum err_code mapping_lock(struct tx *tx, const char *connection_id,
                           struct err *reterr) _must_check_;

// Mappings to be made.
struct mapping_match {
    const int64_t *organization_ids;
    const char *const *company_ids;
    const int64_t *sources;
    size_t count;
};
// Maps organizations that the transaction holds (organization_get with lock, mapping_lock) and that
// are mapped to nothing. `*ret_all` is false if some were not made, since their companies have
// another organization and the connection lets them have one: the transaction can still read
// (mapping_missing), then must be abandoned.
enum err_code mapping_add(struct tx *tx, const char *connection_id,
                          const struct mapping_match *match, const struct principal *actor,
                          int64_t time_us, bool *ret_all, struct err *reterr) _must_check_;
// The first that was not made, and the organization that its company has; 0: none any more.
enum err_code mapping_missing(struct tx *tx, const char *connection_id,
                              const struct mapping_match *match, struct arena *arena, bool *ret_all,
                              const char **ret_company_id, int64_t *ret_organization_id,
                              struct err *reterr) _must_check_;
// Unmaps organizations that the transaction holds.
enum err_code mapping_drop(struct tx *tx, const char *connection_id,
                           const int64_t *organization_ids, size_t count,
                           struct err *reterr) _must_check_;
// Holds every company of the connection to one organization from now on, in a transaction that
// holds the connection (mapping_lock). If a company has several, it is named with one of them, and
// nothing is done; else `*ret_company_id` is NULL.
enum err_code mapping_make_single(struct tx *tx, const char *connection_id, struct arena *arena,
                                  const char **ret_company_id, int64_t *ret_organization_id,
                                  struct err *reterr) _must_check_;
// Marks organizations whose mapping the transaction changed: their revisions grow, and that they
// were set aside or renamed, and whatever else was found of them, is over.
enum err_code mapping_mark(struct tx *tx, const char *connection_id,
                           const int64_t *organization_ids, size_t count,
                           struct err *reterr) _must_check_;

// What Quick Match says of one organization. Strings live in the arena.
struct mapping_verdict {
    int64_t organization_id;
    const char *organization_display_name;
    int outcome;            // docbridge.v1.QuickMatchResponse.Outcome
    const char *company_id; // matched, or mapped before; "": none
    const char *company_display_name;
    const char *const *candidates;
    size_t candidate_count;
};
// Judges every organization of the connection, by both passes in one statement; writes nothing.
// service/quick_match.c has the rules. In the order of names.
enum err_code mapping_judge(struct tx *tx, const char *connection_id, int psa_type,
                            struct arena *arena, struct mapping_verdict **ret_verdicts,
                            size_t *ret_count, struct err *reterr) _must_check_;
