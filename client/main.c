// The program docbridge: reads the command line, runs one command, ends with its class.

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "client/help.h"
#include "client/listing.h"
#include "client/session.h"
#include "client/text.h"

// What a list of a whole tenant may take.
enum { ARENA_MAX_BYTES = 1024 * 1024 * 1024, HELP_MAX_BYTES = 256 * 1024 };

static const char version[] = "0.1.0";

// Text is UTF-8 on the wire and on the terminal, whatever the locale says: in another encoding it
// would be taken for single bytes and cut in pieces. Numbers are never written by a locale.
static void set_locale(void)
{
    const char *chosen = setlocale(LC_ALL, "");
    if (chosen == NULL || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        (void)setlocale(LC_CTYPE, "C.UTF-8");
    (void)setlocale(LC_NUMERIC, "C");
}

static int print_help(const struct arguments *arguments, FILE *stream, int class)
{
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, HELP_MAX_BYTES);
    if (help_write(&text, arguments))
        (void)fputs(text.data, stream);
    return fflush(stream) == 0 && !ferror(stream) ? class : EXIT_OTHER;
}

static int usage(const struct arguments *arguments, const char *text)
{
    char *escaped _cleanup_(freep) = text_escaped(text);
    (void)fprintf(stderr, "error: %s\nSee `docbridge %s%s--help`.\n",
                  escaped == NULL ? "" : escaped, arguments->group,
                  arguments->group[0] == '\0' ? "" : " ");
    return EXIT_USAGE;
}

static int run(const struct arguments *arguments)
{
    struct session session = {.command = arguments->command, .arguments = arguments};
    arena_init(&session.arena, ARENA_MAX_BYTES);
    struct err err = {0};
    int class;
    if (options_resolve(arguments, &session.arena, &session.options, &err) != ERR_OK)
        class = usage(arguments, err.text);
    else if (session.command->run != NULL)
        class = session.command->run(&session);
    else if (session.command->listing != NULL)
        class = listing_run(&session);
    else
        class = listing_show(&session);
    session.channel = channel_close(session.channel);
    arena_done(&session.arena);
    return class;
}

int main(int argc, char **argv)
{
    // A core file would hold what gRPC has in its buffers: a key, a value, the token.
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    set_locale();
    static struct arguments arguments;
    struct err err = {0};
    if (parse_line(argc, argv, &arguments, &err) != ERR_OK)
        return usage(&arguments, err.text);
    if (arguments.version) {
        (void)printf("docbridge %s\n", version);
        return fflush(stdout) == 0 ? EXIT_OK : EXIT_OTHER;
    }
    if (arguments.help)
        return print_help(&arguments, stdout, EXIT_OK);
    if (arguments.command == NULL)
        return print_help(&arguments, stderr, EXIT_USAGE);
    return run(&arguments);
}
