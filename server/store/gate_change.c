#include "server/store/gate_change.h"

#include <string.h>

#include "server/base/encoding.h"

// postgres: the text of a pg_snapshot is xmin:xmax:xip,xip,... and neither xmin nor xmax ever
// falls; with the same xmax only fewer can be under way.
static void read_snapshot(const char *snapshot, int64_t *ret_xmin, int64_t *ret_xmax)
{
    size_t len = strcspn(snapshot, ":");
    const char *rest = snapshot + len + (snapshot[len] == ':');
    *ret_xmin = *ret_xmax = 0;
    (void)encoding_int64(snapshot, len, ret_xmin);
    (void)encoding_int64(rest, strcspn(rest, ":"), ret_xmax);
}

const char *gate_snapshot_older(const char *a, const char *b)
{
    int64_t a_min, a_max, b_min, b_max;
    if (a == NULL || b == NULL)
        return a == NULL ? b : a;
    if (strcmp(a + strcspn(a, "@"), b + strcspn(b, "@")) != 0)
        return "1:1:@none";
    read_snapshot(a, &a_min, &a_max);
    read_snapshot(b, &b_min, &b_max);
    if (a_max != b_max)
        return a_max < b_max ? a : b;
    if (a_min != b_min)
        return a_min < b_min ? a : b;
    return strlen(a) > strlen(b) ? a : b;
}

enum err_code gate_change_purge(struct tx *tx, struct err *reterr)
{
    static const struct statement statement = {
        "gate_change_purge",
        "DELETE FROM gate_change WHERE change_time < now() - interval '1 hour'"};
    return tx_run(tx, &statement, NULL, 0, reterr);
}
