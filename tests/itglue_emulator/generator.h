/*
 * The making of an account, one file a subject (generate_*.c). Each step draws from a random stream
 * of its own and appends rows to the account. Nothing here looks at a clock: dates hang on the
 * plan's `as_of_ms`, so that the same plan gives the same bytes.
 */
#ifndef ITGLUE_EMULATOR_GENERATOR_H
#define ITGLUE_EMULATOR_GENERATOR_H

#include "account.h"
#include "random.h"

/* A Password-kind field of an asset and the entry in /passwords that holds its value. */
struct password_link {
    const struct row *asset;
    int64_t password_id;
};

struct generator {
    struct account *account;
    const struct account_plan *plan;
    struct password_link *links;
    size_t link_count;
    struct asset_field *fields;
    size_t field_count;
};

enum field_kind { /* the kinds of flexible asset fields */
                  FIELD_TEXT,
                  FIELD_TEXTBOX,
                  FIELD_CHECKBOX,
                  FIELD_NUMBER,
                  FIELD_PERCENT,
                  FIELD_DATE,
                  FIELD_SELECT,
                  FIELD_PASSWORD,
                  FIELD_TAG,
                  FIELD_UPLOAD,
                  FIELD_HEADER
};

struct asset_field {
    int64_t type_id;
    enum field_kind kind;
    const char *name;
    const char *key; /* of the trait */
    const char *tag_type;
};

void generate_people(struct generator *generator);
void generate_organizations(struct generator *generator);
void generate_asset_types(struct generator *generator);
void generate_assets(struct generator *generator);
void generate_passwords(struct generator *generator);
void generate_documents(struct generator *generator);
void generate_checklists(struct generator *generator);
void generate_logs(struct generator *generator);
void generator_done(struct generator *generator);

struct random generator_stream(const struct generator *generator, enum collection_id collection);
/* The id of row `index` of `total`: small in us; 16 digits, some above 2^53, in eu and au. */
int64_t generator_id(const struct generator *generator, enum collection_id collection, size_t index,
                     size_t total);
/* Two dates of the last three years, created before updated. */
void generator_dates(const struct generator *generator, struct random *random, int64_t *created_ms,
                     int64_t *updated_ms);
const struct row *generator_organization(const struct generator *generator, struct random *random);
/* Adds the row and its dates; takes `attributes`, an object that is still open. */
struct row *generator_add(struct generator *generator, enum collection_id collection, int64_t id,
                          const char *name, struct text *attributes, int64_t created_ms,
                          int64_t updated_ms);
/* organization-id, organization-name and resource-url. */
void generator_owner(const struct generator *generator, struct text *attributes,
                     const struct row *organization, const char *path, int64_t id);
void generator_sentence(struct random *random, struct text *text);
/* A value that no other record has, fit to be searched for in dumps. */
void generator_secret(struct random *random, struct text *text);

#endif
