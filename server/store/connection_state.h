// The states of a connection, how it moves from one to another, what each is good for. Pure: the
// callers store the outcome, in the transaction that read the state under a lock. Nothing else
// decides a state.
#pragma once

#include "server/base/err.h"

// The numbers of docbridge.v1.Connection.State; 0 is a connection that is not there.
enum connection_state {
    CONNECTION_ABSENT = 0,
    CONNECTION_ACTIVE = 1,
    CONNECTION_ERROR = 2,
    CONNECTION_DISCONNECTED = 3,
    CONNECTION_DELETING = 4,
    CONNECTION_STATE_COUNT,
};

enum connection_event {
    CONNECTION_CREATE,
    CONNECTION_UPDATE,       // of what is no credential: its name, say
    CONNECTION_KEY_WORKED,   // upstream accepts the stored key
    CONNECTION_KEY_REJECTED, // upstream refuses it, or it cannot be opened any more
    CONNECTION_ROTATE, // another key, which works, takes the place of the stored one or of none
    CONNECTION_PAUSE,  // of syncs, of reveals, or of both
    CONNECTION_RESUME,
    CONNECTION_DISCONNECT,
    CONNECTION_DELETE,
    CONNECTION_EVENT_COUNT,
};

// The state after `event`; the same one where the event is allowed and changes nothing.
// Errors: INVALID_STATE_TRANSITION with the metadata `state` and `verb`, leaving `ret_to` alone.
enum err_code connection_transition(enum connection_state from, enum connection_event event,
                                    enum connection_state *ret_to, struct err *reterr) _must_check_;
// The state as the contract spells it, without its prefix.
const char *connection_state_word(enum connection_state state);

// How a connection stands: all that decides whether it can be used.
struct connection_standing {
    enum connection_state state;
    int64_t since_us; // when it ceased to be ACTIVE; 0: not known
    int provider;     // docbridge.v1.Provider
    bool sync_paused, reveals_paused;
};
enum connection_use {
    CONNECTION_FOR_TEST, // also heals what is in ERROR
    CONNECTION_FOR_READ, // of what is not kept, such as images
    CONNECTION_FOR_SYNC,
    CONNECTION_FOR_REVEAL,
};
// Whether upstream may be asked by it. Errors: CONNECTION_NOT_ACTIVE with the metadata `state` and
// `since`, PROVIDER_NOT_SUPPORTED, SYNCS_PAUSED, REVEALS_PAUSED.
enum err_code connection_check_use(const struct connection_standing *standing,
                                   enum connection_use use, struct err *reterr) _must_check_;
// Whether a failed call can be made once someone has mended or resumed the connection.
bool connection_refused_use(enum err_code code);
