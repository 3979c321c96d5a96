#include "account.h"

#include <stdlib.h>
#include <string.h>

#include "generator.h"
#include "memory.h"

struct account_plan account_default_plan(void)
{
    return (struct account_plan){
        .seed = 1,
        .region = "us",
        .psa_type = "manage",
        .password_trait = "reference",
        .as_of_ms = INT64_C(1769817600000), /* 2026-01-31T00:00:00Z */
        .organizations = 40,
        .documents = 600,
        .flexible_assets = 900,
        .flexible_asset_types = 8,
        .checklists = 120,
        .passwords = 500,
        .document_bytes = 3000,
    };
}

struct account *account_new(const struct account_plan *plan)
{
    struct account *account = memory_get(1, sizeof *account);
    account->plan = *plan;
    for (int i = 0; i < COLLECTION_COUNT; i++)
        collection_init(&account->collections[i]);
    struct generator generator = {.account = account, .plan = &account->plan};
    generate_people(&generator);
    generate_organizations(&generator);
    generate_asset_types(&generator);
    generate_assets(&generator);
    generate_passwords(&generator);
    generate_documents(&generator);
    generate_checklists(&generator);
    generate_logs(&generator);
    generator_done(&generator);
    return account;
}

void account_free(struct account *account)
{
    if (!account)
        return;
    for (int i = 0; i < COLLECTION_COUNT; i++)
        collection_done(&account->collections[i]);
    for (size_t i = 0; i < SELECTION_CACHE_SIZE; i++) {
        free(account->selections[i].key);
        free(account->selections[i].rows);
    }
    free(account);
}

struct row *account_find(struct account *account, enum collection_id collection, int64_t id)
{
    return collection_find(&account->collections[collection], id);
}

const char *account_web_host(const struct account *account)
{
    if (strcmp(account->plan.region, "eu") == 0)
        return "https://msp.eu.itglue.com";
    if (strcmp(account->plan.region, "au") == 0)
        return "https://msp.au.itglue.com";
    return "https://msp.itglue.com";
}
