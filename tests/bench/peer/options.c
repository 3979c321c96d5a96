#include "tests/bench/peer/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct file read_file(const char *path)
{
    struct file file = {0};
    FILE *in = fopen(path, "rbe");
    if (in == NULL || fseek(in, 0, SEEK_END) != 0 || ftell(in) < 0) {
        perror(path);
        exit(2);
    }
    file.len = (size_t)ftell(in);
    rewind(in);
    file.data = calloc(1, file.len + 1);
    if (file.data == NULL || fread(file.data, 1, file.len, in) != file.len) {
        perror(path);
        exit(2);
    }
    (void)fclose(in);
    return file;
}

// Of one or two digits; 0 for anything else.
static int small_number(const char *text)
{
    size_t len = strspn(text, "0123456789");
    if (text[len] != '\0' || len > 2)
        return 0;
    return len == 2 ? (text[0] - '0') * 10 + text[1] - '0' : len == 1 ? text[0] - '0' : 0;
}

struct options options_read(int argc, char **argv)
{
    struct options options = {.workers = 8};
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--address") == 0)
            options.address = value;
        else if (strcmp(name, "--regions") == 0)
            options.regions = read_file(value);
        else if (strcmp(name, "--connection") == 0)
            options.connection = read_file(value);
        else if (strcmp(name, "--dsn") == 0)
            options.dsn = value;
        else if (strcmp(name, "--opening") == 0)
            options.opening = read_file(value);
        else if (strcmp(name, "--sql") == 0)
            options.sql = read_file(value);
        else if (strcmp(name, "--tenant") == 0)
            options.tenant = value;
        else if (strcmp(name, "--workers") == 0)
            options.workers = small_number(value);
        else
            options.workers = 0;
    }
    if (options.address == NULL || options.regions.data == NULL ||
        options.connection.data == NULL || options.workers < 1 || argc % 2 == 0 ||
        (options.dsn != NULL &&
         (options.opening.data == NULL || options.sql.data == NULL || options.tenant == NULL))) {
        fprintf(stderr,
                "%s: --address --regions --connection [--dsn --opening --sql --tenant --workers]\n",
                argv[0]);
        exit(2);
    }
    return options;
}
