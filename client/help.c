#include "client/help.h"

#include <string.h>

enum { INDENT = 30 };

static void pad(struct buffer *buffer, size_t used)
{
    if (used + 2 > INDENT) {
        buffer_text(buffer, "\n");
        used = 0;
    }
    buffer_printf(buffer, "%*s", (int)(INDENT - used), "");
}

static void write_flag(struct buffer *buffer, const struct flag *flag)
{
    size_t start = buffer->len;
    if (flag->letter != 0)
        buffer_printf(buffer, "  -%c, --%s", flag->letter, flag->name);
    else
        buffer_printf(buffer, "      --%s", flag->name);
    if (flag->kind == FLAG_SWITCH)
        buffer_text(buffer, " on|off");
    else if (flag->kind == FLAG_WORD)
        buffer_printf(buffer, " %s", flag->choices);
    else if (flag->kind != FLAG_SET)
        buffer_printf(buffer, " %s", flag->value);
    buffer_text(buffer, flag->repeated ? " ..." : "");
    pad(buffer, buffer->len - start);
    buffer_printf(buffer, "%s%s\n", flag->help, flag->required ? " (required)" : "");
    if (flag->kind == FLAG_ENUM) {
        buffer_printf(buffer, "%*s", INDENT, "");
        field_enum_words(buffer, flag->type, ", ");
        buffer_text(buffer, "\n");
    }
}

static void write_flags(struct buffer *buffer, const char *title, const struct flag *flags)
{
    if (flags == NULL || flags->name == NULL)
        return;
    buffer_printf(buffer, "\n%s:\n", title);
    for (; flags->name != NULL; flags++)
        write_flag(buffer, flags);
}

static void write_command(struct buffer *buffer, const struct command *command)
{
    buffer_printf(buffer, "Usage: docbridge %s%s%s%s\n\n%s\n", command->words,
                  command->arguments == NULL ? "" : " ",
                  command->arguments == NULL ? "" : command->arguments,
                  command->flags == NULL ? "" : " [option ...]", command->summary);
    if (command->detail != NULL)
        buffer_printf(buffer, "\n%s\n", command->detail);
    if (command->service != NULL)
        buffer_printf(buffer, "\nCalls %s.%s.\n", command->service->name, command->method);
    write_flags(buffer, "Options", command->flags);
    if (command->columns != NULL) {
        buffer_text(buffer, "\nColumns: ");
        for (const struct column *column = command->columns; column->title != NULL; column++)
            buffer_printf(buffer, "%s%s", column == command->columns ? "" : ", ", column->title);
        buffer_text(buffer, "; --columns also takes any field, such as display_name.\n");
    }
    buffer_text(buffer, "\nGlobal options: see `docbridge --help`.\n");
}

static void write_group(struct buffer *buffer, const char *group)
{
    buffer_printf(buffer, "Usage: docbridge %s%s[option ...] COMMAND\n\nCommands:\n", group,
                  group[0] == '\0' ? "" : " ");
    size_t len = strlen(group);
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &command_table[i];
        if (len > 0 && (strncmp(command->words, group, len) != 0 || command->words[len] != ' '))
            continue;
        size_t start = buffer->len;
        buffer_printf(buffer, "  %s%s%s", command->words, command->arguments == NULL ? "" : " ",
                      command->arguments == NULL ? "" : command->arguments);
        pad(buffer, buffer->len - start);
        buffer_printf(buffer, "%s\n", command->summary);
    }
}

static const char exits[] =
    "\nExit codes:\n"
    "  0  done\n"
    "  1  another failure: of the server, of the network, of this program\n"
    "  2  usage: the command line or a value in it\n"
    "  3  denied: a permission is missing, or the record is restricted\n"
    "  4  precondition: a state, a setting or a change meanwhile forbids it\n"
    "  5  not found, or hidden from you\n"
    "  6  upstream: IT Glue refused, failed or is out of reach; a sync that did not succeed\n"
    "  7  quota: a limit of requests is used up, or the server is busy\n"
    "  8  audit unavailable: nothing is revealed without it\n"
    "  9  not authenticated: no token, or not a good one\n";

bool help_write(struct buffer *buffer, const struct arguments *arguments)
{
    if (arguments->command != NULL) {
        write_command(buffer, arguments->command);
        return !buffer->failed;
    }
    write_group(buffer, arguments->group);
    if (arguments->group[0] == '\0') {
        write_flags(buffer, "Global options", command_global_flags);
        buffer_text(buffer, exits);
    }
    buffer_printf(buffer, "\nMore on one: docbridge %s%sCOMMAND --help\n", arguments->group,
                  arguments->group[0] == '\0' ? "" : " ");
    return !buffer->failed;
}
