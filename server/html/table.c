#include "server/html/table.h"

#include <string.h>
#include <strings.h>

#include "server/base/cleanup.h"
#include "server/base/embedded_secret.h"
#include "server/base/encoding.h"

enum { SPAN_MAX = 1000 };

static struct html_table *current(struct html_tables *tables)
{
    return tables->depth < HTML_TABLES_MAX ? &tables->open[tables->depth] : NULL;
}

static bool is_label(const struct html_cell *cell, const struct buffer *plain)
{
    return embedded_secret_is_label(plain->data + cell->start, cell->end - cell->start);
}

// An empty cell must not take what stands in the next one for its own.
static bool is_empty(const struct html_cell *cell, const struct buffer *plain)
{
    size_t at = cell->start;
    while (at < cell->end && memchr(" \t\r\n\xC2\xA0", plain->data[at], 6) != NULL)
        at++;
    return at == cell->end;
}

// Whether it could be a heading: no digit, and no sign that headings do not have.
static bool is_words(const struct html_cell *cell, const struct buffer *plain)
{
    bool letters = false;
    for (size_t i = cell->start; i < cell->end; i++) {
        unsigned char c = (unsigned char)plain->data[i];
        letters = letters || c >= 'A';
        if (c == '#' && !letters &&
            (i + 1 == cell->end || (unsigned char)plain->data[i + 1] <= ' '))
            continue; // of a column of numbers
        if (c > ' ' && c < 'A' && memchr("-/.:()&',", c, 9) == NULL)
            return false;
    }
    return true;
}

static bool all_heads(const struct html_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (!table->cells[i].head)
            return false;
    return true;
}

// Whether it is the head of a column that often stands beside passwords, and hardly one itself.
static bool is_beside_passwords(const struct html_cell *cell, const struct buffer *plain)
{
    static const char *const words[] = {
        "user",    "username",  "user name",   "login",    "email",        "e-mail",
        "url",     "link",      "note",        "notes",    "comment",      "comments",
        "host",    "hostname",  "description", "site",     "location",     "device",
        "account", "role",      "name",        "benutzer", "benutzername", "notiz",
        "notizen", "bemerkung", "standort",    "konto",    "beschreibung", "ger\xC3\xA4t"};
    static const char space[] = " \t\r\n:\xC2\xA0";
    const char *text = plain->data + cell->start, *end = plain->data + cell->end;
    while (text < end && memchr(space, *text, sizeof(space) - 1) != NULL)
        text++;
    while (text < end && memchr(space, end[-1], sizeof(space) - 1) != NULL)
        end--;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strlen(words[i]) == (size_t)(end - text) &&
            strncasecmp(words[i], text, (size_t)(end - text)) == 0)
            return true;
    return false;
}

// A first row that only has words, or whose last cell is its only label. Where `Password` is the
// first of them it is rather the label of the next one.
static bool reads_like_head(const struct html_table *table, const struct buffer *plain)
{
    if (table->is_list || table->begun)
        return false;
    if (table->count > 1 && is_label(table->cells, plain) &&
        !is_beside_passwords(&table->cells[1], plain))
        return false;
    size_t words = 0, labels = 0;
    for (size_t i = 0; i < table->count; i++) {
        words += is_words(&table->cells[i], plain);
        labels += is_label(&table->cells[i], plain);
    }
    return words == table->count ||
           (table->count > 1 && labels == 1 && is_label(&table->cells[table->count - 1], plain));
}

static void note_head(struct html_table *table, struct buffer *plain)
{
    const bool heads = all_heads(table);
    uint32_t labelled = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct html_cell *cell = &table->cells[i];
        if (!is_label(cell, plain))
            continue;
        labelled |= UINT32_C(1) << cell->column;
        const bool more = i + 1 < table->count;
        if (heads ||
            (more && is_beside_passwords(cell + 1, plain))) // the next one is no value of it
            plain->data[cell->end] = EMBEDDED_SECRET_CELL_END;
    }
    // A head over all columns is one of a section.
    if (table->count > 1 || table->labelled == 0)
        table->labelled = labelled;
}

static void mark_values(const struct html_table *table, struct buffer *plain)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct html_cell *cell = &table->cells[i];
        bool labelled = (table->labelled >> cell->column & 1) != 0 ||
                        (i > 0 && is_label(&table->cells[i - 1], plain));
        if (!labelled || is_empty(cell, plain))
            continue;
        plain->data[cell->start - 1] = EMBEDDED_SECRET_CELL;
        plain->data[cell->end] = EMBEDDED_SECRET_CELL_END;
    }
    // The next term is not what a term means.
    const struct html_cell *last = &table->cells[table->count - 1];
    if (table->is_list && last->end < plain->len && is_label(last, plain))
        plain->data[last->end] = EMBEDDED_SECRET_CELL_END;
}

static void end_row(struct html_table *table, struct buffer *plain)
{
    if (table->count == 0 || plain->failed)
        return;
    if (all_heads(table) || reads_like_head(table, plain))
        note_head(table, plain);
    else
        mark_values(table, plain);
    // A head whose cells go on below has another row.
    bool goes_on = false;
    for (int i = 0; i < HTML_COLUMNS_MAX && table->labelled == 0; i++)
        goes_on = goes_on || table->covered[i] > table->row + 1;
    table->begun |= table->count > 1 && !goes_on;
    table->row++;
    table->count = 0;
}

static int span(const char *const *attributes, const char *name)
{
    for (size_t i = 0; attributes != NULL && attributes[i] != NULL; i += 2)
        if (strcmp(attributes[i], name) == 0 && attributes[i + 1] != NULL) {
            int64_t count;
            if (!encoding_int64(attributes[i + 1], strlen(attributes[i + 1]), &count) || count < 1)
                return 1;
            return count > SPAN_MAX ? SPAN_MAX : (int)count;
        }
    return 1;
}

static void start_cell(struct html_table *table, bool head, const char *const *attributes,
                       size_t start)
{
    int column = 0, columns = span(attributes, "colspan"), rows = span(attributes, "rowspan");
    while (column < HTML_COLUMNS_MAX && table->covered[column] > table->row)
        column++;
    if (column == HTML_COLUMNS_MAX)
        return;
    for (int i = column; i < HTML_COLUMNS_MAX && i < column + columns; i++)
        table->covered[i] = table->row + rows;
    table->cells[table->count++] = (struct html_cell){start, start, column, head};
}

static void end_cell(struct html_table *table, size_t end)
{
    struct html_cell *cell = table->count == 0 ? NULL : &table->cells[table->count - 1];
    // Behind the last column cells end that did not start here.
    if (cell != NULL && cell->end == cell->start)
        cell->end = end;
}

void html_tables_start(struct html_tables *tables, enum html_part part,
                       const char *const *attributes, struct buffer *plain)
{
    struct html_table *table = current(tables);
    if (part == HTML_TABLE || part == HTML_LIST) {
        tables->depth++;
        table = current(tables);
        if (table != NULL)
            *table = (struct html_table){.is_list = part == HTML_LIST};
        return;
    }
    if (table == NULL || part == HTML_NO_PART)
        return;
    if (part == HTML_ROW || part == HTML_TERM)
        end_row(table, plain);
    if (part != HTML_ROW)
        start_cell(table, part == HTML_HEAD_CELL, attributes, plain->len + 1);
}

void html_tables_end(struct html_tables *tables, enum html_part part, struct buffer *plain)
{
    struct html_table *table = current(tables);
    bool whole = part == HTML_TABLE || part == HTML_LIST;
    if (table != NULL && (whole || part == HTML_ROW))
        end_row(table, plain);
    else if (table != NULL && part != HTML_NO_PART)
        end_cell(table, plain->len);
    tables->depth -= whole;
}
