// Searching documentation: what readers of companies find by its words.
//
// What is out of sight (documentation.h) is left out before anything is ranked or counted.
#pragma once

#include "server/store/store.h"

// Only the newest are ranked.
enum { SEARCH_RANKED_MAX = 5000 };

// Where: the connection of the tenant, and how far its index goes.
struct search_place {
    const char *connection_id; // NULL: the tenant has none
    int64_t as_of_time;        // 0: nothing was indexed
};
enum err_code search_place_get(struct tx *tx, struct arena *arena, struct search_place *ret_place,
                               struct err *reterr) _must_check_;

struct search_query {
    const char *connection_id;
    const char *company_id; // NULL: all companies in sight
    bool all_companies;     // else only `companies` and those of the transaction's set are in sight
    const char *const *companies;
    size_t company_count;
    const int64_t *kinds; // enum source_kind
    size_t kind_count;
    const char *text;
    bool fragment; // `text` is a piece of a title or a short field, else words as for a web search
    int limit, offset;
};

struct search_hit {
    int64_t kind, id;
    const char *company_id; // NULL: of the account
    const char *display_name, *web_url;
    int64_t update_time;
    // Around what was found, whose beginnings and ends are marked; there are no other such
    // characters in it.
    const char *snippet;
};
enum { SEARCH_MARK_BEGIN = 1, SEARCH_MARK_END = 2 };

struct search_result {
    struct search_hit *hits; // the best first
    size_t count;
    int64_t total;    // at most SEARCH_RANKED_MAX
    bool lower_bound; // there are more
};
enum err_code search_run(struct tx *tx, const struct search_query *query, struct arena *arena,
                         struct search_result *ret_result, struct err *reterr) _must_check_;
