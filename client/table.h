// Tables for people, by libsmartcols.
//
// Cells are escaped here. On a terminal text columns are cut to its width; elsewhere nothing is.
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
bool table_column(struct table *table, const char *title, bool right);
// One cell a column, in order.
bool table_row(struct table *table, const char *const *cells, size_t count);
// Prints; an empty table prints nothing.
bool table_print(struct table *table);
