#include <sodium.h>
#include <stdio.h>

#include "client/group.h"
#include "client/mask.h"
#include "client/output.h"
#include "client/session.h"
#include "client/watch.h"
#include "docbridge/v1/sync.pb-c.h"

enum { UUID_BYTES = 37, ORGANIZATIONS_MAX = 100, TASKS_MAX = 5 };

// A random UUID (RFC 9562, version 4): sent twice, the request would act once.
static void make_uuid(char ret_text[UUID_BYTES])
{
    unsigned char b[16];
    randombytes_buf(b, sizeof(b));
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    (void)snprintf(ret_text, UUID_BYTES,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                   b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
                   b[14], b[15]);
}

static int fill_tasks(struct session *session, Docbridge__V1__SyncTaskKind **ret_tasks,
                      size_t *ret_count)
{
    Docbridge__V1__SyncTaskKind *tasks = arena_calloc(&session->arena, TASKS_MAX, sizeof(tasks[0]));
    const char *value;
    size_t count = 0;
    if (tasks == NULL)
        return session_no_memory(session);
    for (; (value = parse_each(session->arguments, "task", count)) != NULL; count++) {
        int number;
        if (count == TASKS_MAX ||
            !field_enum_number(&docbridge__v1__sync_task_kind__descriptor, value, &number))
            return session_usage(session, "--task: at most %d tasks", TASKS_MAX);
        tasks[count] = (Docbridge__V1__SyncTaskKind)number;
    }
    *ret_tasks = tasks;
    *ret_count = count;
    return EXIT_OK;
}

static int fill_run(struct session *session, Docbridge__V1__RunSyncRequest *request)
{
    const struct arguments *arguments = session->arguments;
    request->organizations = arena_calloc(&session->arena, ORGANIZATIONS_MAX, sizeof(char *));
    if (request->organizations == NULL)
        return session_no_memory(session);
    const char *value;
    request->mode = (Docbridge__V1__SyncMode)parse_enum(arguments, "mode");
    int class = fill_tasks(session, &request->tasks, &request->n_tasks);
    if (class != EXIT_OK)
        return class;
    for (size_t i = 0; (value = parse_each(arguments, "org", i)) != NULL; i++) {
        if (i == ORGANIZATIONS_MAX)
            return session_usage(session, "--org: at most %d organizations", ORGANIZATIONS_MAX);
        const char *name;
        class = session_name(session, "connections/{connection}/organizations/{organization}",
                             value, &name);
        if (class != EXIT_OK)
            return class;
        request->organizations[request->n_organizations++] = (char *)(uintptr_t)name;
    }
    return EXIT_OK;
}

int sync_run_run(struct session *session)
{
    Docbridge__V1__RunSyncRequest request = DOCBRIDGE__V1__RUN_SYNC_REQUEST__INIT;
    char request_id[UUID_BYTES];
    make_uuid(request_id);
    request.request_id = request_id;
    const char *parent;
    int class = session_connection(session, &parent);
    if (class == EXIT_OK)
        class = fill_run(session, &request);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "parent", parent);
    const ProtobufCMessage *run;
    class = session_call_own(session, &request.base, &run);
    if (class != EXIT_OK)
        return class;
    if (parse_has(session->arguments, "watch"))
        return watch_run(session, field_get_text(run, "name"));
    return output_message(session, run);
}

int sync_watch_run(struct session *session)
{
    const char *name;
    int class = session_argument(session, 0, "connections/{connection}/syncRuns/{sync_run}", &name);
    return class == EXIT_OK ? watch_run(session, name) : class;
}

int sync_cancel_run(struct session *session)
{
    Docbridge__V1__CancelSyncRunRequest request = DOCBRIDGE__V1__CANCEL_SYNC_RUN_REQUEST__INIT;
    const char *name;
    int class = session_argument(session, 0, "connections/{connection}/syncRuns/{sync_run}", &name);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "name", name);
    const ProtobufCMessage *answer;
    class = session_call_own(session, &request.base, &answer);
    return class == EXIT_OK ? output_message(session, answer) : class;
}

int sync_resolve_run(struct session *session)
{
    Docbridge__V1__ResolveSyncIssueRequest request =
        DOCBRIDGE__V1__RESOLVE_SYNC_ISSUE_REQUEST__INIT;
    bool apply = parse_has(session->arguments, "apply");
    if (apply == parse_has(session->arguments, "dismiss"))
        return session_usage(session, "say either --apply or --dismiss");
    request.decision = apply
                           ? DOCBRIDGE__V1__RESOLVE_SYNC_ISSUE_REQUEST__DECISION__DECISION_APPLY
                           : DOCBRIDGE__V1__RESOLVE_SYNC_ISSUE_REQUEST__DECISION__DECISION_DISMISS;
    const char *name;
    int class =
        session_argument(session, 0, "connections/{connection}/syncIssues/{sync_issue}", &name);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "name", name);
    mask_set_etag(session, &request.base);
    const ProtobufCMessage *issue;
    class = session_call_own(session, &request.base, &issue);
    return class == EXIT_OK ? output_message(session, issue) : class;
}

int sync_estimate_run(struct session *session)
{
    Docbridge__V1__EstimateSyncRequest request = DOCBRIDGE__V1__ESTIMATE_SYNC_REQUEST__INIT;
    request.mode = (Docbridge__V1__SyncMode)parse_enum(session->arguments, "mode");
    const char *parent;
    int class = session_connection(session, &parent);
    if (class == EXIT_OK)
        class = fill_tasks(session, &request.tasks, &request.n_tasks);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "parent", parent);
    const ProtobufCMessage *answer;
    class = session_call_own(session, &request.base, &answer);
    return class == EXIT_OK ? output_message(session, answer) : class;
}
