#include "server/base/err.h"

#include <stdio.h>
#include <string.h>

#include "server/base/utf8.h"

static const struct {
    const char *reason;
    enum status status;
} table[ERR_CODE_COUNT] = {[ERR_OK] = {"OK", STATUS_OK},
#define X(name, code) [ERR_##name] = {#name, STATUS_##code},
                           ERR_TABLE(X)
#undef X
};

const char *err_reason(enum err_code code)
{
    return table[code].reason;
}

enum err_code err_from_reason(const char *reason)
{
    for (size_t i = 0; i < ERR_CODE_COUNT; i++)
        if (strcmp(table[i].reason, reason) == 0)
            return (enum err_code)i;
    return ERR_INTERNAL;
}

enum status err_status(enum err_code code)
{
    return table[code].status;
}

bool err_retryable(enum err_code code)
{
    return table[code].status == STATUS_UNAVAILABLE ||
           table[code].status == STATUS_RESOURCE_EXHAUSTED;
}

void err_init(struct err *err)
{
    err->code = ERR_OK;
    err->text[0] = '\0';
    err->meta_count = 0;
    err->field[0] = '\0';
    err->retry_after_ms = 0;
}

// Whatever cut a text, here or before, may have done so within a character. Clients refuse a status
// that is not UTF-8 as a whole, and its reason with it.
_printf_(3, 0) static void put(char *to, size_t size, const char *format, va_list args)
{
    uint32_t point;
    (void)vsnprintf(to, size, format, args);
    for (size_t len = strlen(to), i = 0, bytes; i < len; i += bytes) {
        bytes = utf8_decode(to + i, len - i, &point);
        if (bytes == 0) {
            to[i] = '?';
            bytes = 1;
        }
    }
}

enum err_code err_set(struct err *reterr, enum err_code code, const char *format, ...)
{
    if (reterr == NULL)
        return code;
    err_init(reterr);
    reterr->code = code;
    va_list args;
    va_start(args, format);
    put(reterr->text, sizeof(reterr->text), format, args);
    va_end(args);
    return code;
}

void err_meta(struct err *reterr, const char *key, const char *format, ...)
{
    if (reterr == NULL || reterr->meta_count == ERR_META_MAX)
        return;
    size_t i = reterr->meta_count++;
    (void)snprintf(reterr->meta[i].key, sizeof(reterr->meta[i].key), "%s", key);
    va_list args;
    va_start(args, format);
    put(reterr->meta[i].value, sizeof(reterr->meta[i].value), format, args);
    va_end(args);
}

void err_field(struct err *reterr, const char *format, ...)
{
    if (reterr == NULL)
        return;
    va_list args;
    va_start(args, format);
    put(reterr->field, sizeof(reterr->field), format, args);
    va_end(args);
}

void err_retry_after(struct err *reterr, int64_t delay_ms)
{
    if (reterr != NULL)
        reterr->retry_after_ms = delay_ms;
}

const char *err_meta_get(const struct err *err, const char *key)
{
    for (size_t i = 0; i < err->meta_count; i++)
        if (strcmp(err->meta[i].key, key) == 0)
            return err->meta[i].value;
    return NULL;
}

enum err_code err_invalid(struct err *reterr, const char *field, const char *format, ...)
{
    char text[ERR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)err_set(reterr, ERR_FIELD_INVALID, "%s: %s", field, text);
    err_field(reterr, "%s", field);
    err_meta(reterr, "field", "%s", field);
    return ERR_FIELD_INVALID;
}

enum err_code err_not_found(struct err *reterr, const char *name)
{
    (void)err_set(reterr, ERR_RESOURCE_NOT_FOUND, "%s was not found", name);
    err_meta(reterr, "resource", "%s", name);
    return ERR_RESOURCE_NOT_FOUND;
}

enum err_code err_no_memory(struct err *reterr)
{
    return err_set(reterr, ERR_INTERNAL, "out of memory");
}
