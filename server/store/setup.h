// What is known of a connection's setup.
#pragma once

#include "server/store/store.h"

// Facts of one moment, of the whole tenant whoever asks.
struct setup {
    int state;               // docbridge.v1.Connection.State
    bool companies;          // there are companies
    bool organizations;      // organizations are known, not counting those gone upstream
    bool inventory_denied;   // the key may not list them
    bool inventory_fetching; // a live run is going to list them
    bool mappings;           // of organizations that are still upstream
    bool documentation_chosen;
    bool documentation_denied; // every kind of it
    bool sharing;              // of passwords
    bool access_given;         // to the passwords of some company
    bool passwords_denied;
    bool content_synced; // a run did more than list organizations
};

// Reads them in one statement. `*ret_found` is false if there is no such connection.
enum err_code setup_get(struct tx *tx, const char *connection_id, struct setup *ret_setup,
                        bool *ret_found, struct err *reterr) _must_check_;
