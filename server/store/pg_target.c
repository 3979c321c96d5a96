// How to connect: the DSN's settings, our defaults behind them, and the session's settings.

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "server/store/pg.h"
#include "server/store/pg_target.h"

enum { OPTIONS_MAX = 64, SESSION_BYTES = 512 };

struct pg_target {
    char *keywords[OPTIONS_MAX + 1];
    char *values[OPTIONS_MAX + 1];
    size_t count;
    size_t hosts;
    atomic_size_t first; // the host that served last
};

// What the DSN may say otherwise.
static const char *const defaults[][2] = {
    {"application_name", "docbridged"}, {"keepalives", "1"},       {"keepalives_idle", "30"},
    {"keepalives_interval", "10"},      {"keepalives_count", "3"}, {"tcp_user_timeout", "30000"},
};

struct pg_target *pg_target_free(struct pg_target *target)
{
    if (target == NULL)
        return NULL;
    for (size_t i = 0; i < target->count; i++) {
        sodium_memzero(target->values[i], strlen(target->values[i])); // one is a password
        free(target->values[i]);
        free(target->keywords[i]);
    }
    free(target);
    return NULL;
}

void pg_target_freep(struct pg_target **target)
{
    *target = pg_target_free(*target);
}

static size_t find(const struct pg_target *target, const char *keyword)
{
    size_t i = 0;
    while (i < target->count && strcmp(target->keywords[i], keyword) != 0)
        i++;
    return i;
}

static bool put(struct pg_target *target, const char *keyword, const char *value)
{
    size_t i = find(target, keyword);
    if (i == OPTIONS_MAX)
        return false;
    _cleanup_(freep) char *name = strdup(keyword);
    _cleanup_(freep) char *copy = strdup(value);
    if (name == NULL || copy == NULL)
        return false;
    free(target->keywords[i]);
    free(target->values[i]);
    target->keywords[i] = steal(name);
    target->values[i] = steal(copy);
    if (i == target->count)
        target->count++;
    return true;
}

static bool put_session(struct pg_target *target, const char *role)
{
    size_t i = find(target, "options");
    char text[SESSION_BYTES];
    int len = snprintf(
        text, sizeof(text),
        "%s -c TimeZone=UTC -c DateStyle=ISO -c bytea_output=hex"
        " -c jit=off -c lock_timeout=%d -c idle_in_transaction_session_timeout=%d%s%s",
        i < target->count ? target->values[i] : "", PG_LOCK_TIMEOUT_MS, PG_IDLE_IN_TRANSACTION_MS,
        role != NULL ? " -c role=" : "", role != NULL ? role : "");
    return len > 0 && (size_t)len < sizeof(text) && put(target, "options", text);
}

static bool fill(struct pg_target *target, const PQconninfoOption *parsed, const char *role,
                 bool session_settings)
{
    for (; parsed->keyword != NULL; parsed++) {
        if (parsed->val != NULL && !put(target, parsed->keyword, parsed->val))
            return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
        if (find(target, defaults[i][0]) == target->count &&
            !put(target, defaults[i][0], defaults[i][1]))
            return false;
    }
    return put(target, "client_encoding", "UTF8") &&
           (!session_settings || put_session(target, role));
}

static size_t items(const char *list)
{
    size_t count = 1;
    for (const char *c = list; *c != '\0'; c++)
        count += *c == ',';
    return count;
}

static const char *value(const struct pg_target *target, const char *keyword)
{
    size_t i = find(target, keyword);
    return i < target->count ? target->values[i] : "";
}

// A list that libpq is to see as a whole counts as one host: what it would refuse, and the one wish
// that takes two rounds.
static size_t count_hosts(const struct pg_target *target)
{
    size_t names = items(value(target, "host")), addresses = items(value(target, "hostaddr"));
    size_t hosts = names > addresses ? names : addresses, ports = items(value(target, "port"));
    bool fits = (value(target, "host")[0] == '\0' || names == hosts) &&
                (value(target, "hostaddr")[0] == '\0' || addresses == hosts) &&
                (ports == 1 || ports == hosts);
    return fits && strcmp(value(target, "target_session_attrs"), "prefer-standby") != 0 ? hosts : 1;
}

static bool role_valid(const char *role)
{
    return role == NULL || (role[0] != '\0' &&
                            strspn(role, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(role));
}

enum err_code pg_target_new(const char *dsn, const char *role, bool session_settings,
                            struct pg_target **ret_target, struct err *reterr)
{
    if (!role_valid(role))
        return err_set(reterr, ERR_FIELD_INVALID, "the database role must be of a-z, 0-9 and _");
    char *message = NULL; // quotes the DSN: never shown
    PQconninfoOption *parsed = PQconninfoParse(dsn, &message);
    PQfreemem(message);
    if (parsed == NULL)
        return err_set(reterr, ERR_FIELD_INVALID, "the DSN of the database cannot be read");
    _cleanup_(pg_target_freep) struct pg_target *target = calloc(1, sizeof(*target));
    bool filled = target != NULL && fill(target, parsed, role, session_settings);
    PQconninfoFree(parsed);
    if (!filled)
        return err_no_memory(reterr);
    target->hosts = count_hosts(target);
    *ret_target = steal(target);
    return ERR_OK;
}

size_t pg_target_hosts(const struct pg_target *target)
{
    return target->hosts;
}

size_t pg_target_first(const struct pg_target *target)
{
    return atomic_load(&target->first);
}

void pg_target_prefer(struct pg_target *target, size_t host)
{
    atomic_store(&target->first, host);
}

// The part of a list that belongs to `host`; a list of one belongs to all. NULL: no memory.
static char *pick(const char *list, size_t host)
{
    if (items(list) == 1)
        return strdup(list);
    for (; host > 0; host--)
        list += strcspn(list, ",") + 1;
    return strndup(list, strcspn(list, ","));
}

PGconn *pg_target_start(const struct pg_target *target, size_t host)
{
    static const char *const lists[] = {"host", "hostaddr", "port"};
    const char *values[OPTIONS_MAX + 1];
    char *picked[ARRAY_LEN(lists)] = {NULL};
    memcpy(values, target->values, sizeof(values));
    bool made = true;
    for (size_t i = 0; i < ARRAY_LEN(lists) && target->hosts > 1; i++) {
        size_t at = find(target, lists[i]);
        if (at == target->count)
            continue;
        values[at] = picked[i] = pick(target->values[at], host);
        made = made && picked[i] != NULL;
    }
    PGconn *conn =
        made ? PQconnectStartParams((const char *const *)target->keywords, values, 0) : NULL;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        free(picked[i]);
    return conn;
}
