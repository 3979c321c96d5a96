// Applies and checks migrations. Each runs in a transaction of its own that first takes one
// advisory lock and then looks again at what is applied, so that any number of processes can race.
// The lock belongs to the transaction: one of the session would be lost behind PgBouncer.

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "server/base/encoding.h"
#include "server/base/log.h"
#include "server/store/migration.h"
#include "server/store/pg.h"
#include "server/store/pool.h"

enum {
    MIGRATE_MS = 600000,
    HASH_BYTES = crypto_hash_sha256_BYTES,
    HASH_TEXT_BYTES = 2 * HASH_BYTES + 1,
};

// "docbridg" in ASCII, as a number.
#define MIGRATE_LOCK "7237112400685130855"

static const char lock_sql[] = "BEGIN; SELECT pg_advisory_xact_lock(" MIGRATE_LOCK ");"
                               "CREATE TABLE IF NOT EXISTS schema_migrations ("
                               " version integer PRIMARY KEY,"
                               " name text NOT NULL,"
                               " sha256 text NOT NULL,"
                               " applied_time timestamptz NOT NULL DEFAULT now());"
                               "GRANT SELECT ON schema_migrations TO PUBLIC";
static const char exists_sql[] = "SELECT to_regclass('schema_migrations') IS NOT NULL";
static const char list_sql[] =
    "SELECT version, name, sha256 FROM schema_migrations ORDER BY version";

static void hash_text(const struct migration *migration, char ret_text[HASH_TEXT_BYTES])
{
    unsigned char hash[HASH_BYTES];
    (void)crypto_hash_sha256(hash, migration->sql, migration->len);
    encoding_hex(hash, sizeof(hash), ret_text);
}

// How many of `migrations` the rows of list_sql say are applied: they must be its beginning.
static enum err_code compare(const struct migrations *migrations, const struct rows *rows,
                             size_t *ret_applied, struct err *reterr)
{
    size_t applied = (size_t)rows_count(rows);
    for (size_t i = 0; i < applied; i++) {
        int64_t version = rows_int64(rows, (int)i, 0);
        if (version > (int64_t)migrations->count)
            return err_set(reterr, ERR_FIELD_INVALID,
                           "the database's schema is newer than this program: it has migration "
                           "%d, the program ends with %zu",
                           (int)version, migrations->count);
        if (version != (int64_t)i + 1)
            return err_set(reterr, ERR_FIELD_INVALID,
                           "the database lacks migration %zu but has a later one", i + 1);
        const struct migration *migration = &migrations->items[i];
        char hash[HASH_TEXT_BYTES];
        hash_text(migration, hash);
        if (strcmp(rows_text(rows, (int)i, 1), migration->name) != 0 ||
            strcmp(rows_text(rows, (int)i, 2), hash) != 0)
            return err_set(reterr, ERR_FIELD_INVALID,
                           "migration %04d_%s was changed after the database applied it",
                           migration->version, migration->name);
    }
    *ret_applied = applied;
    return ERR_OK;
}

static enum err_code list_applied(struct pg *pg, const struct pg_wait *wait,
                                  const struct migrations *migrations, size_t *ret_applied,
                                  struct err *reterr)
{
    _cleanup_(rows_done) struct rows rows = {NULL};
    PGresult *result = NULL;
    try_(pg_script(pg, list_sql, wait, &result, reterr));
    rows._result = result;
    return compare(migrations, &rows, ret_applied, reterr);
}

static enum err_code count_missing(struct pg *pg, const struct pg_wait *wait,
                                   const struct migrations *migrations, int *ret_missing,
                                   struct err *reterr)
{
    _cleanup_(rows_done) struct rows rows = {NULL};
    PGresult *result = NULL;
    try_(pg_script(pg, exists_sql, wait, &result, reterr));
    rows._result = result;
    size_t applied = 0;
    if (rows_bool(&rows, 0, 0))
        try_(list_applied(pg, wait, migrations, &applied, reterr));
    *ret_missing = (int)(migrations->count - applied);
    return ERR_OK;
}

static enum err_code record(struct pg *pg, const struct pg_wait *wait,
                            const struct migration *migration, struct err *reterr)
{
    char hash[HASH_TEXT_BYTES], sql[512];
    hash_text(migration, hash);
    // Name and hash are the program's own words: the build takes names of [a-z0-9_] alone.
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO schema_migrations (version, name, sha256)"
                   " VALUES (%d, '%s', '%s'); COMMIT",
                   migration->version, migration->name, hash);
    return pg_script(pg, sql, wait, NULL, reterr);
}

// Applies the first that is missing; `*ret_done` when there is none.
static enum err_code apply_next(struct pg *pg, const struct pg_wait *wait,
                                const struct migrations *migrations, bool *ret_done,
                                struct err *reterr)
{
    try_(pg_script(pg, lock_sql, wait, NULL, reterr));
    size_t applied = 0;
    try_(list_applied(pg, wait, migrations, &applied, reterr));
    *ret_done = applied == migrations->count;
    if (*ret_done)
        return pg_script(pg, "COMMIT", wait, NULL, reterr);
    const struct migration *next = &migrations->items[applied];
    enum err_code code = pg_script(pg, (const char *)next->sql, wait, NULL, reterr);
    if (code == ERR_OK)
        code = record(pg, wait, next, reterr);
    if (code != ERR_OK && reterr != NULL) {
        char text[128];
        (void)snprintf(text, sizeof(text), "%.100s", reterr->text);
        return err_set(reterr, code, "migration %04d_%s: %s", next->version, next->name, text);
    }
    if (code == ERR_OK)
        log_event(LOG_INFO, "migration applied", LOG_INT("version", next->version),
                  LOG_STR("name", next->name));
    return code;
}

static enum err_code apply_all(struct pg *pg, const struct pg_wait *wait,
                               const struct migrations *migrations, int *ret_applied,
                               struct err *reterr)
{
    int applied = 0;
    for (bool done = false; !done; applied += !done)
        try_(apply_next(pg, wait, migrations, &done, reterr));
    *ret_applied = applied;
    return ERR_OK;
}

// Who may not do this is mostly the serving login, where the owner's is wanted.
static enum err_code say_owner(enum err_code code, struct err *reterr)
{
    if (reterr == NULL || strstr(reterr->text, "(SQLSTATE 42501)") == NULL)
        return code;
    char text[ERR_TEXT_BYTES];
    (void)snprintf(text, sizeof(text), "%s", reterr->text);
    return err_set(reterr, code,
                   "%.200s: this login may not do that; --owner-database-url must name one that "
                   "owns the database and has CREATEROLE",
                   text);
}

enum err_code migrations_apply(const struct migrations *migrations, const char *owner_dsn,
                               bool dry_run, int *ret_applied, struct err *reterr)
{
    _cleanup_(pg_target_freep) struct pg_target *target = NULL;
    try_(pg_target_new(owner_dsn, NULL, /* session_settings= */ false, &target, reterr));
    _cleanup_(pg_freep) struct pg *pg = pg_new(/* unnamed= */ true);
    if (pg == NULL)
        return err_no_memory(reterr);
    const struct pg_wait wait = {deadline_in(MIGRATE_MS), NULL};
    const struct pg_wait connect_wait = {deadline_in(10000), NULL};
    enum err_code code = pg_connect(pg, target, /* pipeline= */ false, &connect_wait, reterr);
    if (code != ERR_OK)
        return pg_say_place(pg->place, code, reterr);
    code = dry_run ? count_missing(pg, &wait, migrations, ret_applied, reterr)
                   : apply_all(pg, &wait, migrations, ret_applied, reterr);
    return code == ERR_OK
               ? ERR_OK
               : say_owner(
                     code,
                     reterr); // closing the connection rolls back whatever a failure left open
}

enum err_code migrations_check(const struct migrations *migrations, struct store *store,
                               struct deadline deadline, struct err *reterr)
{
    static const struct statement exists = {"schema_migrations_exists", exists_sql};
    static const struct statement list = {"schema_migrations_list", list_sql};
    _cleanup_(tx_abortp) struct tx *tx = NULL;
    _cleanup_(rows_done) struct rows found = {NULL}, rows = {NULL};
    try_(store_begin(store, NULL, deadline, NULL, &tx, reterr));
    try_(tx_query(tx, &exists, NULL, 0, &found, reterr));
    size_t applied = 0;
    if (rows_bool(&found, 0, 0)) {
        try_(tx_query(tx, &list, NULL, 0, &rows, reterr));
        try_(compare(migrations, &rows, &applied, reterr));
    }
    if (applied < migrations->count)
        return err_set(reterr, ERR_FIELD_INVALID,
                       "this program is newer than the database's schema: %zu of %zu migrations "
                       "are applied",
                       applied, migrations->count);
    return ERR_OK;
}

enum err_code store_migrate(const char *owner_dsn, bool dry_run, int *ret_applied,
                            struct err *reterr)
{
    return migrations_apply(&migrations_embedded, owner_dsn, dry_run, ret_applied, reterr);
}

enum err_code store_check_schema(struct store *store, struct deadline deadline, struct err *reterr)
{
    enum err_code code = migrations_check(&migrations_embedded, store, deadline, reterr);
    char place[PG_PLACE_BYTES];
    if (code == ERR_OK)
        return code;
    pool_place(store, place);
    return pg_say_place(place, code, reterr);
}
