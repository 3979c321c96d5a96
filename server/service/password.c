// PasswordService: lists and gets entries, reveals values.
#include "server/service/password.h"

#include <inttypes.h>

#include "docbridge/v1/sync.pb-c.h"
#include "server/service/begin.h"
#include "server/service/cursor.h"
#include "server/service/field.h"
#include "server/service/filter.h"
#include "server/service/gate_memory.h"
#include "server/service/name.h"
#include "server/service/password_handoff.h"
#include "server/service/reading.h"
#include "server/service/reveal.h"
#include "server/service/services.h"
#include "server/store/password.h"

// A page ends with the entry that fills so many bytes: an answer has three megabytes, and names and
// addresses are as long as upstream has them.
enum { PAGE_BYTES = 3 * 512 * 1024 };

#define FLAG(name) DOCBRIDGE__V1__PASSWORD__FLAG__FLAG_##name

HANDLER(list_passwords, ListPasswordsRequest, ListPasswordsResponse)
HANDLER(get_password, GetPasswordRequest, Password)
HANDLER(reveal_password, RevealPasswordRequest, RevealPasswordResponse)
HANDLER(explain_password_access, ExplainPasswordAccessRequest, ExplainPasswordAccessResponse)
HANDLER(create_password_handoff, CreatePasswordHandoffRequest, PasswordHandoff)
HANDLER(delete_password_handoff, DeletePasswordHandoffRequest, DeletePasswordHandoffResponse)

static enum err_code reveal_denied(struct request *request, const void *in, struct err *reterr)
{
    return password_reveal_denied(request, in, reterr);
}

static enum err_code handoff_denied(struct request *request, const void *in, struct err *reterr)
{
    return password_hand_off_denied(request, in, reterr);
}

static const struct method methods[] = {
    UNARY(ListPasswords, list_passwords, LANE_STORE),
    UNARY(GetPassword, get_password, LANE_STORE),
    {.name = "RevealPassword",
     .lane = LANE_UPSTREAM,
     .unary = reveal_password_handler,
     .denied = reveal_denied},
    {.name = "CreatePasswordHandoff",
     .lane = LANE_STORE,
     .unary = create_password_handoff_handler,
     .denied = handoff_denied},
    UNARY(DeletePasswordHandoff, delete_password_handoff, LANE_STORE),
    UNARY(ExplainPasswordAccess, explain_password_access, LANE_STORE),
};

const struct service password_service = {
    &docbridge__v1__password_service__descriptor,
    methods,
    ARRAY_LEN(methods),
};

static enum err_code parse_query(struct request *request,
                                 const Docbridge__V1__ListPasswordsRequest *in,
                                 struct password_query *query, const char **ret_connection,
                                 struct err *reterr)
{
    const char *category = NULL;
    *ret_connection = NULL;
    const struct filter_field fields[] = {{"display_name", FILTER_HAS, &query->name_contains},
                                          {"password_category", FILTER_EQUALS, &category}};
    struct name name;
    try_(name_parse(in->parent, "companies/{company}", "parent", request->arena, &name, reterr));
    query->company_id = name.company;
    try_(filter_parse(in->filter, fields, ARRAY_LEN(fields), request->arena, reterr));
    if (category != NULL) {
        try_(name_parse(category, "connections/{connection}/passwordCategories/{password_category}",
                        "filter", request->arena, &name, reterr));
        query->category_id = name.password_category;
        *ret_connection = name.connection;
    }
    return ERR_OK;
}

// Which budget has no room for each entry of a page.
static enum err_code look_at_budgets(struct tx *tx, const struct request *request,
                                     const struct password_query *query,
                                     const struct password_page *page, int *ret_full_scopes,
                                     struct err *reterr)
{
    const struct reveal_usage usage = {.subject = query->subject,
                                       .company_id = query->company_id,
                                       .connection_id = query->connection_id};
    int64_t *ids = arena_calloc(request->arena, page->count + 1, sizeof(*ids));
    if (ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < page->count; i++)
        ids[i] = page->rows[i].id;
    return reveal_budget_full(tx, &page->policy, &usage, ids, page->count, ret_full_scopes, reterr);
}

// The reason that a reveal of a listed entry would give this caller; ERR_OK: none. `full_scope`: of
// the budget that has no room for it, or 0.
static enum err_code blocked_by(const struct request *request, const struct sight *sight,
                                const struct password_page *page, const struct password_row *row,
                                int full_scope)
{
    const struct reveal_excess excess = {.scope = full_scope};
    // What lists let through passed the other gates.
    const struct password_gates gates = {.sight = *sight,
                                         .found = true,
                                         .category_allowed = true,
                                         .vaulted = row->vaulted,
                                         .restricted = row->restricted,
                                         .folder_restricted = row->folder_restricted,
                                         .web_url = row->web_url,
                                         .policy = page->policy,
                                         .frozen = page->frozen};
    const struct reveal_case what = {.caller = request->caller,
                                     .in_sight = true,
                                     .company = "",
                                     .name = "",
                                     .gates = &gates,
                                     .excess = &excess};
    return reveal_judge(&what, NULL, NULL);
}

static bool fill_flags(struct arena *arena, const struct password_row *row,
                       Docbridge__V1__Password *password)
{
    const struct {
        bool set;
        Docbridge__V1__Password__Flag flag;
    } flags[] = {
        {row->vaulted, FLAG(VAULTED)},
        {row->has_one_time_code, FLAG(HAS_ONE_TIME_CODE)},
        {row->restricted || row->folder_restricted, FLAG(RESTRICTED)},
        {row->embedded, FLAG(EMBEDDED)},
    };
    password->flags = arena_calloc(arena, ARRAY_LEN(flags), sizeof(*password->flags));
    if (password->flags == NULL)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (flags[i].set)
            password->flags[password->n_flags++] = flags[i].flag;
    return true;
}

static enum err_code fill_password(const struct request *request, const struct sight *sight,
                                   const struct password_page *page, const char *parent,
                                   const struct password_row *row, int full_scope,
                                   Docbridge__V1__Password *password, struct err *reterr)
{
    struct arena *arena = request->arena;
    docbridge__v1__password__init(password);
    password->name = arena_printf(arena, "%s/passwords/%" PRId64, parent, row->id);
    password->display_name = arena_strdup(arena, row->display_name);
    password->username = arena_strdup(arena, row->username);
    password->login_uri = arena_strdup(arena, row->login_url);
    password->upstream_uri = arena_strdup(arena, row->web_url);
    password->password_category_display_name = arena_strdup(arena, row->category_display_name);
    if (row->category_id != 0)
        password->password_category =
            arena_printf(arena, "connections/%s/passwordCategories/%" PRId64, sight->connection_id,
                         row->category_id);
    password->password_update_time = field_time(arena, row->password_update_time);
    password->embedded_in_display_name = arena_strdup(arena, row->embedded_in);
    if (password->name == NULL || password->display_name == NULL || password->username == NULL ||
        password->login_uri == NULL || password->upstream_uri == NULL ||
        password->password_category_display_name == NULL || password->password_category == NULL ||
        password->embedded_in_display_name == NULL || !fill_flags(arena, row, password))
        return err_no_memory(reterr);
    enum err_code blocked = blocked_by(request, sight, page, row, full_scope);
    password->revealable = blocked == ERR_OK;
    if (blocked != ERR_OK)
        password->blocked_reason = arena_strdup(arena, err_reason(blocked));
    return password->blocked_reason == NULL ? err_no_memory(reterr) : ERR_OK;
}

// What was just shown and may be revealed will be.
static void look_ahead(const struct request *request, const char *company_id,
                       const struct password_page *page, Docbridge__V1__Password *const *shown,
                       size_t count)
{
    size_t i = 0;
    while (i < count && !shown[i]->revealable)
        i++;
    if (i < count && !reveal_budget_any(&page->policy))
        gate_memory_look_ahead(request, company_id, page->rows[i].id);
}

static enum err_code list_passwords(struct request *request,
                                    const Docbridge__V1__ListPasswordsRequest *in,
                                    Docbridge__V1__ListPasswordsResponse *out, struct err *reterr)
{
    const struct page_list list = {"ListPasswords", in->parent, in->filter};
    struct arena *arena = request->arena;
    struct password_query query = {0};
    const char *of_connection;
    struct password_page page = {0};
    struct sight sight;
    const char *cursor;
    int size;
    try_(parse_query(request, in, &query, &of_connection, reterr));
    try_(page_size(in->page_size, &size, reterr));
    try_(page_open(request, &list, in->page_token, &cursor, reterr));
    try_(cursor_open_number(arena, cursor, &query.after_id, &query.after_name, reterr));

    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(request_begin(request, &tx, reterr));
    try_(reading_sight(tx, request, query.company_id,
                       DOCBRIDGE__V1__SYNC_TASK_KIND__SYNC_TASK_KIND_PASSWORDS, in->parent, &sight,
                       reterr));
    query.connection_id = sight.connection_id;
    query.limit = size + 1;
    query.subject = request->caller->subject;
    if (sight.connection_id != NULL && sight.password_sharing_enabled &&
        reading_is_of(&sight, of_connection)) {
        tx_commit_with_next(tx);
        try_(password_list(tx, &query, arena, &page, reterr));
    }
    try_(tx_commit(&tx, reterr));
    int *full_scopes = arena_calloc(arena, page.count + 1, sizeof(*full_scopes));
    if (full_scopes == NULL)
        return err_no_memory(reterr);
    if (reveal_budget_any(&page.policy)) {
        try_(request_begin(request, &tx, reterr));
        tx_commit_with_next(tx);
        try_(look_at_budgets(tx, request, &query, &page, full_scopes, reterr));
        try_(tx_commit(&tx, reterr));
    }

    size_t most = page.count > (size_t)size ? (size_t)size : page.count;
    out->passwords = arena_calloc(arena, most + 1, sizeof(*out->passwords));
    Docbridge__V1__Password *all = arena_calloc(arena, most + 1, sizeof(*all));
    out->freshness = reading_freshness(arena, &sight);
    if (out->passwords == NULL || all == NULL || out->freshness == NULL)
        return err_no_memory(reterr);
    size_t shown = 0;
    for (size_t bytes = 0; shown < most && bytes < PAGE_BYTES; shown++) {
        out->passwords[shown] = &all[shown];
        try_(fill_password(request, &sight, &page, in->parent, &page.rows[shown],
                           full_scopes[shown], &all[shown], reterr));
        bytes += protobuf_c_message_get_packed_size(&all[shown].base);
    }
    out->n_passwords = shown;
    out->total_size = (int32_t)page.total_size;
    if (page.count > shown) {
        const struct password_row *last = &page.rows[shown - 1];
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what has a count has rows
        try_(cursor_make_number(arena, last->id, last->name_key, &cursor, reterr));
        try_(page_make(request, &list, cursor, &out->next_page_token, reterr));
    }
    look_ahead(request, query.company_id, &page, out->passwords, shown);
    return ERR_OK;
}

// An entry that the list would not show is one that there is not.
static enum err_code get_password(struct request *request,
                                  const Docbridge__V1__GetPasswordRequest *in,
                                  Docbridge__V1__Password *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct password_page page = {0};
    struct sight sight;
    struct name name;
    try_(name_parse(in->name, "companies/{company}/passwords/{record}", "name", request->arena,
                    &name, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(reading_sight(tx, request, name.company,
                       DOCBRIDGE__V1__SYNC_TASK_KIND__SYNC_TASK_KIND_PASSWORDS, in->name, &sight,
                       reterr));
    const struct password_query query = {.company_id = name.company,
                                         .connection_id = sight.connection_id,
                                         .password_id = name.record,
                                         .after_name = "",
                                         .limit = 1,
                                         .subject = request->caller->subject};
    if (sight.connection_id != NULL && sight.password_sharing_enabled)
        try_(password_list(tx, &query, request->arena, &page, reterr));
    if (page.count == 0)
        return err_not_found(reterr, in->name);
    int full_scope = 0;
    if (reveal_budget_any(&page.policy))
        try_(look_at_budgets(tx, request, &query, &page, &full_scope, reterr));
    try_(tx_commit(&tx, reterr));
    const char *parent = arena_printf(request->arena, "companies/%s", name.company);
    if (parent == NULL)
        return err_no_memory(reterr);
    try_(fill_password(request, &sight, &page, parent, &page.rows[0], full_scope, out, reterr));
    look_ahead(request, name.company, &page, &out, 1);
    return ERR_OK;
}

static enum err_code reveal_password(struct request *request,
                                     const Docbridge__V1__RevealPasswordRequest *in,
                                     Docbridge__V1__RevealPasswordResponse *out, struct err *reterr)
{
    return password_reveal(request, in, out, reterr);
}

static enum err_code create_password_handoff(struct request *request,
                                             const Docbridge__V1__CreatePasswordHandoffRequest *in,
                                             Docbridge__V1__PasswordHandoff *out,
                                             struct err *reterr)
{
    return password_hand_off(request, in, out, reterr);
}

static enum err_code delete_password_handoff(struct request *request,
                                             const Docbridge__V1__DeletePasswordHandoffRequest *in,
                                             Docbridge__V1__DeletePasswordHandoffResponse *out,
                                             struct err *reterr)
{
    (void)out;
    return password_withdraw(request, in, reterr);
}

static enum err_code explain_password_access(struct request *request,
                                             const Docbridge__V1__ExplainPasswordAccessRequest *in,
                                             Docbridge__V1__ExplainPasswordAccessResponse *out,
                                             struct err *reterr)
{
    return password_explain(request, in, out, reterr);
}
