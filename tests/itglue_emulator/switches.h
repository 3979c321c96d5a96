/*
 * Every behaviour of IT Glue that is unknown, disputed or broken on purpose is a switch: a row of
 * this one table (name, kind, default, choices, what the default rests on, meaning). The admin port
 * reads and sets them while the emulator runs. Callers hold the emulator's lock.
 * Tags: O official, L seen live, C client code, I inferred, ? unknown, E the emulator's own.
 */
#ifndef ITGLUE_EMULATOR_SWITCHES_H
#define ITGLUE_EMULATOR_SWITCHES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum switch_kind { SWITCH_KIND_BOOL, SWITCH_KIND_INT, SWITCH_KIND_CHOICE, SWITCH_KIND_MAP };

/* X(id, name, kind, default as JSON, choices separated by |, tag, meaning) */
#define SWITCHES(X)                                                                               \
    X(VINTAGE, "vintage", CHOICE, "\"2026-07\"", "2025|2026-01|2026-02|2026-07", "L",             \
      "what the tenant opens to keys: +documents 2026-01, +checklists 2026-02, +folders 2026-07") \
    X(API_NOT_ENABLED, "api_not_enabled", BOOL, "false", "", "?", "401 on every call")            \
    X(ORGANIZATIONS_DENIED, "organizations_denied", BOOL, "false", "", "I",                       \
      "401 on /organizations alone")                                                              \
    X(FORBIDDEN_BODY, "forbidden_body", CHOICE, "\"json\"", "json|html|empty", "I",               \
      "body of the 403 for a bad key")                                                            \
    X(NO_KEY_STATUS, "no_key_status", INT, "403", "401|403", "?", "status without any key")       \
    X(PASSWORD_ACCESS, "password_access", BOOL, "true", "", "E",                                  \
      "the key's Password Access (a fresh key of the real service has it off)")                   \
    X(SHOW_PASSWORD_DEFAULT, "show_password_default", BOOL, "true", "", "O",                      \
      "show_password when the parameter is missing")                                              \
    X(OMITTED_WITHOUT_ACCESS, "omitted_without_access", CHOICE, "\"401\"", "401|absent", "I",     \
      "show without parameter and without Password Access")                                       \
    X(HIDDEN_VALUE, "hidden_value", CHOICE, "\"absent\"", "absent|null", "I",                     \
      "the password attribute under show_password=false")                                         \
    X(EMPTY_VALUE, "empty_value", CHOICE, "\"null\"", "null|absent", "O",                         \
      "the password attribute of an entry that has no value")                                     \
    X(VAULTED_VALUE, "vaulted_value", CHOICE, "\"null\"", "absent|null|ciphertext", "?",          \
      "the password attribute of a vaulted entry")                                                \
    X(PERSONAL_PASSWORDS, "personal_passwords", CHOICE, "\"hidden\"", "hidden|shown", "?",        \
      "entries of one user only")                                                                 \
    X(LIST_PASSWORD, "list_has_password_attribute", CHOICE, "\"absent\"", "absent|null|value",    \
      "L", "the stray attribute of one reference example")                                        \
    X(LIST_SHOW_PASSWORD, "list_show_password", CHOICE, "\"ignored\"", "ignored|400", "L",        \
      "show_password on a list")                                                                  \
    X(ECHO_SECRET, "echo_secret_in_errors", BOOL, "false", "", "C",                               \
      "errors about one password carry its value")                                                \
    X(TIMEOUT_PAGE_SIZE, "timeout_page_size", MAP, "{}", "", "L",                                 \
      "collection: largest page size before the timeout error")                                   \
    X(TIMEOUT_STATUS, "timeout_status", INT, "504", "500..599", "I", "status of that error")      \
    X(PAGE_SIZE_OVER_MAX, "page_size_over_max", CHOICE, "\"clamp\"", "clamp|400", "?",            \
      "page[size] above 1000")                                                                    \
    X(DEFAULT_ORDER, "default_order", CHOICE, "\"id\"", "id|name", "?", "order without sort")     \
    X(FOLDER_FILTER_NULL, "folder_filter_null", CHOICE, "\"all\"", "all|422|root", "L",           \
      "filter[document_folder_id]=null")                                                          \
    X(FOLDER_FILTER_NE, "folder_filter_ne", CHOICE, "\"foldered\"", "foldered|all|ignored|422",   \
      "L", "filter[document_folder_id][ne]=null")                                                 \
    X(DOCUMENTS_SORT, "documents_sort", CHOICE, "\"ignored\"", "ignored|honoured", "?",           \
      "sort=updated_at and the like on documents, which no reference lists")                      \
    X(DOCUMENTS_INDEX, "documents_index", CHOICE, "\"ok\"", "ok|404", "C", "GET /documents")      \
    X(DOCUMENT_SHOW, "document_show", CHOICE, "\"content\"", "content|sections|included|null",    \
      "?", "where one document's answer carries its sections")                                    \
    X(BIG_BODY, "big_body_document_bytes", INT, "0", "0..1000000000", "E",                        \
      "size of the body of the document with the lowest id; 0: as generated")                     \
    X(IMAGE_LINK, "image_link", CHOICE, "\"signed\"", "signed|session|key|elsewhere|absent", "?", \
      "where original-src leads: what a signature, a session or the key opens, another host")     \
    X(IMAGE_CONTENT, "image_content", CHOICE, "\"png\"", "png|gif|jpeg|webp|svg|html", "E",       \
      "what lies behind a link that opens")                                                       \
    X(IMAGE_BYTES, "image_bytes", INT, "0", "0..1000000000", "E",                                 \
      "size of that, filled up with zeroes; 0: as it is")                                         \
    X(CHECKLIST_TEMPLATES, "checklist_templates", CHOICE, "\"ok\"", "ok|401|404", "C",            \
      "GET /checklist_templates with a key")                                                      \
    X(MISSING_TYPE_FILTER, "missing_type_filter_status", INT, "422", "400|422", "?",              \
      "flexible_assets without the type filter")                                                  \
    X(DATE_RANGE_RULES, "date_range_rules", CHOICE, "\"week\"", "week|none|no_open_end", "L",     \
      "which filter[updated_at] and filter[created_at] are refused with 422")                     \
    X(NESTED_FILTERS, "nested_filters", CHOICE, "\"honoured\"", "honoured|ignored", "L",          \
      "filters on nested routes (the folder filter works always)")                                \
    X(PSA_FILTER_ALONE, "psa_filter_alone", CHOICE, "\"ignored\"", "ignored|400", "?",            \
      "filter[psa_id] without psa_integration_type")                                              \
    X(PSA_FILTER_FOREIGN, "psa_filter_foreign", CHOICE, "\"none\"", "none|ignored|422", "?",      \
      "filter[psa_id] with the psa_integration_type of a PSA that the account has not")           \
    X(UNKNOWN_INCLUDE, "unknown_include", CHOICE, "\"ignored\"", "ignored|400", "?",              \
      "an include that the endpoint does not list")                                               \
    X(TYPE_FILTER_LIST, "type_filter_list", CHOICE, "\"honoured\"", "honoured|first|422", "?",    \
      "flexible_assets of several types, separated by commas: of all, of the first, refused")     \
    X(AUTHORIZED_USERS, "authorized_users", CHOICE, "\"linked\"", "linked|unlinked|absent", "?",  \
      "what the include adds: users and links to them, users alone, nothing")                     \
    X(INCLUDED_ID, "included_id", CHOICE, "\"string\"", "string|integer", "O", "ids in included") \
    X(MISSING_RECORD, "missing_record_status", INT, "404", "401|404", "L", "an id nobody has")    \
    X(HTML_404, "html_404", BOOL, "true", "", "L", "an unknown route answers with a web page")    \
    X(LIMIT, "limit", INT, "3000", "0..1000000", "O", "requests in a window; 0: no limit")        \
    X(WINDOW_MS, "window_ms", INT, "300000", "1..86400000", "O", "length of the sliding window")  \
    X(RATE_SCOPE, "rate_scope", CHOICE, "\"key\"", "key|account", "?", "who shares a window")     \
    X(RATE_COUNTS_REJECTED, "rate_counts_rejected", BOOL, "false", "", "?",                       \
      "a 429 uses the window up too")                                                             \
    X(RATE_BODY, "rate_body", CHOICE, "\"json\"", "json|html|empty", "?", "body of a 429")        \
    X(RETRY_AFTER, "retry_after", CHOICE, "\"absent\"", "absent|seconds|date", "?",               \
      "Retry-After on a 429")                                                                     \
    X(RETRY_AFTER_SECONDS, "retry_after_seconds", INT, "0", "0..86400", "?",                      \
      "its value; 0: the true rest of the wait")                                                  \
    X(DUPLICATE_ROWS, "duplicate_rows", INT, "0", "0..1000", "L",                                 \
      "so many rows of the page before come again on each later page")                            \
    X(SHIFT_ROWS, "shift_rows", INT, "0", "-1000..1000", "L",                                     \
      "each later page starts so many rows late (deletions) or, negative, early (inserts)")       \
    X(EMPTY_PAGE, "empty_page_before_end", INT, "0", "0..1000000", "C", "this page is empty")     \
    X(NEXT_PAGE_LOOP, "next_page_loop", INT, "0", "0..1000000", "C",                              \
      "from this page on, next-page names the page itself")                                       \
    X(TOTAL_COUNT_LIES, "total_count_lies", INT, "0", "-1000000..1000000", "L",                   \
      "added to total-count")                                                                     \
    X(OMIT_META, "omit_meta", BOOL, "false", "", "O", "lists without meta and links")             \
    X(NULL_NAMES, "null_names", INT, "0", "0..1000000", "L", "every n-th row has a null name")    \
    X(NUL_IN_NAMES, "nul_in_names", INT, "0", "0..1000000", "E",                                  \
      "every n-th row has \\u0000 in its name")                                                   \
    X(MALFORMED_ROWS, "malformed_rows", INT, "0", "0..1000000", "E",                              \
      "every n-th row has an object as its id and no attributes")                                 \
    X(LATENCY_MS, "latency_ms", INT, "0", "0..600000", "E", "delay of every answer")              \
    X(LATENCY_JITTER_MS, "latency_jitter_ms", INT, "0", "0..600000", "E", "added at random")

enum switch_id {
#define X(id, name, kind, initial, choices, tag, meaning) SWITCH_##id,
    SWITCHES(X)
#undef X
        SWITCH_COUNT
};

struct switches {
    json_t *values[SWITCH_COUNT];
};

void switches_init(struct switches *switches);
void switches_done(struct switches *switches);
/* All or nothing; `problem` (512 bytes) says what was refused. */
bool switches_patch(struct switches *switches, const json_t *object, char *problem, size_t size);
/* New references: the values by name; the table with kind, choices, default, tag, meaning. */
json_t *switches_values(const struct switches *switches);
json_t *switches_describe(const struct switches *switches);

bool switch_on(const struct switches *switches, enum switch_id id);
int64_t switch_int(const struct switches *switches, enum switch_id id);
bool switch_is(const struct switches *switches, enum switch_id id, const char *choice);
const char *switch_text(const struct switches *switches, enum switch_id id);
/* The number that a map switch holds for `key`, or 0. */
int64_t switch_map(const struct switches *switches, enum switch_id id, const char *key);

#endif
