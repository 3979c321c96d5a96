#include <stdio.h>
#include <string.h>

#include "client/candidate.h"
#include "client/group.h"
#include "client/output.h"
#include "client/session.h"
#include "docbridge/v1/connection.pb-c.h"

// A string of a message is not const, though it is only read.
static char *text_of(const char *text)
{
    return (char *)(uintptr_t)(text == NULL ? "" : text);
}

int connection_create_run(struct session *session)
{
    Docbridge__V1__CreateConnectionRequest request = DOCBRIDGE__V1__CREATE_CONNECTION_REQUEST__INIT;
    Docbridge__V1__Connection connection = DOCBRIDGE__V1__CONNECTION__INIT;
    Docbridge__V1__ConnectionCandidate candidate = DOCBRIDGE__V1__CONNECTION_CANDIDATE__INIT;
    struct secret *key _cleanup_(secret_freep) = NULL;
    const char *title = parse_text(session->arguments, "display-name");
    bool hudu =
        parse_enum(session->arguments, "provider") == DOCBRIDGE__V1__PROVIDER__PROVIDER_HUDU;
    connection.display_name = text_of(title != NULL ? title : hudu ? "Hudu" : "IT Glue");
    connection.psa_type = (Docbridge__V1__PsaType)parse_enum(session->arguments, "psa-type");
    request.connection = &connection;
    request.candidate = &candidate;
    request.connection_id = text_of(parse_text(session->arguments, "id"));
    request.validate_only = parse_has(session->arguments, "dry-run");
    int class = session_connect(session);
    if (class == EXIT_OK)
        class = candidate_fill(session, 0, &candidate, &key);
    if (class != EXIT_OK)
        return class;
    const ProtobufCMessage *answer;
    class = session_call(session,
                         &(struct session_call){.service = session->command->service,
                                                .method = session->command->method,
                                                .request = &request.base,
                                                .secret_request = true},
                         &answer);
    if (class != EXIT_OK)
        return class;
    const Docbridge__V1__Connection *made = (const void *)answer;
    if (request.validate_only)
        session_note(session, "the key is good; nothing was stored");
    else
        session_note(session, "connected as %s%s%s", made->name,
                     made->latest_sync_run[0] == '\0' ? "" : "; organizations are fetched by ",
                     made->latest_sync_run);
    return output_message(session, answer);
}

enum { REPORT_ROWS_MAX = 64 };

// The verdict as names and values, with a row for each warning and candidate.
static int print_report(struct session *session,
                        const Docbridge__V1__TestConnectionResponse *report)
{
    static const char *const scalars[] = {"diagnosis",        "http_status",     "tried_region",
                                          "suggested_region", "network_failure", "latency"};
    struct output_pair pairs[REPORT_ROWS_MAX];
    char *texts[ARRAY_LEN(scalars)] = {0};
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(scalars); i++) {
        struct buffer text _cleanup_(buffer_done);
        buffer_init(&text, 256);
        field_text(&text, &report->base, scalars[i], FIELD_FULL);
        texts[i] = buffer_steal(&text, NULL);
        bool none = strcmp(scalars[i], "http_status") == 0 && report->http_status == 0;
        pairs[count++] = (struct output_pair){scalars[i], none ? NULL : texts[i]};
    }
    for (size_t i = 0; i < report->n_candidates && count < REPORT_ROWS_MAX / 2; i++)
        pairs[count++] = (struct output_pair){"candidate", report->candidates[i]};
    for (size_t i = 0; i < report->n_warnings && count < REPORT_ROWS_MAX - 1; i++)
        pairs[count++] = (struct output_pair){"warning", report->warnings[i]};
    pairs[count++] = (struct output_pair){"remedy", report->remedy};
    int class = output_pairs(session, pairs, count);
    for (size_t i = 0; i < ARRAY_LEN(scalars); i++)
        free(texts[i]);
    if (class != EXIT_OK || report->n_capabilities == 0)
        return class;
    (void)fputs("\n", stdout);
    return output_items(session, &report->base, "capabilities", session->command->columns);
}

int connection_test_run(struct session *session)
{
    Docbridge__V1__TestConnectionRequest request = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__INIT;
    Docbridge__V1__ConnectionCandidate candidate = DOCBRIDGE__V1__CONNECTION_CANDIDATE__INIT;
    struct secret *key _cleanup_(secret_freep) = NULL;
    const struct arguments *arguments = session->arguments;
    request.probe_other_regions = parse_has(arguments, "probe-other-regions");
    bool unsaved = parse_has(arguments, "region") || parse_has(arguments, "region-uri") ||
                   parse_has(arguments, "api-key-file");
    if (unsaved && arguments->word_count > 0)
        return session_usage(session, "test a saved connection or a key, not both");
    int class = session_connect(session);
    const char *name = NULL;
    if (class == EXIT_OK && unsaved)
        class = candidate_fill(session, 0, &candidate, &key);
    else if (class == EXIT_OK)
        class = session_argument(session, 0, "connections/{connection}", &name);
    if (class != EXIT_OK)
        return class;
    request.target_case = unsaved ? DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__TARGET_CANDIDATE
                                  : DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__TARGET_NAME;
    if (unsaved)
        request.candidate = &candidate;
    else
        request.name = text_of(name);
    const ProtobufCMessage *answer;
    class = session_call(session,
                         &(struct session_call){.service = session->command->service,
                                                .method = session->command->method,
                                                .request = &request.base,
                                                .secret_request = unsaved},
                         &answer);
    if (class != EXIT_OK)
        return class;
    const Docbridge__V1__TestConnectionResponse *report = (const void *)answer;
    class = session->options.format == OUTPUT_TABLE ? print_report(session, report)
                                                    : output_message(session, answer);
    bool well =
        report->diagnosis == DOCBRIDGE__V1__TEST_CONNECTION_RESPONSE__DIAGNOSIS__DIAGNOSIS_OK;
    return class != EXIT_OK || well ? class : EXIT_UPSTREAM;
}

int connection_regions_run(struct session *session)
{
    Docbridge__V1__ListRegionsRequest request = DOCBRIDGE__V1__LIST_REGIONS_REQUEST__INIT;
    int provider = parse_enum(session->arguments, "provider");
    request.provider = provider == 0 ? DOCBRIDGE__V1__PROVIDER__PROVIDER_IT_GLUE
                                     : (Docbridge__V1__Provider)provider;
    const ProtobufCMessage *answer;
    int class = session_call_own(session, &request.base, &answer);
    if (class != EXIT_OK)
        return class;
    return output_items(session, answer, "regions", session->command->columns);
}
