// Synced documentation in sight of a company: lists, and single records with their content.
//
// In sight is what is of an organization mapped to the company, of a kind that is enabled, and not
// of a class that is hidden (documentation_sight.h). Each statement here goes behind or with the
// question for that company's sight (sight.h), by which it knows the connection.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/store/store.h"

// Which page of what. NULL and 0 leave a filter out.
struct documentation_query {
    const char *company_id;
    const char *name_contains; // ignoring case
    int64_t type_id;           // of flexible assets
    int completed;             // of checklists: 0 any, 1 yes, 2 no
    // The last row of the page before; "" and 0: the first page. Rows go by the first
    // DOCUMENTATION_NAME_KEY characters of their name as it is shown, then by id.
    const char *after_name;
    int64_t after_id;
    int limit;
};

// A key fits into a page cursor whole (service/cursor.h).
enum { DOCUMENTATION_NAME_KEY = 96 };

// A trait of a flexible asset; the value is JSON.
struct documentation_trait {
    const char *key;
    const char *value;
    size_t value_len;
    // A letter for each tag in it: 't' if readers of the company may see what it leads to. Of tags
    // beyond the letters they may not; "" until it is asked (tag_sight.h).
    const char *tags_shown;
};

// A section of a document.
struct documentation_section {
    const char *kind; // as upstream calls it, such as "Document::Heading"; "" if it does not
    int64_t level;    // of a heading; 0: none
    const char *html;
    size_t html_len;
};

// One row; what a kind does not have is NULL, 0 or false. Texts from the arena.
struct documentation_row {
    int64_t id;
    const char *display_name;
    const char *name_key; // the first part of the name shown, for the next page; of a single one ""
    const char *web_url;
    int64_t create_time, update_time, publish_time;
    // Documents.
    const char *const *folder_path; // outermost first
    size_t folder_count;
    bool uploaded_file;
    // Flexible assets.
    int64_t type_id;
    const char *type_display_name;
    // Checklists.
    bool completed;
    const char *complete_time; // RFC 3339 as upstream wrote it, or NULL
    const char *due_date;      // YYYY-MM-DD, or NULL
    const char *assignee_display_name;
    int item_count, completed_item_count;
    // Single records alone, borrowed from the rows they were read into. JSON is as source.h says.
    bool archived;
    int64_t spoil_time; // since when upstream gives it in a way that cannot be read; 0: it does not
    const struct documentation_section *sections; // of a document, in order
    size_t section_count;
    const char *content; // of a checklist: its body, JSON
    size_t content_len;
    const char *type_body; // of a flexible asset: that of its type, JSON
    const struct documentation_trait *traits;
    size_t trait_count;
};

struct documentation_page {
    const struct documentation_row *rows;
    size_t count;
    int64_t total_size; // of all pages
};

enum err_code documentation_list_documents(struct tx *tx, const struct documentation_query *query,
                                           struct arena *arena, struct documentation_page *ret_page,
                                           struct err *reterr) _must_check_;
enum err_code documentation_list_flexible_assets(struct tx *tx,
                                                 const struct documentation_query *query,
                                                 struct arena *arena,
                                                 struct documentation_page *ret_page,
                                                 struct err *reterr) _must_check_;
enum err_code documentation_list_checklists(struct tx *tx, const struct documentation_query *query,
                                            struct arena *arena,
                                            struct documentation_page *ret_page,
                                            struct err *reterr) _must_check_;

// Gets one of a company in sight. `*ret_rows` holds its content until the caller's rows_done.
// Errors: RESOURCE_NOT_FOUND without a text if it is not in sight.
struct documentation_key {
    const char *company_id;
    int64_t id;
};
enum err_code documentation_get_document(struct tx *tx, const struct documentation_key *key,
                                         struct arena *arena, struct rows *ret_rows,
                                         struct documentation_row *ret_row,
                                         struct err *reterr) _must_check_;
enum err_code documentation_get_flexible_asset(struct tx *tx, const struct documentation_key *key,
                                               struct arena *arena, struct rows *ret_rows,
                                               struct documentation_row *ret_row,
                                               struct err *reterr) _must_check_;
enum err_code documentation_get_checklist(struct tx *tx, const struct documentation_key *key,
                                          struct arena *arena, struct rows *ret_rows,
                                          struct documentation_row *ret_row,
                                          struct err *reterr) _must_check_;
