// Passwords that somebody handed on to somebody else for one reveal.
//
// They are rows while they are open. Nothing of a password's value is in them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/store/store.h"

// All texts are borrowed. `sender` of a hand-off that is looked for is not looked at, nor is
// `recipient` of one that is withdrawn.
struct password_handoff {
    const char *id;
    const char *connection_id;
    const char *company_id;
    int64_t password_id;
    const char *sender, *recipient; // subjects of tokens
    int64_t expire_time_us;
};

// As many of one sender can be open.
enum { PASSWORD_HANDOFFS_OPEN_MAX = 100 };

// Stores it under an id of its own, unless as many of its sender are open: then `*ret_id` is NULL.
// `id` is not looked at. Drops the tenant's that are over.
enum err_code password_handoff_put(struct tx *tx, const struct password_handoff *handoff,
                                   struct arena *arena, const char **ret_id,
                                   struct err *reterr) _must_check_;
// Whether its recipient can open it now; `connection_id` is not looked at.
enum err_code password_handoff_find(struct tx *tx, const struct password_handoff *handoff,
                                    bool *ret_open, struct err *reterr) _must_check_;
// Opens it, for once: of two who try at the same time one finds it gone.
enum err_code password_handoff_take(struct tx *tx, const struct password_handoff *handoff,
                                    bool *ret_taken, struct err *reterr) _must_check_;
// What it is called now that was withdrawn. From the arena; "": not known any more.
struct password_handoff_names {
    const char *company, *password;
};
// Takes away one of its sender's; `*ret_open` tells whether it was open.
enum err_code password_handoff_withdraw(struct tx *tx, const struct password_handoff *handoff,
                                        struct arena *arena,
                                        struct password_handoff_names *ret_names, bool *ret_open,
                                        struct err *reterr) _must_check_;
