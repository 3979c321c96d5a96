#include "server/sync/pace.h"

enum { REST_FACTOR = 4 };

int64_t pace_rest_ms(int64_t batch_ms, int64_t busy_ms, int64_t most_ms)
{
    int64_t shared_ms = busy_ms < batch_ms ? busy_ms : batch_ms;
    return shared_ms < most_ms / REST_FACTOR ? REST_FACTOR * shared_ms : most_ms;
}
