// Secrets that people have seen, and whether they are still the same.
//
// The ledger follows from the audit trail: outcomes that gave a value out open an exposure. It is
// closed by newer outcomes and by the sync of passwords (a trigger, in the migration).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/auth/principal.h"
#include "server/store/store.h"

// The numbers of docbridge.v1.Exposure.State.
enum { EXPOSURE_OPEN = 1, EXPOSURE_ROTATED = 2, EXPOSURE_RESOLVED = 3 };

// Enters what the trail tells and the ledger does not yet. Holds the tenant's ledger until the
// transaction ends, so that it comes before the end of the trail is held.
enum err_code exposure_update(struct tx *tx, struct err *reterr) _must_check_;

// No text is NULL; times are 0 where there is none.
struct exposure {
    const char *id;
    int state;
    const char *subject, *display_name;
    int actor_kind;
    const char *company_id, *company_display_name;
    int64_t password_id;
    const char *password_display_name;
    int64_t reveal_count;
    int64_t first_reveal_time_us, last_reveal_time_us;
    int64_t seen_update_time_us, rotate_time_us, resolve_time_us;
    const char *resolver_subject, *resolver_display_name;
    int resolver_kind;
    const char *note;
};

// What to list. NULL and 0 do not restrict.
struct exposure_filter {
    const char *subject;
    const char *company_id;
    int64_t password_id;
    int open;                     // 1: open ones, -1: others
    const char *const *companies; // not NULL: only of these companies, and of the caller's set
    size_t company_count;
};
// Those seen last come first, from behind the place `before_us`, `before_id` (0: from the start).
enum err_code exposure_list(struct tx *tx, const struct exposure_filter *filter, int64_t before_us,
                            const char *before_id, int limit, struct arena *arena,
                            struct exposure **ret_exposures, size_t *ret_count,
                            struct err *reterr) _must_check_;
// Those seen last after `since_us`, by id, from behind `after_id` ("": from the start).
enum err_code exposure_list_since(struct tx *tx, const struct exposure_filter *filter,
                                  int64_t since_us, const char *after_id, int limit,
                                  struct arena *arena, struct exposure **ret_exposures,
                                  size_t *ret_count, struct err *reterr) _must_check_;
// Finds one and holds it until the transaction ends. NULL if there is none.
enum err_code exposure_get(struct tx *tx, const char *id, struct arena *arena,
                           struct exposure **ret_exposure, struct err *reterr) _must_check_;
enum err_code exposure_resolve(struct tx *tx, const char *id, const struct principal *resolver,
                               const char *note, int64_t time_us, struct err *reterr) _must_check_;
