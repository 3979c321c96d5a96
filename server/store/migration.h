// The migrations inside the program, and what applying them takes. The table is made by BUILD from
// migrations/NNNN_name.sql; tests bring tables of their own.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/base/err.h"
#include "server/store/store.h"

struct migration {
    int version;
    const char *name;
    const unsigned char *sql; // closed by a NUL that `len` does not count
    size_t len;
};

struct migrations {
    const struct migration *items; // by version, from 1, without gaps
    size_t count;
};

extern const struct migrations migrations_embedded;

// store_migrate() with any table.
enum err_code migrations_apply(const struct migrations *migrations, const char *owner_dsn,
                               bool dry_run, int *ret_applied, struct err *reterr) _must_check_;
// store_check_schema() with any table.
enum err_code migrations_check(const struct migrations *migrations, struct store *store,
                               struct deadline deadline, struct err *reterr) _must_check_;
