// What of the records that a flexible asset's tags lead to is in sight of the asset's company.
#pragma once

#include "server/store/documentation.h"

// Fills `tags_shown` of the traits of `row`, an asset of the company that was read by that
// connection. A statement of its own, and none where there are no tags: with that of the asset it
// would be planned for longer than both take.
enum err_code tag_sight_get(struct tx *tx, const char *connection_id, const char *company_id,
                            struct arena *arena, struct documentation_row *row,
                            struct err *reterr) _must_check_;
// Whether it has any to ask for.
bool tag_sight_needed(const struct documentation_row *row);
