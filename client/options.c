#include "client/options.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/base/encoding.h"

static const char *const keys[] = {"server",     "ca",         "cert",    "key",
                                   "token_file", "connection", "timeout", "output"};
enum {
    KEY_SERVER,
    KEY_CA,
    KEY_CERT,
    KEY_KEY,
    KEY_TOKEN_FILE,
    KEY_CONNECTION,
    KEY_TIMEOUT,
    KEY_OUTPUT,
    KEYS
};

// What a configuration file says: the chosen context, and the values of one section.
struct file {
    struct arena *arena;
    const char *wanted; // the section to read; NULL: only look for the default
    const char *chosen; // `context =` on top
    bool found;         // the section is there
    const char *values[KEYS];
    int lines[KEYS], chosen_line; // where each stands; 0: not yet
    FILE *stream;
    int line;
    char problem[160];
};

static int unknown_key(struct file *file, const char *name)
{
    // inih goes on after an error and reports the first line: keep the first text too.
    if (file->problem[0] == '\0')
        (void)snprintf(file->problem, sizeof(file->problem), "unknown key %s", name);
    return 0;
}

// Notes where a key stands. 0: it stands somewhere already, and which of the two counts would be a
// guess.
static int stands_once(struct file *file, const char *name, int *line)
{
    if (*line != 0 && file->problem[0] == '\0')
        (void)snprintf(file->problem, sizeof(file->problem), "%s stands in line %d already", name,
                       *line);
    bool once = *line == 0;
    *line = file->line;
    return once;
}

// inih's handler: 0 is an error.
static int take_pair(void *user, const char *section, const char *name, const char *value)
{
    struct file *file = user;
    if (section[0] == '\0') {
        if (strcmp(name, "context") != 0)
            return unknown_key(file, name);
        file->chosen = arena_strdup(file->arena, value);
        return file->chosen != NULL && stands_once(file, name, &file->chosen_line);
    }
    bool ours = file->wanted != NULL && strcmp(section, file->wanted) == 0;
    file->found = file->found || ours;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (strcmp(keys[i], name) != 0)
            continue;
        if (ours)
            file->values[i] = arena_strdup(file->arena, value);
        return !ours || (file->values[i] != NULL && stands_once(file, name, &file->lines[i]));
    }
    return unknown_key(file, name);
}

static char *next_line(char *line, int size, void *user)
{
    struct file *file = user;
    file->line++;
    return fgets(line, size, file->stream);
}

static enum err_code read_file(const char *path, const char *wanted, struct file *file,
                               struct err *reterr)
{
    file->wanted = wanted;
    FILE *stream = fopen(path, "re");
    if (stream == NULL && errno == ENOENT)
        return ERR_OK;
    if (stream == NULL)
        return err_set(reterr, ERR_FIELD_INVALID, "%s: %s", path, strerror(errno));
    file->stream = stream;
    file->line = file->chosen_line = 0;
    // An indented line is a line, not more of the value above it.
    ini_allow_multiline = false;
    int line = ini_parse_stream(next_line, file, take_pair, file);
    bool good = ferror(stream) == 0;
    (void)fclose(stream);
    if (!good)
        return err_set(reterr, ERR_FIELD_INVALID, "%s: cannot be read", path);
    if (line == 0)
        return ERR_OK;
    return err_set(reterr, ERR_FIELD_INVALID, "%s, line %d: %s", path, line,
                   file->problem[0] != '\0' ? file->problem : "cannot be read");
}

static const char *file_path(struct arena *arena)
{
    const char *base = getenv("XDG_CONFIG_HOME");
    // The base directory specification: a relative path is to be ignored.
    if (base != NULL && base[0] == '/')
        return arena_printf(arena, "%s/docbridge/config.ini", base);
    const char *home = getenv("HOME");
    if (home == NULL || home[0] != '/')
        return NULL;
    return arena_printf(arena, "%s/.config/docbridge/config.ini", home);
}

// Two passes: the first for the default context, the second for its section.
static enum err_code read_context(const char *context, struct arena *arena, struct file *ret_file,
                                  struct err *reterr)
{
    *ret_file = (struct file){.arena = arena};
    const char *path = file_path(arena);
    if (path != NULL && context == NULL) {
        try_(read_file(path, NULL, ret_file, reterr));
        context = ret_file->chosen;
    }
    if (context == NULL)
        return ERR_OK;
    if (path != NULL)
        try_(read_file(path, context, ret_file, reterr));
    if (!ret_file->found)
        return err_set(reterr, ERR_FIELD_INVALID, "no context %s in %s", context,
                       path == NULL ? "a configuration file" : path);
    return ERR_OK;
}

static const char *first(const char *flag, const char *env, const char *file)
{
    if (flag != NULL)
        return flag;
    const char *value = env == NULL ? NULL : getenv(env);
    return value != NULL && value[0] != '\0' ? value : file;
}

static bool color_wanted(const char *word, int fd)
{
    if (word != NULL && strcmp(word, "auto") != 0)
        return strcmp(word, "always") == 0;
    const char *no = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE");
    if (no != NULL && no[0] != '\0')
        return false;
    if (force != NULL && force[0] != '\0' && strcmp(force, "0") != 0)
        return true;
    const char *term = getenv("TERM");
    return isatty(fd) == 1 && term != NULL && strcmp(term, "dumb") != 0;
}

static enum err_code read_format(const char *word, enum output_format *ret_format,
                                 struct err *reterr)
{
    if (word == NULL || strcmp(word, "table") == 0)
        *ret_format = OUTPUT_TABLE;
    else if (strcmp(word, "json") == 0)
        *ret_format = OUTPUT_JSON;
    else if (strcmp(word, "jsonl") == 0)
        *ret_format = OUTPUT_JSONL;
    else
        return err_set(reterr, ERR_FIELD_INVALID, "output is table, json or jsonl, not %s", word);
    return ERR_OK;
}

enum err_code options_resolve(const struct arguments *arguments, struct arena *arena,
                              struct options *ret_options, struct err *reterr)
{
    struct file file;
    const char *context = first(parse_text(arguments, "context"), "DOCBRIDGE_CONTEXT", NULL);
    try_(read_context(context, arena, &file, reterr));
    const char *color = parse_text(arguments, "color");
    *ret_options = (struct options){
        .server =
            first(parse_text(arguments, "server"), "DOCBRIDGE_SERVER", file.values[KEY_SERVER]),
        .ca = first(parse_text(arguments, "ca"), "DOCBRIDGE_CA", file.values[KEY_CA]),
        .cert = first(parse_text(arguments, "cert"), NULL, file.values[KEY_CERT]),
        .key = first(parse_text(arguments, "key"), NULL, file.values[KEY_KEY]),
        .token_file = first(parse_text(arguments, "token-file"), "DOCBRIDGE_TOKEN_FILE",
                            file.values[KEY_TOKEN_FILE]),
        .connection = first(parse_text(arguments, "connection"), NULL, file.values[KEY_CONNECTION]),
        .columns = parse_text(arguments, "columns"),
        .no_header = parse_has(arguments, "no-header"),
        .color_out = color_wanted(color, STDOUT_FILENO),
        .color_err = color_wanted(color, STDERR_FILENO),
        .limit = parse_has(arguments, "all") ? 0 : parse_number(arguments, "limit", 0),
    };
    if (parse_has(arguments, "limit") && parse_number(arguments, "limit", 0) == 0)
        return err_set(reterr, ERR_FIELD_INVALID,
                       "--limit takes 1 or more; without it a list is whole");
    const char *timeout = file.values[KEY_TIMEOUT];
    if (timeout != NULL && (!encoding_int64(timeout, strlen(timeout), &ret_options->timeout_s) ||
                            ret_options->timeout_s < 0 || ret_options->timeout_s > INT32_MAX))
        return err_set(reterr, ERR_FIELD_INVALID, "timeout takes seconds, not %s", timeout);
    ret_options->timeout_s = parse_number(arguments, "timeout", ret_options->timeout_s);
    if ((ret_options->cert == NULL) != (ret_options->key == NULL))
        return err_set(reterr, ERR_FIELD_INVALID, "--cert and --key come together");
    return read_format(first(parse_text(arguments, "output"), NULL, file.values[KEY_OUTPUT]),
                       &ret_options->format, reterr);
}
