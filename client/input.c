#include "client/input.h"

#include <stdio.h>
#include <string.h>

int input_read(struct session *session, const char *path, struct buffer *text)
{
    FILE *stream = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (stream == NULL)
        return session_usage(session, "%s: %m", path);
    char block[16384];
    size_t got;
    // A device or a pipe may have no end.
    while (!text->failed && (got = fread(block, 1, sizeof(block), stream)) > 0)
        buffer_append(text, block, got);
    bool good = ferror(stream) == 0;
    if (stream != stdin)
        (void)fclose(stream);
    if (!good || text->failed)
        return session_usage(session, "%s: %s", path, good ? "is too long" : "cannot be read");
    return EXIT_OK;
}
