// Who uses up a budget that freezes is frozen.
#pragma once

#include "server/service/request.h"
#include "server/store/password.h"

// Freezes the scope of `excess` if its budget says so, with an event of its own, within `tx`. The
// caller of the request is the one whose reveal was one too many.
enum err_code reveal_freeze_if_asked(struct tx *tx, const struct request *request,
                                     const struct password_gates *gates, const char *company_id,
                                     const struct reveal_excess *excess,
                                     struct err *reterr) _must_check_;
