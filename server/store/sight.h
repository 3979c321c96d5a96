// What a company's readers can see at all: its connection, its mapping, its switches, its
// freshness.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/store/connection_state.h"
#include "server/store/store.h"

// The numbers of docbridge.v1.CompanyPasswordAccess.Level.
enum { SIGHT_NO_ACCESS = 1, SIGHT_SELECTED_CATEGORIES = 2, SIGHT_ALL_CATEGORIES = 3 };

// Texts from the arena.
struct sight {
    const char *company_display_name;
    const char *connection_id;           // NULL: the tenant has none
    struct connection_standing standing; // of the connection
    bool mapped;                         // to one organization or several
    // On for the connection, and not hidden for the company.
    bool documents_enabled, checklists_enabled;
    bool password_sharing_enabled;
    int password_level;
    // When the asked task last saw everything of the company; 0: never.
    int64_t as_of_time;
    // Its part of the schedule; 0: as by default.
    int64_t interval_s, objective_s;
};

// What a statement reads of the company $2 of the tenant $1, `co`, and of the connection that it is
// seen by, `c`: the one in its slot, else the latest that is not being deleted.
#define SIGHT_MAPPED                                                             \
    "(SELECT true FROM mapping m WHERE m.tenant = $1 AND m.connection_id = c.id" \
    "   AND m.company_id = co.id LIMIT 1)"
#define SIGHT_COLUMNS_BUT(mapped)                                                            \
    " co.display_name, c.id, c.state, c.problem_time, c.provider, c.reveals_paused, " mapped \
    ", f.password_sharing_enabled, coalesce(a.level, 1)"
#define SIGHT_COLUMNS SIGHT_COLUMNS_BUT(SIGHT_MAPPED)
#define SIGHT_CHOSEN                                                                         \
    "SELECT id, state, problem_time, provider, reveals_paused, region, credential_version,"  \
    "  key_last_success_time, capabilities FROM connection WHERE tenant = $1 AND state <> 4" \
    "  ORDER BY state IN (1, 2) DESC, create_time DESC LIMIT 1"
#define SIGHT_TABLES                                                              \
    " FROM company co LEFT JOIN LATERAL (" SIGHT_CHOSEN ") c ON true"             \
    "  LEFT JOIN connection_config f ON f.tenant = $1 AND f.connection_id = c.id" \
    "  LEFT JOIN company_password_access a ON a.tenant = $1 AND a.company_id = co.id"
enum { SIGHT_COLUMN_COUNT = 9 };

// Reads SIGHT_COLUMNS, which come first in `rows`; what they do not tell is 0. Errors: INTERNAL.
enum err_code sight_read(const struct rows *rows, int row, struct arena *arena,
                         struct sight *ret_sight, struct err *reterr) _must_check_;

// The connection by which the company asked for last in this transaction is seen, to statements
// that do not wait for the answer; nothing equals it if there is none.
#define SIGHT_CONNECTION " (SELECT current_setting('docbridge.connection', true))"

// Reads it for a task (docbridge.v1.SyncTaskKind). Errors: RESOURCE_NOT_FOUND with an empty text
// for an unknown company: the handler names it.
enum err_code sight_get(struct tx *tx, const char *company_id, int task_kind, struct arena *arena,
                        struct sight *ret_sight, struct err *reterr) _must_check_;

// The same in two steps: asked with the next statement (tx_query_ahead), and read behind it.
void sight_ask(struct tx *tx, const char *company_id, int task_kind, struct rows *ret_rows);
enum err_code sight_take(const struct rows *rows, struct arena *arena, struct sight *ret_sight,
                         struct err *reterr) _must_check_;
