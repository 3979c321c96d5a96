#include "client/ask.h"

#include <stdarg.h>
#include <string.h>

#include "client/text.h"
#include "server/base/encoding.h"

enum { LINE_MAX_BYTES = 1024, SAY_MAX_BYTES = 16 * 1024 };

void ask_open(struct asker *asker, struct session *session, const char *stopped)
{
    *asker = (struct asker){
        .session = session, .terminal = fopen("/dev/tty", "r+e"), .stopped = stopped};
}

void ask_close(struct asker *asker)
{
    if (asker->terminal != NULL)
        (void)fclose(asker->terminal);
    asker->terminal = NULL;
}

// To the terminal if there is one, so that it stands beside the questions.
static void put(const struct asker *asker, const char *text)
{
    FILE *to = asker->terminal != NULL ? asker->terminal : stderr;
    char *escaped _cleanup_(freep) = text_escaped(text);
    // What was printed before must be above.
    (void)fflush(stdout);
    (void)fputs(escaped == NULL ? "?" : escaped, to);
    (void)fflush(to);
}

static void put_newline(const struct asker *asker)
{
    FILE *to = asker->terminal != NULL ? asker->terminal : stderr;
    (void)fputs("\n", to);
    (void)fflush(to);
}

void ask_say(const struct asker *asker, const char *format, ...)
{
    char text[SAY_MAX_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put(asker, text);
    put_newline(asker);
}

void ask_heading(const struct asker *asker, const char *text)
{
    put_newline(asker);
    ask_say(asker, "%s", text);
}

// Without the white space around. NULL: no memory.
static const char *trimmed(struct asker *asker, const char *text)
{
    static const char white[] = " \t\r\n";
    text += strspn(text, white);
    size_t len = strlen(text);
    while (len > 0 && strchr(white, text[len - 1]) != NULL)
        len--;
    return arena_strndup(&asker->session->arena, text, len);
}

// Asks once. An empty line gives "".
static int read_line(struct asker *asker, const char *label, const char *otherwise,
                     const char **ret_text)
{
    char line[LINE_MAX_BYTES + 2];
    put(asker, label);
    if (otherwise != NULL && otherwise[0] != '\0') {
        put(asker, " [");
        put(asker, otherwise);
        put(asker, "]");
    }
    put(asker, ": ");
    if (fgets(line, sizeof(line), asker->terminal) == NULL) {
        put_newline(asker);
        session_note(asker->session, "%s", asker->stopped);
        return EXIT_OTHER;
    }
    bool whole = strchr(line, '\n') != NULL;
    for (int c = 0; !whole && c != '\n' && c != EOF;)
        c = fgetc(asker->terminal);
    *ret_text = trimmed(asker, whole ? line : "");
    if (!whole)
        ask_say(asker, "that is more than %d bytes", LINE_MAX_BYTES);
    return *ret_text == NULL ? session_no_memory(asker->session) : EXIT_OK;
}

static int no_terminal(struct asker *asker, const char *hint)
{
    return session_usage(asker->session, "there is no terminal to ask: give %s", hint);
}

int ask_text(struct asker *asker, const char *option, const char *hint, const char *label,
             const char *otherwise, const char **ret_text)
{
    const char *given = option == NULL ? NULL : parse_text(asker->session->arguments, option);
    if (given != NULL) {
        *ret_text = given;
        return EXIT_OK;
    }
    if (asker->terminal == NULL)
        return no_terminal(asker, hint);
    for (;;) {
        int class = read_line(asker, label, otherwise, ret_text);
        if (class != EXIT_OK || (*ret_text)[0] != '\0')
            return class;
        if (otherwise != NULL) {
            *ret_text = otherwise;
            return EXIT_OK;
        }
    }
}

int ask_yes(struct asker *asker, const char *option, const char *label, bool otherwise,
            bool *ret_yes)
{
    if (option != NULL && parse_has(asker->session->arguments, option)) {
        *ret_yes = parse_on(asker->session->arguments, option);
        return EXIT_OK;
    }
    char hint[64];
    (void)snprintf(hint, sizeof(hint), "--%s on|off", option == NULL ? "?" : option);
    if (asker->terminal == NULL)
        return no_terminal(asker, hint);
    for (;;) {
        const char *text;
        int class = read_line(asker, label, otherwise ? "Y/n" : "y/N", &text);
        if (class != EXIT_OK)
            return class;
        char first = text[0];
        *ret_yes = first == '\0' ? otherwise : first == 'y' || first == 'Y';
        if (first == '\0' || strchr("yYnN", first) != NULL)
            return EXIT_OK;
        ask_say(asker, "yes or no, please");
    }
}

// A number from 1 to `count` at the beginning of `*text`, which is moved behind it.
static bool read_number(const char **text, size_t count, size_t *ret_number)
{
    size_t len = strspn(*text, "0123456789");
    int64_t number;
    if (!encoding_int64(*text, len, &number) || number < 1 || (size_t)number > count)
        return false;
    *text += len;
    *ret_number = (size_t)number;
    return true;
}

bool ask_choose(const char *text, size_t count, bool *chosen)
{
    bool all = strcmp(text, "all") == 0;
    for (size_t i = 0; i < count; i++)
        chosen[i] = all;
    if (all || strcmp(text, "none") == 0)
        return true;
    for (;;) {
        size_t from, to;
        if (!read_number(&text, count, &from))
            return false;
        to = from;
        if (*text == '-' && (text++, !read_number(&text, count, &to) || to < from))
            return false;
        for (size_t i = from; i <= to; i++)
            chosen[i - 1] = true;
        text += strspn(text, " ");
        if (*text == '\0')
            return true;
        if (*text != ',')
            return false;
        text += 1 + strspn(text + 1, " ");
    }
}
