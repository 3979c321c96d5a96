#include "tests/unit/source/account.h"

#include <stdlib.h>
#include <string.h>

void account_start(struct account *account, const struct scripted_answer *answers, size_t count)
{
    memset(account, 0, sizeof(*account));
    scripted_server_start(&account->server, answers, count);
    account->settings.base_url[SOURCE_REGION_EU] = account->server.base_url;
}

void account_open(struct account *account)
{
    struct secret *key _cleanup_(secret_freep) = secret_copy(ACCOUNT_KEY, strlen(ACCOUNT_KEY));
    if (source_settings_check(&account->settings, &account->err) != ERR_OK ||
        source_open(&account->settings, SOURCE_PROVIDER_IT_GLUE, SOURCE_REGION_EU, key,
                    &account->source, &account->err) != ERR_OK)
        abort();
}

void account_stop(struct account *account)
{
    account->source = source_close(account->source);
    scripted_server_stop(&account->server);
}
