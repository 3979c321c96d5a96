#include "server/service/cursor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/base/encoding.h"
#include "server/service/page.h"

// With an id of 128 bytes it stays below PAGE_CURSOR_MAX.
enum { CURSOR_NAME_BYTES = 400 };

enum err_code cursor_make(struct arena *arena, const char *id, const char *name,
                          const char **ret_cursor, struct err *reterr)
{
    size_t len = strlen(name);
    if (len > CURSOR_NAME_BYTES)
        for (len = CURSOR_NAME_BYTES; len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80;)
            len--;
    *ret_cursor = arena_printf(arena, "%s %.*s", id, (int)len, name);
    return *ret_cursor == NULL ? err_no_memory(reterr) : ERR_OK;
}

enum err_code cursor_open(struct arena *arena, const char *cursor, const char **ret_id,
                          const char **ret_name, struct err *reterr)
{
    *ret_id = "";
    *ret_name = "";
    if (cursor[0] == '\0')
        return ERR_OK;
    const char *space = strchr(cursor, ' ');
    if (space == NULL)
        return err_set(reterr, ERR_PAGE_TOKEN_INVALID, "the page token is of another version");
    *ret_id = arena_strndup(arena, cursor, (size_t)(space - cursor));
    *ret_name = space + 1;
    return *ret_id == NULL ? err_no_memory(reterr) : ERR_OK;
}

enum err_code cursor_make_number(struct arena *arena, int64_t id, const char *name,
                                 const char **ret_cursor, struct err *reterr)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRId64, id);
    return cursor_make(arena, text, name, ret_cursor, reterr);
}

enum err_code cursor_open_number(struct arena *arena, const char *cursor, int64_t *ret_id,
                                 const char **ret_name, struct err *reterr)
{
    const char *id;
    *ret_id = 0;
    try_(cursor_open(arena, cursor, &id, ret_name, reterr));
    if (id[0] != '\0' && !encoding_int64(id, strlen(id), ret_id))
        return err_set(reterr, ERR_PAGE_TOKEN_INVALID, "the page token is of another version");
    return ERR_OK;
}
