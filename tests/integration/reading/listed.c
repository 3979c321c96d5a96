#include "tests/integration/reading/listed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/documentation.pb-c.h"
#include "docbridge/v1/password.pb-c.h"
#include "server/service/services.h"

enum err_code listed_try(struct fixture *fixture, const struct service *service, const char *method,
                         const void *in, void *out, struct err *reterr)
{
    for (size_t i = 0; i < service->method_count; i++) {
        if (strcmp(service->methods[i].name, method) != 0)
            continue;
        protobuf_c_message_init(
            protobuf_c_service_descriptor_get_method_by_name(service->descriptor, method)->output,
            out);
        return service->methods[i].unary(&fixture->request, in, out, reterr);
    }
    return err_set(reterr, ERR_INTERNAL, "there is no such method");
}

void listed_call(struct fixture *fixture, const struct service *service, const char *method,
                 const void *in, void *out)
{
    struct err err = {0};
    if (listed_try(fixture, service, method, in, out, &err) != ERR_OK)
        fail_msg("%s: %s", method, err.text);
}

struct listed listed(struct fixture *fixture, const char *company_id)
{
    Docbridge__V1__ListDocumentsRequest documents = DOCBRIDGE__V1__LIST_DOCUMENTS_REQUEST__INIT;
    Docbridge__V1__ListFlexibleAssetsRequest assets =
        DOCBRIDGE__V1__LIST_FLEXIBLE_ASSETS_REQUEST__INIT;
    Docbridge__V1__ListChecklistsRequest checklists = DOCBRIDGE__V1__LIST_CHECKLISTS_REQUEST__INIT;
    Docbridge__V1__ListPasswordsRequest passwords = DOCBRIDGE__V1__LIST_PASSWORDS_REQUEST__INIT;
    Docbridge__V1__ListDocumentsResponse documents_out;
    Docbridge__V1__ListFlexibleAssetsResponse assets_out;
    Docbridge__V1__ListChecklistsResponse checklists_out;
    Docbridge__V1__ListPasswordsResponse passwords_out;
    documents.parent = assets.parent = checklists.parent = passwords.parent =
        arena_printf(&fixture->arena, "companies/%s", company_id);
    listed_call(fixture, &documentation_service, "ListDocuments", &documents, &documents_out);
    listed_call(fixture, &documentation_service, "ListFlexibleAssets", &assets, &assets_out);
    listed_call(fixture, &documentation_service, "ListChecklists", &checklists, &checklists_out);
    listed_call(fixture, &password_service, "ListPasswords", &passwords, &passwords_out);
    return (struct listed){documents_out.total_size, assets_out.total_size,
                           checklists_out.total_size, passwords_out.total_size};
}

int listed_sum(const Docbridge__V1__BlastRadius__Counts *counts)
{
    return counts->documents + counts->flexible_assets + counts->checklists + counts->passwords;
}
