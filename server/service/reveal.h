// The gates of a reveal, each in its place: what stands between a caller and a value.
//
// Pure: judges what was read, calls nobody. RevealPassword, ListPasswords and ExplainPasswordAccess
// all ask here, so that what is said of a reveal and what it does are one.
#pragma once

#include "docbridge/v1/password.pb-c.h"
#include "server/service/request.h"
#include "server/source/source.h"
#include "server/store/password.h"

// What a reveal comes with.
struct reveal_asks {
    const char *reason, *ticket;
    bool sealed; // a key to seal the value to
};

// Who asks for what.
struct reveal_case {
    const struct principal *caller;
    bool in_sight;       // of the caller: the company
    const char *company; // its resource name
    const char *name;    // the entry's
    // NULL: there is no such company, or it is out of the caller's scope and was not read.
    const struct password_gates *gates;
    // NULL: what the policy may ask for is taken as given.
    const struct reveal_asks *asks;
    // The budget that has no room, if any; NULL: none was looked at.
    const struct reveal_excess *excess;
    // Upstream's answer; NULL: it was not asked yet, and may name the caller authorized.
    const struct source_password *live;
    bool handed; // the entry, to the caller: then the company need not be in sight
};

// The first closed gate decides. ERR_OK: all local gates are open. `ret_gate` (NULL: not wanted)
// gets the gate that decided, UNSPECIFIED if all are open.
// Errors: MISSING_PERMISSION, RESOURCE_NOT_FOUND, CONNECTION_NOT_ACTIVE, REVEALS_PAUSED,
// PASSWORD_SHARING_DISABLED, HANDOFF_NOT_ALLOWED, COMPANY_NO_ACCESS, CATEGORY_NOT_ALLOWED,
// PASSWORD_VAULTED_UPSTREAM, PASSWORD_PERSONAL_UPSTREAM, PASSWORD_ARCHIVED_UPSTREAM,
// UPSTREAM_RECORD_RESTRICTED, ACTOR_NOT_ALLOWED, REVEALS_FROZEN, REVEAL_REASON_REQUIRED,
// TICKET_REQUIRED, SEALED_REVEAL_REQUIRED, REVEAL_BUDGET_EXCEEDED.
enum err_code reveal_judge(const struct reveal_case *what, Docbridge__V1__AccessGate *ret_gate,
                           struct err *reterr) _must_check_;
// Whether passwords are handed on in the tenant. Errors: HANDOFF_NOT_ALLOWED.
enum err_code reveal_check_handoffs(const struct password_gates *gates,
                                    struct err *reterr) _must_check_;
// Whether the caller must give a reason, and have the value sealed. For a case with gates.
bool reveal_needs_reason(const struct reveal_case *what);
bool reveal_needs_sealing(const struct reveal_case *what);
// The gates that reveal_judge asks, in its order: the i-th, UNSPECIFIED behind the last.
Docbridge__V1__AccessGate reveal_gate(size_t i);
