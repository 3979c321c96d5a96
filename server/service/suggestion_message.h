// Companies that an organization may be, as the contract shows them.
#pragma once

#include "docbridge/v1/mapping.pb-c.h"
#include "server/service/request.h"
#include "server/store/connection.h"

// The candidates of one organization, the best first.
struct suggestion_list {
    Docbridge__V1__MatchCandidate **candidates;
    size_t count;
};

// Finds the candidates of organizations of a connection; `ret_lists` has room for `count`. Those
// less certain than `min_confidence` are left out.
enum err_code suggestion_lists(struct tx *tx, const struct request *request,
                               const struct connection *connection, const int64_t *ids,
                               size_t count, int min_confidence, struct suggestion_list *ret_lists,
                               struct err *reterr) _must_check_;
