#include "server/base/name_key.h"

#include <string.h>
#include <utf8proc.h>

#include "server/base/utf8.h"

// The property White_Space of Unicode.
static bool is_space(uint32_t point)
{
    return (point >= 0x9 && point <= 0xd) || point == 0x20 || point == 0x85 || point == 0xa0 ||
           point == 0x1680 || (point >= 0x2000 && point <= 0x200a) || point == 0x2028 ||
           point == 0x2029 || point == 0x202f || point == 0x205f || point == 0x3000;
}

// Shortens `text` in place.
static size_t collapse(char *text, size_t len)
{
    size_t end = 0;
    bool space = false;
    for (size_t i = 0; i < len;) {
        uint32_t point = 0;
        size_t bytes = utf8_decode(text + i, len - i, &point);
        if (is_space(point)) {
            space = true;
        } else {
            if (space && end > 0)
                text[end++] = ' ';
            space = false;
            memmove(text + end, text + i, bytes);
            end += bytes;
        }
        i += bytes;
    }
    return end;
}

char *name_key(struct arena *arena, const char *name)
{
    size_t len = name == NULL ? 0 : strnlen(name, NAME_KEY_MAX_BYTES + 1);
    if (name == NULL || len > NAME_KEY_MAX_BYTES || !utf8_valid(name, len))
        return NULL;
    utf8proc_uint8_t *folded _cleanup_(freep) = NULL;
    utf8proc_ssize_t folded_len =
        utf8proc_map((const utf8proc_uint8_t *)name, (utf8proc_ssize_t)len, &folded,
                     UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
    if (folded_len < 0)
        return NULL;
    char *text = (char *)folded;
    return arena_strndup(arena, text, collapse(text, (size_t)folded_len));
}
