// The gates of a reveal, each in its place: what stands between a caller and a value.
//
// Pure: judges what was read, calls nobody. The order is the order of the enum in reveal_judge().
#pragma once

#include "server/service/request.h"
#include "server/store/password.h"

// The first closed gate decides. ERR_OK: all local gates are open. The company's scope and
// existence were judged before; `name` is the entry's resource name, `company` the company's.
// Errors: CONNECTION_NOT_ACTIVE, REVEALS_PAUSED, PASSWORD_SHARING_DISABLED, COMPANY_NO_ACCESS,
// RESOURCE_NOT_FOUND, CATEGORY_NOT_ALLOWED, PASSWORD_VAULTED_UPSTREAM, PASSWORD_PERSONAL_UPSTREAM,
// PASSWORD_ARCHIVED_UPSTREAM, UPSTREAM_RECORD_RESTRICTED.
enum err_code reveal_judge(const struct password_gates *gates, const char *company,
                           const char *name, struct err *reterr) _must_check_;
