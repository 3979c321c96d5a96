// Whether a user is among the authorized users that the answer to a reveal names.
//
// The answer to `include=authorized_users` has the users as rows of `included`, each with its
// e-mail, and their ids under `relationships`. Fed with the events of the parser of that answer.
// Where the answer has another shape nobody is authorized.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/source/itglue/draft.h"

enum { ITGLUE_AUTHORIZED_MAX = 512, ITGLUE_AUTHORIZED_MATCHES_MAX = 4 };

struct itglue_authorized {
    const char *email; // who is looked for; NULL: nobody
    // The path to where the parser is, as far as it matters here.
    int path[7];
    int key;
    // The row of `included` that is being read.
    int64_t row_id;
    bool row_is_user, row_matches;
    // Ids that `relationships` names, and of rows with the e-mail.
    bool links_given, too_many;
    size_t link_count, match_count;
    int64_t links[ITGLUE_AUTHORIZED_MAX];
    int64_t matches[ITGLUE_AUTHORIZED_MATCHES_MAX];
};

// `depth` is that of the container that begins or ends, or in which the key or scalar stands: 1 for
// the members of the whole answer.
void itglue_authorized_start(struct itglue_authorized *authorized, int depth);
void itglue_authorized_end(struct itglue_authorized *authorized, int depth);
void itglue_authorized_key(struct itglue_authorized *authorized, int depth, const char *key,
                           size_t len);
void itglue_authorized_scalar(struct itglue_authorized *authorized, int depth,
                              const struct itglue_scalar *scalar);
// Once the answer is read. False where there is any doubt.
bool itglue_authorized_found(const struct itglue_authorized *authorized);
