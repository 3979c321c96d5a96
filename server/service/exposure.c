// ExposureService: secrets that people have seen and that are still the same.
#include "docbridge/v1/exposure.pb-c.h"

#include <inttypes.h>
#include <string.h>

#include "server/audit/audit.h"
#include "server/base/encoding.h"
#include "server/service/begin.h"
#include "server/service/cursor.h"
#include "server/service/field.h"
#include "server/service/filter.h"
#include "server/service/name.h"
#include "server/service/page.h"
#include "server/service/services.h"
#include "server/service/word.h"
#include "server/store/exposure.h"

enum { NOTE_MAX = 500 };

HANDLER(list_exposures, ListExposuresRequest, ListExposuresResponse)
HANDLER(resolve_exposure, ResolveExposureRequest, Exposure)

static const struct method methods[] = {
    UNARY(ListExposures, list_exposures, LANE_STORE),
    UNARY(ResolveExposure, resolve_exposure, LANE_STORE),
};

const struct service exposure_service = {
    &docbridge__v1__exposure_service__descriptor,
    methods,
    ARRAY_LEN(methods),
};

// NULL: no memory.
static Docbridge__V1__Actor *fill_actor(struct arena *arena, const char *subject,
                                        const char *display_name, int kind)
{
    Docbridge__V1__Actor *actor = arena_alloc(arena, sizeof(*actor));
    if (actor == NULL)
        return NULL;
    docbridge__v1__actor__init(actor);
    actor->subject = arena_strdup(arena, subject);
    actor->display_name = arena_strdup(arena, display_name);
    actor->kind = (Docbridge__V1__Actor__Kind)kind;
    return actor->subject == NULL || actor->display_name == NULL ? NULL : actor;
}

static enum err_code fill(struct arena *arena, const struct exposure *exposure,
                          Docbridge__V1__Exposure *out, struct err *reterr)
{
    docbridge__v1__exposure__init(out);
    out->name = arena_printf(arena, "exposures/%s", exposure->id);
    out->state = (Docbridge__V1__Exposure__State)exposure->state;
    out->viewer =
        fill_actor(arena, exposure->subject, exposure->display_name, exposure->actor_kind);
    out->password_entry = arena_printf(arena, "companies/%s/passwords/%" PRId64,
                                       exposure->company_id, exposure->password_id);
    out->password_display_name = arena_strdup(arena, exposure->password_display_name);
    out->company_display_name = arena_strdup(arena, exposure->company_display_name);
    out->reveal_count = exposure->reveal_count;
    out->first_reveal_time = field_time(arena, exposure->first_reveal_time_us);
    out->last_reveal_time = field_time(arena, exposure->last_reveal_time_us);
    out->seen_password_update_time = field_time(arena, exposure->seen_update_time_us);
    out->rotate_time = field_time(arena, exposure->rotate_time_us);
    out->resolve_time = field_time(arena, exposure->resolve_time_us);
    out->note = arena_strdup(arena, exposure->note);
    out->etag = field_etag(arena, exposure->reveal_count);
    bool resolved = exposure->resolve_time_us != 0;
    if (resolved)
        out->resolver = fill_actor(arena, exposure->resolver_subject,
                                   exposure->resolver_display_name, exposure->resolver_kind);
    return out->name != NULL && out->viewer != NULL && out->password_entry != NULL &&
                   out->password_display_name != NULL && out->company_display_name != NULL &&
                   out->first_reveal_time != NULL && out->last_reveal_time != NULL &&
                   out->note != NULL && out->etag != NULL && (out->resolver != NULL || !resolved)
               ? ERR_OK
               : err_no_memory(reterr);
}

static enum err_code parse_filter(const struct request *request, const char *text,
                                  struct exposure_filter *filter, struct err *reterr)
{
    const char *company = NULL, *password = NULL, *open = NULL;
    const struct filter_field fields[] = {
        {"viewer.subject", FILTER_EQUALS, &filter->subject},
        {"company", FILTER_EQUALS, &company},
        {"password_entry", FILTER_EQUALS, &password},
        {"open", FILTER_EQUALS, &open},
    };
    struct name name;
    bool wanted;
    try_(filter_parse(text, fields, ARRAY_LEN(fields), request->arena, reterr));
    if (password != NULL) {
        try_(name_parse(password, "companies/{company}/passwords/{record}", "filter",
                        request->arena, &name, reterr));
        filter->password_id = name.record;
        filter->company_id = name.company;
    }
    if (company != NULL) {
        try_(name_parse(company, "companies/{company}", "filter", request->arena, &name, reterr));
        if (filter->company_id != NULL && strcmp(filter->company_id, name.company) != 0)
            return err_invalid(reterr, "filter", "names a password of another company");
        filter->company_id = name.company;
    }
    if (open != NULL) {
        try_(filter_bool("open", open, &wanted, reterr));
        filter->open = wanted ? 1 : -1;
    }
    // A caller who may see some companies reads of these alone, and of those of a set.
    if (!request->caller->all_companies) {
        static const char *const none[] = {NULL};
        filter->companies = request->caller->companies == NULL ? none : request->caller->companies;
        filter->company_count = request->caller->company_count;
    }
    return ERR_OK;
}

// Where a page begins. What is revealed again while pages are read moves to where they have been,
// so what was seen after the first page's newest comes last, in an order that stays.
struct place {
    int64_t since_us;  // when the newest of the first page was seen; 0: this is the first
    int64_t before_us; // 0: among the last
    const char *id;
};

static enum err_code place_open(struct arena *arena, const char *cursor, struct place *ret_place,
                                struct err *reterr)
{
    const char *rest;
    try_(cursor_open_number(arena, cursor, &ret_place->since_us, &rest, reterr));
    return cursor_open_number(arena, rest, &ret_place->before_us, &ret_place->id, reterr);
}

static enum err_code place_make(struct arena *arena, const struct place *place,
                                const char **ret_cursor, struct err *reterr)
{
    const char *rest;
    try_(cursor_make_number(arena, place->before_us, place->id, &rest, reterr));
    return cursor_make_number(arena, place->since_us, rest, ret_cursor, reterr);
}

// Ends the transaction's work. The first `*ret_ordered` of them come by time.
static enum err_code read_page(struct tx *tx, const struct exposure_filter *filter,
                               const struct place *place, size_t limit, struct arena *arena,
                               struct exposure **ret_exposures, size_t *ret_ordered,
                               size_t *ret_count, struct err *reterr)
{
    bool first = place->since_us == 0, among_last = !first && place->before_us == 0;
    struct exposure *ordered = NULL, *last;
    size_t last_count;
    *ret_ordered = 0;
    if (!among_last) {
        if (first)
            tx_commit_with_next(tx);
        try_(exposure_list(tx, filter, place->before_us, place->id, (int)limit, arena, &ordered,
                           ret_ordered, reterr));
        *ret_exposures = ordered;
        *ret_count = *ret_ordered;
        if (first || *ret_count == limit)
            return ERR_OK;
    }
    tx_commit_with_next(tx);
    try_(exposure_list_since(tx, filter, place->since_us, among_last ? place->id : "",
                             (int)(limit - *ret_ordered), arena, &last, &last_count, reterr));
    *ret_count = *ret_ordered + last_count;
    *ret_exposures = arena_calloc(arena, *ret_count + 1, sizeof(**ret_exposures));
    if (*ret_exposures == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < *ret_count; i++)
        (*ret_exposures)[i] = i < *ret_ordered ? ordered[i] : last[i - *ret_ordered];
    return ERR_OK;
}

static enum err_code list_exposures(struct request *request,
                                    const Docbridge__V1__ListExposuresRequest *in,
                                    Docbridge__V1__ListExposuresResponse *out, struct err *reterr)
{
    const struct page_list list = {"ListExposures", NULL, in->filter};
    struct arena *arena = request->arena;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct exposure_filter filter = {0};
    struct exposure *exposures;
    struct place place;
    const char *cursor;
    size_t ordered, count;
    int size;
    try_(parse_filter(request, in->filter, &filter, reterr));
    try_(page_size(in->page_size, &size, reterr));
    try_(page_open(request, &list, in->page_token, &cursor, reterr));
    try_(place_open(arena, cursor, &place, reterr));

    try_(request_begin(request, &tx, reterr));
    try_(exposure_update(tx, reterr));
    try_(read_page(tx, &filter, &place, (size_t)size + 1, arena, &exposures, &ordered, &count,
                   reterr));
    try_(tx_commit(&tx, reterr));

    if (count > (size_t)size) {
        count = (size_t)size;
        const struct exposure *last = &exposures[count - 1];
        place = (struct place){.since_us = place.since_us == 0 ? exposures[0].last_reveal_time_us
                                                               : place.since_us,
                               .before_us = count <= ordered ? last->last_reveal_time_us : 0,
                               .id = last->id};
        try_(place_make(arena, &place, &cursor, reterr));
        try_(page_make(request, &list, cursor, &out->next_page_token, reterr));
    }
    Docbridge__V1__Exposure *items = arena_calloc(arena, count + 1, sizeof(*items));
    out->exposures = arena_calloc(arena, count + 1, sizeof(*out->exposures));
    if (items == NULL || out->exposures == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        try_(fill(arena, &exposures[i], &items[i], reterr));
        out->exposures[out->n_exposures++] = &items[i];
    }
    return ERR_OK;
}

static enum err_code check_open(const struct exposure *exposure, struct err *reterr)
{
    if (exposure->state == EXPOSURE_OPEN)
        return ERR_OK;
    (void)err_set(reterr, ERR_INVALID_STATE_TRANSITION, "the exposure is not open");
    err_meta(reterr, "state", "%s",
             word_of(&docbridge__v1__exposure__state__descriptor, "STATE_", exposure->state));
    err_meta(reterr, "verb", "resolve");
    return ERR_INVALID_STATE_TRANSITION;
}

// Whoever saw it does not say that it is dealt with: who leaves would strike out what to change.
static enum err_code check_person(const struct principal *caller, const struct exposure *exposure,
                                  const char *name, struct err *reterr)
{
    if (caller->actor == ACTOR_HUMAN && strcmp(caller->subject, exposure->subject) != 0)
        return ERR_OK;
    (void)err_set(reterr, ERR_ANOTHER_PERSON_REQUIRED,
                  "a person other than the one who saw the password must say that it is dealt "
                  "with");
    err_meta(reterr, "exposure", "%s", name);
    return ERR_ANOTHER_PERSON_REQUIRED;
}

// The verdict, also if it is a refusal.
static enum err_code audit_resolved(struct tx *tx, const struct request *request, const char *name,
                                    const struct exposure *exposure, const char *note,
                                    enum err_code verdict, struct err *reterr)
{
    const struct audit_change changes[] = {{"state", "OPEN", "RESOLVED"},
                                           {"viewer", exposure->subject, exposure->subject}};
    return audit_append(tx, request,
                        &(struct audit_event){
                            .type = AUDIT_EXPOSURE_RESOLVE,
                            .phase = AUDIT_SINGLE,
                            .outcome = verdict == ERR_OK ? AUDIT_SUCCEEDED : AUDIT_DENIED,
                            .error = verdict,
                            .resource = name,
                            .resource_display_name = exposure->password_display_name,
                            .company_id = exposure->company_id,
                            .company_display_name = exposure->company_display_name,
                            .reason = note,
                            .changes = changes,
                            .change_count = verdict == ERR_OK ? ARRAY_LEN(changes) : 0,
                        },
                        NULL, reterr);
}

static enum err_code resolve_exposure(struct request *request,
                                      const Docbridge__V1__ResolveExposureRequest *in,
                                      Docbridge__V1__Exposure *out, struct err *reterr)
{
    struct arena *arena = request->arena;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct exposure *exposure;
    struct name name;
    struct err cause;
    try_(name_parse(in->name, "exposures/{exposure}", "name", arena, &name, reterr));
    try_(field_text(in->note, "note", NOTE_MAX, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(exposure_update(tx, reterr));
    try_(exposure_get(tx, name.exposure, arena, &exposure, reterr));
    if (exposure == NULL)
        return err_not_found(reterr, in->name);
    try_(field_etag_check(in->etag, exposure->reveal_count, arena, reterr));
    try_(check_open(exposure, reterr));
    enum err_code verdict = check_person(request->caller, exposure, in->name, reterr);
    if (verdict != ERR_OK) {
        enum err_code written =
            audit_resolved(tx, request, in->name, exposure, in->note, verdict, &cause);
        if (written == ERR_OK)
            written = tx_commit(&tx, &cause);
        if (written != ERR_OK && reterr != NULL)
            *reterr = cause;
        return written != ERR_OK ? written : verdict;
    }
    try_(exposure_resolve(tx, name.exposure, request->caller, in->note, clock_wall_us(), reterr));
    try_(audit_resolved(tx, request, in->name, exposure, in->note, ERR_OK, reterr));
    try_(exposure_get(tx, name.exposure, arena, &exposure, reterr));
    try_(tx_commit(&tx, reterr));
    return fill(arena, exposure, out, reterr);
}
