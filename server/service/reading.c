#include "server/service/reading.h"

#include <string.h>

#include "server/service/begin.h"
#include "server/service/field.h"
#include "server/sync/schedule.h"

enum err_code reading_sight(struct tx *tx, const struct request *request, const char *company_id,
                            int task_kind, const char *name, struct sight *ret_sight,
                            struct err *reterr)
{
    try_(request_check_sight(tx, request, company_id, name, reterr));
    enum err_code code = sight_get(tx, company_id, task_kind, request->arena, ret_sight, reterr);
    return code == ERR_RESOURCE_NOT_FOUND ? err_not_found(reterr, name) : code;
}

bool reading_is_of(const struct sight *sight, const char *connection_id)
{
    return connection_id == NULL ||
           (sight->connection_id != NULL && strcmp(sight->connection_id, connection_id) == 0);
}

Docbridge__V1__Freshness *reading_freshness(struct arena *arena, const struct sight *sight)
{
    Docbridge__V1__Freshness *freshness = arena_alloc(arena, sizeof(*freshness));
    if (freshness == NULL)
        return NULL;
    docbridge__v1__freshness__init(freshness);
    freshness->as_of_time = field_time(arena, sight->as_of_time);
    freshness->stale = sight->standing.state != CONNECTION_ACTIVE ||
                       clock_wall_us() - sight->as_of_time >
                           schedule_objective_s(sight->interval_s, sight->objective_s) * 1000000;
    return freshness;
}

Docbridge__V1__Freshness *reading_freshness_of_one(struct arena *arena, const struct sight *sight,
                                                   int64_t spoil_time)
{
    struct sight seen = *sight;
    if (spoil_time != 0 && spoil_time < seen.as_of_time)
        seen.as_of_time = spoil_time;
    Docbridge__V1__Freshness *freshness = reading_freshness(arena, &seen);
    if (freshness != NULL && spoil_time != 0)
        freshness->stale = true;
    return freshness;
}
