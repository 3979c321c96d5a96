#include "client/output.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/json.h"
#include "client/prose.h"
#include "client/table.h"
#include "client/text.h"
#include "docbridge/v1/common.pb-c.h"
#include "docbridge/v1/documentation.pb-c.h"

enum { JSON_MAX_BYTES = 1024 * 1024 * 1024, TEXT_MAX_BYTES = 64 * 1024 * 1024, COLUMNS_MAX = 32 };

int output_flush(struct session *session)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return session_error(session, EXIT_OTHER, "standard output cannot be written");
    return EXIT_OK;
}

static int write_json(struct session *session, const ProtobufCMessage *message,
                      enum json_style style)
{
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, JSON_MAX_BYTES);
    if (!json_write(&text, message, style) || !buffer_text(&text, "\n"))
        return session_no_memory(session);
    (void)fwrite(text.data, 1, text.len, stdout);
    return EXIT_OK;
}

static struct table *start_table(struct session *session, bool header)
{
    // A report is read as a whole; of a record in a list, the rest is a command away.
    bool is_list = session->command->listing != NULL;
    return table_new(
        &(struct table_settings){.stream = stdout,
                                 .header = header && !session->options.no_header,
                                 .color = session->options.color_out,
                                 .terminal = isatty(STDOUT_FILENO) == 1,
                                 .every_column = !is_list || session->options.columns != NULL});
}

static bool pair_row(struct table *table, const char *name, const char *value)
{
    return table_row(table, (const char *[]){name, value}, 2);
}

// The text of one field as a cell; the caller frees it.
static char *cell(const ProtobufCMessage *message, const char *path, enum field_style style)
{
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, TEXT_MAX_BYTES);
    if (!field_text(&text, message, path, style))
        return NULL;
    return buffer_steal(&text, NULL);
}

static bool field_rows(struct table *table, const ProtobufCMessage *message, const char *prefix);

static bool is_flattened(const ProtobufCFieldDescriptor *field)
{
    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return false;
    const ProtobufCMessageDescriptor *type = field->descriptor;
    return strncmp(type->name, "google.", strlen("google.")) != 0;
}

// HTML for people: it follows below the table (put_prose()).
static bool is_prose(const ProtobufCFieldDescriptor *field)
{
    return strcmp(field->name, "sanitized_html") == 0;
}

static bool has_prose(const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *field = field_find(message->descriptor, "sanitized_html");
    return field != NULL && field_is_set(message, field) &&
           field_get_text(message, field->name)[0] != '\0';
}

// A message within: its own rows. In a list each item is one row.
static bool inner_rows(struct table *table, const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field, const char *path)
{
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        const ProtobufCMessage *inner =
            *(const ProtobufCMessage *const *)((const char *)message + field->offset);
        return field_rows(table, inner, path);
    }
    bool good = true;
    for (size_t i = 0; good && i < field_count(message, field); i++) {
        const ProtobufCMessage *item =
            *(const ProtobufCMessage *const *)field_item(message, field, i);
        struct buffer text _cleanup_(buffer_done);
        buffer_init(&text, TEXT_MAX_BYTES);
        bool first = true;
        if (item->descriptor == &docbridge__v1__document__section__descriptor && has_prose(item))
            continue;
        for (unsigned j = 0; j < item->descriptor->n_fields; j++) {
            const ProtobufCFieldDescriptor *part = &item->descriptor->fields[j];
            if (!field_is_set(item, part))
                continue;
            buffer_text(&text, first ? "" : "  ");
            first = false;
            // A word says what it is; a number does not.
            if (field_is_number(part) || part->type == PROTOBUF_C_TYPE_BOOL)
                buffer_printf(&text, "%s ", part->name);
            if (is_prose(part))
                buffer_text(&text, has_prose(item) ? "(below)" : "");
            else
                field_text(&text, item, part->name, FIELD_FULL);
        }
        good = !text.failed && pair_row(table, path, text.data == NULL ? "" : text.data);
    }
    return good;
}

static bool field_rows(struct table *table, const ProtobufCMessage *message, const char *prefix)
{
    bool good = true;
    for (unsigned i = 0; good && i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        bool is_switch = field->type == PROTOBUF_C_TYPE_BOOL;
        if (!field_is_set(message, field) && !is_switch)
            continue;
        // Told in sentences (blast_radius.h).
        if (field->descriptor == &docbridge__v1__blast_radius__descriptor || is_prose(field))
            continue;
        char path[128];
        (void)snprintf(path, sizeof(path), "%s%s%s", prefix, prefix[0] == '\0' ? "" : ".",
                       field->name);
        if (is_flattened(field)) {
            good = inner_rows(table, message, field, path);
            continue;
        }
        char *text _cleanup_(freep) = cell(message, field->name, FIELD_FULL);
        good = text != NULL && pair_row(table, path, text);
    }
    return good;
}

// What a message within is called, above its prose. A section has a level instead.
static bool put_title(struct buffer *out, const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *field = field_find(message->descriptor, "display_name");
    const char *title = field == NULL ? "" : field_get_text(message, field->name);
    return title[0] == '\0' || (buffer_text(out, "\n## ") &&
                                text_escape(out, title, strlen(title)) && buffer_text(out, "\n"));
}

static bool put_one_prose(struct buffer *out, const ProtobufCMessage *message, bool within,
                          size_t width)
{
    const char *html = field_get_text(message, "sanitized_html");
    if (message->descriptor == &docbridge__v1__document__section__descriptor) {
        const Docbridge__V1__Document__Section *section = (const void *)message;
        if (section->kind == DOCBRIDGE__V1__DOCUMENT__SECTION__KIND__KIND_HEADING)
            return buffer_text(out, "\n") && prose_heading(out, html, section->level);
    } else if (within && !put_title(out, message)) {
        return false;
    }
    return buffer_text(out, "\n") && prose_write(out, html, width);
}

// All that is told as prose, in order.
static bool put_prose(struct buffer *out, const ProtobufCMessage *message, bool within,
                      size_t width)
{
    bool good = !has_prose(message) || put_one_prose(out, message, within, width);
    for (unsigned i = 0; good && i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
        if (!is_flattened(field) || !field_is_set(message, field))
            continue;
        size_t count = repeated ? field_count(message, field) : 1;
        for (size_t j = 0; good && j < count; j++) {
            const void *at = repeated ? field_item(message, field, j)
                                      : (const void *)((const char *)message + field->offset);
            good = put_prose(out, *(const ProtobufCMessage *const *)at, true, width);
        }
    }
    return good;
}

// Columns at which prose breaks its lines; 0: it does not, since what reads it need not be a
// person.
static size_t prose_width(void)
{
    struct winsize size;
    return isatty(STDOUT_FILENO) == 1 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col
                                                                                      : 0;
}

static bool print_prose(const ProtobufCMessage *message)
{
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, TEXT_MAX_BYTES);
    if (!put_prose(&text, message, false, prose_width()) || text.failed)
        return false;
    if (text.len > 0)
        (void)fwrite(text.data, 1, text.len, stdout);
    return true;
}

int output_message(struct session *session, const ProtobufCMessage *message)
{
    if (session->options.format != OUTPUT_TABLE) {
        int class = write_json(session, message,
                               session->options.format == OUTPUT_JSON ? JSON_PRETTY : JSON_COMPACT);
        return class == EXIT_OK ? output_flush(session) : class;
    }
    struct table *table _cleanup_(table_freep) = start_table(session, false);
    if (table == NULL || !table_column(table, "FIELD", TABLE_KEEP) ||
        !table_column(table, "VALUE", TABLE_WRAP) || !field_rows(table, message, "") ||
        !table_print(table) || !print_prose(message))
        return session_no_memory(session);
    return output_flush(session);
}

static int pairs_as_json(struct session *session, const struct output_pair *pairs, size_t count)
{
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, 1024 * 1024);
    for (size_t i = 0; i < count; i++) {
        if (pairs[i].value == NULL || pairs[i].value[0] == '\0')
            continue;
        (void)buffer_text(&text, text.len == 0 ? "{\"" : ",\"");
        (void)json_name(&text, pairs[i].name);
        (void)buffer_text(&text, "\":");
        (void)buffer_json_string(&text, pairs[i].value, strlen(pairs[i].value));
    }
    (void)buffer_text(&text, text.len == 0 ? "{}\n" : "}\n");
    if (text.failed)
        return session_no_memory(session);
    (void)fwrite(text.data, 1, text.len, stdout);
    return output_flush(session);
}

int output_pairs(struct session *session, const struct output_pair *pairs, size_t count)
{
    if (session->options.format != OUTPUT_TABLE)
        return pairs_as_json(session, pairs, count);
    struct table *table _cleanup_(table_freep) = start_table(session, false);
    bool good = table != NULL && table_column(table, "FIELD", TABLE_KEEP) &&
                table_column(table, "VALUE", TABLE_WRAP);
    for (size_t i = 0; good && i < count; i++)
        if (pairs[i].value != NULL && pairs[i].value[0] != '\0')
            good = pair_row(table, pairs[i].name, pairs[i].value);
    if (!good || !table_print(table))
        return session_no_memory(session);
    return output_flush(session);
}

static const struct column *column_titled(const struct column *columns, const char *title)
{
    for (; columns != NULL && columns->title != NULL; columns++)
        if (strcasecmp(columns->title, title) == 0)
            return columns;
    return NULL;
}

// The columns to show: those of --columns, each a title of `columns` or a path, or all of them.
static int choose(struct session *session, const struct column *columns,
                  const ProtobufCMessageDescriptor *type, struct column ret_chosen[COLUMNS_MAX],
                  size_t *ret_count)
{
    *ret_count = 0;
    if (session->options.columns == NULL) {
        for (; columns != NULL && columns->title != NULL; columns++)
            if (!columns->asked)
                ret_chosen[(*ret_count)++] = *columns;
        return EXIT_OK;
    }
    char *at = arena_strdup(&session->arena, session->options.columns);
    for (char *next; at != NULL; at = next) {
        next = strchr(at, ',');
        if (next != NULL)
            *next++ = '\0';
        const struct column *known = column_titled(columns, at);
        if (known == NULL && field_at(type, at) == NULL)
            return session_usage(session, "--columns: no column or field %s", at);
        if (*ret_count == COLUMNS_MAX)
            return session_usage(session, "--columns: more than %d", COLUMNS_MAX);
        ret_chosen[(*ret_count)++] =
            known != NULL ? *known : (struct column){.title = at, .path = at};
    }
    return EXIT_OK;
}

int output_check_columns(struct session *session, const struct column *columns,
                         const ProtobufCMessageDescriptor *type)
{
    struct column chosen[COLUMNS_MAX];
    size_t count;
    return choose(session, columns, type, chosen, &count);
}

static bool item_row(struct table *table, const ProtobufCMessage *item,
                     const struct column *columns, size_t count)
{
    char *cells[COLUMNS_MAX] = {0};
    bool good = true;
    for (size_t i = 0; i < count && good; i++) {
        cells[i] = cell(item, columns[i].path, columns[i].style);
        good = cells[i] != NULL;
    }
    good = good && table_row(table, (const char *const *)cells, count);
    for (size_t i = 0; i < count; i++)
        free(cells[i]);
    return good;
}

// Words of upstream may be long and can be cut; what is typed into the next command cannot.
static bool add_column(struct table *table, const ProtobufCMessageDescriptor *type,
                       const struct column *column)
{
    const ProtobufCFieldDescriptor *field = field_at(type, column->path);
    if (field_is_number(field))
        return table_column(table, column->title, TABLE_RIGHT);
    if (field->type != PROTOBUF_C_TYPE_STRING || column->style != FIELD_FULL ||
        column->least == COLUMN_WHOLE)
        return table_column(table, column->title, TABLE_KEEP);
    return column->least == 0 ? table_column(table, column->title, TABLE_CUT)
                              : table_column_cut(table, column->title, column->least);
}

static int items_table(struct session *session, const ProtobufCMessage *response,
                       const ProtobufCFieldDescriptor *field, const struct column *columns)
{
    struct column chosen[COLUMNS_MAX];
    size_t count;
    int class = choose(session, columns, field->descriptor, chosen, &count);
    if (class != EXIT_OK)
        return class;
    struct table *table _cleanup_(table_freep) = start_table(session, true);
    bool good = table != NULL;
    for (size_t i = 0; good && i < count; i++)
        good = add_column(table, field->descriptor, &chosen[i]);
    for (size_t i = 0; good && i < field_count(response, field); i++)
        good = item_row(table, *(const ProtobufCMessage *const *)field_item(response, field, i),
                        chosen, count);
    if (!good || !table_print(table))
        return session_no_memory(session);
    const char *left_out = table_left_out(table);
    if (left_out != NULL)
        session_note(session, "no room for %s: a wider terminal, --columns or -o json shows more",
                     left_out);
    return EXIT_OK;
}

int output_items(struct session *session, const ProtobufCMessage *response, const char *items,
                 const struct column *columns)
{
    const ProtobufCFieldDescriptor *field = field_find(response->descriptor, items);
    int class = EXIT_OK;
    switch (session->options.format) {
    case OUTPUT_TABLE:
        class = items_table(session, response, field, columns);
        break;
    case OUTPUT_JSON:
        class = write_json(session, response, JSON_PRETTY);
        break;
    case OUTPUT_JSONL:
        for (size_t i = 0; class == EXIT_OK && i < field_count(response, field); i++)
            class = write_json(session,
                               *(const ProtobufCMessage *const *)field_item(response, field, i),
                               JSON_COMPACT);
        break;
    }
    return class == EXIT_OK ? output_flush(session) : class;
}
