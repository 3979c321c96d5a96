// CompanySetService: sets of companies that tokens name.
#include "docbridge/v1/company_set.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/audit/audit.h"
#include "server/service/begin.h"
#include "server/service/field.h"
#include "server/service/name.h"
#include "server/service/page.h"
#include "server/service/services.h"
#include "server/store/company_set.h"

// An event has room for so many companies.
enum { MEMBERS_MAX = 10000, AUDITED_MAX = 4000 };

HANDLER(upsert_company_set, UpsertCompanySetRequest, CompanySet)
HANDLER(get_company_set, GetCompanySetRequest, CompanySet)
HANDLER(list_company_sets, ListCompanySetsRequest, ListCompanySetsResponse)
HANDLER(delete_company_set, DeleteCompanySetRequest, DeleteCompanySetResponse)

static const struct method methods[] = {
    UNARY(UpsertCompanySet, upsert_company_set, LANE_STORE),
    UNARY(GetCompanySet, get_company_set, LANE_STORE),
    UNARY(ListCompanySets, list_company_sets, LANE_STORE),
    UNARY(DeleteCompanySet, delete_company_set, LANE_STORE),
};

const struct service company_set_service = {
    &docbridge__v1__company_set_service__descriptor,
    methods,
    ARRAY_LEN(methods),
};

// The ids of companies, sorted, each once.
struct members {
    const char *const *ids;
    size_t count;
};

static enum err_code fill(struct arena *arena, const struct company_set *set,
                          Docbridge__V1__CompanySet *out, struct err *reterr)
{
    out->name = arena_printf(arena, "companySets/%s", set->id);
    out->company_count = set->company_count;
    out->update_time = field_time(arena, set->update_time_us);
    out->etag = field_etag(arena, set->revision);
    return out->name != NULL && out->update_time != NULL && out->etag != NULL
               ? ERR_OK
               : err_no_memory(reterr);
}

static enum err_code fill_members(struct arena *arena, const struct members *members,
                                  Docbridge__V1__CompanySet *out, struct err *reterr)
{
    out->companies = arena_calloc(arena, members->count + 1, sizeof(*out->companies));
    if (out->companies == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < members->count; i++)
        if ((out->companies[i] = arena_printf(arena, "companies/%s", members->ids[i])) == NULL)
            return err_no_memory(reterr);
    out->n_companies = members->count;
    return ERR_OK;
}

static enum err_code parse_name(const struct request *request, const char *text, const char *field,
                                const char **ret_id, struct err *reterr)
{
    struct name name;
    try_(name_parse(text, "companySets/{company_set}", field, request->arena, &name, reterr));
    *ret_id = name.company_set;
    return ERR_OK;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum err_code parse_members(const struct request *request,
                                   const Docbridge__V1__CompanySet *set,
                                   struct members *ret_members, struct err *reterr)
{
    if (set->n_companies > MEMBERS_MAX)
        return err_invalid(reterr, "company_set.companies", "must have at most %d items",
                           MEMBERS_MAX);
    const char **ids = arena_calloc(request->arena, set->n_companies + 1, sizeof(*ids));
    if (ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < set->n_companies; i++) {
        char field[48];
        struct name name;
        (void)snprintf(field, sizeof(field), "company_set.companies[%zu]", i);
        try_(name_parse(set->companies[i], "companies/{company}", field, request->arena, &name,
                        reterr));
        ids[i] = name.company;
    }
    qsort(ids, set->n_companies, sizeof(*ids), compare_texts);
    *ret_members = (struct members){.ids = ids};
    for (size_t i = 0; i < set->n_companies; i++)
        if (i == 0 || strcmp(ids[ret_members->count - 1], ids[i]) != 0)
            ids[ret_members->count++] = ids[i];
    return ERR_OK;
}

// Whether the set has these companies already.
static enum err_code has(struct tx *tx, const struct company_set *set,
                         const struct members *members, bool *ret_has, struct err *reterr)
{
    *ret_has = (size_t)set->company_count == members->count;
    if (!*ret_has)
        return ERR_OK;
    return company_set_holds(tx, set->id, members->ids, members->count, ret_has, reterr);
}

// What came and went: of a set that names another company than before the number alone tells
// nothing.
static enum err_code compare(struct arena *arena, const struct members *old,
                             const struct members *new, struct audit_change *changes,
                             size_t *ret_count, struct err *reterr)
{
    size_t count = 0;
    for (size_t i = 0, j = 0; i < old->count || j < new->count;) {
        int order = i == old->count ? 1 : j == new->count ? -1 : strcmp(old->ids[i], new->ids[j]);
        const char *company =
            order == 0 ? ""
                       : arena_printf(arena, "companies/%s", order < 0 ? old->ids[i] : new->ids[j]);
        if (company == NULL)
            return err_no_memory(reterr);
        if (order != 0)
            changes[count++] = (struct audit_change){"companies", order < 0 ? company : NULL,
                                                     order < 0 ? NULL : company};
        i += order <= 0;
        j += order >= 0;
    }
    *ret_count = count;
    return ERR_OK;
}

// Who sees what by a set is in the trail whole, in as many events as it takes.
static enum err_code audit_set(struct tx *tx, const struct request *request, const char *name,
                               const struct company_set *old, const struct members *had,
                               const struct members *now, struct err *reterr)
{
    static const struct members none = {NULL, 0};
    char counts[2][24];
    size_t count = 0;
    (void)snprintf(counts[0], sizeof(counts[0]), "%zu", had->count);
    (void)snprintf(counts[1], sizeof(counts[1]), "%zu", now == NULL ? 0 : now->count);
    struct audit_change *changes = arena_calloc(
        request->arena, had->count + (now == NULL ? 0 : now->count) + 1, sizeof(*changes));
    if (changes == NULL)
        return err_no_memory(reterr);
    const struct audit_change number = {"company_count", old == NULL ? NULL : counts[0],
                                        now == NULL ? NULL : counts[1]};
    try_(compare(request->arena, had, now == NULL ? &none : now, &changes[1], &count, reterr));
    // Each event begins with the number, in the place of what the one before it ended with.
    for (size_t told = 0; told == 0 || told < count; told += AUDITED_MAX) {
        size_t rest = count - told;
        changes[told] = number;
        try_(audit_append(
            tx, request,
            &(struct audit_event){.type = AUDIT_COMPANY,
                                  .phase = AUDIT_SINGLE,
                                  .outcome = AUDIT_SUCCEEDED,
                                  .resource = name,
                                  .changes = &changes[told],
                                  .change_count = 1 + (rest < AUDITED_MAX ? rest : AUDITED_MAX)},
            NULL, reterr));
    }
    return ERR_OK;
}

static enum err_code replace(struct tx *tx, const struct request *request, const char *name,
                             const char *id, const struct company_set *old,
                             const struct members *members, struct company_set **ret_set,
                             struct err *reterr)
{
    struct members had;
    try_(company_set_members(tx, id, request->arena, &had.ids, &had.count, reterr));
    try_(company_set_put(tx, id, members->ids, members->count, clock_wall_us(), reterr));
    try_(company_set_get(tx, id, false, request->arena, ret_set, reterr));
    return audit_set(tx, request, name, old, &had, members, reterr);
}

static enum err_code upsert_company_set(struct request *request,
                                        const Docbridge__V1__UpsertCompanySetRequest *in,
                                        Docbridge__V1__CompanySet *out, struct err *reterr)
{
    const Docbridge__V1__CompanySet *wanted = in->company_set;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct members members;
    struct company_set *set;
    const char *id;
    bool same = false;
    if (wanted == NULL)
        return err_invalid(reterr, "company_set", "must be set");
    try_(parse_name(request, wanted->name, "company_set.name", &id, reterr));
    try_(parse_members(request, wanted, &members, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(company_set_get(tx, id, true, request->arena, &set, reterr));
    if (set == NULL && wanted->etag[0] != '\0')
        return err_not_found(reterr, wanted->name);
    if (set != NULL) {
        try_(field_etag_check(wanted->etag, set->revision, request->arena, reterr));
        try_(has(tx, set, &members, &same, reterr));
    }
    if (!same)
        try_(replace(tx, request, wanted->name, id, set, &members, &set, reterr));
    try_(fill(request->arena, set, out, reterr));
    try_(fill_members(request->arena, &members, out, reterr));
    return tx_commit(&tx, reterr);
}

static enum err_code get_company_set(struct request *request,
                                     const Docbridge__V1__GetCompanySetRequest *in,
                                     Docbridge__V1__CompanySet *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct members members;
    struct company_set *set;
    const char *id;
    try_(parse_name(request, in->name, "name", &id, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(company_set_get(tx, id, false, request->arena, &set, reterr));
    if (set == NULL)
        return err_not_found(reterr, in->name);
    try_(company_set_members(tx, id, request->arena, &members.ids, &members.count, reterr));
    try_(fill(request->arena, set, out, reterr));
    return fill_members(request->arena, &members, out, reterr);
}

static enum err_code list_company_sets(struct request *request,
                                       const Docbridge__V1__ListCompanySetsRequest *in,
                                       Docbridge__V1__ListCompanySetsResponse *out,
                                       struct err *reterr)
{
    const struct page_list list = {"ListCompanySets", NULL, NULL};
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct company_set *sets;
    const char *after;
    size_t count;
    int size;
    try_(page_size(in->page_size, &size, reterr));
    try_(page_open(request, &list, in->page_token, &after, reterr));
    try_(request_begin(request, &tx, reterr));
    tx_commit_with_next(tx);
    // One more than asked for tells whether there is another page.
    try_(company_set_list(tx, after, size + 1, request->arena, &sets, &count, reterr));
    if (count > (size_t)size) {
        count = (size_t)size;
        try_(page_make(request, &list, sets[count - 1].id, &out->next_page_token, reterr));
    }
    Docbridge__V1__CompanySet *items = arena_calloc(request->arena, count + 1, sizeof(*items));
    out->company_sets = arena_calloc(request->arena, count + 1, sizeof(*out->company_sets));
    if (items == NULL || out->company_sets == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        docbridge__v1__company_set__init(&items[i]);
        try_(fill(request->arena, &sets[i], &items[i], reterr));
        out->company_sets[out->n_company_sets++] = &items[i];
    }
    return ERR_OK;
}

static enum err_code delete_company_set(struct request *request,
                                        const Docbridge__V1__DeleteCompanySetRequest *in,
                                        Docbridge__V1__DeleteCompanySetResponse *out,
                                        struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct members had;
    struct company_set *set;
    const char *id;
    (void)out;
    try_(parse_name(request, in->name, "name", &id, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(company_set_get(tx, id, true, request->arena, &set, reterr));
    if (set == NULL)
        return err_not_found(reterr, in->name);
    try_(field_etag_check(in->etag, set->revision, request->arena, reterr));
    try_(company_set_members(tx, id, request->arena, &had.ids, &had.count, reterr));
    try_(company_set_delete(tx, id, reterr));
    try_(audit_set(tx, request, in->name, set, &had, NULL, reterr));
    return tx_commit(&tx, reterr);
}
