#include "server/store/organization_finding.h"

enum err_code organization_finding_list(struct tx *tx, const char *connection_id,
                                        const int64_t *organization_ids, size_t count,
                                        struct arena *arena,
                                        struct organization_finding **ret_findings,
                                        size_t *ret_count, struct err *reterr)
{
    static const struct statement statement = {
        "organization_finding_list",
        "SELECT organization_id, kind, old_value, new_value, related_id, detect_time"
        " FROM organization_finding WHERE tenant = $1 AND connection_id = $2"
        " AND organization_id = ANY ($3) ORDER BY organization_id, kind"};
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(
        tx, &statement,
        ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64S(organization_ids, count)),
        &rows, reterr));
    size_t found = (size_t)rows_count(&rows);
    struct organization_finding *findings = arena_calloc(arena, found + 1, sizeof(*findings));
    if (findings == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < found; i++) {
        int row = (int)i;
        findings[i] = (struct organization_finding){
            .organization_id = rows_int64(&rows, row, 0),
            .kind = (int)rows_int64(&rows, row, 1),
            .old_value = rows_text_copy(&rows, row, 2, arena),
            .new_value = rows_text_copy(&rows, row, 3, arena),
            .related_id = rows_int64(&rows, row, 4),
            .detect_time_us = rows_time(&rows, row, 5),
        };
        if (findings[i].old_value == NULL || findings[i].new_value == NULL)
            return err_no_memory(reterr);
    }
    *ret_findings = findings;
    *ret_count = found;
    return ERR_OK;
}

enum err_code organization_finding_drop(struct tx *tx, const char *connection_id,
                                        int64_t organization_id, const int64_t *kinds,
                                        size_t kind_count, int64_t *ret_count, struct err *reterr)
{
    static const struct statement statement = {
        "organization_finding_drop",
        "DELETE FROM organization_finding WHERE tenant = $1 AND connection_id = $2"
        " AND organization_id = $3 AND kind = ANY ($4::smallint[])"};
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(organization_id),
                       ARG_INT64S(kinds, kind_count)),
                  &rows, reterr));
    *ret_count = rows_affected(&rows);
    return ERR_OK;
}
