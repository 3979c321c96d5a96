// Checklist templates in sight of a caller.
//
// In sight is a template while checklists are synced and a company in the caller's sight shares
// them: every one of the account's, and an organization's to those who see its company.
#pragma once

#include "server/auth/principal.h"
#include "server/store/store.h"

struct checklist_template {
    int64_t id;
    const char *display_name;
    const char *name_key; // the first part of the name, for the next page
    const char *web_url;
    int64_t update_time;
    int item_count;
    const char *content; // the body as source.h says, NULL in a list; borrowed from the rows
};

// A page by the key of names and id. `*ret_total` counts all pages.
enum err_code checklist_template_list(struct tx *tx, const struct principal *caller,
                                      const char *connection_id, const char *after_name,
                                      int64_t after_id, int limit, struct arena *arena,
                                      struct checklist_template **ret_templates, size_t *ret_count,
                                      int64_t *ret_total, struct err *reterr) _must_check_;
// Gets one; `*ret_rows` holds its content until the caller's rows_done.
// Errors: RESOURCE_NOT_FOUND without a text if it is not in sight.
enum err_code checklist_template_get(struct tx *tx, const struct principal *caller,
                                     const char *connection_id, int64_t id, struct arena *arena,
                                     struct rows *ret_rows, struct checklist_template *ret_template,
                                     struct err *reterr) _must_check_;
// When the account's templates were last synced; 0: never.
enum err_code checklist_template_as_of(struct tx *tx, const char *connection_id, int task_kind,
                                       int64_t *ret_time, struct err *reterr) _must_check_;
