// What of a reveal goes out: the value, in the clear or sealed to the caller's key.
#pragma once

#include "docbridge/v1/password.pb-c.h"
#include "server/service/request.h"
#include "server/source/source.h"
#include "server/store/password.h"

enum { REVEAL_SEAL_KEY_BYTES = 32, REVEAL_SEAL_NONCE_BYTES = 24 };

// What one value is sealed to the caller by, as libsodium's crypto_box_seal does it: of the key
// pair made for it the private half is gone before anything else is done. Agreed on first, since
// agreeing is what shows whether the caller's key is one; the seal itself then costs next to
// nothing.
struct reveal_seal {
    struct secret *key; // that both ends can derive; NULL: the value goes in the clear
    // Of the pair; goes in front of the value.
    unsigned char public_key[REVEAL_SEAL_KEY_BYTES];
    unsigned char nonce[REVEAL_SEAL_NONCE_BYTES];
};

// For the key of a request, empty for none. Errors: FIELD_INVALID for one that is not 32 bytes
// long, or to which everybody could open the seal: the points of small order, all zeroes among
// them.
enum err_code reveal_seal_init(const ProtobufCBinaryData *key, struct reveal_seal *ret_seal,
                               struct err *reterr) _must_check_;
// Wipes it.
void reveal_seal_done(struct reveal_seal *seal);

// Fills the answer, everything from the request's arena, which is wiped. A call whose time is over
// or whose caller has gone gets none. Errors: DEADLINE_EXCEEDED, CANCELLED.
enum err_code reveal_release(const struct request *request, const struct reveal_seal *seal,
                             const struct password_gates *gates, const struct source_password *live,
                             int64_t outcome_sequence, Docbridge__V1__RevealPasswordResponse *out,
                             struct err *reterr) _must_check_;
