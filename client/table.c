#include "client/table.h"

#include <libsmartcols/libsmartcols.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/text.h"

enum { COLUMNS_MAX = 40, GAP = 2, CUT_LEAST = 8 };

struct table_width {
    enum table_fit fit;
    size_t title;
    size_t least;
    size_t full;
    size_t now;
    bool filled; // some cell has a text
    bool hidden;
};

struct table {
    struct table_settings settings;
    struct libscols_table *scols;
    struct table_width columns[COLUMNS_MAX];
    size_t count;
    struct buffer left_out;
};

struct table *table_new(const struct table_settings *settings)
{
    struct table *table = calloc(1, sizeof(*table));
    if (table == NULL)
        return NULL;
    table->settings = *settings;
    table->scols = scols_new_table();
    if (table->scols == NULL)
        return table_free(table);
    buffer_init(&table->left_out, 4096);
    (void)scols_table_set_stream(table->scols, settings->stream);
    (void)scols_table_enable_noheadings(table->scols, settings->header ? 0 : 1);
    (void)scols_table_enable_colors(table->scols, settings->color ? 1 : 0);
    (void)scols_table_set_column_separator(table->scols, "  ");
    (void)scols_table_set_termforce(table->scols, settings->terminal ? SCOLS_TERMFORCE_AUTO
                                                                     : SCOLS_TERMFORCE_NEVER);
    return table;
}

struct table *table_free(struct table *table)
{
    if (table != NULL) {
        scols_unref_table(table->scols);
        buffer_done(&table->left_out);
        free(table);
    }
    return NULL;
}

void table_freep(struct table **table)
{
    *table = table_free(*table);
}

static size_t larger(size_t left, size_t right)
{
    return left > right ? left : right;
}

static size_t smaller(size_t left, size_t right)
{
    return left < right ? left : right;
}

static bool add_column(struct table *table, const char *title, enum table_fit fit, size_t least)
{
    if (table->count == COLUMNS_MAX)
        return false;
    size_t width = table->settings.header ? text_width(title, SIZE_MAX, NULL) : 0;
    table->columns[table->count++] =
        (struct table_width){.fit = fit, .title = width, .least = least, .full = width};
    int flags = 0;
    if (fit == TABLE_RIGHT)
        flags = SCOLS_FL_RIGHT;
    else if (fit == TABLE_WRAP && table->settings.terminal)
        flags = SCOLS_FL_WRAP;
    return scols_table_new_column(table->scols, title, 0, flags) != NULL;
}

bool table_column(struct table *table, const char *title, enum table_fit fit)
{
    return add_column(table, title, fit, CUT_LEAST);
}

bool table_column_cut(struct table *table, const char *title, size_t least)
{
    return add_column(table, title, TABLE_CUT, least);
}

// Words of states that deserve a colour; NULL: none.
static const char *color_of(const char *word)
{
    static const struct {
        const char *word, *color;
    } colors[] = {
        {"ACTIVE", "green"},      {"SUCCEEDED", "green"},      {"GRANTED", "green"},
        {"ENABLED", "green"},     {"MAPPED", "green"},         {"OK", "green"},
        {"SERVING", "green"},     {"MATCHED_PSA_ID", "green"}, {"MATCHED_NAME", "green"},
        {"ERROR", "red"},         {"FAILED", "red"},           {"DENIED", "red"},
        {"NOT_SERVING", "red"},   {"PARTIAL", "yellow"},       {"WAITING_FOR_QUOTA", "yellow"},
        {"UNMAPPED", "yellow"},   {"ORPHANED", "yellow"},      {"NEW", "yellow"},
        {"UNRESOLVED", "yellow"}, {"CANCELLED", "yellow"},
    };
    for (size_t i = 0; i < ARRAY_LEN(colors); i++)
        if (strcmp(colors[i].word, word) == 0)
            return colors[i].color;
    return NULL;
}

bool table_row(struct table *table, const char *const *cells, size_t count)
{
    struct libscols_line *line = scols_table_new_line(table->scols, NULL);
    if (line == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        char *text _cleanup_(freep) = text_escaped(cells[i]);
        if (text == NULL || scols_line_set_data(line, i, text) != 0)
            return false;
        struct table_width *column = &table->columns[i];
        column->full = larger(column->full, text_width(text, SIZE_MAX, NULL));
        column->filled = column->filled || text[0] != '\0';
        const char *color = table->settings.color ? color_of(cells[i]) : NULL;
        if (color != NULL)
            (void)scols_cell_set_color(scols_line_get_cell(line, i), color);
    }
    return true;
}

// Makes the columns as narrow as they may be; what `count` of them take then.
static size_t narrow(struct table *table, size_t count, bool titles_only)
{
    size_t all = 0;
    for (size_t i = 0; i < count; i++) {
        struct table_width *column = &table->columns[i];
        column->now = column->full;
        if (column->hidden)
            continue;
        if (column->fit == TABLE_CUT && titles_only)
            column->now = smaller(column->full, larger(column->title, 1));
        else if (column->fit == TABLE_CUT)
            column->now = smaller(column->full, larger(column->title, column->least));
        all += column->now + (i > 0 ? GAP : 0);
    }
    return all;
}

// Gives what is left to the narrowest of the columns that are cut, so that a long text takes no
// room from a short one.
static void widen(struct table *table, size_t count, size_t left)
{
    for (; left > 0; left--) {
        struct table_width *least = NULL;
        for (size_t i = 0; i < count; i++) {
            struct table_width *column = &table->columns[i];
            if (column->now < column->full && (least == NULL || column->now < least->now))
                least = column;
        }
        if (least == NULL)
            return;
        least->now++;
    }
}

static bool leave_out(struct table *table, size_t i)
{
    struct libscols_column *column = scols_table_get_column(table->scols, i);
    const char *title = scols_cell_get_data(scols_column_get_header(column));
    return buffer_text(&table->left_out, table->left_out.len > 0 ? ", " : "") &&
           buffer_text(&table->left_out, title) &&
           scols_column_set_flags(column, SCOLS_FL_HIDDEN) == 0;
}

// Takes the columns that say nothing out of a report: it stays whole, and is less wide.
static bool hide_empty(struct table *table)
{
    for (size_t i = 1; i < table->count; i++) {
        if (table->columns[i].filled)
            continue;
        table->columns[i] = (struct table_width){.hidden = true};
        if (scols_column_set_flags(scols_table_get_column(table->scols, i), SCOLS_FL_HIDDEN) != 0)
            return false;
    }
    return true;
}

static bool cut_cell(struct libscols_line *line, size_t i, size_t width)
{
    const char *text = scols_cell_get_data(scols_line_get_cell(line, i));
    if (text == NULL || text_width(text, SIZE_MAX, NULL) <= width)
        return true;
    size_t len;
    (void)text_width(text, width - 1, &len);
    struct buffer shorter _cleanup_(buffer_done);
    buffer_init(&shorter, len + 64);
    return buffer_append(&shorter, text, len) && buffer_text(&shorter, "\xe2\x80\xa6") &&
           scols_line_set_data(line, i, shorter.data) == 0;
}

// libsmartcols shares out what room there is by the average of a column, which leaves a few letters
// of a title beside a long address: done here.
static bool lay_out(struct table *table)
{
    size_t width =
        table->settings.width > 0 ? table->settings.width : scols_table_get_termwidth(table->scols);
    size_t shown = table->count, taken = narrow(table, shown, false);
    bool every = table->settings.every_column;
    if (taken > width && every) {
        if (!hide_empty(table))
            return false;
        taken = narrow(table, shown, false);
    }
    // What a record is called stays beside its name, however little of it.
    while (taken > width && shown > 2 && !every)
        taken = narrow(table, --shown, false);
    if (taken > width && !every)
        taken = narrow(table, shown, true);
    widen(table, shown, taken < width ? width - taken : 0);
    for (size_t i = shown; i < table->count; i++)
        if (!leave_out(table, i))
            return false;
    for (size_t row = 0; row < scols_table_get_nlines(table->scols); row++)
        for (size_t i = 0; i < shown; i++)
            if (table->columns[i].now < table->columns[i].full &&
                !cut_cell(scols_table_get_line(table->scols, row), i, table->columns[i].now))
                return false;
    return true;
}

static bool wraps(const struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->columns[i].fit == TABLE_WRAP)
            return true;
    return false;
}

bool table_print(struct table *table)
{
    if (scols_table_get_nlines(table->scols) == 0)
        return true;
    if (table->settings.terminal && !wraps(table) && !lay_out(table))
        return false;
    return scols_print_table(table->scols) == 0;
}

const char *table_left_out(const struct table *table)
{
    return table->left_out.failed || table->left_out.len == 0 ? NULL : table->left_out.data;
}
