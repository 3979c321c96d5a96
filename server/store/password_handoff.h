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
};

// As many of one sender can be open.
enum { PASSWORD_HANDOFFS_OPEN_MAX = 100 };

// Keeps `sender` from handing on until the transaction ends, and waits for what the sender is
// handing on: what is deleted afterwards is all there is. The first thing to lock in a transaction.
enum err_code password_handoff_hold(struct tx *tx, const char *sender,
                                    struct err *reterr) _must_check_;
// Ends all that would stay open for longer than `most_s` seconds, those on their way too: it waits
// for them. Before the end of the chain is locked.
enum err_code password_handoff_shorten(struct tx *tx, int most_s, struct err *reterr) _must_check_;
// Stores it under an id of its own, unless as many of its sender are open: then `*ret_id` is NULL.
// `id` is not looked at. It is open for `ttl_s` by the database's clock, which judges it then.
// Drops the tenant's that are over.
enum err_code password_handoff_put(struct tx *tx, const struct password_handoff *handoff,
                                   int64_t ttl_s, struct arena *arena, const char **ret_id,
                                   int64_t *ret_expire_time_us, struct err *reterr) _must_check_;
// For who put one and holds the end of the chain, as the last statement: whether the sender's
// tokens of that time were revoked meanwhile, the sender frozen, or the policy is another than was
// judged by, whose budgets are what a freeze and a hand-off wait for each other with.
enum err_code password_handoff_barred(struct tx *tx, const char *sender, int64_t issue_time_us,
                                      int64_t policy_revision, bool *ret_barred,
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
