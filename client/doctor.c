// `docbridge doctor`: looks from here at all that must be well for a command to work.
#include "client/doctor.h"

#include <inttypes.h>
#include <string.h>

#include "client/group.h"
#include "client/remedy.h"
#include "docbridge/v1/connection.pb-c.h"
#include "docbridge/v1/sync.pb-c.h"
#include "grpc/health/v1/health.pb-c.h"
#include "server/base/clock.h"

#define CONNECTION_SERVICE &docbridge__v1__connection_service__descriptor
#define CONNECTION(name) DOCBRIDGE__V1__CONNECTION__STATE__STATE_##name
#define DIAGNOSIS(name) DOCBRIDGE__V1__TEST_CONNECTION_RESPONSE__DIAGNOSIS__DIAGNOSIS_##name
#define RUN(name) DOCBRIDGE__V1__SYNC_RUN__STATE__STATE_##name

enum { CALL_MS = 30000, SKEW_S = 60, STALE_S = 7 * 86400, ISSUES_SHOWN = 3 };

static const ProtobufCMessage *call(struct doctor *doctor,
                                    const ProtobufCServiceDescriptor *service, const char *method,
                                    const ProtobufCMessage *request, struct failure *ret_failure)
{
    struct session *session = doctor->session;
    int64_t timeout_s = session->options.timeout_s;
    const ProtobufCMessage *response = NULL;
    const struct channel_call what = {.service = service,
                                      .method = method,
                                      .request = request,
                                      .timeout_ms = timeout_s > 0 ? timeout_s * 1000 : CALL_MS,
                                      .arena = &session->arena};
    return channel_call(session->channel, &what, &response, ret_failure) ? response : NULL;
}

// A call that failed, as a line.
static void say_failure(struct doctor *doctor, const char *check, const struct failure *failure)
{
    const struct remedy *remedy = remedy_find(failure->reason, failure->status);
    doctor_say(doctor, DOCTOR_FAIL, remedy->class, check, remedy->text, "%s%s%s", failure->reason,
               failure->reason[0] == '\0' ? "" : ": ",
               failure->message[0] != '\0' ? failure->message
                                           : failure_status_name(failure->status));
}

static int64_t seconds_since(const Google__Protobuf__Timestamp *time)
{
    return clock_wall_us() / 1000000 - time->seconds;
}

static bool check_settings(struct doctor *doctor)
{
    struct session *session = doctor->session;
    struct err err = {0};
    if (session->options.server == NULL) {
        doctor_say(doctor, DOCTOR_FAIL, EXIT_USAGE, "settings",
                   "name it: --server, DOCBRIDGE_SERVER or `server` in config.ini",
                   "no server is named");
        return false;
    }
    if (channel_open(&session->options, &session->channel, &err) != ERR_OK) {
        doctor_say(doctor, DOCTOR_FAIL, EXIT_USAGE, "settings", "correct the file or its name",
                   "%s", err.text);
        return false;
    }
    doctor_say(doctor, DOCTOR_OK, EXIT_OK, "settings", "", "server %s", session->options.server);
    return true;
}

static bool check_server(struct doctor *doctor)
{
    const struct options *options = &doctor->session->options;
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    struct failure failure;
    const Grpc__Health__V1__HealthCheckResponse *health = (const void *)call(
        doctor, &grpc__health__v1__health__descriptor, "Check", &request.base, &failure);
    if (health == NULL) {
        say_failure(doctor, "server", &failure);
        return false;
    }
    bool plain = options->ca == NULL && options->cert == NULL && channel_is_local(options->server);
    if (plain)
        doctor_say(doctor, DOCTOR_OK, EXIT_OK, "server", "",
                   "answers, without TLS on this machine");
    else
        doctor_say(doctor, DOCTOR_OK, EXIT_OK, "server", "", "answers over TLS, certificate of %s",
                   options->ca == NULL ? "the system's authorities" : options->ca);
    bool serving =
        health->status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
    doctor_say(doctor, serving ? DOCTOR_OK : DOCTOR_FAIL, EXIT_OTHER, "serving",
               serving ? "" : "tell its operator: its log says why", "%s",
               serving ? "yes" : "no: the server is starting or stopping");
    return true;
}

// Whether the clocks here, of who signed the token and of the server agree, as far as the token
// tells.
static void check_clock(struct doctor *doctor, const struct doctor_token *token,
                        const struct failure *failure)
{
    static const char remedy[] = "set the clocks by NTP, here, on the server and on the portal";
    int64_t now_us = clock_wall_us(), ahead_s = (token->issue_time_us - now_us) / 1000000;
    bool expired_here = token->expire_time_us != 0 && token->expire_time_us <= now_us;
    bool expired_there = failure != NULL && strcmp(failure->reason, "TOKEN_EXPIRED") == 0;
    if (!token->read || token->issue_time_us == 0)
        return;
    if (ahead_s > SKEW_S)
        doctor_say(doctor, DOCTOR_WARN, EXIT_OK, "clock", remedy,
                   "the token was issued %s from now, by the clock here",
                   doctor_span(doctor, ahead_s));
    else if (expired_there && !expired_here)
        doctor_say(doctor, DOCTOR_WARN, EXIT_OK, "clock", remedy,
                   "the token is good by the clock here, and expired by the server's");
    else if (failure == NULL && expired_here)
        doctor_say(doctor, DOCTOR_WARN, EXIT_OK, "clock", remedy,
                   "the token is expired by the clock here, and good by the server's");
    else
        doctor_say(doctor, DOCTOR_OK, EXIT_OK, "clock", "", "agrees with the token");
}

static bool is_named(const struct doctor *doctor, const Docbridge__V1__Connection *connection)
{
    const char *wanted = doctor->session->options.connection;
    const char *id = strrchr(connection->name, '/') + 1;
    return strcmp(connection->name, wanted) == 0 || strcmp(id, wanted) == 0;
}

// The connection of --connection, or the one that is in use, or any.
static const Docbridge__V1__Connection *choose(const struct doctor *doctor,
                                               const Docbridge__V1__ListConnectionsResponse *list)
{
    const Docbridge__V1__Connection *chosen = NULL;
    bool named = doctor->session->options.connection != NULL;
    for (size_t i = 0; i < list->n_connections; i++) {
        const Docbridge__V1__Connection *one = list->connections[i];
        bool live = one->state == CONNECTION(ACTIVE) || one->state == CONNECTION(ERROR);
        if (named ? is_named(doctor, one) : chosen == NULL || live)
            chosen = one;
    }
    return chosen;
}

static const Docbridge__V1__Connection *check_caller(struct doctor *doctor,
                                                     const struct doctor_token *token)
{
    Docbridge__V1__ListConnectionsRequest request = DOCBRIDGE__V1__LIST_CONNECTIONS_REQUEST__INIT;
    struct failure failure;
    request.page_size = 1000;
    const Docbridge__V1__ListConnectionsResponse *list =
        (const void *)call(doctor, CONNECTION_SERVICE, "ListConnections", &request.base, &failure);
    // Who reads documentation need not see connections: the token was accepted all the same.
    bool denied = list == NULL && strcmp(failure.reason, "MISSING_PERMISSION") == 0;
    check_clock(doctor, token, list == NULL && !denied ? &failure : NULL);
    if (list == NULL && !denied) {
        say_failure(doctor, "caller", &failure);
        return NULL;
    }
    doctor_say(doctor, DOCTOR_OK, EXIT_OK, "caller", "", "the server accepts the token");
    if (denied) {
        doctor_say(doctor, DOCTOR_WARN, EXIT_OK, "connection",
                   "with read_integrations the doctor looks at the connection and its syncs too",
                   "not looked at");
        return NULL;
    }
    const Docbridge__V1__Connection *connection = choose(doctor, list);
    if (connection == NULL && list->n_connections > 0)
        doctor_say(doctor, DOCTOR_FAIL, EXIT_NOT_FOUND, "connection",
                   "see `docbridge connection list`", "there is no connection %s",
                   doctor->session->options.connection);
    else if (connection == NULL)
        doctor_say(doctor, DOCTOR_WARN, EXIT_OK, "connection", "docbridge connection create",
                   "there is none yet");
    return connection;
}

static void check_connection(struct doctor *doctor, const Docbridge__V1__Connection *connection)
{
    const char *state =
        field_enum_name(&docbridge__v1__connection__state__descriptor, (int)connection->state);
    if (connection->state == CONNECTION(ERROR) && connection->problem != NULL) {
        const struct remedy *remedy = remedy_find(connection->problem->reason, STATUS_UNKNOWN);
        doctor_say(doctor, DOCTOR_FAIL, remedy->class, "connection", remedy->text, "%s: %s, %s: %s",
                   connection->name, state, connection->problem->reason,
                   connection->problem->message);
    } else {
        bool active = connection->state == CONNECTION(ACTIVE);
        doctor_say(doctor, active ? DOCTOR_OK : DOCTOR_WARN, EXIT_OK, "connection",
                   active ? "" : "docbridge connection rotate connects it again", "%s: %s",
                   connection->name, state == NULL ? "?" : state);
    }
    if (connection->sync_paused || connection->reveals_paused)
        doctor_say(doctor, DOCTOR_WARN, EXIT_OK, "pause", "docbridge connection resume",
                   "%s%s%s are paused", connection->sync_paused ? "syncs" : "",
                   connection->sync_paused && connection->reveals_paused ? " and " : "",
                   connection->reveals_paused ? "reveals" : "");
}

static void check_key(struct doctor *doctor, const Docbridge__V1__Connection *connection)
{
    const Docbridge__V1__Connection__Credential *credential = connection->credential;
    if (credential == NULL)
        return;
    for (size_t i = 0; i < connection->n_warnings; i++)
        doctor_say(doctor, DOCTOR_WARN, EXIT_OK, "key age", "docbridge connection test uses it",
                   "%s", connection->warnings[i]);
    if (connection->n_warnings > 0)
        return;
    if (credential->last_success_time == NULL)
        doctor_say(doctor, DOCTOR_WARN, EXIT_OK, "key age", "docbridge connection test",
                   "the key was never accepted");
    else
        doctor_say(doctor, DOCTOR_OK, EXIT_OK, "key age", "", "last accepted %s ago",
                   doctor_span(doctor, seconds_since(credential->last_success_time)));
}

// What a key may not do, what follows from it, and what helps. Documents, their folders and
// checklists came into IT Glue's API one after the other, account by account: no key helps where
// they are not.
static void say_denied(struct doctor *doctor, const Docbridge__V1__Capability *capability)
{
    static const char other_key[] = "ask an administrator of the IT Glue account to widen the key";
    static const char not_yet[] = "IT Glue's API does not list these for every account yet: ask "
                                  "IT Glue's support about yours";
    static const struct {
        Docbridge__V1__Capability__Kind kind;
        const char *consequence, *remedy;
    } known[] = {
        {DOCBRIDGE__V1__CAPABILITY__KIND__KIND_DOCUMENTS, "", not_yet},
        {DOCBRIDGE__V1__CAPABILITY__KIND__KIND_CHECKLISTS, "", not_yet},
        {DOCBRIDGE__V1__CAPABILITY__KIND__KIND_DOCUMENT_FOLDERS,
         " Documents in folders that it never listed are hidden: a folder may be restricted.",
         "IT Glue's API does not list folders for every account yet: ask IT Glue's support about "
         "yours; once it does, docbridge sync run --mode full shows the documents"},
    };
    const char *kind =
        field_enum_name(&docbridge__v1__capability__kind__descriptor, (int)capability->kind);
    const char *consequence = "", *remedy = other_key;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i].kind == capability->kind) {
            consequence = known[i].consequence;
            remedy = known[i].remedy;
        }
    doctor_say(doctor, DOCTOR_WARN, EXIT_OK, "capability", remedy, "%s: %s%s",
               kind == NULL ? "?" : kind, capability->detail, consequence);
}

static bool is_key_refused(Docbridge__V1__TestConnectionResponse__Diagnosis diagnosis)
{
    return diagnosis == DIAGNOSIS(KEY_OR_REGION_REJECTED) ||
           diagnosis == DIAGNOSIS(KEY_REVOKED_OR_EXPIRED) ||
           diagnosis == DIAGNOSIS(REGION_MISMATCH) ||
           diagnosis == DIAGNOSIS(API_NOT_ENABLED_SUSPECTED);
}

// Asks upstream with the stored key.
static void check_upstream(struct doctor *doctor, const Docbridge__V1__Connection *connection)
{
    Docbridge__V1__TestConnectionRequest request = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__INIT;
    struct failure failure;
    request.target_case = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__TARGET_NAME;
    request.name = connection->name;
    const Docbridge__V1__TestConnectionResponse *report =
        (const void *)call(doctor, CONNECTION_SERVICE, "TestConnection", &request.base, &failure);
    if (report == NULL && failure.status == STATUS_PERMISSION_DENIED) {
        doctor_say(doctor, DOCTOR_WARN, EXIT_OK, "upstream",
                   "with manage_integrations the doctor tests the key too", "not tested");
        return;
    }
    if (report == NULL) {
        say_failure(doctor, "upstream", &failure);
        return;
    }
    bool well = report->diagnosis == DIAGNOSIS(OK);
    const char *diagnosis = field_enum_name(
        &docbridge__v1__test_connection_response__diagnosis__descriptor, (int)report->diagnosis);
    if (well)
        doctor_say(doctor, DOCTOR_OK, EXIT_OK, "upstream", "", "IT Glue accepts the key");
    else
        doctor_say(doctor, DOCTOR_FAIL, EXIT_UPSTREAM, "upstream", report->remedy, "%s",
                   diagnosis == NULL ? "?" : diagnosis);
    // Of a key that is refused whole, every probe is, and there is one thing to do.
    for (size_t i = 0; i < report->n_capabilities && !is_key_refused(report->diagnosis); i++) {
        if (report->capabilities[i]->grant == DOCBRIDGE__V1__CAPABILITY__GRANT__GRANT_DENIED)
            say_denied(doctor, report->capabilities[i]);
    }
}

static void check_setup(struct doctor *doctor, const Docbridge__V1__Connection *connection)
{
    Docbridge__V1__GetSetupProgressRequest request =
        DOCBRIDGE__V1__GET_SETUP_PROGRESS_REQUEST__INIT;
    struct failure failure;
    request.name = arena_printf(&doctor->session->arena, "%s/setupProgress", connection->name);
    if (request.name == NULL)
        return;
    const Docbridge__V1__SetupProgress *progress =
        (const void *)call(doctor, CONNECTION_SERVICE, "GetSetupProgress", &request.base, &failure);
    if (progress == NULL)
        say_failure(doctor, "setup", &failure);
    else
        doctor_say(doctor, progress->complete ? DOCTOR_OK : DOCTOR_WARN, EXIT_OK, "setup",
                   progress->complete ? "" : "docbridge setup status", "%s",
                   progress->complete ? "complete" : "not complete");
}

static void judge_run(struct doctor *doctor, const Docbridge__V1__SyncRun *run)
{
    const char *state =
        field_enum_name(&docbridge__v1__sync_run__state__descriptor, (int)run->state);
    bool over = run->end_time != NULL;
    int64_t age_s = over ? seconds_since(run->end_time) : 0;
    bool failed = run->state == RUN(FAILED), poor = run->state == RUN(PARTIAL);
    bool stale = over && age_s > STALE_S;
    doctor_say(doctor,
               failed          ? DOCTOR_FAIL
               : poor || stale ? DOCTOR_WARN
                               : DOCTOR_OK,
               EXIT_UPSTREAM, "sync",
               failed || poor ? "docbridge sync issues"
               : stale        ? "docbridge sync run"
                              : "",
               "last run %s%s%s%s", state == NULL ? "?" : state, over ? ", " : "",
               over ? doctor_span(doctor, age_s) : "", over ? " ago" : "");
}

// Those that are open, whichever run met them: a few in full.
static void check_issues(struct doctor *doctor, const Docbridge__V1__Connection *connection)
{
    static const char remedy[] = "docbridge sync issues --state open";
    Docbridge__V1__ListSyncIssuesRequest request = DOCBRIDGE__V1__LIST_SYNC_ISSUES_REQUEST__INIT;
    struct failure failure;
    request.parent = connection->name;
    request.filter = (char *)(uintptr_t) "state = OPEN";
    request.page_size = ISSUES_SHOWN;
    const Docbridge__V1__ListSyncIssuesResponse *list =
        (const void *)call(doctor, &docbridge__v1__sync_service__descriptor, "ListSyncIssues",
                           &request.base, &failure);
    if (list == NULL) {
        say_failure(doctor, "issue", &failure);
        return;
    }
    for (size_t i = 0; i < list->n_sync_issues && i < ISSUES_SHOWN; i++) {
        const Docbridge__V1__SyncIssue *issue = list->sync_issues[i];
        const char *kind =
            field_enum_name(&docbridge__v1__sync_issue__kind__descriptor, (int)issue->kind);
        doctor_say(doctor, DOCTOR_WARN, EXIT_OK, "issue", remedy, "%s: %s",
                   kind == NULL ? "?" : kind, issue->message);
    }
    if (list->next_page_token[0] != '\0')
        doctor_say(doctor, DOCTOR_WARN, EXIT_OK, "issues", remedy, "there are more");
}

static void check_sync(struct doctor *doctor, const Docbridge__V1__Connection *connection)
{
    Docbridge__V1__GetSyncRunRequest request = DOCBRIDGE__V1__GET_SYNC_RUN_REQUEST__INIT;
    struct failure failure;
    if (connection->latest_sync_run[0] == '\0') {
        doctor_say(doctor, DOCTOR_WARN, EXIT_OK, "sync", "docbridge sync run", "there was no run");
        return;
    }
    request.name = connection->latest_sync_run;
    const Docbridge__V1__SyncRun *run = (const void *)call(
        doctor, &docbridge__v1__sync_service__descriptor, "GetSyncRun", &request.base, &failure);
    if (run == NULL)
        say_failure(doctor, "sync", &failure);
    else
        judge_run(doctor, run);
}

static void examine(struct doctor *doctor)
{
    if (!check_settings(doctor))
        return;
    struct doctor_token token = doctor_read_token(doctor);
    if (!check_server(doctor) || doctor->session->options.token_file == NULL)
        return;
    const Docbridge__V1__Connection *connection = check_caller(doctor, &token);
    if (connection == NULL)
        return;
    check_connection(doctor, connection);
    check_key(doctor, connection);
    if (!parse_has(doctor->session->arguments, "no-test") && connection->credential != NULL)
        check_upstream(doctor, connection);
    check_setup(doctor, connection);
    check_sync(doctor, connection);
    if (connection->latest_sync_run[0] != '\0')
        check_issues(doctor, connection);
}

int doctor_run(struct session *session)
{
    struct doctor doctor = {.session = session};
    examine(&doctor);
    return doctor_print(&doctor);
}
