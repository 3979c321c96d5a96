// Step 2: organizations to companies. Quick Match first, then what is left by hand.
#include <stdlib.h>
#include <string.h>

#include "client/group.h"
#include "client/output.h"
#include "client/watch.h"
#include "client/wizard.h"
#include "docbridge/v1/company.pb-c.h"
#include "docbridge/v1/mapping.pb-c.h"
#include "server/base/encoding.h"

#define MAPPINGS (&docbridge__v1__mapping_service__descriptor)
#define COMPANIES (&docbridge__v1__company_service__descriptor)

typedef Docbridge__V1__ListOrganizationsResponse__InventoryState Inventory;
#define INVENTORY(name) \
    DOCBRIDGE__V1__LIST_ORGANIZATIONS_RESPONSE__INVENTORY_STATE__INVENTORY_STATE_##name

enum { PAGE = 50, CHOICES_MAX = 9, OUTCOMES_MAX = 32, UNMATCHED_SHOWN = 20, NAME_MAX_BYTES = 4096 };

static int list(struct wizard *wizard, const char *filter, int size, const char *token,
                const Docbridge__V1__ListOrganizationsResponse **ret_list)
{
    Docbridge__V1__ListOrganizationsRequest request =
        DOCBRIDGE__V1__LIST_ORGANIZATIONS_REQUEST__INIT;
    const ProtobufCMessage *answer;
    request.parent = wizard_text(wizard->connection);
    request.filter = wizard_text(filter);
    request.page_size = size;
    request.page_token = wizard_text(token);
    int class = wizard_call(wizard, MAPPINGS, "ListOrganizations", &request.base, &answer);
    *ret_list = class == EXIT_OK ? (const void *)answer : NULL;
    return class;
}

// Waits until the organizations are there, or says why they are not.
static int wait_for_inventory(struct wizard *wizard,
                              const Docbridge__V1__ListOrganizationsResponse **ret_list)
{
    int class = list(wizard, "", 1, "", ret_list);
    if (class != EXIT_OK)
        return class;
    if ((*ret_list)->inventory_state == INVENTORY(NEVER_FETCHED)) {
        Docbridge__V1__RefreshOrganizationsRequest request =
            DOCBRIDGE__V1__REFRESH_ORGANIZATIONS_REQUEST__INIT;
        const ProtobufCMessage *answer;
        request.parent = wizard_text(wizard->connection);
        class = wizard_call(wizard, MAPPINGS, "RefreshOrganizations", &request.base, &answer);
        if (class == EXIT_OK)
            class = list(wizard, "", 1, "", ret_list);
    }
    if (class == EXIT_OK && (*ret_list)->inventory_state == INVENTORY(FETCHING)) {
        ask_say(&wizard->asker, "The organizations are being fetched ...");
        // How it ended shows in the list.
        (void)watch_run(wizard->session, (*ret_list)->sync_run);
        class = list(wizard, "", 1, "", ret_list);
    }
    if (class != EXIT_OK)
        return class;
    Inventory state = (*ret_list)->inventory_state;
    if (state == INVENTORY(PERMISSION_DENIED))
        return session_error(wizard->session, EXIT_UPSTREAM,
                             "the key may not list organizations: ask an administrator of the IT "
                             "Glue account, then run `docbridge setup` again");
    if (state == INVENTORY(FETCHED_EMPTY))
        return session_error(wizard->session, EXIT_PRECONDITION,
                             "IT Glue has no organizations that this key can see");
    return state == INVENTORY(FETCHED)
               ? EXIT_OK
               : session_error(wizard->session, EXIT_UPSTREAM,
                               "the organizations could not be fetched: docbridge sync show %s",
                               (*ret_list)->sync_run);
}

static int check_companies(struct wizard *wizard)
{
    Docbridge__V1__ListCompaniesRequest request = DOCBRIDGE__V1__LIST_COMPANIES_REQUEST__INIT;
    const ProtobufCMessage *answer;
    request.page_size = 1;
    int class = wizard_call(wizard, COMPANIES, "ListCompanies", &request.base, &answer);
    if (class != EXIT_OK ||
        ((const Docbridge__V1__ListCompaniesResponse *)(const void *)answer)->n_companies > 0)
        return class;
    return session_error(wizard->session, EXIT_PRECONDITION,
                         "the portal has handed over no companies, and none is ever made from an "
                         "organization: docbridge company push FILE, then `docbridge setup` again");
}

// --- Options

static int set_mapping(struct wizard *wizard, const char *organization, const char *company)
{
    Docbridge__V1__SetMappingRequest request = DOCBRIDGE__V1__SET_MAPPING_REQUEST__INIT;
    const ProtobufCMessage *answer;
    request.name = wizard_text(organization);
    request.company = wizard_text(company);
    return wizard_call(wizard, MAPPINGS, "SetMapping", &request.base, &answer);
}

static int ignore(struct wizard *wizard, const char *organization)
{
    Docbridge__V1__IgnoreOrganizationRequest request =
        DOCBRIDGE__V1__IGNORE_ORGANIZATION_REQUEST__INIT;
    const ProtobufCMessage *answer;
    request.name = wizard_text(organization);
    return wizard_call(wizard, MAPPINGS, "IgnoreOrganization", &request.base, &answer);
}

// --map ORG=COMPANY and --ignore ORG.
static int carry_out_options(struct wizard *wizard)
{
    static const char pattern[] = "connections/{connection}/organizations/{organization}";
    struct session *session = wizard->session;
    const char *value, *organization = NULL, *company = NULL;
    for (size_t i = 0; (value = parse_each(session->arguments, "map", i)) != NULL; i++) {
        const char *equals = strrchr(value, '=');
        if (equals == NULL)
            return session_usage(session, "--map takes ORG=COMPANY, not %s", value);
        const char *left = arena_strndup(&session->arena, value, (size_t)(equals - value));
        int class = left == NULL ? session_no_memory(session)
                                 : session_name(session, pattern, left, &organization);
        if (class == EXIT_OK)
            class = session_name(session, "companies/{company}", equals + 1, &company);
        if (class == EXIT_OK)
            class = set_mapping(wizard, organization, company);
        if (class != EXIT_OK)
            return class;
    }
    for (size_t i = 0; (value = parse_each(session->arguments, "ignore", i)) != NULL; i++) {
        int class = session_name(session, pattern, value, &organization);
        if (class == EXIT_OK)
            class = ignore(wizard, organization);
        if (class != EXIT_OK)
            return class;
    }
    return EXIT_OK;
}

// --- Quick Match

static int quick_match(struct wizard *wizard, bool preview,
                       const Docbridge__V1__QuickMatchResponse **ret_response)
{
    Docbridge__V1__QuickMatchRequest request = DOCBRIDGE__V1__QUICK_MATCH_REQUEST__INIT;
    const ProtobufCMessage *answer;
    request.parent = wizard_text(wizard->connection);
    request.validate_only = preview;
    request.skip_nearest = !preview;
    int class = wizard_call(wizard, MAPPINGS, "QuickMatch", &request.base, &answer);
    *ret_response = class == EXIT_OK ? (const void *)answer : NULL;
    return class;
}

static bool is_left(const Docbridge__V1__QuickMatchResponse__Result *result)
{
    switch (result->outcome) {
    case DOCBRIDGE__V1__QUICK_MATCH_RESPONSE__OUTCOME__OUTCOME_MATCHED_PSA_ID:
    case DOCBRIDGE__V1__QUICK_MATCH_RESPONSE__OUTCOME__OUTCOME_MATCHED_NAME:
    case DOCBRIDGE__V1__QUICK_MATCH_RESPONSE__OUTCOME__OUTCOME_ALREADY_MAPPED:
    case DOCBRIDGE__V1__QUICK_MATCH_RESPONSE__OUTCOME__OUTCOME_IGNORED:
        return false;
    default:
        return true;
    }
}

// How many organizations met each outcome, and why the first of those that are left are.
static int print_outcomes(struct wizard *wizard, const Docbridge__V1__QuickMatchResponse *preview)
{
    size_t counts[OUTCOMES_MAX] = {0}, left = 0;
    Docbridge__V1__QuickMatchResponse__Result *shown[UNMATCHED_SHOWN];
    Docbridge__V1__QuickMatchResponse some = DOCBRIDGE__V1__QUICK_MATCH_RESPONSE__INIT;
    some.results = shown;
    for (size_t i = 0; i < preview->n_results; i++) {
        Docbridge__V1__QuickMatchResponse__Result *result = preview->results[i];
        counts[(size_t)result->outcome < OUTCOMES_MAX ? (size_t)result->outcome : 0]++;
        if (is_left(result) && left++ < UNMATCHED_SHOWN)
            shown[some.n_results++] = result;
    }
    for (int outcome = 1; outcome < OUTCOMES_MAX; outcome++)
        if (counts[outcome] > 0)
            ask_say(&wizard->asker, "  %6zu %s", counts[outcome],
                    field_enum_name(&docbridge__v1__quick_match_response__outcome__descriptor,
                                    outcome));
    if (left == 0)
        return EXIT_OK;
    if (left > UNMATCHED_SHOWN)
        ask_say(&wizard->asker,
                "The first %d that do not match; `docbridge map quick-match --dry-run` shows all:",
                UNMATCHED_SHOWN);
    return output_items(wizard->session, &some.base, "results",
                        command_find("map quick-match")->columns);
}

static int match(struct wizard *wizard)
{
    const Docbridge__V1__QuickMatchResponse *response;
    bool yes = false;
    ask_say(&wizard->asker, "Quick Match, by PSA id and then by name:");
    int class = quick_match(wizard, /* preview= */ true, &response);
    if (class == EXIT_OK)
        class = print_outcomes(wizard, response);
    if (class != EXIT_OK || response->matched_count == 0)
        return class;
    char label[80];
    (void)snprintf(label, sizeof(label), "Map the %d that match?", response->matched_count);
    class = ask_yes(&wizard->asker, "quick-match", label, true, &yes);
    if (class == EXIT_OK && yes)
        class = quick_match(wizard, /* preview= */ false, &response);
    if (class == EXIT_OK && yes)
        ask_say(&wizard->asker, "%d mapped.", response->matched_count);
    return class;
}

// --- By hand

struct choices {
    const char *companies[CHOICES_MAX];
    size_t count;
};

static void offer(struct wizard *wizard, struct choices *choices, const char *company,
                  const char *title, const char *why)
{
    if (choices->count == CHOICES_MAX)
        return;
    choices->companies[choices->count++] = company;
    ask_say(&wizard->asker, "    %zu  %s%s%s", choices->count, title, why[0] == '\0' ? "" : "  ",
            why);
}

static void offer_candidates(struct wizard *wizard, struct choices *choices,
                             const Docbridge__V1__SuggestMatchesResponse *suggestions,
                             const char *organization)
{
    for (size_t i = 0; i < suggestions->n_suggestions; i++) {
        const Docbridge__V1__SuggestMatchesResponse__Suggestion *one = suggestions->suggestions[i];
        if (strcmp(one->organization, organization) != 0)
            continue;
        for (size_t k = 0; k < one->n_candidates; k++) {
            const Docbridge__V1__MatchCandidate *candidate = one->candidates[k];
            char why[80];
            (void)snprintf(why, sizeof(why), "(%s, %d)",
                           field_enum_name(&docbridge__v1__match_candidate__source__descriptor,
                                           (int)candidate->source),
                           candidate->confidence);
            offer(wizard, choices, candidate->company, candidate->company_display_name, why);
        }
    }
}

// Companies whose name holds `text`.
static int search(struct wizard *wizard, const char *text, struct choices *choices)
{
    Docbridge__V1__ListCompaniesRequest request = DOCBRIDGE__V1__LIST_COMPANIES_REQUEST__INIT;
    struct buffer filter _cleanup_(buffer_done);
    const ProtobufCMessage *answer;
    buffer_init(&filter, NAME_MAX_BYTES);
    buffer_text(&filter, "display_name : \"");
    for (; *text != '\0'; text++)
        buffer_printf(&filter, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    if (!buffer_text(&filter, "\""))
        return session_no_memory(wizard->session);
    request.filter = filter.data;
    request.page_size = CHOICES_MAX;
    int class = wizard_call(wizard, COMPANIES, "ListCompanies", &request.base, &answer);
    if (class != EXIT_OK)
        return class;
    const Docbridge__V1__ListCompaniesResponse *found = (const void *)answer;
    // What was offered before still stands on the screen, with its numbers.
    if (found->n_companies == 0)
        ask_say(&wizard->asker, "    no company has that in its name");
    else
        choices->count = 0;
    for (size_t i = 0; i < found->n_companies; i++)
        offer(wizard, choices, found->companies[i]->name, found->companies[i]->display_name, "");
    return EXIT_OK;
}

// One organization, until it is mapped, ignored or passed over. `*ret_quit`: leave the rest.
static int pick(struct wizard *wizard, const Docbridge__V1__Organization *organization,
                const Docbridge__V1__SuggestMatchesResponse *suggestions, bool *ret_quit)
{
    struct choices choices = {.count = 0};
    ask_say(&wizard->asker, "  %s", organization->display_name);
    offer_candidates(wizard, &choices, suggestions, organization->name);
    for (;;) {
        const char *answer;
        int64_t number;
        int class = ask_text(&wizard->asker, NULL, "--map ORG=COMPANY",
                             "    number, text to search for, s skip, i ignore, q leave the rest",
                             "s", &answer);
        if (class != EXIT_OK || strcmp(answer, "s") == 0)
            return class;
        *ret_quit = strcmp(answer, "q") == 0;
        if (*ret_quit)
            return EXIT_OK;
        if (strcmp(answer, "i") == 0)
            return ignore(wizard, organization->name);
        if (!encoding_int64(answer, strlen(answer), &number) || number < 1 ||
            (size_t)number > choices.count) {
            class = search(wizard, answer, &choices);
            if (class != EXIT_OK)
                return class;
            continue;
        }
        // A company that another organization has: said, and asked again.
        if (set_mapping(wizard, organization->name, choices.companies[number - 1]) == EXIT_OK)
            return EXIT_OK;
    }
}

static int pick_page(struct wizard *wizard, const Docbridge__V1__ListOrganizationsResponse *page,
                     bool *ret_quit)
{
    Docbridge__V1__SuggestMatchesRequest request = DOCBRIDGE__V1__SUGGEST_MATCHES_REQUEST__INIT;
    char *names[PAGE];
    const ProtobufCMessage *answer;
    request.parent = wizard_text(wizard->connection);
    request.organizations = names;
    for (size_t i = 0; i < page->n_organizations && i < PAGE; i++)
        names[request.n_organizations++] = page->organizations[i]->name;
    int class = wizard_call(wizard, MAPPINGS, "SuggestMatches", &request.base, &answer);
    for (size_t i = 0; class == EXIT_OK && !*ret_quit && i < page->n_organizations; i++)
        class = pick(wizard, page->organizations[i], (const void *)answer, ret_quit);
    return class;
}

static int by_hand(struct wizard *wizard)
{
    const Docbridge__V1__ListOrganizationsResponse *page;
    bool yes = false, quit = false;
    const char *token = "";
    int class = list(wizard, "mapping_state = UNMAPPED", PAGE, token, &page);
    if (class != EXIT_OK || page->total_size == 0)
        return class;
    if (wizard->asker.terminal == NULL) {
        ask_say(&wizard->asker, "%d organizations need attention: --map ORG=COMPANY, --ignore ORG",
                page->total_size);
        return EXIT_OK;
    }
    char label[80];
    (void)snprintf(label, sizeof(label), "Map the %d that are left by hand?", page->total_size);
    class = ask_yes(&wizard->asker, "by-hand", label, true, &yes);
    while (class == EXIT_OK && yes && !quit && page->n_organizations > 0) {
        class = pick_page(wizard, page, &quit);
        token = page->next_page_token;
        if (class != EXIT_OK || token[0] == '\0')
            break;
        class = list(wizard, "mapping_state = UNMAPPED", PAGE, token, &page);
    }
    return class;
}

int wizard_map(struct wizard *wizard)
{
    static const char *const options[] = {"map", "ignore", "quick-match", "by-hand", NULL};
    const Docbridge__V1__ListOrganizationsResponse *inventory;
    ask_heading(&wizard->asker, "Step 2 of 4: Map organizations to companies");
    int class = wait_for_inventory(wizard, &inventory);
    if (class == EXIT_OK)
        class = check_companies(wizard);
    if (class != EXIT_OK)
        return class;
    if (inventory->mapped_count > 0 && !wizard_given(wizard, options)) {
        bool yes = false;
        ask_say(&wizard->asker, "Done: %d mapped, %d need attention, %d ignored.",
                inventory->mapped_count, inventory->unmapped_count, inventory->ignored_count);
        if (wizard->asker.terminal == NULL || inventory->unmapped_count == 0)
            return EXIT_OK;
        class = ask_yes(&wizard->asker, NULL, "Map more?", false, &yes);
        if (class != EXIT_OK || !yes)
            return class;
    }
    class = carry_out_options(wizard);
    if (class == EXIT_OK)
        class = match(wizard);
    return class == EXIT_OK ? by_hand(wizard) : class;
}
