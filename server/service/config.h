// What the files of ConfigService share.
#pragma once

#include "docbridge/v1/config.pb-c.h"
#include "server/audit/audit.h"
#include "server/service/method.h"

struct config_type;

// Of config_types.c: flexible asset types, and fetching them and the categories anew.
unary_handler config_list_flexible_asset_types_handler;
unary_handler config_update_flexible_asset_type_handler;
unary_handler config_refresh_documentation_types_handler;
// Of config_passwords.c: categories, and which of them a company's readers may see.
unary_handler config_list_password_categories_handler;
unary_handler config_get_company_password_access_handler;
unary_handler config_update_company_password_access_handler;
unary_handler config_batch_update_company_password_access_handler;
// Of config_fields.c: fills description, icon, fields and changes of fields. False: no memory.
bool config_fill_fields(struct arena *arena, const struct config_type *type,
                        Docbridge__V1__FlexibleAssetType *out);
// Of config_schedule.c: when a connection is synced.
unary_handler config_get_sync_schedule_handler;
unary_handler config_update_sync_schedule_handler;
// Of config_documentation.c: which documentation of a company is hidden.
unary_handler config_get_company_documentation_access_handler;
unary_handler config_update_company_documentation_access_handler;

// Names of resources as an event tells them, joined by commas. NULL: no memory.
char *config_join(struct arena *arena, const char *const *names, size_t count);
// A change of a switch, as an event tells it.
struct audit_change config_bool_change(const char *field, bool old_value, bool new_value);
// The event of a changed setting.
enum err_code config_audit(struct tx *tx, const struct request *request,
                           const struct audit_event *subject, const struct audit_change *changes,
                           size_t change_count, struct err *reterr) _must_check_;
