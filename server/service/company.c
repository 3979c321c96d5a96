// CompanyService: the companies that the host portal pushes.
#include "docbridge/v1/company.pb-c.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/audit/audit.h"
#include "server/base/name_key.h"
#include "server/base/utf8.h"
#include "server/service/begin.h"
#include "server/service/cursor.h"
#include "server/service/field.h"
#include "server/service/filter.h"
#include "server/service/name.h"
#include "server/service/page.h"
#include "server/service/services.h"
#include "server/service/word.h"
#include "server/store/company.h"

enum { BATCH_MAX = 1000, DISPLAY_NAME_MAX = 255, EXTERNAL_ID_MAX = 255 };

HANDLER(batch_upsert_companies, BatchUpsertCompaniesRequest, BatchUpsertCompaniesResponse)
HANDLER(get_company, GetCompanyRequest, Company)
HANDLER(list_companies, ListCompaniesRequest, ListCompaniesResponse)
HANDLER(delete_company, DeleteCompanyRequest, DeleteCompanyResponse)

static const struct method methods[] = {
    UNARY(BatchUpsertCompanies, batch_upsert_companies, LANE_STORE),
    UNARY(GetCompany, get_company, LANE_STORE),
    UNARY(ListCompanies, list_companies, LANE_STORE),
    UNARY(DeleteCompany, delete_company, LANE_STORE),
};

const struct service company_service = {
    &docbridge__v1__company_service__descriptor,
    methods,
    ARRAY_LEN(methods),
};

static char **copy_names(struct arena *arena, const char *const *names, size_t count)
{
    char **copies = arena_calloc(arena, count + 1, sizeof(*copies));
    for (size_t i = 0; copies != NULL && i < count; i++) {
        copies[i] = arena_strdup(arena, names[i]);
        if (copies[i] == NULL)
            return NULL;
    }
    return copies;
}

static enum err_code fill(struct arena *arena, const struct company *company,
                          Docbridge__V1__Company *out, struct err *reterr)
{
    out->name = arena_printf(arena, "companies/%s", company->id);
    out->display_name = arena_strdup(arena, company->display_name);
    out->n_organizations = company->organization_count;
    out->organizations = copy_names(arena, company->organizations, company->organization_count);
    out->update_time = field_time(arena, company->update_time_us);
    out->etag = field_etag(arena, company->revision);
    if (company->psa_type != 0) {
        out->psa = arena_alloc(arena, sizeof(*out->psa));
        if (out->psa == NULL)
            return err_no_memory(reterr);
        docbridge__v1__psa_identity__init(out->psa);
        out->psa->type = (Docbridge__V1__PsaType)company->psa_type;
        out->psa->external_id = arena_strdup(arena, company->psa_external_id);
        if (out->psa->external_id == NULL)
            return err_no_memory(reterr);
    }
    return out->name != NULL && out->display_name != NULL && out->organizations != NULL &&
                   out->update_time != NULL && out->etag != NULL
               ? ERR_OK
               : err_no_memory(reterr);
}

static enum err_code fill_all(struct arena *arena, const struct company *companies, size_t count,
                              Docbridge__V1__Company ***ret_messages, struct err *reterr)
{
    Docbridge__V1__Company **messages = arena_calloc(arena, count + 1, sizeof(*messages));
    Docbridge__V1__Company *items = arena_calloc(arena, count + 1, sizeof(*items));
    if (messages == NULL || items == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        messages[i] = &items[i];
        docbridge__v1__company__init(&items[i]);
        try_(fill(arena, &companies[i], &items[i], reterr));
    }
    *ret_messages = messages;
    return ERR_OK;
}

static enum err_code parse_psa(const Docbridge__V1__PsaIdentity *psa, const char *place,
                               struct company_push *push, struct err *reterr)
{
    char field[64];
    push->psa_external_id = "";
    if (psa == NULL)
        return ERR_OK;
    (void)snprintf(field, sizeof(field), "%s.psa.type", place);
    if (psa->type == 0 || protobuf_c_enum_descriptor_get_value(&docbridge__v1__psa_type__descriptor,
                                                               (int)psa->type) == NULL)
        return err_invalid(reterr, field, "must name a kind of PSA");
    (void)snprintf(field, sizeof(field), "%s.psa.external_id", place);
    try_(field_text(psa->external_id, field, EXTERNAL_ID_MAX, reterr));
    push->psa_type = (int)psa->type;
    push->psa_external_id = psa->external_id;
    return ERR_OK;
}

static enum err_code parse_push(const struct request *request, const Docbridge__V1__Company *in,
                                const char *place, struct company_push *push, struct err *reterr)
{
    char field[64];
    struct name name;
    (void)snprintf(field, sizeof(field), "%s.name", place);
    try_(name_parse(in->name, "companies/{company}", field, request->arena, &name, reterr));
    (void)snprintf(field, sizeof(field), "%s.display_name", place);
    if (!utf8_valid(in->display_name, strlen(in->display_name)))
        return err_invalid(reterr, field, "must be UTF-8");
    try_(field_text(in->display_name, field, DISPLAY_NAME_MAX, reterr));
    push->id = name.company;
    push->display_name = in->display_name;
    push->name_key = name_key(request->arena, in->display_name);
    if (push->name_key == NULL)
        return err_no_memory(reterr);
    return parse_psa(in->psa, place, push, reterr);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// One company twice in a batch has no order that could decide which counts.
static enum err_code check_distinct(struct arena *arena, const char *const *ids, size_t count,
                                    struct err *reterr)
{
    const char **sorted = arena_calloc(arena, count, sizeof(*sorted));
    if (sorted == NULL)
        return err_no_memory(reterr);
    memcpy(sorted, ids, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), compare_texts);
    for (size_t i = 1; i < count; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            return err_invalid(reterr, "companies", "has companies/%s twice", sorted[i]);
    return ERR_OK;
}

static enum err_code parse_batch(const struct request *request,
                                 const Docbridge__V1__BatchUpsertCompaniesRequest *in,
                                 struct company_push **ret_pushes, const char ***ret_ids,
                                 struct err *reterr)
{
    if (in->n_companies == 0)
        return err_invalid(reterr, "companies", "must not be empty");
    if (in->n_companies > BATCH_MAX)
        return err_invalid(reterr, "companies", "must have at most %d items", BATCH_MAX);
    struct company_push *pushes = arena_calloc(request->arena, in->n_companies, sizeof(*pushes));
    const char **ids = arena_calloc(request->arena, in->n_companies, sizeof(*ids));
    if (pushes == NULL || ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < in->n_companies; i++) {
        char place[32];
        (void)snprintf(place, sizeof(place), "companies[%zu]", i);
        try_(parse_push(request, in->companies[i], place, &pushes[i], reterr));
        ids[i] = pushes[i].id;
    }
    *ret_pushes = pushes;
    *ret_ids = ids;
    return check_distinct(request->arena, ids, in->n_companies, reterr);
}

static const struct company_push *push_of(const struct company_push *pushes, size_t count,
                                          const char *id)
{
    size_t i = 0;
    while (i + 1 < count && strcmp(pushes[i].id, id) != 0)
        i++;
    return &pushes[i];
}

static const char *psa_word(int psa_type)
{
    return psa_type == 0 ? NULL
                         : word_of(&docbridge__v1__psa_type__descriptor, "PSA_TYPE_", psa_type);
}

static const char *text_or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

// What a company was called and is called, and by which id the PSA knows it, decides what Quick
// Match maps to it and what other events call it: told of each that is pushed as another.
static enum err_code audit_differing(struct tx *tx, const struct request *request,
                                     const struct company *old, size_t count,
                                     const struct company_push *pushes, size_t push_count,
                                     struct err *reterr)
{
    struct audit_event *events = arena_calloc(request->arena, count + 1, sizeof(*events));
    struct audit_change(*changes)[3] = arena_calloc(request->arena, count + 1, sizeof(*changes));
    if (events == NULL || changes == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        const struct company_push *new = push_of(pushes, push_count, old[i].id);
        size_t made = 0;
        if (strcmp(old[i].display_name, new->display_name) != 0)
            changes[i][made++] =
                (struct audit_change){"display_name", old[i].display_name, new->display_name};
        if (old[i].psa_type != new->psa_type)
            changes[i][made++] = (struct audit_change){"psa.type", psa_word(old[i].psa_type),
                                                       psa_word(new->psa_type)};
        if (strcmp(old[i].psa_external_id, new->psa_external_id) != 0)
            changes[i][made++] =
                (struct audit_change){"psa.external_id", text_or_null(old[i].psa_external_id),
                                      text_or_null(new->psa_external_id)};
        const char *name = arena_printf(request->arena, "companies/%s", old[i].id);
        if (name == NULL)
            return err_no_memory(reterr);
        events[i] = (struct audit_event){.type = AUDIT_COMPANY,
                                         .phase = AUDIT_SINGLE,
                                         .outcome = AUDIT_SUCCEEDED,
                                         .resource = name,
                                         .resource_display_name = new->display_name,
                                         .company_id = old[i].id,
                                         .company_display_name = new->display_name,
                                         .changes = changes[i],
                                         .change_count = made};
    }
    return audit_append_many(tx, request, events, count, reterr);
}

static enum err_code audit_push(struct tx *tx, const struct request *request, int64_t created,
                                int64_t updated, struct err *reterr)
{
    if (created + updated == 0)
        return ERR_OK;
    char created_text[24];
    char updated_text[24];
    (void)snprintf(created_text, sizeof(created_text), "%" PRId64, created);
    (void)snprintf(updated_text, sizeof(updated_text), "%" PRId64, updated);
    const struct audit_change changes[] = {{"created_count", NULL, created_text},
                                           {"updated_count", NULL, updated_text}};
    return audit_append(tx, request,
                        &(struct audit_event){.type = AUDIT_COMPANY,
                                              .phase = AUDIT_SINGLE,
                                              .outcome = AUDIT_SUCCEEDED,
                                              .changes = changes,
                                              .change_count = ARRAY_LEN(changes)},
                        NULL, reterr);
}

static enum err_code batch_upsert_companies(struct request *request,
                                            const Docbridge__V1__BatchUpsertCompaniesRequest *in,
                                            Docbridge__V1__BatchUpsertCompaniesResponse *out,
                                            struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct company_push *pushes = NULL;
    struct company *companies = NULL;
    const char **ids = NULL;
    int64_t created = 0;
    int64_t updated = 0;
    size_t hidden, differing;
    struct company *before;
    try_(parse_batch(request, in, &pushes, &ids, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(request_first_hidden(tx, request, ids, in->n_companies, &hidden, reterr));
    if (hidden < in->n_companies)
        return err_not_found(reterr, in->companies[hidden]->name);
    try_(company_differing(tx, pushes, in->n_companies, request->arena, &before, &differing,
                           reterr));
    try_(company_upsert(tx, pushes, in->n_companies, clock_wall_us(), request->arena, &created,
                        &updated, reterr));
    try_(company_get_many(tx, ids, in->n_companies, request->arena, &companies, &out->n_companies,
                          reterr));
    try_(fill_all(request->arena, companies, out->n_companies, &out->companies, reterr));
    try_(audit_differing(tx, request, before, differing, pushes, in->n_companies, reterr));
    try_(audit_push(tx, request, created, updated, reterr));
    out->created_count = (int32_t)created;
    out->updated_count = (int32_t)updated;
    return tx_commit(&tx, reterr);
}

static enum err_code get_company(struct request *request,
                                 const Docbridge__V1__GetCompanyRequest *in,
                                 Docbridge__V1__Company *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct company *company;
    struct name name;
    try_(name_parse(in->name, "companies/{company}", "name", request->arena, &name, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(request_check_sight(tx, request, name.company, in->name, reterr));
    tx_commit_with_next(tx);
    try_(company_get(tx, name.company, request->arena, &company, reterr));
    if (company == NULL)
        return err_not_found(reterr, in->name);
    return fill(request->arena, company, out, reterr);
}

static enum err_code parse_filter(const struct request *request, const char *filter,
                                  struct company_query *query, struct err *reterr)
{
    const char *part;
    const char *mapped;
    const char *psa_type;
    const struct filter_field fields[] = {
        {"display_name", FILTER_HAS, &part},
        {"psa.type", FILTER_EQUALS, &psa_type},
        {"psa.external_id", FILTER_EQUALS, &query->psa_external_id},
        {"mapped", FILTER_EQUALS, &mapped}};
    try_(filter_parse(filter, fields, ARRAY_LEN(fields), request->arena, reterr));
    query->mapped = -1;
    if (mapped != NULL) {
        bool yes;
        try_(filter_bool("mapped", mapped, &yes, reterr));
        query->mapped = yes;
    }
    if (psa_type != NULL)
        try_(filter_enum("psa.type", psa_type, &docbridge__v1__psa_type__descriptor, "PSA_TYPE_",
                         &query->psa_type, reterr));
    // The key of a part is a part of the key: case and spacing do not count in either.
    query->name_key_part = name_key(request->arena, part);
    return part != NULL && query->name_key_part == NULL ? err_no_memory(reterr) : ERR_OK;
}

static enum err_code list_companies(struct request *request,
                                    const Docbridge__V1__ListCompaniesRequest *in,
                                    Docbridge__V1__ListCompaniesResponse *out, struct err *reterr)
{
    const struct page_list list = {"ListCompanies", NULL, in->filter};
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct company_query query = {.sight = request->caller};
    struct company *companies;
    const char *cursor;
    size_t count;
    int64_t total;
    int size;
    try_(page_size(in->page_size, &size, reterr));
    try_(page_open(request, &list, in->page_token, &cursor, reterr));
    try_(cursor_open(request->arena, cursor, &query.after_id, &query.after_name, reterr));
    try_(parse_filter(request, in->filter, &query, reterr));
    query.limit = size + 1; // one more tells whether there is another page
    try_(request_begin(request, &tx, reterr));
    try_(company_list(tx, &query, request->arena, &companies, &count, &total, reterr));
    if (count > (size_t)size) {
        const struct company *last = &companies[size - 1];
        count = (size_t)size;
        try_(cursor_make(request->arena, last->id, last->display_name, &cursor, reterr));
        try_(page_make(request, &list, cursor, &out->next_page_token, reterr));
    }
    out->n_companies = count;
    out->total_size = (int32_t)total;
    return fill_all(request->arena, companies, count, &out->companies, reterr);
}

static enum err_code audit_delete(struct tx *tx, const struct request *request, const char *name,
                                  const struct company *company, struct err *reterr)
{
    const struct audit_change change = {"name", name, NULL};
    return audit_append(tx, request,
                        &(struct audit_event){.type = AUDIT_COMPANY,
                                              .phase = AUDIT_SINGLE,
                                              .outcome = AUDIT_SUCCEEDED,
                                              .resource = name,
                                              .resource_display_name = company->display_name,
                                              .company_id = company->id,
                                              .company_display_name = company->display_name,
                                              .changes = &change,
                                              .change_count = 1},
                        NULL, reterr);
}

static enum err_code delete_company(struct request *request,
                                    const Docbridge__V1__DeleteCompanyRequest *in,
                                    Docbridge__V1__DeleteCompanyResponse *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct company *company;
    const char *display_name;
    struct name name;
    (void)out;
    try_(name_parse(in->name, "companies/{company}", "name", request->arena, &name, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(request_check_sight(tx, request, name.company, in->name, reterr));
    // Who maps an organization to the company locks it too: one of the two sees the other.
    try_(company_lock(tx, name.company, request->arena, &display_name, reterr));
    if (display_name == NULL)
        return err_not_found(reterr, in->name);
    try_(company_get(tx, name.company, request->arena, &company, reterr));
    if (company == NULL)
        return err_not_found(reterr, in->name);
    try_(field_etag_check(in->etag, company->revision, request->arena, reterr));
    if (company->organization_count > 0) {
        (void)err_set(reterr, ERR_COMPANY_MAPPED, "%s is mapped to %s", company->organizations[0],
                      in->name);
        err_meta(reterr, "organization", "%s", company->organizations[0]);
        err_meta(reterr, "company", "%s", in->name);
        return ERR_COMPANY_MAPPED;
    }
    try_(company_delete(tx, name.company, reterr));
    try_(audit_delete(tx, request, in->name, company, reterr));
    return tx_commit(&tx, reterr);
}
