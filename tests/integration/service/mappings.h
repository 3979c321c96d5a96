// What the tests of mappings share: organizations 41 to 44 of connection c1 (45 is set aside, 46
// gone upstream), companies acme and beta, and one of another tenant.
#pragma once

#include "docbridge/v1/mapping.pb-c.h"
#include "tests/integration/service/fixture.h"

void mappings_seed(struct fixture *fixture);
// SetMapping. `etag` may be NULL.
enum err_code mappings_set(struct fixture *fixture, int organization, char *company, char *etag,
                           Docbridge__V1__SetMappingResponse *out);
// What a mapping would show and hide; gives the etag of that.
char *mappings_preview(struct fixture *fixture, int organization, char *company,
                       Docbridge__V1__SetMappingResponse *out);
// The first page of the organizations, which must be given.
void mappings_list(struct fixture *fixture, const char *filter,
                   Docbridge__V1__ListOrganizationsResponse *out);
