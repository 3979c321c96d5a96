#include "server/store/connection_state.h"

#include "server/base/clock.h"
#include "server/source/source.h"

// Not designated: cannot happen, since no event leads to ABSENT.
static const enum connection_state table[CONNECTION_STATE_COUNT][CONNECTION_EVENT_COUNT] = {
    [CONNECTION_ABSENT] = {[CONNECTION_CREATE] = CONNECTION_ACTIVE},
    [CONNECTION_ACTIVE] = {[CONNECTION_UPDATE] = CONNECTION_ACTIVE,
                           [CONNECTION_KEY_WORKED] = CONNECTION_ACTIVE,
                           [CONNECTION_KEY_REJECTED] = CONNECTION_ERROR,
                           [CONNECTION_ROTATE] = CONNECTION_ACTIVE,
                           [CONNECTION_PAUSE] = CONNECTION_ACTIVE,
                           [CONNECTION_RESUME] = CONNECTION_ACTIVE,
                           [CONNECTION_DISCONNECT] = CONNECTION_DISCONNECTED,
                           [CONNECTION_DELETE] = CONNECTION_DELETING},
    [CONNECTION_ERROR] = {[CONNECTION_UPDATE] = CONNECTION_ERROR,
                          [CONNECTION_KEY_WORKED] = CONNECTION_ACTIVE,
                          [CONNECTION_KEY_REJECTED] = CONNECTION_ERROR,
                          [CONNECTION_ROTATE] = CONNECTION_ACTIVE,
                          [CONNECTION_PAUSE] = CONNECTION_ERROR,
                          [CONNECTION_RESUME] = CONNECTION_ERROR,
                          [CONNECTION_DISCONNECT] = CONNECTION_DISCONNECTED,
                          [CONNECTION_DELETE] = CONNECTION_DELETING},
    // There is nothing to pause; what was paused before stays so until it is connected again.
    [CONNECTION_DISCONNECTED] = {[CONNECTION_UPDATE] = CONNECTION_DISCONNECTED,
                                 [CONNECTION_ROTATE] = CONNECTION_ACTIVE,
                                 [CONNECTION_DISCONNECT] = CONNECTION_DISCONNECTED,
                                 [CONNECTION_DELETE] = CONNECTION_DELETING},
    [CONNECTION_DELETING] = {[CONNECTION_DELETE] = CONNECTION_DELETING},
};

static const char *event_word(enum connection_event event)
{
    static const char *const words[] = {
        [CONNECTION_CREATE] = "CREATE",         [CONNECTION_UPDATE] = "UPDATE",
        [CONNECTION_KEY_WORKED] = "KEY_WORKED", [CONNECTION_KEY_REJECTED] = "KEY_REJECTED",
        [CONNECTION_ROTATE] = "ROTATE",         [CONNECTION_PAUSE] = "PAUSE",
        [CONNECTION_RESUME] = "RESUME",         [CONNECTION_DISCONNECT] = "DISCONNECT",
        [CONNECTION_DELETE] = "DELETE",
    };
    return words[event];
}

const char *connection_state_word(enum connection_state state)
{
    static const char *const words[] = {
        [CONNECTION_ABSENT] = "NONE",       [CONNECTION_ACTIVE] = "ACTIVE",
        [CONNECTION_ERROR] = "ERROR",       [CONNECTION_DISCONNECTED] = "DISCONNECTED",
        [CONNECTION_DELETING] = "DELETING",
    };
    // The number may come from the database of a later version.
    return (size_t)state < ARRAY_LEN(words) ? words[state] : "UNKNOWN";
}

enum err_code connection_transition(enum connection_state from, enum connection_event event,
                                    enum connection_state *ret_to, struct err *reterr)
{
    if ((size_t)from < CONNECTION_STATE_COUNT && table[from][event] != CONNECTION_ABSENT) {
        *ret_to = table[from][event];
        return ERR_OK;
    }
    (void)err_set(reterr, ERR_INVALID_STATE_TRANSITION, "the connection is %s: %s is not possible",
                  connection_state_word(from), event_word(event));
    err_meta(reterr, "state", "%s", connection_state_word(from));
    err_meta(reterr, "verb", "%s", event_word(event));
    return ERR_INVALID_STATE_TRANSITION;
}

static enum err_code not_active(const struct connection_standing *standing, struct err *reterr)
{
    static const char *const texts[CONNECTION_STATE_COUNT] = {
        [CONNECTION_ABSENT] = "there is no connection",
        [CONNECTION_ACTIVE] = "",
        [CONNECTION_ERROR] = "the connection needs attention: test it, or give it another key",
        [CONNECTION_DISCONNECTED] = "the connection is disconnected: give it a key",
        [CONNECTION_DELETING] = "the connection is being deleted",
    };
    (void)err_set(reterr, ERR_CONNECTION_NOT_ACTIVE, "%s",
                  (size_t)standing->state < ARRAY_LEN(texts) ? texts[standing->state]
                                                             : "the connection is not active");
    err_meta(reterr, "state", "%s", connection_state_word(standing->state));
    if (standing->since_us != 0) {
        char since[CLOCK_TEXT_BYTES];
        clock_text(standing->since_us, since);
        err_meta(reterr, "since", "%s", since);
    }
    return ERR_CONNECTION_NOT_ACTIVE;
}

enum err_code connection_check_use(const struct connection_standing *standing,
                                   enum connection_use use, struct err *reterr)
{
    bool heals = use == CONNECTION_FOR_TEST && standing->state == CONNECTION_ERROR;
    if (standing->state != CONNECTION_ACTIVE && !heals)
        return not_active(standing, reterr);
    if (standing->provider != SOURCE_PROVIDER_IT_GLUE) {
        (void)err_set(reterr, ERR_PROVIDER_NOT_SUPPORTED,
                      "Hudu is recorded as the documentation system; it cannot be read yet");
        err_meta(reterr, "provider", "HUDU");
        return ERR_PROVIDER_NOT_SUPPORTED;
    }
    if (use == CONNECTION_FOR_SYNC && standing->sync_paused)
        return err_set(reterr, ERR_SYNCS_PAUSED, "syncs are paused by an administrator");
    if (use == CONNECTION_FOR_REVEAL && standing->reveals_paused)
        return err_set(reterr, ERR_REVEALS_PAUSED, "reveals are paused by an administrator");
    return ERR_OK;
}

bool connection_refused_use(enum err_code code)
{
    return code == ERR_CONNECTION_NOT_ACTIVE || code == ERR_PROVIDER_NOT_SUPPORTED ||
           code == ERR_SYNCS_PAUSED || code == ERR_REVEALS_PAUSED;
}
