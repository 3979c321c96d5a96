#include <string.h>

#include "client/group.h"
#include "client/output.h"
#include "client/session.h"
#include "docbridge/v1/connection.pb-c.h"

enum { COMMAND_MAX_BYTES = 256 };

// The command that makes a call, such as "docbridge company push FILE", from the table; the call
// itself if no command does. NULL: no memory.
static const char *command_of(struct arena *arena, const char *method)
{
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, COMMAND_MAX_BYTES);
    const char *slash = strrchr(method, '/');
    for (size_t i = 0; slash != NULL && i < command_count; i++) {
        const struct command *command = &command_table[i];
        if (command->service == NULL || strcmp(command->method, slash + 1) != 0 ||
            strncmp(command->service->name, method, (size_t)(slash - method)) != 0)
            continue;
        buffer_printf(&text, "docbridge %s", command->words);
        if (command->arguments != NULL && command->arguments[0] != '[')
            buffer_printf(&text, " %s", command->arguments);
        for (const struct flag *flag = command->flags; flag != NULL && flag->name != NULL; flag++)
            if (flag->required)
                buffer_printf(&text, " --%s %s", flag->name,
                              flag->kind == FLAG_SWITCH ? "on|off"
                              : flag->kind == FLAG_WORD ? flag->choices
                                                        : flag->value);
        return text.failed ? NULL : arena_strndup(arena, text.data, text.len);
    }
    return method;
}

static bool is_open(const Docbridge__V1__SetupProgress__Step *step)
{
    return step->state == DOCBRIDGE__V1__SETUP_PROGRESS__STEP__STATE__STATE_OPEN ||
           step->state == DOCBRIDGE__V1__SETUP_PROGRESS__STEP__STATE__STATE_BLOCKED;
}

// The steps, with the command to type in place of the call.
static int print_steps(struct session *session, const Docbridge__V1__SetupProgress *progress)
{
    const Docbridge__V1__SetupProgress__Step *next = NULL;
    for (size_t i = 0; i < progress->n_steps; i++) {
        Docbridge__V1__SetupProgress__Step *step = progress->steps[i];
        const char *command = command_of(&session->arena, step->next_method);
        if (command == NULL)
            return session_no_memory(session);
        field_set_text(&step->base, "next_method", command);
        if (next == NULL && is_open(step))
            next = step;
    }
    int class = output_items(session, &progress->base, "steps", session->command->columns);
    if (class != EXIT_OK)
        return class;
    session_note(session, "the setup is %s", progress->complete ? "complete" : "not complete yet");
    if (next != NULL)
        session_note(session, "next: %s%s%s", next->next_text,
                     next->next_method[0] == '\0' ? "" : " ", next->next_method);
    return EXIT_OK;
}

int setup_status_run(struct session *session)
{
    Docbridge__V1__GetSetupProgressRequest request =
        DOCBRIDGE__V1__GET_SETUP_PROGRESS_REQUEST__INIT;
    const ProtobufCMessage *answer;
    const char *name;
    int class = output_check_columns(session, session->command->columns,
                                     &docbridge__v1__setup_progress__step__descriptor);
    if (class == EXIT_OK)
        class = session_name(session, "connections/{connection}/setupProgress", NULL, &name);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "name", name);
    class = session_call_own(session, &request.base, &answer);
    if (class != EXIT_OK || session->options.format != OUTPUT_TABLE)
        return class == EXIT_OK ? output_message(session, answer) : class;
    return print_steps(session, (const void *)answer);
}
