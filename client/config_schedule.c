#include <string.h>

#include "client/group.h"
#include "client/mask.h"
#include "client/output.h"
#include "client/session.h"
#include "docbridge/v1/config.pb-c.h"
#include "server/base/encoding.h"

int config_schedule_show_run(struct session *session)
{
    Docbridge__V1__GetSyncScheduleRequest request = DOCBRIDGE__V1__GET_SYNC_SCHEDULE_REQUEST__INIT;
    const ProtobufCMessage *answer;
    const char *name;
    int class = output_check_columns(session, session->command->columns,
                                     &docbridge__v1__sync_schedule__task__descriptor);
    if (class == EXIT_OK)
        class = session_name(session, "connections/{connection}/syncSchedule", NULL, &name);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "name", name);
    class = session_call_own(session, &request.base, &answer);
    if (class != EXIT_OK || session->options.format != OUTPUT_TABLE)
        return class == EXIT_OK ? output_message(session, answer) : class;
    return output_items(session, answer, "tasks", session->command->columns);
}

// An option as a field of an update; left alone if it was not given, unset if it is `default`.
static int take(struct session *session, struct mask *mask, const char *flag, const char *path,
                Google__Protobuf__Duration **ret_duration)
{
    const char *text = parse_text(session->arguments, flag);
    int64_t seconds;
    if (text == NULL)
        return EXIT_OK;
    mask_add(mask, path);
    if (strcmp(text, "default") == 0)
        return EXIT_OK;
    if (!parse_seconds(text, &seconds))
        return session_usage(session, "--%s: a number with s, m, h or d, or default", flag);
    *ret_duration = arena_alloc(&session->arena, sizeof(**ret_duration));
    if (*ret_duration == NULL)
        return session_no_memory(session);
    google__protobuf__duration__init(*ret_duration);
    (*ret_duration)->seconds = seconds;
    return EXIT_OK;
}

int config_schedule_set_run(struct session *session)
{
    Docbridge__V1__UpdateSyncScheduleRequest request =
        DOCBRIDGE__V1__UPDATE_SYNC_SCHEDULE_REQUEST__INIT;
    Docbridge__V1__SyncSchedule schedule = DOCBRIDGE__V1__SYNC_SCHEDULE__INIT;
    const struct {
        const char *flag, *path;
        Google__Protobuf__Duration **duration;
    } choices[] = {
        {"organizations", "organizations_interval", &schedule.organizations_interval},
        {"documents", "documents_interval", &schedule.documents_interval},
        {"passwords", "passwords_interval", &schedule.passwords_interval},
        {"flexible-assets", "flexible_assets_interval", &schedule.flexible_assets_interval},
        {"checklists", "checklists_interval", &schedule.checklists_interval},
        {"full", "full_sync_interval", &schedule.full_sync_interval},
        {"organizations-objective", "organizations_objective", &schedule.organizations_objective},
        {"documents-objective", "documents_objective", &schedule.documents_objective},
        {"passwords-objective", "passwords_objective", &schedule.passwords_objective},
        {"flexible-assets-objective", "flexible_assets_objective",
         &schedule.flexible_assets_objective},
        {"checklists-objective", "checklists_objective", &schedule.checklists_objective},
    };
    struct mask mask;
    const char *name;
    int class = EXIT_OK;
    mask_init(&mask);
    for (size_t i = 0; i < ARRAY_LEN(choices) && class == EXIT_OK; i++)
        class = take(session, &mask, choices[i].flag, choices[i].path, choices[i].duration);
    if (class == EXIT_OK && mask.message.n_paths == 0)
        class = session_usage(session, "give at least one duration, such as --documents 2h");
    if (class == EXIT_OK)
        class = session_name(session, "connections/{connection}/syncSchedule", NULL, &name);
    if (class != EXIT_OK)
        return class;
    field_set_text(&schedule.base, "name", name);
    mask_set_etag(session, &schedule.base);
    request.sync_schedule = &schedule;
    request.update_mask = &mask.message;
    const ProtobufCMessage *answer;
    class = session_call_own(session, &request.base, &answer);
    return class == EXIT_OK ? output_message(session, answer) : class;
}
