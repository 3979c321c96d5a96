// Companies that an organization may be. Nothing here applies itself.
#pragma once

#include "server/store/store.h"

// The numbers of docbridge.v1.MatchCandidate.Source.
enum {
    SUGGESTION_PSA_ID = 1,
    SUGGESTION_NAME = 2,
    SUGGESTION_NAME_WITHOUT_LEGAL_FORM = 3,
    SUGGESTION_SIMILAR_NAME = 4,
};

struct suggestion {
    int64_t organization_id;
    const char *company_id, *company_display_name;
    int source;
    int confidence; // 100 is as certain as can be
};

// Finds at most five for each of the organizations: companies that have no organization of this
// connection, by PSA identity (when the connection's kind of PSA is one that upstream knows) and by
// name. In the order of `ids`, the best first. Texts from the arena.
enum err_code suggestion_find(struct tx *tx, const char *connection_id, int psa_type,
                              const int64_t *ids, size_t count, struct arena *arena,
                              struct suggestion **ret_suggestions, size_t *ret_count,
                              struct err *reterr) _must_check_;
