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

// Reads it for a task (docbridge.v1.SyncTaskKind). Errors: RESOURCE_NOT_FOUND with an empty text
// for an unknown company: the handler names it.
enum err_code sight_get(struct tx *tx, const char *company_id, int task_kind, struct arena *arena,
                        struct sight *ret_sight, struct err *reterr) _must_check_;
