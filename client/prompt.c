#include "client/prompt.h"

#include <stdio.h>
#include <string.h>

#include "client/terminal.h"

enum { API_KEY_MAX_BYTES = 1024, ANSWER_MAX_BYTES = 80 };

// A copy without the white space around; NULL: nothing is left, or no memory.
static struct secret *trimmed(const struct secret *line)
{
    const char *bytes = secret_bytes(line);
    size_t start = 0, end = secret_len(line);
    while (start < end && strchr(" \t\r\n", bytes[start]) != NULL)
        start++;
    while (end > start && strchr(" \t\r\n", bytes[end - 1]) != NULL)
        end--;
    return start == end ? NULL : secret_copy(bytes + start, end - start);
}

static int read_line(struct session *session, struct secret **ret_line)
{
    const char *file = parse_text(session->arguments, "api-key-file");
    if (file != NULL) {
        struct err err = {0};
        if (secret_read_file(file, API_KEY_MAX_BYTES, ret_line, &err) != ERR_OK)
            return session_usage(session, "--api-key-file %s: %s", file, err.text);
        return EXIT_OK;
    }
    struct terminal terminal;
    if (!terminal_open(&terminal, false))
        return session_usage(session,
                             "there is no terminal to ask for the API key: give "
                             "--api-key-file FILE, or --api-key-file - for standard input");
    *ret_line = terminal_ask(&terminal, "API key (not shown)", API_KEY_MAX_BYTES);
    terminal_close(&terminal);
    if (*ret_line == NULL)
        return session_usage(session, "no API key was entered");
    return EXIT_OK;
}

int prompt_api_key(struct session *session, struct secret **ret_key)
{
    struct secret *line _cleanup_(secret_freep) = NULL;
    int class = read_line(session, &line);
    if (class != EXIT_OK)
        return class;
    *ret_key = trimmed(line);
    return *ret_key == NULL ? session_usage(session, "the API key is empty") : EXIT_OK;
}

int prompt_confirm(struct session *session, const char *question, const char *undone)
{
    char label[200];
    struct terminal terminal;
    if (!terminal_open(&terminal, false))
        return session_usage(session, "there is no terminal to ask for confirmation: give --force");
    (void)snprintf(label, sizeof(label), "%s Type yes (not shown)", question);
    struct secret *answer _cleanup_(secret_freep) =
        terminal_ask(&terminal, label, ANSWER_MAX_BYTES);
    terminal_close(&terminal);
    if (answer == NULL || strcmp(secret_bytes(answer), "yes") != 0)
        return session_error(session, EXIT_PRECONDITION, "not confirmed: %s", undone);
    return EXIT_OK;
}
