// GetSetupProgress: the four steps, judged by what is stored.
#include "docbridge/v1/setup.pb-c.h"

#include "server/service/begin.h"
#include "server/service/connection.h"
#include "server/service/name.h"
#include "server/store/setup.h"

#define KIND(name) DOCBRIDGE__V1__SETUP_PROGRESS__STEP__KIND__KIND_##name
#define STATE(name) DOCBRIDGE__V1__SETUP_PROGRESS__STEP__STATE__STATE_##name
#define BLOCKER(name) DOCBRIDGE__V1__SETUP_PROGRESS__STEP__BLOCKER__BLOCKER_##name
#define CONNECTION(name) DOCBRIDGE__V1__CONNECTION__STATE__STATE_##name

#define CONNECTION_SERVICE "docbridge.v1.ConnectionService/"
#define CONFIG_SERVICE "docbridge.v1.ConfigService/"

typedef Docbridge__V1__SetupProgress__Step Step;
typedef Docbridge__V1__SetupProgress__Step__Blocker Blocker;

HANDLER(get_setup_progress, GetSetupProgressRequest, SetupProgress)

enum err_code connection_get_setup_progress_handler(struct request *request, const void *in,
                                                    void *out, struct err *reterr)
{
    return get_setup_progress_handler(request, in, out, reterr);
}

enum { STEPS = 4, BLOCKERS_MAX = 2 };

// A step as it is judged. No method: only waiting helps.
struct step {
    Docbridge__V1__SetupProgress__Step__State state;
    Blocker blockers[BLOCKERS_MAX];
    size_t blocker_count;
    const char *method, *text; // what to do next
};

// What gets a blocker out of the way.
static const struct {
    const char *method, *text;
} ways_out[] = {
    [BLOCKER(CONNECTION_NOT_ACTIVE)] =
        {CONNECTION_SERVICE "TestConnection",
         "Test the connection: the answer says what is wrong, and what to do."},
    [BLOCKER(NO_COMPANIES)] =
        {"docbridge.v1.CompanyService/BatchUpsertCompanies",
         "Hand over the portal's companies: none is ever made from an organization."},
    [BLOCKER(NO_ORGANIZATIONS)] = {"docbridge.v1.MappingService/RefreshOrganizations",
                                   "Fetch the organizations."},
    [BLOCKER(ORGANIZATIONS_FETCHING)] = {"", "Wait until the organizations are fetched."},
    [BLOCKER(ORGANIZATIONS_DENIED)] =
        {CONNECTION_SERVICE "TestConnection",
         "Ask an administrator of the account to let the key list organizations, then test the "
         "connection."},
    [BLOCKER(DOCUMENTATION_DENIED)] =
        {CONNECTION_SERVICE "TestConnection",
         "Ask an administrator of the account to let the key list documentation, then test the "
         "connection; or leave this step out."},
    [BLOCKER(PASSWORDS_DENIED)] =
        {CONNECTION_SERVICE "TestConnection",
         "Ask an administrator of the account to let the key list passwords, then test the "
         "connection; or leave this step out."},
};

// The first blocker says what to do next.
static void block(struct step *step, Blocker blocker)
{
    if (step->blocker_count == 0) {
        step->method = ways_out[blocker].method;
        step->text = ways_out[blocker].text;
    }
    step->blockers[step->blocker_count++] = blocker;
    step->state = STATE(BLOCKED);
}

static struct step judge_connect(const struct setup *setup)
{
    struct step step = {.state = STATE(DONE)};
    if (setup->state != CONNECTION(ACTIVE))
        block(&step, BLOCKER(CONNECTION_NOT_ACTIVE));
    if (setup->state == CONNECTION(DISCONNECTED)) {
        step.method = CONNECTION_SERVICE "RotateCredential";
        step.text = "Connect again with a key: mappings and settings are as they were.";
    }
    return step;
}

static struct step judge_map(const struct setup *setup)
{
    struct step step = {STATE(OPEN), .method = "docbridge.v1.MappingService/QuickMatch",
                        .text = "Let Quick Match map what is certain, then map the rest by hand."};
    if (setup->mappings)
        return (struct step){.state = STATE(DONE)};
    if (!setup->companies)
        block(&step, BLOCKER(NO_COMPANIES));
    if (!setup->organizations)
        block(&step, setup->inventory_fetching ? BLOCKER(ORGANIZATIONS_FETCHING)
                     : setup->inventory_denied ? BLOCKER(ORGANIZATIONS_DENIED)
                                               : BLOCKER(NO_ORGANIZATIONS));
    return step;
}

static struct step judge_documentation(const struct setup *setup)
{
    struct step step = {STATE(OPEN), .method = CONFIG_SERVICE "UpdateDocumentationConfig",
                        .text = "Choose documents, checklists or flexible asset types, or leave "
                                "this step out."};
    if (setup->documentation_chosen)
        return (struct step){.state = STATE(DONE)};
    if (setup->content_synced)
        step.state = STATE(SKIPPED);
    else if (setup->documentation_denied)
        block(&step, BLOCKER(DOCUMENTATION_DENIED));
    return step;
}

static struct step judge_passwords(const struct setup *setup)
{
    struct step step = {STATE(OPEN), .method = CONFIG_SERVICE "UpdatePasswordConfig",
                        .text = "Share passwords, or leave this step out."};
    if (setup->sharing && setup->access_given)
        return (struct step){.state = STATE(DONE)};
    if (setup->sharing) {
        step.method = CONFIG_SERVICE "UpdateCompanyPasswordAccess";
        step.text = "Say which passwords of which company may be seen: none may so far.";
    } else if (setup->content_synced) {
        step.state = STATE(SKIPPED);
    }
    if (setup->passwords_denied && step.state == STATE(OPEN))
        block(&step, BLOCKER(PASSWORDS_DENIED));
    return step;
}

static enum err_code fill_step(struct arena *arena, const struct step *step, Step *out,
                               struct err *reterr)
{
    out->state = step->state;
    out->blockers = arena_calloc(arena, BLOCKERS_MAX, sizeof(*out->blockers));
    out->next_method = arena_strdup(arena, step->method == NULL ? "" : step->method);
    out->next_text = arena_strdup(arena, step->text == NULL ? "" : step->text);
    if (out->blockers == NULL || out->next_method == NULL || out->next_text == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < step->blocker_count; i++)
        out->blockers[out->n_blockers++] = step->blockers[i];
    return ERR_OK;
}

static enum err_code fill(struct arena *arena, const struct setup *setup,
                          Docbridge__V1__SetupProgress *out, struct err *reterr)
{
    const struct step steps[STEPS] = {judge_connect(setup), judge_map(setup),
                                      judge_documentation(setup), judge_passwords(setup)};
    Step *items = arena_calloc(arena, STEPS, sizeof(*items));
    out->steps = arena_calloc(arena, STEPS, sizeof(*out->steps));
    if (items == NULL || out->steps == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < STEPS; i++) {
        docbridge__v1__setup_progress__step__init(&items[i]);
        items[i].kind = (Docbridge__V1__SetupProgress__Step__Kind)(KIND(CONNECT) + i);
        items[i].skippable = items[i].kind >= KIND(DOCUMENTATION);
        try_(fill_step(arena, &steps[i], &items[i], reterr));
        out->steps[out->n_steps++] = &items[i];
    }
    out->complete = steps[0].state == STATE(DONE) && steps[1].state == STATE(DONE);
    return ERR_OK;
}

static enum err_code get_setup_progress(struct request *request,
                                        const Docbridge__V1__GetSetupProgressRequest *in,
                                        Docbridge__V1__SetupProgress *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct setup setup;
    struct name name;
    bool found;
    try_(name_parse(in->name, "connections/{connection}/setupProgress", "name", request->arena,
                    &name, reterr));
    try_(request_begin(request, &tx, reterr));
    tx_commit_with_next(tx);
    try_(setup_get(tx, name.connection, &setup, &found, reterr));
    if (!found)
        return err_not_found(reterr, in->name);
    out->name = arena_strdup(request->arena, in->name);
    if (out->name == NULL)
        return err_no_memory(reterr);
    return fill(request->arena, &setup, out, reterr);
}
