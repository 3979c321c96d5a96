// DocumentationService: its method table, and what its files share.
#include "server/service/documentation.h"

#include <stdio.h>

#include "server/service/begin.h"
#include "server/service/changes.h"
#include "server/service/name.h"
#include "server/service/search.h"
#include "server/service/services.h"

#define ELSEWHERE(Name, handler)                                                            \
    {                                                                                       \
        .name = #Name, .kind = METHOD_UNARY, .lane = LANE_STORE, .unary = handler##_handler \
    }

static const struct method methods[] = {
    ELSEWHERE(ListDocuments, list_documents),
    ELSEWHERE(GetDocument, get_document),
    STREAM(ReadDocumentBody, read_document_body, LANE_STORE),
    STREAM(GetDocumentImage, get_document_image, LANE_UPSTREAM),
    ELSEWHERE(ListFlexibleAssets, list_flexible_assets),
    ELSEWHERE(GetFlexibleAsset, get_flexible_asset),
    ELSEWHERE(ListChecklists, list_checklists),
    ELSEWHERE(GetChecklist, get_checklist),
    ELSEWHERE(ListChecklistTemplates, list_checklist_templates),
    ELSEWHERE(GetChecklistTemplate, get_checklist_template),
    ELSEWHERE(ListEmbeddedSecrets, list_embedded_secrets),
    ELSEWHERE(SearchDocumentation, search_documentation),
    STREAM(WatchCompanyChanges, changes_watch_handler, LANE_STORE),
};

const struct service documentation_service = {
    &docbridge__v1__documentation_service__descriptor,
    methods,
    ARRAY_LEN(methods),
};

bool documentation_switched_on(const struct sight *sight, int task_kind)
{
    if (task_kind == DOCBRIDGE__V1__SYNC_TASK_KIND__SYNC_TASK_KIND_DOCUMENTS)
        return sight->documents_enabled;
    if (task_kind == DOCBRIDGE__V1__SYNC_TASK_KIND__SYNC_TASK_KIND_CHECKLISTS)
        return sight->checklists_enabled;
    return true; // each flexible asset type has a switch of its own
}

// "2026-09-15", or a time that begins so, as a Date; NULL if it is neither.
Google__Type__Date *documentation_date(struct arena *arena, const char *text)
{
    int year, month, day;
    if (text == NULL || sscanf(text, "%4d-%2d-%2d", &year, &month, &day) != 3 || month < 1 ||
        month > 12 || day < 1 || day > 31)
        return NULL;
    Google__Type__Date *date = arena_alloc(arena, sizeof(*date));
    if (date == NULL)
        return NULL;
    google__type__date__init(date);
    date->year = year;
    date->month = month;
    date->day = day;
    return date;
}

enum err_code documentation_open(struct request *request, const char *name_text,
                                 const struct documentation_kind *kind,
                                 struct documentation_reading *reading, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct rows sight _cleanup_(rows_done) = {0};
    struct name name;
    try_(name_parse(name_text, kind->pattern, "name", request->arena, &name, reterr));
    reading->company_id = name.company;
    reading->parent = arena_printf(request->arena, "companies/%s", name.company);
    if (reading->parent == NULL)
        return err_no_memory(reterr);
    try_(request_begin(request, &tx, reterr));
    try_(request_check_sight(tx, request, name.company, name_text, reterr));
    sight_ask(tx, name.company, kind->task_kind, &sight);
    const struct documentation_key key = {name.company, name.record};
    tx_commit_with_next(tx);
    enum err_code code = kind->get(tx, &key, request->arena, &reading->rows, &reading->row, reterr);
    if (code == ERR_OK)
        code = sight_take(&sight, request->arena, &reading->sight, reterr);
    if (code == ERR_RESOURCE_NOT_FOUND ||
        (code == ERR_OK && !documentation_switched_on(&reading->sight, kind->task_kind)))
        return err_not_found(reterr, name_text);
    try_(code);
    try_(tx_commit(&tx, reterr));
    reading->freshness =
        reading_freshness_of_one(request->arena, &reading->sight, reading->row.spoil_time);
    return reading->freshness == NULL ? err_no_memory(reterr) : ERR_OK;
}

void documentation_done(struct documentation_reading *reading)
{
    rows_done(&reading->rows);
}
