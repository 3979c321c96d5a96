#include "server/store/password.h"

#include "server/store/composite.h"
#include "server/store/gate_change.h"
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
    "          AND p.organization_id IS NOT DISTINCT FROM f.organization_id"     \
    "    WHERE p.id IS NULL OR p.restricted))"

// Whether one of some folders is for the record r; 0 is none. One of another organization is not
// known, as in documentation_sight.h.
#define FOLDERS_SHUT(folders, connection)                                      \
    " EXISTS (SELECT FROM unnest(" folders ") u(id)"                           \
    "   LEFT JOIN record f ON f.tenant = $1 AND f.connection_id = " connection \
    "        AND f.kind = 8 AND f.id = u.id"                                   \
    "        AND f.organization_id IS NOT DISTINCT FROM r.organization_id"     \
    "  WHERE u.id <> 0 AND" FOLDER_SHUT(connection) ")"

// Most entries are in no folder, and to ask about it costs as much as to read one.
#define STORED_FOLDER_SHUT " (r.folder_id <> 0 AND" FOLDERS_SHUT("ARRAY[r.folder_id]", "$3") ")"

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
    // In the order of the key, and for one: before a table has statistics the planner would read
    // all.
    "   CROSS JOIN LATERAL (SELECT * FROM record WHERE tenant = $1 AND connection_id = $3"
    "    AND kind = 9 AND id BETWEEN s.id AND s.id ORDER BY id LIMIT 1) r"
    "   LEFT JOIN password_category c ON c.tenant = $1 AND c.connection_id = $3"
    "        AND c.id = r.category_id" REVEAL_FREEZE_JOIN("$9", "$2") " ORDER BY s.name_key, s.id",
};

static struct reveal_frozen read_frozen(const struct rows *rows, int row, int first)
{
    return (struct reveal_frozen){.scope = (int)rows_int64(rows, row, first),
                                  .since_us = rows_time(rows, row, first + 1)};
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
        ret_page->frozen = read_frozen(&rows, 0, 16);
        ret_page->policy = reveal_policy_read(&rows, 0, 18);
    }
    return ERR_OK;
}

// Most entries are in no folder, and what of a company is found is mapped.
#define A_FOLDER_SHUT                                                                             \
    "(r.folder_id <> 0 OR q.folder_id <> 0) AND " FOLDERS_SHUT("ARRAY[r.folder_id, q.folder_id]", \
                                                               "c.id")
#define GATES_SIGHT \
    SIGHT_COLUMNS_BUT("CASE WHEN r.id IS NOT NULL THEN true ELSE " SIGHT_MAPPED " END")
#define FREEZE_JOIN REVEAL_FREEZE_JOIN("q.subject", "q.company_id")

// What is of the entry that `q` asks for, by the connection `c`.
//
// The entry is asked for in the order of its key, and only then for its organization's mapping:
// before a table has statistics all indexes look the same to the planner, and only the key has the
// order. A look that is a scalar with a limit is never made of the whole table.
#define ENTRY_COLUMNS                                                               \
    " r.id IS NOT NULL, r.organization_id, j.category_id, r.folder_id, c.snapshot," \
    " r.restricted," A_FOLDER_SHUT ","                                              \
    " r.archived, r.vaulted, r.personal, r.display_name, r.web_url,"                \
    " coalesce(k.display_name, ''),"                                                \
    " a.level = 3 OR (a.level = 2 AND ("                                            \
    "   (j.category_id = 0 AND a.include_uncategorized)"                            \
    "   OR (SELECT true FROM company_password_category s WHERE s.tenant = $1"       \
    "        AND s.company_id = q.company_id AND s.connection_id = c.id"            \
    "        AND s.category_id = j.category_id LIMIT 1)))," EMBEDDED
#define ENTRY_JOINS                                                                                \
    "  LEFT JOIN company_password_access a ON a.tenant = $1 AND a.company_id = q.company_id"       \
    "  LEFT JOIN LATERAL (SELECT s.* FROM ("                                                       \
    "       SELECT id, organization_id, category_id, folder_id, restricted, archived, vaulted,"    \
    "              personal, display_name, web_url, body FROM record"                              \
    "        WHERE tenant = $1 AND connection_id = c.id AND kind = 9 AND id BETWEEN q.id AND q.id" \
    "        ORDER BY id LIMIT 1) s"                                                               \
    "       JOIN mapping m ON m.tenant = $1 AND m.connection_id = c.id"                            \
    "        AND m.company_id = q.company_id AND m.organization_id = s.organization_id) r"         \
    "    ON true"                                                                                  \
    "  LEFT JOIN LATERAL (SELECT CASE WHEN q.category_given THEN q.category_id"                    \
    "                            ELSE r.category_id END) j(category_id) ON true"                   \
    "  LEFT JOIN password_category k ON k.tenant = $1 AND k.connection_id = c.id"                  \
    "       AND k.id = j.category_id"

// $1 tenant, $2 what is asked, $3 whether any of it wants the sealed key. A row for each, in any
// order. What is the tenant's is looked up once for all of them.
static const struct statement GATES = {
    "password_gates_get",
    "WITH one AS MATERIALIZED (SELECT c.*, f.password_sharing_enabled,"
    "       c.key_last_success_time < now() - interval '1 day'"
    "         OR c.capabilities @> '[{\"kind\": 6, \"grant\": 3}]' AS unproven,"
    "       v.scheme, v.master_key_id, v.wrapped_key, v.ciphertext," GATE_SNAPSHOT " AS snapshot"
    "  FROM (SELECT) x LEFT JOIN LATERAL (" SIGHT_CHOSEN ") c ON true"
    "  LEFT JOIN connection_config f ON f.tenant = $1 AND f.connection_id = c.id"
    "  LEFT JOIN vault_record v ON $3::boolean AND v.tenant = $1"
    "       AND v.connection_id = c.id AND v.purpose = 'api-key'"
    "       AND v.version = c.credential_version)"
    " SELECT" GATES_SIGHT ", q.place, co.id IS NOT NULL,"
    "       (SELECT true FROM subject_revocation s WHERE s.tenant = $1 AND s.subject = q.subject"
    "           AND s.revoke_time >= q.issue_time LIMIT 1),"
    "       CASE WHEN q.company_set <> '' THEN"
    "         (SELECT true FROM company_set_member s WHERE s.tenant = $1"
    "           AND s.set_id = q.company_set AND s.company_id = q.company_id LIMIT 1) END,"
    "       c.region, c.credential_version, coalesce(a.revision, 0), c.unproven,"
    "       CASE WHEN q.with_key THEN c.scheme END, c.master_key_id, c.wrapped_key, c.ciphertext,"
    "       z.scope, z.freeze_time," ENTRY_COLUMNS "," REVEAL_POLICY_COLUMNS
    "  FROM unnest($2::password_gates_input[]) WITH ORDINALITY"
    "       AS q (company_id, id, category_given, category_id, folder_id, subject, with_key,"
    "             issue_time, company_set, place)"
    "  CROSS JOIN one c CROSS JOIN LATERAL (SELECT c.password_sharing_enabled) f"
    "  LEFT JOIN company co ON co.tenant = $1 AND co.id = q.company_id" ENTRY_JOINS
    "  " REVEAL_POLICY_JOIN FREEZE_JOIN,
};

// $1 tenant; of each that is asked for: $2 company, $3 connection, $4 entry.
static const struct statement ENTRIES = {
    "password_gates_get_entries",
    "SELECT q.place," ENTRY_COLUMNS "  FROM (SELECT u.*, false AS category_given,"
    "         0::bigint AS category_id, 0::bigint AS folder_id"
    "    FROM unnest($2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY"
    "         AS u (company_id, connection_id, id, place)) q"
    "  CROSS JOIN LATERAL (SELECT q.connection_id AS id," GATE_SNAPSHOT
    " AS snapshot) c" ENTRY_JOINS,
};

// The columns of ENTRY_COLUMNS, from the first on.
enum {
    FOUND,
    ORGANIZATION,
    CATEGORY,
    FOLDER,
    SNAPSHOT,
    RESTRICTED,
    FOLDER_RESTRICTED,
    ARCHIVED,
    VAULTED,
    PERSONAL,
    DISPLAY_NAME,
    WEB_URL,
    CATEGORY_DISPLAY_NAME,
    CATEGORY_ALLOWED,
    EMBEDDED_AT_ALL,
    EMBEDDED_IN,
    ENTRY_COLUMN_COUNT,
};

// The columns of GATES.
enum {
    PLACE = SIGHT_COLUMN_COUNT, // from 1 on
    KNOWN,
    REVOKED,
    IN_COMPANY_SET,
    REGION,
    CREDENTIAL_VERSION,
    ACCESS_REVISION,
    KEY_UNPROVEN,
    KEY,
    FREEZE = KEY + VAULT_RECORD_COLUMNS,
    ENTRY = FREEZE + 2,
    POLICY = ENTRY + ENTRY_COLUMN_COUNT,
};

static enum err_code read_key(const struct rows *rows, int row, struct arena *arena,
                              const struct sealed **ret_key, struct err *reterr)
{
    if (rows_null(rows, row, KEY))
        return ERR_OK;
    struct sealed *key = arena_alloc(arena, sizeof(*key));
    if (key == NULL)
        return err_no_memory(reterr);
    *ret_key = key;
    return vault_record_read(rows, row, KEY, arena, key, reterr);
}

static enum err_code read_entry(const struct rows *rows, int row, int first, struct arena *arena,
                                struct password_gates *gates, struct err *reterr)
{
    gates->found = rows_bool(rows, row, first + FOUND);
    gates->organization_id = rows_int64(rows, row, first + ORGANIZATION);
    gates->category_id = rows_int64(rows, row, first + CATEGORY);
    gates->folder_id = rows_int64(rows, row, first + FOLDER);
    gates->snapshot = rows_text_copy(rows, row, first + SNAPSHOT, arena);
    gates->restricted = rows_bool(rows, row, first + RESTRICTED);
    gates->folder_restricted = rows_bool(rows, row, first + FOLDER_RESTRICTED);
    gates->archived = rows_bool(rows, row, first + ARCHIVED);
    gates->vaulted = rows_bool(rows, row, first + VAULTED);
    gates->personal = rows_bool(rows, row, first + PERSONAL);
    gates->display_name = rows_text_copy(rows, row, first + DISPLAY_NAME, arena);
    gates->web_url = rows_text_copy(rows, row, first + WEB_URL, arena);
    gates->category_display_name = rows_text_copy(rows, row, first + CATEGORY_DISPLAY_NAME, arena);
    gates->category_allowed = rows_bool(rows, row, first + CATEGORY_ALLOWED);
    gates->embedded_in = rows_text_copy(rows, row, first + EMBEDDED_IN, arena);
    return gates->category_display_name == NULL || gates->embedded_in == NULL ||
                   gates->snapshot == NULL ||
                   (gates->found && (gates->display_name == NULL || gates->web_url == NULL))
               ? err_no_memory(reterr)
               : ERR_OK;
}

static enum err_code read_gates(const struct rows *rows, int row, struct arena *arena,
                                struct password_gates *ret_gates, struct err *reterr)
{
    struct password_gates gates = {.known = rows_bool(rows, row, KNOWN),
                                   .revoked = rows_bool(rows, row, REVOKED),
                                   .in_company_set = rows_bool(rows, row, IN_COMPANY_SET)};
    *ret_gates = gates;
    if (!gates.known)
        return ERR_OK;
    try_(sight_read(rows, row, arena, &gates.sight, reterr));
    try_(read_key(rows, row, arena, &gates.key, reterr));
    try_(read_entry(rows, row, ENTRY, arena, &gates, reterr));
    gates.region = (int)rows_int64(rows, row, REGION);
    gates.credential_version = rows_int64(rows, row, CREDENTIAL_VERSION);
    gates.access_revision = rows_int64(rows, row, ACCESS_REVISION);
    gates.key_unproven = rows_bool(rows, row, KEY_UNPROVEN);
    gates.frozen = read_frozen(rows, row, FREEZE);
    gates.policy = reveal_policy_read(rows, row, POLICY);
    *ret_gates = gates;
    return ERR_OK;
}

// In the order of the type password_gates_input.
static void add_question(struct composite *questions, const struct password_gates_query *query)
{
    composite_row(questions);
    composite_text(questions, query->company_id);
    composite_int64(questions, query->password_id);
    composite_bool(questions, query->category_given);
    composite_int64(questions, query->category_id);
    composite_int64(questions, query->live_folder_id);
    composite_text(questions, query->subject);
    composite_bool(questions, query->with_key);
    composite_time(questions, query->issue_time_us);
    composite_text(questions, query->company_set);
}

static enum err_code get_whole(struct tx *tx, struct password_gates_ask *const *asks, size_t count,
                               struct err *reterr)
{
    struct composite questions _cleanup_(composite_done);
    struct rows rows _cleanup_(rows_done) = {0};
    bool with_key = false;
    composite_init(&questions);
    for (size_t i = 0; i < count; i++) {
        add_question(&questions, &asks[i]->query);
        with_key |= asks[i]->query.with_key;
    }
    const char *text = composite_end(&questions);
    if (text == NULL)
        return err_no_memory(reterr);
    try_(tx_query(tx, &GATES, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(text), ARG_BOOL(with_key)),
                  &rows, reterr));
    if (rows_count(&rows) != (int)count)
        return err_set(reterr, ERR_INTERNAL, "gates were not read once each");
    for (int row = 0; row < (int)count; row++) {
        struct password_gates_ask *ask = asks[rows_int64(&rows, row, PLACE) - 1];
        try_(read_gates(&rows, row, ask->arena, &ask->gates, reterr));
    }
    return ERR_OK;
}

static enum err_code get_entries(struct tx *tx, struct password_gates_ask *const *asks,
                                 size_t count, struct err *reterr)
{
    const char *companies[PASSWORD_GATES_MAX], *connections[PASSWORD_GATES_MAX];
    int64_t ids[PASSWORD_GATES_MAX];
    struct rows rows _cleanup_(rows_done) = {0};
    for (size_t i = 0; i < count; i++) {
        companies[i] = asks[i]->query.company_id;
        connections[i] = asks[i]->query.of_company->sight.connection_id;
        ids[i] = asks[i]->query.password_id;
    }
    try_(tx_query(tx, &ENTRIES,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXTS(companies, count),
                       ARG_TEXTS(connections, count), ARG_INT64S(ids, count)),
                  &rows, reterr));
    if (rows_count(&rows) != (int)count)
        return err_set(reterr, ERR_INTERNAL, "entries were not read once each");
    for (int row = 0; row < (int)count; row++) {
        struct password_gates_ask *ask = asks[rows_int64(&rows, row, 0) - 1];
        ask->gates = *ask->query.of_company;
        try_(read_entry(&rows, row, 1, ask->arena, &ask->gates, reterr));
        ask->gates.snapshot =
            gate_snapshot_older(ask->query.of_company->snapshot, ask->gates.snapshot);
    }
    return ERR_OK;
}

enum err_code password_gates_get(struct tx *tx, struct password_gates_ask *const *asks,
                                 size_t count, struct err *reterr)
{
    bool entries_alone = true;
    for (size_t i = 0; i < count; i++)
        entries_alone &= asks[i]->query.of_company != NULL;
    return entries_alone ? get_entries(tx, asks, count, reterr)
                         : get_whole(tx, asks, count, reterr);
}

// NULL stays NULL.
static bool copy_text(const char **text, struct arena *arena)
{
    const char *copy = arena_strdup(arena, *text);
    bool copied = copy != NULL || *text == NULL;
    *text = copy;
    return copied;
}

bool password_gates_copy(const struct password_gates *gates, struct arena *arena,
                         struct password_gates *ret_copy)
{
    struct password_gates copy = *gates;
    struct sealed *key = NULL;
    bool copied = copy_text(&copy.sight.company_display_name, arena) &&
                  copy_text(&copy.sight.connection_id, arena) &&
                  copy_text(&copy.display_name, arena) && copy_text(&copy.web_url, arena) &&
                  copy_text(&copy.category_display_name, arena) &&
                  copy_text(&copy.embedded_in, arena) && copy_text(&copy.snapshot, arena);
    if (copied && gates->key != NULL) {
        key = arena_alloc(arena, sizeof(*key));
        copied = key != NULL && vault_record_copy(gates->key, arena, key);
    }
    copy.key = key;
    *ret_copy = copy;
    return copied;
}
