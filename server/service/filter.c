#include "server/service/filter.h"

#include <stdio.h>
#include <string.h>

#include "server/base/buffer.h"

struct scanner {
    const char *text;
    const char *at;
    struct arena *arena;
};

static enum err_code expected(const struct scanner *scanner, const char *what, struct err *reterr)
{
    return err_invalid(reterr, "filter", "at character %zu: expected %s",
                       (size_t)(scanner->at - scanner->text) + 1, what);
}

static void skip_space(struct scanner *scanner)
{
    scanner->at += strspn(scanner->at, " \t");
}

static enum err_code scan_op(struct scanner *scanner, enum filter_op *ret_op, struct err *reterr)
{
    static const struct {
        const char *text;
        enum filter_op op;
    } ops[] = {
        {">=", FILTER_AT_LEAST}, {"<", FILTER_BELOW}, {"=", FILTER_EQUALS}, {":", FILTER_HAS}};
    skip_space(scanner);
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        size_t len = strlen(ops[i].text);
        if (strncmp(scanner->at, ops[i].text, len) == 0 &&
            !(ops[i].op == FILTER_BELOW && scanner->at[1] == '=')) {
            scanner->at += len;
            skip_space(scanner);
            *ret_op = ops[i].op;
            return ERR_OK;
        }
    }
    return expected(scanner, "=, :, >= or <", reterr);
}

// A word, or text in double quotes with \" and \\ inside.
static enum err_code scan_value(struct scanner *scanner, const char **ret_value, struct err *reterr)
{
    struct buffer value _cleanup_(buffer_done);
    buffer_init(&value, 1024);
    if (*scanner->at == '"') {
        for (scanner->at++; *scanner->at != '"'; scanner->at++) {
            if (*scanner->at == '\\' && (scanner->at[1] == '"' || scanner->at[1] == '\\'))
                scanner->at++;
            if (*scanner->at == '\0')
                return expected(scanner, "a closing quote", reterr);
            (void)buffer_append(&value, scanner->at, 1);
        }
        scanner->at++;
    } else {
        size_t len = strcspn(scanner->at, " \t\"()<>=:");
        if (len == 0)
            return expected(scanner, "a value", reterr);
        (void)buffer_append(&value, scanner->at, len);
        scanner->at += len;
    }
    if (value.failed)
        return expected(scanner, "a shorter value", reterr);
    *ret_value = arena_strndup(scanner->arena, value.data == NULL ? "" : value.data, value.len);
    return *ret_value == NULL ? err_no_memory(reterr) : ERR_OK;
}

static enum err_code scan_term(struct scanner *scanner, const struct filter_field *fields,
                               size_t count, struct err *reterr)
{
    skip_space(scanner);
    const char *name = scanner->at;
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz_.");
    scanner->at += len;
    if (len == 0)
        return expected(scanner, "a field", reterr);
    enum filter_op op = FILTER_EQUALS;
    try_(scan_op(scanner, &op, reterr));
    bool known = false;
    for (size_t i = 0; i < count; i++) {
        if (strlen(fields[i].name) != len || memcmp(fields[i].name, name, len) != 0)
            continue;
        known = true;
        if (fields[i].op != op)
            continue;
        if (*fields[i].ret_value != NULL)
            return err_invalid(reterr, "filter", "names %s twice", fields[i].name);
        return scan_value(scanner, fields[i].ret_value, reterr);
    }
    return err_invalid(reterr, "filter", "%s %.*s%s", known ? "cannot compare" : "has no field",
                       (int)(len < 64 ? len : 64), name, known ? " in this way" : "");
}

enum err_code filter_parse(const char *filter, const struct filter_field *fields, size_t count,
                           struct arena *arena, struct err *reterr)
{
    struct scanner scanner = {filter, filter, arena};
    for (size_t i = 0; i < count; i++)
        *fields[i].ret_value = NULL;
    skip_space(&scanner);
    if (*scanner.at == '\0')
        return ERR_OK;
    for (;;) {
        try_(scan_term(&scanner, fields, count, reterr));
        const char *before = scanner.at;
        skip_space(&scanner);
        if (*scanner.at == '\0')
            return ERR_OK;
        if (scanner.at == before || strncmp(scanner.at, "AND", 3) != 0 ||
            strspn(scanner.at + 3, " \t") == 0)
            return expected(&scanner, "AND", reterr);
        scanner.at += 3;
    }
}

enum err_code filter_bool(const char *field, const char *value, bool *ret_value, struct err *reterr)
{
    bool yes = strcmp(value, "true") == 0;
    if (!yes && strcmp(value, "false") != 0)
        return err_invalid(reterr, "filter", "%s must be true or false", field);
    *ret_value = yes;
    return ERR_OK;
}

enum err_code filter_enum(const char *field, const char *value, const ProtobufCEnumDescriptor *type,
                          const char *prefix, int *ret_value, struct err *reterr)
{
    char name[128];
    (void)snprintf(name, sizeof(name), "%s%s", prefix, value);
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value_by_name(type, name);
    if (found == NULL || found->value == 0)
        return err_invalid(reterr, "filter", "%s has no value %.64s", field, value);
    *ret_value = found->value;
    return ERR_OK;
}
