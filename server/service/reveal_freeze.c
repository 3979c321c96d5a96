// The freeze of a budget, and its end by a person.
#include "server/service/reveal_freeze.h"

#include <stdio.h>
#include <string.h>

#include "docbridge/v1/reveal_policy.pb-c.h"
#include "server/audit/audit.h"
#include "server/service/begin.h"
#include "server/service/field.h"
#include "server/service/name.h"
#include "server/service/page.h"
#include "server/service/reveal_policy.h"
#include "server/service/word.h"

enum { NUMBER_BYTES = 16, REASON_MAX = 500 };

HANDLER(list_reveal_freezes, ListRevealFreezesRequest, ListRevealFreezesResponse)
HANDLER(unfreeze_reveals, UnfreezeRevealsRequest, UnfreezeRevealsResponse)

enum err_code reveal_list_freezes_handler(struct request *request, const void *in, void *out,
                                          struct err *reterr)
{
    return list_reveal_freezes_handler(request, in, out, reterr);
}

enum err_code reveal_unfreeze_handler(struct request *request, const void *in, void *out,
                                      struct err *reterr)
{
    return unfreeze_reveals_handler(request, in, out, reterr);
}

static const char *scope_word(int scope)
{
    return word_of(&docbridge__v1__reveal_scope__descriptor, "REVEAL_SCOPE_", scope);
}

static struct reveal_freeze freeze_of(const struct principal *caller,
                                      const struct password_gates *gates, const char *company_id,
                                      int scope)
{
    const struct reveal_budget *budget = &gates->policy.budgets[scope - 1];
    const char *ids[] = {caller->subject, company_id, ""};
    const char *names[] = {caller->display_name, gates->sight.company_display_name, ""};
    return (struct reveal_freeze){
        .scope = scope,
        .scope_id = ids[scope - 1],
        .scope_display_name = names[scope - 1],
        .cause_subject = caller->subject,
        .cause_display_name = caller->display_name,
        .cause_kind = (int)caller->actor,
        .limit = budget->limit,
        .window_s = budget->window_s,
        .freeze_time_us = clock_wall_us(),
    };
}

// What an event of a freeze tells of it.
struct story {
    char limit[NUMBER_BYTES], window[NUMBER_BYTES];
    struct audit_change changes[5];
    struct audit_event event;
};

static void tell(const struct reveal_freeze *freeze, const char *name, bool begins,
                 struct story *story)
{
    (void)snprintf(story->limit, sizeof(story->limit), "%d", freeze->limit);
    (void)snprintf(story->window, sizeof(story->window), "%ds", freeze->window_s);
    const char *facts[][2] = {{"scope", scope_word(freeze->scope)},
                              {"scope_id", freeze->scope_id},
                              {"cause", freeze->cause_subject},
                              {"limit", story->limit},
                              {"window", story->window}};
    for (size_t i = 0; i < ARRAY_LEN(facts); i++)
        story->changes[i] = (struct audit_change){facts[i][0], begins ? NULL : facts[i][1],
                                                  begins ? facts[i][1] : NULL};
    bool of_company = freeze->scope == REVEAL_SCOPE_COMPANY;
    story->event = (struct audit_event){
        .type = begins ? AUDIT_REVEALS_FREEZE : AUDIT_REVEALS_UNFREEZE,
        .phase = AUDIT_SINGLE,
        .outcome = AUDIT_SUCCEEDED,
        .resource = name,
        .resource_display_name = freeze->scope_display_name,
        .company_id = of_company ? freeze->scope_id : NULL,
        .company_display_name = of_company ? freeze->scope_display_name : NULL,
        .changes = story->changes,
        .change_count = ARRAY_LEN(facts),
    };
}

enum err_code reveal_freeze_if_asked(struct tx *tx, const struct request *request,
                                     const struct password_gates *gates, const char *company_id,
                                     const struct reveal_excess *excess, struct err *reterr)
{
    const struct reveal_freeze freeze =
        freeze_of(request->caller, gates, company_id, excess->scope);
    const char *id;
    struct story story;
    if (!gates->policy.budgets[excess->scope - 1].freezes)
        return ERR_OK;
    try_(reveal_freeze_put(tx, &freeze, request->arena, &id, reterr));
    // Another reveal was first.
    if (id == NULL)
        return ERR_OK;
    const char *name = arena_printf(request->arena, "revealFreezes/%s", id);
    if (name == NULL)
        return err_no_memory(reterr);
    tell(&freeze, name, true, &story);
    story.event.policy_version = gates->policy.revision;
    return audit_append_system(tx, "reveal policy", &story.event, NULL, reterr);
}

static enum err_code fill(struct arena *arena, const struct reveal_freeze *freeze,
                          Docbridge__V1__RevealFreeze *out, struct err *reterr)
{
    docbridge__v1__reveal_freeze__init(out);
    Docbridge__V1__Actor *cause = arena_alloc(arena, sizeof(*cause));
    if (cause == NULL)
        return err_no_memory(reterr);
    docbridge__v1__actor__init(cause);
    cause->subject = arena_strdup(arena, freeze->cause_subject);
    cause->display_name = arena_strdup(arena, freeze->cause_display_name);
    cause->kind = (Docbridge__V1__Actor__Kind)freeze->cause_kind;
    out->name = arena_printf(arena, "revealFreezes/%s", freeze->id);
    out->scope = (Docbridge__V1__RevealScope)freeze->scope;
    if (freeze->scope == REVEAL_SCOPE_USER)
        out->subject = arena_strdup(arena, freeze->scope_id);
    if (freeze->scope == REVEAL_SCOPE_COMPANY)
        out->company = arena_printf(arena, "companies/%s", freeze->scope_id);
    out->display_name = arena_strdup(arena, freeze->scope_display_name);
    out->cause = cause;
    out->limit = freeze->limit;
    out->window = field_duration(arena, freeze->window_s * INT64_C(1000000));
    out->freeze_time = field_time(arena, freeze->freeze_time_us);
    return cause->subject != NULL && cause->display_name != NULL && out->name != NULL &&
                   out->subject != NULL && out->company != NULL && out->display_name != NULL &&
                   out->window != NULL && out->freeze_time != NULL
               ? ERR_OK
               : err_no_memory(reterr);
}

static enum err_code list_reveal_freezes(struct request *request,
                                         const Docbridge__V1__ListRevealFreezesRequest *in,
                                         Docbridge__V1__ListRevealFreezesResponse *out,
                                         struct err *reterr)
{
    const struct page_list list = {"ListRevealFreezes", NULL, NULL};
    struct arena *arena = request->arena;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct reveal_freeze *freezes;
    const char *after;
    size_t count;
    int size;
    try_(page_size(in->page_size, &size, reterr));
    try_(page_open(request, &list, in->page_token, &after, reterr));
    try_(request_begin(request, &tx, reterr));
    tx_commit_with_next(tx);
    try_(reveal_freeze_list(tx, after, size + 1, arena, &freezes, &count, reterr));
    try_(tx_commit(&tx, reterr));
    if (count > (size_t)size) {
        count = (size_t)size;
        try_(page_make(request, &list, freezes[count - 1].id, &out->next_page_token, reterr));
    }
    Docbridge__V1__RevealFreeze *items = arena_calloc(arena, count + 1, sizeof(*items));
    out->reveal_freezes = arena_calloc(arena, count + 1, sizeof(*out->reveal_freezes));
    if (items == NULL || out->reveal_freezes == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        try_(fill(arena, &freezes[i], &items[i], reterr));
        out->reveal_freezes[out->n_reveal_freezes++] = &items[i];
    }
    return ERR_OK;
}

// Neither an agent nor whoever caused the freeze may end it. Those are two at most: were it all who
// are counted, nobody would be left where everybody works for the company.
static enum err_code check_person(const struct principal *caller,
                                  const struct reveal_freeze *freeze, const char *most,
                                  const char *name, struct err *reterr)
{
    bool led_to_it =
        strcmp(caller->subject, freeze->cause_subject) == 0 || strcmp(caller->subject, most) == 0;
    if (caller->actor == ACTOR_HUMAN && !led_to_it)
        return ERR_OK;
    (void)err_set(reterr, ERR_ANOTHER_PERSON_REQUIRED,
                  "a person other than the one whose reveal was one too many, and than the one "
                  "whose reveals took most room before it, must end the freeze");
    err_meta(reterr, "reveal_freeze", "%s", name);
    return ERR_ANOTHER_PERSON_REQUIRED;
}

static enum err_code unfreeze_reveals(struct request *request,
                                      const Docbridge__V1__UnfreezeRevealsRequest *in,
                                      Docbridge__V1__UnfreezeRevealsResponse *out,
                                      struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct reveal_freeze *freeze;
    const char *most;
    struct story story;
    struct name name;
    bool ended = true;
    (void)out;
    try_(name_parse(in->name, "revealFreezes/{reveal_freeze}", "name", request->arena, &name,
                    reterr));
    try_(field_text(in->reason, "reason", REASON_MAX, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(reveal_freeze_get(tx, name.reveal_freeze, request->arena, &freeze, reterr));
    if (freeze == NULL)
        return err_not_found(reterr, in->name);
    tell(freeze, in->name, false, &story);
    story.event.reason = in->reason;
    try_(reveal_freeze_most(tx, freeze, request->arena, &most, reterr));
    enum err_code verdict = check_person(request->caller, freeze, most, in->name, reterr);
    if (verdict == ERR_OK)
        try_(reveal_freeze_end(tx, freeze, &ended, reterr));
    if (!ended)
        return err_not_found(reterr, in->name);
    if (verdict != ERR_OK) {
        story.event.outcome = AUDIT_DENIED;
        story.event.error = verdict;
        story.event.change_count = 0;
    }
    struct err cause;
    enum err_code written = audit_append(tx, request, &story.event, NULL, &cause);
    if (written == ERR_OK)
        written = tx_commit(&tx, &cause);
    if (written != ERR_OK && reterr != NULL)
        *reterr = cause;
    return written != ERR_OK ? written : verdict;
}
