/* The MSP's own technicians, their groups, and the last 30 days of the activity log. */
#include <inttypes.h>

#include "generator.h"
#include "moment.h"
#include "words.h"

#define USER_COUNT 12

static void put_email(struct text *email, const char *first, const char *last, size_t index)
{
    const char *const parts[] = {first, ".", last};
    for (size_t part = 0; part < 3; part++) {
        for (const char *c = parts[part]; *c; c++) {
            if ((*c >= 'a' && *c <= 'z') || *c == '.')
                text_append(email, c, 1);
            else if (*c >= 'A' && *c <= 'Z')
                text_append(email, (const char[]){(char)(*c + 32)}, 1);
        }
    }
    text_format(email, "%zu@msp.example", index);
}

static void add_user(struct generator *generator, struct random *random, size_t index)
{
    static const char *const roles[] = {"Administrator", "Manager", "Editor", "Creator", "Lite"};
    int64_t created, updated;
    generator_dates(generator, random, &created, &updated);
    const char *first = words_pick(&words_first_name, random);
    const char *last = words_pick(&words_last_name, random);
    struct text email = {0}, attributes = {0};
    put_email(&email, first, last, index);
    text_put(&attributes, "{");
    attr_text(&attributes, "first-name", first);
    attr_text(&attributes, "last-name", index == 5 ? NULL : last);
    attr_text(&attributes, "role-name", roles[index < 2 ? 0 : index % 5]);
    attr_text(&attributes, "email", email.data);
    attr_raw(&attributes, "avatar", "null");
    attr_time(&attributes, "invitation-sent-at", created);
    attr_time(&attributes, "invitation-accepted-at", created + DAY_MS);
    attr_time(&attributes, "current-sign-in-at", updated);
    attr_text(&attributes, "current-sign-in-ip", "192.0.2.17");
    attr_time(&attributes, "last-sign-in-at", updated - DAY_MS);
    attr_text(&attributes, "last-sign-in-ip", "192.0.2.18");
    attr_int(&attributes, "reputation", (int64_t)random_below(random, 5000));
    attr_bool(&attributes, "my-glue", false);
    attr_raw(&attributes, "my-glue-account-id", "null");
    generator_add(generator, COLLECTION_USERS,
                  generator_id(generator, COLLECTION_USERS, index, USER_COUNT), NULL, &attributes,
                  created, updated);
    text_done(&email);
}

void generate_people(struct generator *generator)
{
    static const char *const groups[] = {"Service desk", "Projects", "Security", "Leitung"};
    struct random random = generator_stream(generator, COLLECTION_USERS);
    for (size_t i = 0; i < USER_COUNT; i++)
        add_user(generator, &random, i);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        int64_t created, updated;
        generator_dates(generator, &random, &created, &updated);
        struct text attributes = {0};
        text_put(&attributes, "{");
        attr_text(&attributes, "name", groups[i]);
        generator_add(generator, COLLECTION_GROUPS,
                      generator_id(generator, COLLECTION_GROUPS, i, 4), groups[i], &attributes,
                      created, updated);
    }
}

void generate_logs(struct generator *generator)
{
    static const char *const actions[] = {"viewed", "updated", "created", "deleted"};
    static const char *const resources[] = {"Document", "Password", "Organization", "Checklist"};
    struct random random = generator_stream(generator, COLLECTION_LOGS);
    struct collection *users = &generator->account->collections[COLLECTION_USERS];
    const int64_t now = generator->plan->as_of_ms;
    for (int64_t i = 0; i < 120; i++) {
        const struct row *organization = generator_organization(generator, &random);
        int64_t time = now - (120 - i) * (30 * DAY_MS / 121);
        struct text attributes = {0};
        text_put(&attributes, "{");
        attr_text(&attributes, "level", "info");
        attr_int(&attributes, "account-id", 77);
        attr_id(&attributes, "user-id", users->rows[random_below(&random, users->count)]->id);
        attr_id(&attributes, "organization-id", organization ? organization->id : 0);
        attr_text(&attributes, "action", actions[random_below(&random, 4)]);
        attr_text(&attributes, "resource-type", resources[random_below(&random, 4)]);
        attr_text(&attributes, "resource-name", words_pick(&words_document, &random));
        attr_text(&attributes, "ip-address", "192.0.2.17");
        attr_text(&attributes, "ip-city", "Bremen");
        attr_raw(&attributes, "ip-region", "null");
        attr_text(&attributes, "ip-country", "DE");
        attr_text(&attributes, "user-agent", "Mozilla/5.0");
        generator_add(generator, COLLECTION_LOGS, INT64_C(570000000000000000) + i * 7919, NULL,
                      &attributes, time, time);
    }
}
