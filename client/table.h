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
// One cell a column, in order.
bool table_row(struct table *table, const char *const *cells, size_t count);
// Prints; an empty table prints nothing.
bool table_print(struct table *table);
