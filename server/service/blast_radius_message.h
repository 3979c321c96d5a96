// The blast radius of moving organizations between companies, and of changing settings, as the
// contract shows it.
#pragma once

#include "docbridge/v1/common.pb-c.h"
#include "server/service/request.h"
#include "server/store/blast_radius.h"
#include "server/store/store.h"

// An organization that is one company and shall be another. Company ids; "": none.
struct blast_move {
    int64_t organization_id;
    int64_t organization_revision;
    const char *from, *to;
};

// Counts what the moves show and hide. The etag is that of these moves with these counts, so that
// whoever sends it has seen them.
enum err_code blast_radius_message(struct tx *tx, const struct request *request,
                                   const char *connection_id, const struct blast_move *moves,
                                   size_t count, Docbridge__V1__BlastRadius **ret_message,
                                   struct err *reterr) _must_check_;

// What companies see before a change of settings. The change must show or hide each of
// sight_count's rows as a whole.
struct blast_look {
    struct sight_scope scope; // with what it points to
    struct sight_count *counts;
    size_t count;
};
// Fills the counts by the scope.
enum err_code blast_radius_look(struct tx *tx, const struct request *request,
                                struct blast_look *look, struct err *reterr) _must_check_;
// What the transaction showed and hid since.
enum err_code blast_radius_since(struct tx *tx, const struct request *request,
                                 const struct blast_look *before,
                                 Docbridge__V1__BlastRadius **ret_message,
                                 struct err *reterr) _must_check_;
