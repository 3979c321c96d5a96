#include "client/group.h"
#include "client/output.h"
#include "client/session.h"
#include "docbridge/v1/admin.pb-c.h"

// What the numbers ask of the operator. Returns an exit class.
static int advise(struct session *session, const Docbridge__V1__RewrapVaultResponse *response)
{
    int class = EXIT_OK;
    for (size_t i = 0; i < response->n_unreadable; i++)
        class = session_error(session, EXIT_OTHER,
                              "%d stored secrets that name master key %s do not open: add its file "
                              "to the server's master_key_read_files if it is missing there, else "
                              "restore them or rotate these connections (the server's log and the "
                              "audit trails say which)",
                              response->unreadable[i]->record_count,
                              response->unreadable[i]->master_key_id);
    if (response->remaining_count > 0)
        class = session_error(session, EXIT_OTHER,
                              "%d stored secrets were held by others, or stored meanwhile with "
                              "another master key: run this again",
                              response->remaining_count);
    if (class == EXIT_OK)
        session_note(session,
                     "every stored secret is of master key %s: no other file is needed in "
                     "master_key_read_files",
                     response->master_key_id);
    return class;
}

// A call does what its deadline allows; the next goes on.
int vault_rewrap_run(struct session *session)
{
    const Docbridge__V1__RewrapVaultRequest request = DOCBRIDGE__V1__REWRAP_VAULT_REQUEST__INIT;
    Docbridge__V1__RewrapVaultResponse sum;
    int32_t rewrapped = 0, current = -1, latest;
    do {
        const ProtobufCMessage *answer;
        int class = session_call_own(session, &request.base, &answer);
        if (class != EXIT_OK)
            return class;
        sum = *(const Docbridge__V1__RewrapVaultResponse *)(const void *)answer;
        latest = sum.rewrapped_count;
        rewrapped += latest;
        if (current < 0)
            current = sum.current_count;
    } while (sum.remaining_count > 0 && latest > 0);
    sum.rewrapped_count = rewrapped;
    sum.current_count = current;
    int class = output_message(session, &sum.base);
    return class == EXIT_OK ? advise(session, &sum) : class;
}
