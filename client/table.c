#include "client/table.h"

#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "client/text.h"

struct table {
    struct table_settings settings;
    struct libscols_table *scols;
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
        free(table);
    }
    return NULL;
}

void table_freep(struct table **table)
{
    *table = table_free(*table);
}

bool table_column(struct table *table, const char *title, enum table_fit fit)
{
    int flags = 0;
    if (fit == TABLE_RIGHT)
        flags = SCOLS_FL_RIGHT;
    else if (fit == TABLE_CUT && table->settings.terminal)
        flags = SCOLS_FL_TRUNC;
    else if (fit == TABLE_WRAP && table->settings.terminal)
        flags = SCOLS_FL_WRAP;
    return scols_table_new_column(table->scols, title, 0, flags) != NULL;
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
        const char *color = table->settings.color ? color_of(cells[i]) : NULL;
        if (color != NULL)
            (void)scols_cell_set_color(scols_line_get_cell(line, i), color);
    }
    return true;
}

bool table_print(struct table *table)
{
    if (scols_table_get_nlines(table->scols) == 0)
        return true;
    return scols_print_table(table->scols) == 0;
}
