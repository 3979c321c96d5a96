#include "server/service/reading.h"

#include <inttypes.h>
#include <string.h>

#include "server/base/encoding.h"
#include "server/service/field.h"

// Every type syncs each 60 minutes unless its schedule says otherwise.
enum { STALE_AFTER_MINUTES = 2 * 60 };

enum err_code reading_sight(struct tx *tx, const struct request *request, const char *company_id,
                            int task_kind, const char *name, struct sight *ret_sight,
                            struct err *reterr)
{
    if (!principal_sees_company(request->caller, company_id))
        return err_not_found(reterr, name);
    enum err_code code = sight_get(tx, company_id, task_kind, request->arena, ret_sight, reterr);
    return code == ERR_RESOURCE_NOT_FOUND ? err_not_found(reterr, name) : code;
}

Docbridge__V1__Freshness *reading_freshness(struct arena *arena, const struct sight *sight)
{
    Docbridge__V1__Freshness *freshness = arena_alloc(arena, sizeof(*freshness));
    if (freshness == NULL)
        return NULL;
    docbridge__v1__freshness__init(freshness);
    freshness->as_of_time = field_time(arena, sight->as_of_time);
    freshness->stale =
        sight->connection_state != SIGHT_CONNECTION_ACTIVE ||
        clock_wall_us() - sight->as_of_time > STALE_AFTER_MINUTES * INT64_C(60000000);
    return freshness;
}

enum err_code reading_cursor_make(struct arena *arena, const char *name_key, int64_t id,
                                  const char **ret_cursor, struct err *reterr)
{
    *ret_cursor = arena_printf(arena, "%" PRId64 " %s", id, name_key);
    return *ret_cursor == NULL ? err_no_memory(reterr) : ERR_OK;
}

enum err_code reading_cursor_open(const char *cursor, const char **ret_name, int64_t *ret_id,
                                  struct err *reterr)
{
    *ret_name = NULL;
    *ret_id = 0;
    if (cursor[0] == '\0')
        return ERR_OK;
    const char *space = strchr(cursor, ' ');
    if (space == NULL || !encoding_int64(cursor, (size_t)(space - cursor), ret_id))
        return err_set(reterr, ERR_PAGE_TOKEN_INVALID, "the page token is of another version");
    *ret_name = space + 1;
    return ERR_OK;
}
