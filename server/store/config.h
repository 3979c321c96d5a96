// Settings of a connection and of its companies: what is synced, and which passwords may be seen.
#pragma once

#include "server/auth/principal.h"
#include "server/store/store.h"

// What a connection syncs and shares.
struct config {
    bool documents_enabled, checklists_enabled, password_sharing_enabled;
    // Classes of records that are hidden from readers unless opened (documentation_sight.h).
    bool restricted_shown, unpublished_shown, archived_shown;
    int64_t enabled_type_count; // flexible asset types that are on
    int64_t revision, update_time_us;
};
// Reads it; `lock` holds it as it is until the transaction ends. `*ret_found` is false if there is
// no such connection.
enum err_code config_get(struct tx *tx, const char *connection_id, bool lock,
                         struct config *ret_config, bool *ret_found,
                         struct err *reterr) _must_check_;
// Replaces the switches; the revision grows.
enum err_code config_set(struct tx *tx, const char *connection_id, const struct config *config,
                         int64_t time_us, struct err *reterr) _must_check_;

// A flexible asset type. Strings are never NULL and live in the arena they were read into.
struct config_type {
    int64_t id;
    const char *display_name;
    const char *body; // JSON, as source.h says
    bool enabled, chosen;
    // Its fields are not those of the last choice any more, which are `chosen_fields`: JSON.
    bool drifted;
    const char *chosen_fields;
    int upstream_state; // 1 on, 2 off, 3 gone
    int64_t discover_time_us, revision;
};
// What a refresh changed, seen from before: `snapshot` is the caller's, made by config_snapshot.
struct config_snapshot {
    const char *const *types; // "id state hash" of each
    size_t type_count;
    const char *const *categories; // "id"
    size_t category_count;
};
enum err_code config_snapshot(struct tx *tx, const char *connection_id, struct arena *arena,
                              struct config_snapshot *ret_snapshot,
                              struct err *reterr) _must_check_;
struct config_news {
    int64_t new_types, changed_types, new_categories;
};
enum err_code config_compare(struct tx *tx, const char *connection_id,
                             const struct config_snapshot *snapshot, struct config_news *ret_news,
                             struct err *reterr) _must_check_;

// A page by display name and id; the name of a page token may be cut.
enum err_code config_list_types(struct tx *tx, const char *connection_id, const char *after_name,
                                int64_t after_id, int limit, struct arena *arena,
                                struct config_type **ret_types, size_t *ret_count,
                                struct err *reterr) _must_check_;
// Finds one. NULL if there is none.
enum err_code config_get_type(struct tx *tx, const char *connection_id, int64_t id, bool lock,
                              struct arena *arena, struct config_type **ret_type,
                              struct err *reterr) _must_check_;
// Turns it on or off by a person's choice, made by the fields as they are; the revision grows.
enum err_code config_set_type(struct tx *tx, const char *connection_id, int64_t id, bool enabled,
                              struct err *reterr) _must_check_;

// A password category.
struct config_category {
    int64_t id;
    const char *display_name;
    bool gone;
    bool fresh;             // nobody saved a company's access since it was discovered
    int64_t password_count; // of mapped organizations in the caller's sight
    int64_t discover_time_us;
};
enum err_code config_list_categories(struct tx *tx, const char *connection_id,
                                     const struct principal *sight, const char *after_name,
                                     int64_t after_id, int limit, struct arena *arena,
                                     struct config_category **ret_categories, size_t *ret_count,
                                     int64_t *ret_uncategorized_count,
                                     struct err *reterr) _must_check_;

// Which passwords of a company may be seen.
struct config_access {
    int level; // docbridge.v1.CompanyPasswordAccess.Level; 1, no access, while nobody chose
    bool include_uncategorized;
    const char *const *categories; // names, in order
    size_t category_count;
    int64_t revision, update_time_us; // 0 while nobody chose
};
enum err_code config_get_access(struct tx *tx, const char *company_id, struct arena *arena,
                                struct config_access *ret_access, struct err *reterr) _must_check_;

struct config_category_id {
    const char *connection_id;
    int64_t category_id;
};
// Replaces it within a transaction that holds the company (company_lock); `revision` is that of
// what is replaced. `*ret_unknown` is the place of a category that there is not; `count`: all are.
enum err_code config_set_access(struct tx *tx, const char *company_id, int level,
                                bool include_uncategorized,
                                const struct config_category_id *categories, size_t count,
                                int64_t revision, int64_t time_us, size_t *ret_unknown,
                                struct err *reterr) _must_check_;
