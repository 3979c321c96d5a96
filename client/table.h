// Tables for people, by libsmartcols.
//
// Cells are escaped here.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct table;

struct table_settings {
    FILE *stream;
    bool header;
    bool color;
    bool terminal;
    size_t width; // of the terminal; 0: as it says itself
    // What a terminal has no room for goes on in the next line instead of being left out, but for
    // columns without any text.
    bool every_column;
};

// NULL: no memory.
struct table *table_new(const struct table_settings *settings);
struct table *table_free(struct table *table);
void table_freep(struct table **table);

// What happens to a column when a terminal is too narrow. Off a terminal all of it is printed.
enum table_fit {
    TABLE_KEEP,  // nothing
    TABLE_RIGHT, // nothing, and it is aligned to the right
    TABLE_CUT,   // its end is cut off
    TABLE_WRAP,  // it goes on in the next line
};
bool table_column(struct table *table, const char *title, enum table_fit fit);
// A column that is cut, of which `least` stays: rather than that, columns at the end are left out.
bool table_column_cut(struct table *table, const char *title, size_t least);
// One cell a column, in order.
bool table_row(struct table *table, const char *const *cells, size_t count);
// Prints; an empty table prints nothing.
bool table_print(struct table *table);
// The titles of the columns that were left out, joined by commas; NULL: none, or no memory.
const char *table_left_out(const struct table *table);
