#include "client/resume.h"

#include "server/base/clock.h"

enum { ATTEMPTS_MAX = 8, DELAY_FIRST_MS = 500, DELAY_MAX_MS = 10000, LOOK_MS = 250 };

static bool passes(const struct failure *failure)
{
    return failure->status == STATUS_OK || failure->status == STATUS_UNAVAILABLE ||
           failure->status == STATUS_RESOURCE_EXHAUSTED ||
           (failure->reason[0] == '\0' &&
            (failure->status == STATUS_INTERNAL || failure->status == STATUS_UNKNOWN ||
             failure->status == STATUS_CANCELLED));
}

int resume_or_fail(struct session *session, int attempts, const struct failure *failure)
{
    if (attempts < ATTEMPTS_MAX && (passes(failure) || session_renew_token(session, failure)))
        return EXIT_OK;
    if (failure->status == STATUS_OK)
        return session_error(session, EXIT_OTHER, "the stream is lost and cannot be resumed");
    return session_fail(session, failure);
}

// The pause doubles up to its bound: a server may be silent for as often as it likes.
void resume_pause(struct session *session, int *attempts, const volatile sig_atomic_t *stop)
{
    int doublings = *attempts < ATTEMPTS_MAX ? *attempts : ATTEMPTS_MAX;
    int64_t delay_ms = (int64_t)DELAY_FIRST_MS << doublings, left_ms;
    struct deadline deadline = deadline_in(delay_ms < DELAY_MAX_MS ? delay_ms : DELAY_MAX_MS);
    session_note(session, "the stream was lost; resuming");
    *attempts = doublings + 1;
    while ((left_ms = deadline_left_ms(deadline)) > 0 && (stop == NULL || *stop == 0))
        channel_pause(session->channel, left_ms < LOOK_MS ? left_ms : LOOK_MS);
}
