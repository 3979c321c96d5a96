#include "server/store/tag_sight.h"

#include <string.h>

#include "server/store/record_sight.h"

#define KIND SIGHT_TAG_KIND("e.value")
#define OF_OWN SIGHT_TAG_OF("v.tag", "n")
#define SHARED RECORD_SIGHT_KIND("r.kind", "r.organization_id")
#define SHOWN                                                                    \
    "CASE WHEN w.kind IN" SIGHT_TAG_KINDS_OPEN " THEN EXISTS (SELECT FROM place" \
    "   JOIN organization n ON n.tenant = $1 AND n.connection_id = $2"           \
    "    AND n.id = place.organization_id WHERE" OF_OWN ")"                      \
    "  WHEN w.kind = 'organizations' THEN EXISTS (SELECT FROM place"             \
    "   WHERE place.organization_id = i.id)"                                     \
    "  ELSE " SHARED " AND " RECORD_SIGHT_RECORD " END"

// A row a value, a letter a tag. A record by its primary key, as record_diff (record.c) has it.
// OFFSET, so that a value is not read anew for each of its tags.
#define PLACE RECORD_SIGHT_PLACE(" AND m.company_id = $3")
static const struct statement statement = {
    "tag_sight",
    "WITH " PLACE " SELECT (SELECT string_agg(CASE WHEN " SHOWN
    " THEN 't' ELSE 'f' END, '' ORDER BY v.place)"
    "   FROM (SELECT" KIND " AS kind OFFSET 0) w"
    "   CROSS JOIN LATERAL (SELECT CASE WHEN w.kind = 'documents' THEN 4"
    "    WHEN w.kind LIKE 'flexibleasset%' THEN 5 WHEN w.kind = 'checklists' THEN 6"
    "    WHEN w.kind = 'checklisttemplates' THEN 7 END AS kind OFFSET 0) s"
    "   CROSS JOIN jsonb_array_elements(CASE jsonb_typeof(e.value->'values') WHEN 'array'"
    "    THEN e.value->'values' END) WITH ORDINALITY v(tag, place)"
    "   CROSS JOIN LATERAL (SELECT CASE WHEN v.tag->>'id' ~ '^[0-9]{1,18}$'"
    "    THEN (v.tag->>'id')::bigint END AS id OFFSET 0) i"
    "   LEFT JOIN LATERAL (SELECT * FROM record WHERE tenant = $1 AND connection_id = $2"
    "    AND record.kind = s.kind AND record.id >= i.id AND record.id <= i.id"
    "    ORDER BY record.id LIMIT 1) r ON true"
    "   LEFT JOIN place p ON p.organization_id = r.organization_id WHERE v.place <= 1000)"
    " FROM unnest($4::text[]) WITH ORDINALITY t(text, place)"
    "  CROSS JOIN LATERAL (SELECT t.text::jsonb AS value OFFSET 0) e"
    "  LEFT JOIN connection_config k ON k.tenant = $1 AND k.connection_id = $2"
    " ORDER BY t.place"};

// Without a type nothing of a tag is shown: passwords are stored so.
static bool has_tags(const struct documentation_trait *trait)
{
    return strstr(trait->value, "\"values\"") != NULL && strstr(trait->value, "\"type\"") != NULL;
}

bool tag_sight_needed(const struct documentation_row *row)
{
    for (size_t i = 0; i < row->trait_count; i++)
        if (has_tags(&row->traits[i]))
            return true;
    return false;
}

enum err_code tag_sight_get(struct tx *tx, const char *connection_id, const char *company_id,
                            struct arena *arena, struct documentation_row *row, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    struct documentation_trait *traits = arena_calloc(arena, row->trait_count + 1, sizeof(*traits));
    const char **values = arena_calloc(arena, row->trait_count + 1, sizeof(*values));
    size_t count = 0;
    int answer = 0;
    if (traits == NULL || values == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < row->trait_count; i++)
        if (has_tags(&row->traits[i]))
            values[count++] = row->traits[i].value;
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(company_id),
                       ARG_TEXTS(values, count)),
                  &rows, reterr));
    for (size_t i = 0; i < row->trait_count; i++) {
        traits[i] = row->traits[i];
        if (!has_tags(&traits[i]) || answer == rows_count(&rows))
            continue;
        traits[i].tags_shown = arena_strdup(arena, rows_text(&rows, answer++, 0));
        if (traits[i].tags_shown == NULL)
            return err_no_memory(reterr);
    }
    row->traits = traits;
    return ERR_OK;
}
