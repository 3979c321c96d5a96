#include "server/store/password.h"

#include "server/store/vault_record.h"

// What it is part of upstream, and the name of that; '' if it stands by itself.
#define EMBEDDED \
    " coalesce(r.body->>'resource_type', '') <> '', coalesce(r.body->>'resource_name', '')"

// Whether a folder is restricted, by itself or by one above it, or not known. $1 tenant; `f` is the
// row of the folder or NULLs.
#define FOLDER_SHUT(connection)                                                  \
    " (f.id IS NULL OR f.restricted OR EXISTS ("                                 \
    "   SELECT FROM jsonb_array_elements_text(f.body->'ancestor_ids') a(id)"     \
    "     LEFT JOIN record p ON p.tenant = $1 AND p.connection_id = " connection \
    "          AND p.kind = 8 AND p.id = a.id::bigint"                           \
    "    WHERE p.id IS NULL OR p.restricted))"
// Whether one of some folders is; 0 is none.
#define FOLDERS_SHUT(folders, connection)                                      \
    " EXISTS (SELECT FROM unnest(" folders ") u(id)"                           \
    "   LEFT JOIN record f ON f.tenant = $1 AND f.connection_id = " connection \
    "        AND f.kind = 8 AND f.id = u.id"                                   \
    "  WHERE u.id <> 0 AND" FOLDER_SHUT(connection) ")"

#define STORED_FOLDER_SHUT FOLDERS_SHUT("ARRAY[r.folder_id]", "$3")

// $1 tenant, $2 company, $3 connection, $4 name contains, $5 last name, $6 last id, $7 limit,
// $8 category, $9 the caller's subject, $10 entry.
static const struct statement LIST = {
    "password_list",
    "WITH access AS ("
    "  SELECT level, include_uncategorized FROM company_password_access"
    "   WHERE tenant = $1 AND company_id = $2 AND level <> 1),"
    " policy AS ("
    "  SELECT" REVEAL_POLICY_COLUMNS " FROM (SELECT 1) one" REVEAL_POLICY_JOIN "),"
    " sight AS MATERIALIZED ("
    "  SELECT r.id, left(r.display_name, 96) AS name_key"
    "    FROM access a"
    "    CROSS JOIN policy y"
    "    JOIN mapping m ON m.tenant = $1 AND m.connection_id = $3 AND m.company_id = $2"
    "    JOIN record r ON r.tenant = $1 AND r.connection_id = $3 AND r.kind = 9"
    "         AND r.organization_id = m.organization_id"
    "   WHERE NOT r.archived AND NOT r.personal"
    "     AND (a.level = 3 OR (r.category_id = 0 AND a.include_uncategorized)"
    "          OR EXISTS (SELECT FROM company_password_category k WHERE k.tenant = $1"
    "                     AND k.company_id = $2 AND k.connection_id = $3"
    "                     AND k.category_id = r.category_id))"
    "     AND ($4::text IS NULL OR strpos(lower(r.display_name), lower($4)) > 0)"
    "     AND ($8::bigint = 0 OR r.category_id = $8) AND ($10::bigint = 0 OR r.id = $10)"
    "     AND (y.restricted_listed OR (NOT r.restricted AND NOT" STORED_FOLDER_SHUT ")))"
    // So that bodies are read for one page.
    ", page AS MATERIALIZED (SELECT id, name_key FROM sight WHERE (name_key, id) > ($5, $6)"
    "  ORDER BY name_key, id LIMIT $7)"
    " SELECT (SELECT count(*) FROM sight), r.id, r.display_name, s.name_key, r.web_url,"
    "        coalesce(r.body->>'username', ''), coalesce(r.body->>'url', ''), r.category_id,"
    "        coalesce(c.display_name, r.body->>'category_name', ''), r.vaulted,"
    "        coalesce((r.body->>'otp_enabled')::boolean, false), r.password_update_time,"
    "        r.restricted," STORED_FOLDER_SHUT "," EMBEDDED ", z.scope, z.freeze_time, policy.*"
    "   FROM page s"
    "   CROSS JOIN policy"
    "   JOIN record r ON r.tenant = $1 AND r.connection_id = $3 AND r.kind = 9 AND r.id = s.id"
    "   LEFT JOIN password_category c ON c.tenant = $1 AND c.connection_id = $3"
    "        AND c.id = r.category_id" REVEAL_FREEZE_JOIN("$9") " ORDER BY s.name_key, s.id",
};

// From column `first` on, the same in all rows.
static struct reveal_frozen read_frozen(const struct rows *rows, int first)
{
    return (struct reveal_frozen){.scope = (int)rows_int64(rows, 0, first),
                                  .since_us = rows_time(rows, 0, first + 1)};
}

enum err_code password_list(struct tx *tx, const struct password_query *query, struct arena *arena,
                            struct password_page *ret_page, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &LIST,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(query->company_id),
                       ARG_TEXT(query->connection_id), ARG_TEXT(query->name_contains),
                       ARG_TEXT(query->after_name), ARG_INT64(query->after_id),
                       ARG_INT64(query->limit), ARG_INT64(query->category_id),
                       ARG_TEXT(query->subject), ARG_INT64(query->password_id)),
                  &rows, reterr));
    size_t count = (size_t)rows_count(&rows);
    struct password_row *all = arena_calloc(arena, count + 1, sizeof(*all));
    if (all == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        int row = (int)i;
        all[i] = (struct password_row){
            .id = rows_int64(&rows, row, 1),
            .display_name = rows_text_copy(&rows, row, 2, arena),
            .name_key = rows_text_copy(&rows, row, 3, arena),
            .web_url = rows_text_copy(&rows, row, 4, arena),
            .username = rows_text_copy(&rows, row, 5, arena),
            .login_url = rows_text_copy(&rows, row, 6, arena),
            .category_id = rows_int64(&rows, row, 7),
            .category_display_name = rows_text_copy(&rows, row, 8, arena),
            .vaulted = rows_bool(&rows, row, 9),
            .has_one_time_code = rows_bool(&rows, row, 10),
            .password_update_time = rows_time(&rows, row, 11),
            .restricted = rows_bool(&rows, row, 12),
            .folder_restricted = rows_bool(&rows, row, 13),
            .embedded = rows_bool(&rows, row, 14),
            .embedded_in = rows_text_copy(&rows, row, 15, arena),
        };
        if (all[i].display_name == NULL || all[i].name_key == NULL || all[i].web_url == NULL ||
            all[i].username == NULL || all[i].login_url == NULL ||
            all[i].category_display_name == NULL || all[i].embedded_in == NULL)
            return err_no_memory(reterr);
    }
    *ret_page = (struct password_page){
        .rows = all, .count = count, .total_size = count == 0 ? 0 : rows_int64(&rows, 0, 0)};
    if (count > 0) {
        ret_page->frozen = read_frozen(&rows, 16);
        ret_page->policy = reveal_policy_read(&rows, 0, 18);
    }
    return ERR_OK;
}

#define A_FOLDER_SHUT FOLDERS_SHUT("ARRAY[r.folder_id, $6::bigint]", "c.id")
#define FREEZE_JOIN REVEAL_FREEZE_JOIN("$7")

// $1 tenant, $2 company, $3 entry, $4 whether $5 is the category to judge, else it is the stored
// one, $6 a folder to judge too, $7 the subject of who asks, $8 whether the sealed key is wanted.
// One row of a known company, whether or not the entry is there.
//
// The entry is asked for in the order of its key, and only then for its organization's mapping:
// before a table has statistics all indexes look the same to the planner, and only the key has the
// order.
static const struct statement GATES = {
    "password_gates_get",
    "SELECT" SIGHT_COLUMNS ", c.region, c.credential_version, coalesce(a.revision, 0),"
    "       r.id IS NOT NULL, r.organization_id, j.category_id, r.restricted," A_FOLDER_SHUT ","
    "       r.archived, r.vaulted, r.personal, r.display_name, r.web_url,"
    "       coalesce(k.display_name, ''),"
    "       coalesce(a.level = 3 OR (a.level = 2 AND ("
    "         (j.category_id = 0 AND a.include_uncategorized)"
    "         OR EXISTS (SELECT FROM company_password_category s WHERE s.tenant = $1"
    "                    AND s.company_id = $2 AND s.connection_id = c.id"
    "                    AND s.category_id = j.category_id))), false),"
    "       coalesce(c.key_last_success_time < now() - interval '1 day'"
    "                OR c.capabilities @> '[{\"kind\": 6, \"grant\": 3}]', false)," EMBEDDED
    ", v.scheme, v.master_key_id, v.wrapped_key, v.ciphertext,"
    " z.scope, z.freeze_time," REVEAL_POLICY_COLUMNS SIGHT_TABLES "  LEFT JOIN LATERAL ("
    "       SELECT id, organization_id, category_id, folder_id, restricted, archived, vaulted,"
    "              personal, display_name, web_url, body FROM record"
    "        WHERE tenant = $1 AND connection_id = c.id AND kind = 9 AND id BETWEEN $3 AND $3"
    "        ORDER BY id LIMIT 1) r"
    "       ON EXISTS (SELECT FROM mapping m WHERE m.tenant = $1 AND m.connection_id = c.id"
    "                  AND m.company_id = $2 AND m.organization_id = r.organization_id)"
    "  LEFT JOIN LATERAL (SELECT CASE WHEN $4::boolean THEN $5::bigint ELSE r.category_id END)"
    "       j(category_id) ON true"
    "  LEFT JOIN password_category k ON k.tenant = $1 AND k.connection_id = c.id"
    "       AND k.id = j.category_id"
    "  LEFT JOIN vault_record v ON $8::boolean AND v.tenant = $1 AND v.connection_id = c.id"
    "       AND v.purpose = 'api-key' AND v.version = c.credential_version" REVEAL_POLICY_JOIN
        FREEZE_JOIN " WHERE co.tenant = $1 AND co.id = $2",
};

// The columns of GATES.
enum {
    REGION = SIGHT_COLUMN_COUNT,
    CREDENTIAL_VERSION,
    ACCESS_REVISION,
    FOUND,
    ORGANIZATION,
    CATEGORY,
    RESTRICTED,
    FOLDER_RESTRICTED,
    ARCHIVED,
    VAULTED,
    PERSONAL,
    DISPLAY_NAME,
    WEB_URL,
    CATEGORY_DISPLAY_NAME,
    CATEGORY_ALLOWED,
    KEY_UNPROVEN,
    EMBEDDED_AT_ALL,
    EMBEDDED_IN,
    KEY,
    FREEZE = KEY + VAULT_RECORD_COLUMNS,
    POLICY = FREEZE + 2,
};

static enum err_code read_key(const struct rows *rows, struct arena *arena,
                              const struct sealed **ret_key, struct err *reterr)
{
    if (rows_null(rows, 0, KEY))
        return ERR_OK;
    struct sealed *key = arena_alloc(arena, sizeof(*key));
    if (key == NULL)
        return err_no_memory(reterr);
    *ret_key = key;
    return vault_record_read(rows, KEY, arena, key, reterr);
}

enum err_code password_gates_get(struct tx *tx, const struct password_gates_query *query,
                                 struct arena *arena, struct password_gates *ret_gates,
                                 struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    struct password_gates gates = {0};
    try_(tx_query(tx, &GATES,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(query->company_id),
                       ARG_INT64(query->password_id), ARG_BOOL(query->category_given),
                       ARG_INT64(query->category_id), ARG_INT64(query->live_folder_id),
                       ARG_TEXT(query->subject), ARG_BOOL(query->with_key)),
                  &rows, reterr));
    try_(sight_read(&rows, arena, &gates.sight, reterr));
    try_(read_key(&rows, arena, &gates.key, reterr));
    gates.region = (int)rows_int64(&rows, 0, REGION);
    gates.credential_version = rows_int64(&rows, 0, CREDENTIAL_VERSION);
    gates.access_revision = rows_int64(&rows, 0, ACCESS_REVISION);
    gates.found = rows_bool(&rows, 0, FOUND);
    gates.organization_id = rows_int64(&rows, 0, ORGANIZATION);
    gates.category_id = rows_int64(&rows, 0, CATEGORY);
    gates.restricted = rows_bool(&rows, 0, RESTRICTED);
    gates.folder_restricted = rows_bool(&rows, 0, FOLDER_RESTRICTED);
    gates.archived = rows_bool(&rows, 0, ARCHIVED);
    gates.vaulted = rows_bool(&rows, 0, VAULTED);
    gates.personal = rows_bool(&rows, 0, PERSONAL);
    gates.display_name = rows_text_copy(&rows, 0, DISPLAY_NAME, arena);
    gates.web_url = rows_text_copy(&rows, 0, WEB_URL, arena);
    gates.category_display_name = rows_text_copy(&rows, 0, CATEGORY_DISPLAY_NAME, arena);
    gates.category_allowed = rows_bool(&rows, 0, CATEGORY_ALLOWED);
    gates.key_unproven = rows_bool(&rows, 0, KEY_UNPROVEN);
    gates.embedded_in = rows_text_copy(&rows, 0, EMBEDDED_IN, arena);
    gates.frozen = read_frozen(&rows, FREEZE);
    gates.policy = reveal_policy_read(&rows, 0, POLICY);
    if (gates.category_display_name == NULL || gates.embedded_in == NULL ||
        (gates.found && (gates.display_name == NULL || gates.web_url == NULL)))
        return err_no_memory(reterr);
    *ret_gates = gates;
    return ERR_OK;
}
