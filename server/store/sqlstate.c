#include <string.h>

#include "server/store/sqlstate.h"

// A prefix of two characters is a class. The first match counts.
static const struct {
    const char *prefix;
    enum err_code code;
    bool retires;
} table[] = {
    {"08", ERR_STORE_UNAVAILABLE, true}, // connection exceptions
    {"0A000", ERR_INTERNAL, true},    // "cached plan must not change result type" after a migration
    {"22", ERR_FIELD_INVALID, false}, // data exceptions
    {"23001", ERR_CONFLICT, false},   // restrict
    {"23503", ERR_CONFLICT, false},   // foreign key
    {"23505", ERR_CONFLICT, false},   // unique
    {"23514", ERR_CONFLICT, false},   // check
    {"23P01", ERR_CONFLICT, false},   // exclusion
    {"25006", ERR_STORE_UNAVAILABLE, true},  // read-only: a standby after a failover
    {"25P03", ERR_STORE_UNAVAILABLE, true},  // idle in transaction for too long
    {"26000", ERR_STORE_UNAVAILABLE, true},  // a prepared statement is gone: a pooler in between
    {"40001", ERR_CONFLICT, false},          // serialization failure
    {"40P01", ERR_CONFLICT, false},          // deadlock
    {"53", ERR_STORE_UNAVAILABLE, false},    // out of connections, memory, disk
    {"55P03", ERR_CONFLICT, false},          // lock_timeout
    {"57014", ERR_DEADLINE_EXCEEDED, false}, // cancelled, or statement_timeout
    {"57P", ERR_STORE_UNAVAILABLE, true},    // shut down, crashed, starting up
    {"DB001", ERR_TOKEN_REVOKED, false},     // refuse_revoked() of our schema
    {"58", ERR_STORE_UNAVAILABLE, false},    // I/O errors of the server
};

static size_t find(const char *sqlstate)
{
    size_t i = 0;
    while (i < ARRAY_LEN(table) && strncmp(sqlstate, table[i].prefix, strlen(table[i].prefix)) != 0)
        i++;
    return i;
}

enum err_code sqlstate_code(const char *sqlstate)
{
    if (sqlstate == NULL)
        return ERR_STORE_UNAVAILABLE;
    size_t i = find(sqlstate);
    return i < ARRAY_LEN(table) ? table[i].code : ERR_INTERNAL;
}

bool sqlstate_retires(const char *sqlstate)
{
    if (sqlstate == NULL)
        return true;
    size_t i = find(sqlstate);
    return i < ARRAY_LEN(table) && table[i].retires;
}
