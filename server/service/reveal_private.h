// Between the files of a reveal.
#pragma once

#include "docbridge/v1/password.pb-c.h"
#include "server/audit/audit.h"
#include "server/service/request.h"
#include "server/service/reveal.h"
#include "server/store/password_handoff.h"

// One reveal on its way.
struct reveal {
    struct request *request;
    const Docbridge__V1__RevealPasswordRequest *in;
    const char *company_id;
    const char *company; // resource name
    int64_t password_id;
    struct password_handoff handoff; // by which the caller asks; `id` is NULL without one
    struct audit_change handoff_change;
    struct reveal_asks asks;
    struct password_gates gates;
    struct reveal_excess excess;
    // What is judged with others', on any of their threads: the verdict, why if it is none of
    // ERR_OK, what it then is in the trail, and what is recorded.
    enum err_code verdict;
    struct err *why;
    enum audit_outcome refusal;
    struct audit_event event;
    int64_t intent_sequence;
    int64_t outcome_sequence;
    struct source_password live;
    struct source_attempt attempt;
    ProtobufCBinaryData sealed; // the live value; without data it is not yet, or is given out plain
};

// What an event says of the reveal, whatever it is, and of the gates that it is of.
void reveal_fill_event(const struct reveal *reveal, const struct password_gates *gates,
                       struct audit_event *event);
// Makes an event durable. No transaction is open meanwhile: many reveals share one commit. Errors:
// AUDIT_UNAVAILABLE.
enum err_code reveal_record(const struct reveal *reveal, const struct audit_event *event,
                            struct deadline deadline, int64_t *ret_sequence,
                            struct err *reterr) _must_check_;
// Judges the local gates. A closed gate leaves a DENIED event; open gates leave the intent.
enum err_code reveal_pass_local_gates(struct reveal *reveal, struct err *reterr) _must_check_;
// Seals the live value, if it is to be and is not yet. On any thread, while the caller waits.
void reveal_seal(struct reveal *reveal);
// Judges the live record, if it was `fetched`, and makes the outcome durable whatever it is.
// Returns the verdict of the whole reveal.
enum err_code reveal_conclude(struct reveal *reveal, enum err_code fetched,
                              struct err *reterr) _must_check_;

// Checks the key that a value is to be sealed to. `*ret_sealed` is false without one. Errors:
// FIELD_INVALID for a key that is not 32 bytes long, or to which everybody could open the seal: the
// points of small order, all zeroes among them.
enum err_code reveal_check_key(const ProtobufCBinaryData *key, bool *ret_sealed,
                               struct err *reterr) _must_check_;
// Fills the answer, everything from the request's arena, which is wiped. A call whose time is over
// or whose caller has gone gets none. Errors: DEADLINE_EXCEEDED, CANCELLED.
enum err_code reveal_release(struct reveal *reveal, Docbridge__V1__RevealPasswordResponse *out,
                             struct err *reterr) _must_check_;
