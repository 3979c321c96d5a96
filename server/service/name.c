#include "server/service/name.h"

#include <stddef.h>
#include <string.h>

#include "server/base/encoding.h"

enum { ID_MAX_BYTES = 128 };

// The words of patterns and the member each fills: a pointer to a text or to a number.
static const struct {
    const char *word;
    size_t offset;
    bool number;
} words[] = {
    {"connection", offsetof(struct name, connection), false},
    {"company", offsetof(struct name, company), false},
    {"company_set", offsetof(struct name, company_set), false},
    {"sync_run", offsetof(struct name, sync_run), false},
    {"sync_issue", offsetof(struct name, sync_issue), false},
    {"organization", offsetof(struct name, organization), true},
    {"flexible_asset_type", offsetof(struct name, flexible_asset_type), true},
    {"password_category", offsetof(struct name, password_category), true},
    {"record", offsetof(struct name, record), true},
    {"exposure", offsetof(struct name, exposure), false},
    {"reveal_freeze", offsetof(struct name, reveal_freeze), false},
    {"handoff", offsetof(struct name, handoff), false},
    {"deletion_receipt", offsetof(struct name, deletion_receipt), false},
    {"image", offsetof(struct name, image), true},
    {"audit_event", offsetof(struct name, audit_event), true},
};

static bool id_valid(const char *id, size_t len)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-";
    return len >= 1 && len <= ID_MAX_BYTES && strspn(id, allowed) >= len &&
           !(len == 1 && id[0] == '-');
}

bool name_id_valid(const char *id)
{
    return id_valid(id, strlen(id));
}

// Puts the segment of `len` bytes into the member that `word` names. FIELD_INVALID if it does not
// fit there.
static enum err_code fill(struct name *name, const char *word, size_t word_len, const char *segment,
                          size_t len, struct arena *arena)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strlen(words[i].word) != word_len || memcmp(words[i].word, word, word_len) != 0)
            continue;
        char *member = (char *)name + words[i].offset;
        if (words[i].number) {
            int64_t value;
            // One spelling a number: "007" names nothing.
            if (len == 0 || segment[0] == '0' || !encoding_int64(segment, len, &value) ||
                value <= 0)
                return ERR_FIELD_INVALID;
            memcpy(member, &value, sizeof(value));
            return ERR_OK;
        }
        if (!id_valid(segment, len))
            return ERR_FIELD_INVALID;
        const char *copy = arena_strndup(arena, segment, len);
        memcpy(member, &copy, sizeof(copy));
        return copy == NULL ? ERR_INTERNAL : ERR_OK;
    }
    return ERR_FIELD_INVALID;
}

static enum err_code match(const char *text, const char *pattern, struct arena *arena,
                           struct name *name)
{
    while (*pattern != '\0') {
        if (*pattern == '{') {
            size_t word_len = strcspn(pattern, "}") - 1;
            size_t len = strcspn(text, "/");
            try_(fill(name, pattern + 1, word_len, text, len, arena));
            pattern += word_len + 2;
            text += len;
        } else if (*pattern++ != *text++) {
            return ERR_FIELD_INVALID;
        }
    }
    return *text == '\0' ? ERR_OK : ERR_FIELD_INVALID;
}

enum err_code name_parse(const char *text, const char *pattern, const char *field,
                         struct arena *arena, struct name *ret_name, struct err *reterr)
{
    struct name name = {0};
    enum err_code code = match(text, pattern, arena, &name);
    if (code == ERR_INTERNAL)
        return err_no_memory(reterr);
    if (code != ERR_OK)
        return err_invalid(reterr, field, "must have the form %s", pattern);
    *ret_name = name;
    return ERR_OK;
}
