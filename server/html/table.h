// Which cell of a table belongs to which label, which its text alone does not show: the one below
// `Password` at the head of a column, the one behind it in a row, the meaning of a term of a list.
//
// Where the plain text has the borders around such a cell, EMBEDDED_SECRET_CELL is put instead and
// EMBEDDED_SECRET_CELL_END, at the end of each row. Of a head whose cells are all marked as such it
// is seen too that none of them is another's value. Each byte of a cell is looked at once for each
// table that it is in.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/base/buffer.h"
#include "server/html/element.h"

// What has more columns, or is deeper in others, is text like any other.
enum { HTML_COLUMNS_MAX = 32, HTML_TABLES_MAX = 8 };

struct html_cell {
    size_t start, end; // its text: behind the border before it, to the one behind it
    int column;
    bool head;
};

struct html_table {
    bool is_list;      // of terms, without a head
    bool begun;        // the first row of more than one cell was seen, and what it goes on in
    uint32_t labelled; // columns, a bit each
    int row;
    int covered[HTML_COLUMNS_MAX];            // up to before which row, by cells of that column
    struct html_cell cells[HTML_COLUMNS_MAX]; // of the row that is open
    size_t count;
};

struct html_tables {
    int depth;
    struct html_table open[HTML_TABLES_MAX]; // the first is what stands in no table
};

// An element starts, or ends, of which `plain` has no border yet.
void html_tables_start(struct html_tables *tables, enum html_part part,
                       const char *const *attributes, struct buffer *plain);
void html_tables_end(struct html_tables *tables, enum html_part part, struct buffer *plain);
