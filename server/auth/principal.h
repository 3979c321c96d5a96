// Who calls: what a verified token says, and nothing that a request says.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PRINCIPAL_SUBJECT_MAX_BYTES = 128 };

// The numbers of docbridge.v1.Permission.
enum permission {
    PERMISSION_NONE = 0, // not declared: no method with it may be served
    PERMISSION_READ_INTEGRATIONS = 1,
    PERMISSION_MANAGE_INTEGRATIONS = 2, // contains READ_INTEGRATIONS
    PERMISSION_READ_DOCUMENTATION = 3,
    PERMISSION_READ_DOCUMENTATION_PASSWORDS = 4,
    PERMISSION_READ_AUDIT = 5,
    PERMISSION_OPERATE_SERVICE = 6,
    PERMISSION_COUNT,
};

// The numbers of docbridge.v1.Actor.Kind.
enum actor_kind {
    ACTOR_HUMAN = 1,
    ACTOR_SERVICE = 2,
    ACTOR_AGENT = 3,
    ACTOR_SYSTEM = 4,
};

// A verified caller. Immutable. Strings are valid as long as the principal is.
struct principal {
    const char *tenant;
    const char *subject;
    const char *display_name; // the token's `name`; the subject if it has none
    const char *email;        // NULL unless the token says email_verified
    enum actor_kind actor;
    uint32_t permissions; // bit 1 << enum permission, contained ones set too
    bool all_companies;
    const char *const *companies; // ids in sight when not all
    size_t company_count;
    const char *company_set; // the name of a set of them instead; NULL: none
    int64_t issue_time_us;
    int64_t expire_time_us;
};

// The string a token spells a permission with, such as "read_audit"; NULL for NONE.
const char *permission_text(enum permission permission);
// PERMISSION_NONE for an unknown string.
enum permission permission_parse(const char *text);

bool principal_may(const struct principal *principal, enum permission permission);
// Whether a company is in the caller's scope as far as the token itself says. An id the tenant does
// not have may be in scope too. Who is in the set of a caller only the database can tell
// (service/begin.h: request_check_sight).
bool principal_sees_company(const struct principal *principal, const char *company_id);
