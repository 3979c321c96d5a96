// What docbridge needs of a documentation system, and nothing of how one system does it.
//
// IT Glue (source/itglue) is the first implementation. A `struct source` is one account seen
// through one key: base URL, key and curl handle belong to it alone, so that two tenants can never
// mix. All calls block until their deadline, on the caller's thread; one source serves one thread
// at a time. Not for storing anything, nor for deciding what a caller may see.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/buffer.h"
#include "server/base/clock.h"
#include "server/base/err.h"
#include "server/base/secret.h"

// The numbers of docbridge.v1.Provider.
enum source_provider {
    SOURCE_PROVIDER_IT_GLUE = 1,
    SOURCE_PROVIDER_HUDU = 2,
};

// The numbers of docbridge.v1.Region.
enum source_region {
    SOURCE_REGION_US = 1,
    SOURCE_REGION_EU = 2,
    SOURCE_REGION_AU = 3,
};

// Kinds of PSA by which organizations can be asked for. The numbers of docbridge.v1.PsaType.
enum source_psa_type {
    SOURCE_PSA_CONNECTWISE_MANAGE = 1,
    SOURCE_PSA_AUTOTASK = 2,
    SOURCE_PSA_TIGERPAW = 3,
    SOURCE_PSA_KASEYA_BMS = 4,
    SOURCE_PSA_PULSEWAY_PSA = 5,
    SOURCE_PSA_VOREX = 6,
    SOURCE_PSA_TYPE_END,
};

// A region and its hosts.
struct source_region_info {
    enum source_region region;
    const char *code;         // "US"
    const char *display_name; // "United States"
    const char *ui_host;      // "app.itglue.com"
    const char *api_host;     // "api.itglue.com"
};

// The regions of IT Glue; `*ret_count` of them.
const struct source_region_info *source_regions(size_t *ret_count);
const struct source_region_info *source_region_find(enum source_region region);
// Reads a region from what people paste: a code ("eu"), a host or a URL of the user interface or
// the API, such as https://acme.eu.itglue.com/x. Errors: UNKNOWN_REGION with metadata `allowed`.
enum err_code source_region_parse(const char *text, enum source_region *ret_region,
                                  struct err *reterr) _must_check_;

// Trims white space around a pasted key; refuses an empty one, inner white space and control bytes,
// and more than 512 bytes. Errors: API_KEY_MALFORMED; the text never quotes the key.
enum err_code source_key_clean(const char *pasted, size_t len, struct secret **ret_key,
                               struct err *reterr) _must_check_;
// Whether the key begins as keys usually do ("ITG."); if not that is worth a warning, no more.
bool source_key_usual(const struct secret *key);

// How the process reaches upstream; one for all sources. Strings are borrowed.
struct source_settings {
    // Base URLs in place of the three regions', NULL for the true ones. Only under the development
    // setting; a plain http URL must be of a loopback address.
    const char *base_url[4]; // indexed by enum source_region
    // PEM file of certificate authorities to trust instead of the system's; NULL: the system's.
    const char *ca_file;
    // The proxy for upstream calls; NULL: none. The environment's is never used.
    const char *proxy;
    int64_t connect_timeout_ms; // 0: 10 s
    int64_t request_timeout_ms; // 0: 60 s
    size_t page_max_bytes;      // 0: 64 MiB
    size_t record_max_bytes;    // 0: 48 MiB
    // Where links to images may lead, comma-separated: a host, or `.x` for every host below x. They
    // are opened without the key. NULL: nowhere.
    const char *image_hosts;
    bool image_key;         // a link to the API's own host is opened, with the key
    size_t image_max_bytes; // 0: 10 MiB
};

// Checks the settings, by their names in docbridged's file: FIELD_INVALID for a URL that is not
// https, or http off the loopback, and for a host that can be none.
enum err_code source_settings_check(const struct source_settings *settings,
                                    struct err *reterr) _must_check_;

// Once at start and at exit of the process.
enum err_code source_global_init(struct err *reterr) _must_check_;
void source_global_done(void);

struct source;

// Opens an account. Sends nothing yet. Shares the key, which nobody changes from then on.
enum err_code source_open(const struct source_settings *settings, enum source_provider provider,
                          enum source_region region, const struct secret *key,
                          struct source **ret_source, struct err *reterr) _must_check_;
// Opens the same account once more, for another thread.
enum err_code source_open_again(const struct source *source, struct source **ret_source,
                                struct err *reterr) _must_check_;
// Lowers the size of a record that it takes: for what must stay small in memory. Larger ones are
// quarantined as RECORD_TOO_LARGE, whoever may take them.
void source_limit_records(struct source *source, size_t max_bytes);
// Gives an open account another key of the same account, shared; NULL: takes it away, until there
// is one again nothing can be asked. Errors: those of the provider; IT Glue's has none.
enum err_code source_set_key(struct source *source, const struct secret *key,
                             struct err *reterr) _must_check_;
struct source *source_close(struct source *source);
void source_closep(struct source **source);

// What one request did, whether it failed or not: for diagnosis, the run's counters and the budget.
struct source_attempt {
    int http_status;        // 0: no answer
    const char *curl_class; // of a failure to reach it: "dns", "connect", "tls", "timeout", "cut",
                            // "proxy"; else NULL
    int64_t latency_us;
    int64_t retry_after_ms; // what upstream asked for, 0 if it did not
    bool page_too_heavy;    // for upstream, for the time or for page_max_bytes: ask for half
    int request_count;      // requests really sent
};

enum source_kind {
    SOURCE_ORGANIZATIONS,
    SOURCE_FLEXIBLE_ASSET_TYPES,
    SOURCE_PASSWORD_CATEGORIES,
    SOURCE_DOCUMENT_FOLDERS,
    SOURCE_DOCUMENTS,
    SOURCE_FLEXIBLE_ASSETS,
    SOURCE_CHECKLISTS,
    SOURCE_CHECKLIST_TEMPLATES,
    SOURCE_PASSWORD_FOLDERS,
    SOURCE_PASSWORDS,
    SOURCE_KIND_COUNT,
};

// Which form of the document filter returns foldered documents too differs from tenant to tenant.
enum source_folder_filter {
    SOURCE_FOLDER_NULL,     // filter[document_folder_id]=null: all
    SOURCE_FOLDER_NONE,     // no filter: root level only
    SOURCE_FOLDER_NOT_NULL, // filter[document_folder_id][ne]=null: foldered
    SOURCE_FOLDER_ID,       // one folder, `folder_id`
};

// Which page of what.
struct source_query {
    enum source_kind kind;
    int64_t organization_id; // 0: the whole account; required for documents and folders
    int64_t type_id;         // the type of flexible assets; required for them
    // Instead of one type: those of any of these. Whether upstream takes more than the first of
    // them is for the caller to see.
    const int64_t *type_ids;
    size_t type_count;
    enum source_folder_filter folder_filter; // of documents
    int64_t folder_id;
    int page_number; // from 1
    int page_size;   // 1 to 1000
    // Keys of traits of kind Password in this type: of their values nothing is kept but the ids of
    // the passwords that they refer to. Compared without regard to case and with `-` and `_` alike,
    // as all keys of traits.
    const char *const *secret_traits;
    size_t secret_trait_count;
    // Keys of all fields of this type, the secret ones too. If there are any, a trait with another
    // key is dropped as well: what is not known may be a secret. Who has the list of fields must
    // give it; without one (NULL, 0) only `secret_traits` counts.
    const char *const *known_traits;
    size_t known_trait_count;
    // The latest changed first, of checklists those that are not completed before the others,
    // instead of the order that changes least. Only where upstream documents that order, or where
    // the caller finds it out; whether it keeps to it is for the caller to see.
    bool newest_first;
    bool oldest_first;      // the reverse, by the time of the last change alone
    bool impossible_filter; // adds a filter that no server knows, to learn whether such are ignored
    // Only organizations that have this id in a PSA of this kind; NULL: all. A server that ignores
    // the filter gives all of them.
    const char *psa_id;
    enum source_psa_type psa_type;
};

// Whether two queries ask for the same page. Lists of traits are the same if they are one list, and
// so are ids in a PSA.
static inline bool source_query_same(const struct source_query *one,
                                     const struct source_query *other)
{
    return one->kind == other->kind && one->organization_id == other->organization_id &&
           one->type_id == other->type_id && one->type_ids == other->type_ids &&
           one->folder_filter == other->folder_filter && one->folder_id == other->folder_id &&
           one->page_number == other->page_number && one->page_size == other->page_size &&
           one->secret_traits == other->secret_traits &&
           one->secret_trait_count == other->secret_trait_count &&
           one->known_traits == other->known_traits &&
           one->known_trait_count == other->known_trait_count &&
           one->newest_first == other->newest_first && one->oldest_first == other->oldest_first &&
           one->impossible_filter == other->impossible_filter && one->psa_id == other->psa_id &&
           one->psa_type == other->psa_type;
}

// Of a name and of a link: lists have a thousand of them in one answer.
enum { SOURCE_NAME_MAX_BYTES = 4096 };

// One record. Strings are UTF-8 without NUL, valid until the callback returns.
//
// `body` is JSON of docbridge's own making, with the keys below, and never holds a secret: password
// values, notes of passwords and values of traits of kind Password are dropped while parsing; of
// the last stays {"values":[{"id":7}]} with the ids of passwords. A member that upstream did not
// give is null, an empty array for a list.
//   organizations         short_name, type_name, status_name, primary, psa_ids[] (remote ids)
//   flexible asset types  description, icon, enabled, fields[{id,key,name,kind,order,required,
//                         use_for_title,decimals,tag_type,default_value}]; never without fields,
//                         a field's kind is Password unless it is one that is known,
//                         default_value is null for every kind but Select
//   password categories, folders   {} ; folders: ancestor_ids[]
//   documents             sections[{kind,level,html,sort}], is_uploaded
//   flexible assets       type_name, traits{}
//   checklists, templates description, completed, completed_at, due_date, assignee_id,
//                         assignee_name,
//                         tasks[{id,name,description,completed,completed_at,position,
//                         assignee_id,due_date}]
//   passwords             username, url, category_name, resource_type, resource_id, resource_name,
//                         otp_enabled
struct source_record {
    enum source_kind kind;
    int64_t id;
    int64_t organization_id; // 0: belongs to the account
    const char *name;        // never NULL; may be empty; cut to SOURCE_NAME_MAX_BYTES
    const char *web_url;     // upstream's link, NULL if it gave none, or one longer than that
    int64_t type_id;         // of a flexible asset; the template of a checklist; else 0
    int64_t folder_id;       // of a document or password, the parent of a folder; 0: none
    int64_t category_id;     // of a password; 0: none
    // Of a folder of documents: how many it says it has, -1: it does not say. Changes by itself.
    int64_t document_count;
    bool restricted, archived, vaulted, personal;
    bool completed; // of a checklist; in the body too
    int64_t create_time_us, update_time_us;
    int64_t publish_time_us;         // of a document; 0: a draft
    int64_t password_update_time_us; // of a password; 0: not known
    const char *body;
    size_t body_len;
    unsigned char content_hash[16]; // of every field above but what changes by itself
};

// A record that could not be read. `id` 0: not even that.
struct source_quarantine {
    int64_t id;
    const char *reason; // RECORD_TOO_LARGE, RECORD_MALFORMED
    const char *detail; // what was wrong, without the record's content
};

// Where the records of a page go while it arrives. A callback may store, but must not call the same
// source. Returning false stops the transfer with CANCELLED.
struct source_sink {
    bool (*on_record)(void *context, const struct source_record *record);
    bool (*on_quarantine)(void *context, const struct source_quarantine *quarantine);
    void *context;
};

// What the page said of the whole.
struct source_page {
    int record_count;    // rows delivered, quarantined ones included
    int64_t total_count; // meta.total-count; -1: not given
    int next_page; // meta.next-page; 0: the last. Of a list that loops no later page than this
};

// Fetches one page and hands over its records.
// Errors: UPSTREAM_KEY_REJECTED (403), UPSTREAM_ACCESS_DENIED (401: this resource, not the key),
// UPSTREAM_RECORD_GONE (404), UPSTREAM_RATE_LIMITED, UPSTREAM_TIMEOUT, UPSTREAM_ERROR,
// UPSTREAM_UNREACHABLE, UPSTREAM_UNEXPECTED_REDIRECT, UPSTREAM_ANSWER_INVALID, CANCELLED,
// DEADLINE_EXCEEDED. UPSTREAM_RATE_LIMITED, UPSTREAM_ERROR and UPSTREAM_UNREACHABLE always say
// after how long to try again, the last with metadata `curl_class`. No text holds a byte of an
// upstream body. Records delivered before a failure stay delivered: the caller stores a page only
// when the call succeeded.
enum err_code source_fetch_page(struct source *source, const struct source_query *query,
                                const struct source_sink *sink, struct deadline deadline,
                                const atomic_bool *cancelled, struct source_page *ret_page,
                                struct source_attempt *ret_attempt,
                                struct err *reterr) _must_check_;

// The live record of a reveal.
struct source_password {
    int64_t id;
    int64_t organization_id;
    int64_t category_id; // 0: none
    int64_t folder_id;   // 0: none, or not given
    bool restricted, archived, vaulted, personal;
    bool user_authorized; // the e-mail asked for is among those that upstream lets see it
    int64_t password_update_time_us; // 0: not known
    struct secret *value;            // NULL: upstream gave none
};
void source_password_done(struct source_password *password);

// Fetches one password with its value, by one GET, never retried. The body is parsed in guarded
// memory and wiped. With `user_email` the same GET asks for the users whom upstream lets see the
// record; they are compared with it without regard to the case of ASCII letters. NULL: they are not
// asked for.
// Errors: as source_fetch_page, and UPSTREAM_PASSWORD_ACCESS_DISABLED cannot be told from
// UPSTREAM_ACCESS_DENIED here: the caller says what it knows.
enum err_code source_fetch_password(struct source *source, int64_t organization_id,
                                    int64_t password_id, const char *user_email,
                                    struct deadline deadline, const atomic_bool *cancelled,
                                    struct source_password *ret_password,
                                    struct source_attempt *ret_attempt,
                                    struct err *reterr) _must_check_;

// An image of a document.
struct source_image {
    int64_t document_id, organization_id; // whose it is; 0: upstream does not say
    const char *media_type; // image/png, image/jpeg, image/gif or image/webp: by its first bytes
    struct buffer bytes;
};
void source_image_done(struct source_image *image);

// Fetches an image: its record, by the key, tells a link, and the link its bytes. The key goes with
// the link only to the API's own host, and only where the settings say so.
// Errors: as source_fetch_page, and UPSTREAM_IMAGE_UNAVAILABLE with metadata `cause`: NO_LINK,
// LINK_NOT_ALLOWED (with `host`), LINK_REFUSED, NOT_AN_IMAGE, TOO_LARGE (with `max_bytes`).
// `ret_attempt` is that of the record, with all requests to the API in its count.
enum err_code source_fetch_image(struct source *source, int64_t image_id, struct deadline deadline,
                                 const atomic_bool *cancelled, struct source_image *ret_image,
                                 struct source_attempt *ret_attempt,
                                 struct err *reterr) _must_check_;

// One cheap request that proves the key: the first organization.
// `*ret_organization_count` is meta.total-count, -1 if not given. Errors as source_fetch_page.
enum err_code source_probe(struct source *source, struct deadline deadline,
                           const atomic_bool *cancelled, int64_t *ret_organization_count,
                           struct source_attempt *ret_attempt, struct err *reterr) _must_check_;
