#include "client/wizard.h"

#include <string.h>

#include "client/group.h"
#include "client/output.h"
#include "client/prompt.h"
#include "client/watch.h"
#include "docbridge/v1/company.pb-c.h"
#include "docbridge/v1/connection.pb-c.h"
#include "docbridge/v1/sync.pb-c.h"

#define CONNECTIONS (&docbridge__v1__connection_service__descriptor)
#define DIAGNOSIS_OK DOCBRIDGE__V1__TEST_CONNECTION_RESPONSE__DIAGNOSIS__DIAGNOSIS_OK

enum { KEY_TRIES = 5 };

static const struct column capability_columns[] = {
    {"CAPABILITY", "kind", FIELD_FULL}, {"GRANT", "grant", FIELD_FULL}, {.title = NULL}};

char *wizard_text(const char *text)
{
    return (char *)(uintptr_t)(text == NULL ? "" : text);
}

int wizard_call(struct wizard *wizard, const ProtobufCServiceDescriptor *service,
                const char *method, const ProtobufCMessage *request,
                const ProtobufCMessage **ret_response)
{
    return session_call(
        wizard->session,
        &(struct session_call){.service = service, .method = method, .request = request},
        ret_response);
}

bool wizard_given(const struct wizard *wizard, const char *const *options)
{
    for (; *options != NULL; options++)
        if (parse_has(wizard->session->arguments, *options))
            return true;
    return false;
}

char *wizard_name(struct wizard *wizard, const char *suffix)
{
    return arena_printf(&wizard->session->arena, "%s%s", wizard->connection, suffix);
}

// --- Step 1

// Region and key; the key is borrowed from `*ret_key`.
static int ask_candidate(struct wizard *wizard, Docbridge__V1__ConnectionCandidate *candidate,
                         struct secret **ret_key)
{
    const struct arguments *arguments = wizard->session->arguments;
    const char *region = "";
    int number, class = EXIT_OK;
    candidate->provider = DOCBRIDGE__V1__PROVIDER__PROVIDER_IT_GLUE;
    if (parse_has(arguments, "region"))
        candidate->region = (Docbridge__V1__Region)parse_enum(arguments, "region");
    else
        class = ask_text(&wizard->asker, "region-uri", "--region us|eu|au or --region-uri URI",
                         "Region (us, eu, au), or the address of IT Glue in your browser", "us",
                         &region);
    if (class != EXIT_OK)
        return class;
    if (candidate->region == 0 &&
        field_enum_number(&docbridge__v1__region__descriptor, region, &number))
        candidate->region = (Docbridge__V1__Region)number;
    else if (candidate->region == 0)
        candidate->region_uri = wizard_text(region);
    class = prompt_api_key(wizard->session, ret_key);
    if (class == EXIT_OK)
        candidate->api_key = wizard_text(secret_bytes(*ret_key));
    return class;
}

// What the test says. EXIT_UPSTREAM: the key is not good.
static int print_report(struct wizard *wizard, const Docbridge__V1__TestConnectionResponse *report)
{
    for (size_t i = 0; i < report->n_warnings; i++)
        session_note(wizard->session, "%s", report->warnings[i]);
    if (report->diagnosis == DIAGNOSIS_OK)
        return output_items(wizard->session, &report->base, "capabilities", capability_columns);
    for (size_t i = 0; i < report->n_candidates; i++)
        ask_say(&wizard->asker, "  - %s", report->candidates[i]);
    return session_error(
        wizard->session, EXIT_UPSTREAM, "%s: %s",
        field_enum_name(&docbridge__v1__test_connection_response__diagnosis__descriptor,
                        (int)report->diagnosis),
        report->remedy);
}

static int test_candidate(struct wizard *wizard, Docbridge__V1__ConnectionCandidate *candidate)
{
    Docbridge__V1__TestConnectionRequest request = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__INIT;
    const ProtobufCMessage *answer;
    request.target_case = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__TARGET_CANDIDATE;
    request.candidate = candidate;
    ask_say(&wizard->asker, "Testing the key ...");
    int class = session_call(wizard->session,
                             &(struct session_call){.service = CONNECTIONS,
                                                    .method = "TestConnection",
                                                    .request = &request.base,
                                                    .secret_request = true},
                             &answer);
    return class == EXIT_OK ? print_report(wizard, (const void *)answer) : class;
}

// Asks until a key passes its test. A key from a file has one try.
static int good_candidate(struct wizard *wizard, Docbridge__V1__ConnectionCandidate *candidate,
                          struct secret **ret_key)
{
    bool once =
        wizard->asker.terminal == NULL || parse_has(wizard->session->arguments, "api-key-file");
    for (int tries = 1;; tries++) {
        int class = ask_candidate(wizard, candidate, ret_key);
        if (class == EXIT_OK)
            class = test_candidate(wizard, candidate);
        bool again = class == EXIT_UPSTREAM || (class == EXIT_USAGE && *ret_key != NULL);
        if (!again || once || tries == KEY_TRIES)
            return class;
        docbridge__v1__connection_candidate__init(candidate);
        *ret_key = secret_free(*ret_key);
    }
}

static int create(struct wizard *wizard)
{
    Docbridge__V1__CreateConnectionRequest request = DOCBRIDGE__V1__CREATE_CONNECTION_REQUEST__INIT;
    Docbridge__V1__Connection connection = DOCBRIDGE__V1__CONNECTION__INIT;
    Docbridge__V1__ConnectionCandidate candidate = DOCBRIDGE__V1__CONNECTION_CANDIDATE__INIT;
    struct secret *key _cleanup_(secret_freep) = NULL;
    const char *title, *psa;
    const ProtobufCMessage *answer;
    int number, class = good_candidate(wizard, &candidate, &key);
    bool quiet = wizard->asker.terminal == NULL;
    const struct arguments *arguments = wizard->session->arguments;
    title =
        parse_has(arguments, "display-name") ? parse_text(arguments, "display-name") : "IT Glue";
    psa = parse_has(arguments, "psa-type") ? parse_text(arguments, "psa-type") : "none";
    if (class == EXIT_OK && !quiet)
        class = ask_text(&wizard->asker, "display-name", "", "A name for this connection", title,
                         &title);
    while (class == EXIT_OK && !quiet) {
        class =
            ask_text(&wizard->asker, "psa-type", "",
                     "The PSA that IT Glue is linked to, such as autotask; none: it is found out",
                     "none", &psa);
        if (class != EXIT_OK || strcmp(psa, "none") == 0 ||
            field_enum_number(&docbridge__v1__psa_type__descriptor, psa, &number))
            break;
        ask_say(&wizard->asker, "one of connectwise-manage, autotask, tigerpaw, kaseya-bms, "
                                "pulseway-psa, vorex, halo, syncro, none");
    }
    if (class != EXIT_OK)
        return class;
    if (strcmp(psa, "none") != 0 &&
        field_enum_number(&docbridge__v1__psa_type__descriptor, psa, &number))
        connection.psa_type = (Docbridge__V1__PsaType)number;
    connection.display_name = wizard_text(title);
    request.connection = &connection;
    request.candidate = &candidate;
    class = session_call(wizard->session,
                         &(struct session_call){.service = CONNECTIONS,
                                                .method = "CreateConnection",
                                                .request = &request.base,
                                                .secret_request = true},
                         &answer);
    if (class != EXIT_OK)
        return class;
    wizard->connection = ((const Docbridge__V1__Connection *)(const void *)answer)->name;
    ask_say(&wizard->asker, "Connected as %s.", wizard->connection);
    return EXIT_OK;
}

// Another key for a connection that has none, or whose key IT Glue refuses.
static int reconnect(struct wizard *wizard)
{
    Docbridge__V1__RotateCredentialRequest request = DOCBRIDGE__V1__ROTATE_CREDENTIAL_REQUEST__INIT;
    Docbridge__V1__ConnectionCandidate candidate = DOCBRIDGE__V1__CONNECTION_CANDIDATE__INIT;
    struct secret *key _cleanup_(secret_freep) = NULL;
    const ProtobufCMessage *answer;
    int class = good_candidate(wizard, &candidate, &key);
    if (class != EXIT_OK)
        return class;
    request.name = wizard_text(wizard->connection);
    request.candidate = &candidate;
    class = session_call(wizard->session,
                         &(struct session_call){.service = CONNECTIONS,
                                                .method = "RotateCredential",
                                                .request = &request.base,
                                                .secret_request = true},
                         &answer);
    if (class == EXIT_OK)
        ask_say(&wizard->asker, "%s works again; mappings and settings are as they were.",
                wizard->connection);
    return class;
}

static int connect_step(struct wizard *wizard)
{
    Docbridge__V1__ListConnectionsRequest list = DOCBRIDGE__V1__LIST_CONNECTIONS_REQUEST__INIT;
    Docbridge__V1__GetConnectionRequest get = DOCBRIDGE__V1__GET_CONNECTION_REQUEST__INIT;
    const ProtobufCMessage *answer;
    ask_say(&wizard->asker, "Step 1 of 4: Connect");
    int class = wizard_call(wizard, CONNECTIONS, "ListConnections", &list.base, &answer);
    if (class != EXIT_OK)
        return class;
    const Docbridge__V1__ListConnectionsResponse *all = (const void *)answer;
    if (all->n_connections == 0 && wizard->session->options.connection == NULL)
        return create(wizard);
    class = session_connection(wizard->session, &wizard->connection);
    get.name = wizard_text(wizard->connection);
    if (class == EXIT_OK)
        class = wizard_call(wizard, CONNECTIONS, "GetConnection", &get.base, &answer);
    if (class != EXIT_OK)
        return class;
    const Docbridge__V1__Connection *found = (const void *)answer;
    if (found->state == DOCBRIDGE__V1__CONNECTION__STATE__STATE_ACTIVE) {
        ask_say(&wizard->asker, "Done: %s, \"%s\".", found->name, found->display_name);
        return EXIT_OK;
    }
    ask_say(&wizard->asker, "%s is %s.", found->name,
            field_enum_name(&docbridge__v1__connection__state__descriptor, (int)found->state));
    return reconnect(wizard);
}

// --- The end

static int first_sync(struct wizard *wizard)
{
    Docbridge__V1__RunSyncRequest request = DOCBRIDGE__V1__RUN_SYNC_REQUEST__INIT;
    const ProtobufCMessage *answer;
    bool yes;
    int class = ask_yes(&wizard->asker, "sync", "Fetch what was chosen now?", true, &yes);
    if (class != EXIT_OK || !yes)
        return class;
    request.parent = wizard_text(wizard->connection);
    class = wizard_call(wizard, &docbridge__v1__sync_service__descriptor, "RunSync", &request.base,
                        &answer);
    return class == EXIT_OK
               ? watch_run(wizard->session, ((const Docbridge__V1__SyncRun *)answer)->name)
               : class;
}

int setup_run(struct session *session)
{
    static int (*const steps[])(struct wizard *) = {connect_step, wizard_map, wizard_documentation,
                                                    wizard_passwords, first_sync};
    if (session->options.format != OUTPUT_TABLE)
        return session_usage(session, "setup talks to people: it has no -o json");
    int class = session_connect(session);
    struct wizard wizard = {.session = session};
    ask_open(&wizard.asker, session, "stopped; what was done stays, `docbridge setup` goes on");
    for (size_t i = 0; class == EXIT_OK && i < ARRAY_LEN(steps); i++)
        class = steps[i](&wizard);
    if (class == EXIT_OK)
        ask_say(&wizard.asker, "The setup is done. `docbridge setup` changes it, `docbridge setup "
                               "status` and `docbridge doctor` look at it.");
    ask_close(&wizard.asker);
    return class;
}
