// Makes vectors safe: standard input to standard output, each ended by a NUL.
#include <stdio.h>

#include "server/html/html.h"

enum { MAX_BYTES = 1 << 20 };

int main(void)
{
    const struct html_options options = {"companies/acme/documents/1/images/",
                                         "https://acme.example"};
    struct html_result result;
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    while ((len = getdelim(&line, &size, '\0', stdin)) > 0) {
        struct buffer out _cleanup_(buffer_done);
        buffer_init(&out, MAX_BYTES);
        if (!html_sanitize(line, (size_t)len - 1, &options, MAX_BYTES, &out, &result))
            return 1;
        (void)fwrite(out.data == NULL ? "" : out.data, 1, out.len, stdout);
        (void)putchar('\0');
    }
    free(line);
    return 0;
}
