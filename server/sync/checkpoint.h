// Where a task's walk goes on, as text for the database and back.
//
// A task is a row of walks in a fixed order of (stage, key, filter, folder). The checkpoint names
// the walk at hand and the number of its rows that are stored: every walk before it is complete. It
// counts rows, not pages, so that the size of a page may change on the way. "" is the beginning.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/source/source.h"

enum plan_mode {
    PLAN_UNDECIDED,
    PLAN_ACCOUNT,       // one list of the whole account
    PLAN_ORGANIZATIONS, // one list for each mapped organization
};

struct checkpoint {
    enum plan_mode mode;
    int stage;      // 0: records, 1: what belongs to them
    int64_t key;    // organization or type
    int filter;     // enum source_folder_filter
    int64_t folder; // of SOURCE_FOLDER_ID; else 0
    int64_t offset; // rows of the walk that are stored
    int page_size;
    int64_t total; // of the walk, as its first page said; -1: not given
    int64_t rows;  // rows that upstream delivered
    bool again;    // walked a second time, because the count changed
    bool confirm;  // walked once more, to confirm that what it did not see is gone
    bool blind;    // met a row whose id cannot be read
    bool unsure;   // this or an earlier walk of the task may have missed something
    bool complete; // the walk is over, what follows is its end
    bool doubt;    // of an organization of the task nothing told whether it has foldered documents
    // Of a walk that goes from the latest changed to those as old as this; 0: of a whole one.
    int64_t since_us;
    // What the cursor becomes when this pass, one or several walks, is complete: the latest change
    // on its first page, before which nothing can be missed. 0: not known yet.
    int64_t newest_us;
};

// In newest_us: the pass missed something, and the cursor stays.
enum { CHECKPOINT_SPOILED = -1 };

enum { CHECKPOINT_BYTES = 320 };
void checkpoint_text(const struct checkpoint *checkpoint, char ret_text[CHECKPOINT_BYTES]);
// False if `text` is none.
bool checkpoint_parse(const char *text, struct checkpoint *ret_checkpoint);

// The next smaller page size: a divisor, so that the rows stored are still whole pages. At least 1.
int checkpoint_smaller(int page_size);
// The next larger one below `most` whose pages begin at `offset`; `page_size` if there is none.
int checkpoint_larger(int page_size, int most, int64_t offset);
