// What the lists of a company show.
#pragma once

#include "docbridge/v1/common.pb-c.h"
#include "server/service/method.h"
#include "tests/integration/reading/fixture.h"

struct listed {
    int32_t documents, flexible_assets, checklists, passwords;
};

struct listed listed(struct fixture *fixture, const char *company_id);
int listed_sum(const Docbridge__V1__BlastRadius__Counts *counts);
// Calls a method; `out` need not be initialized.
enum err_code listed_try(struct fixture *fixture, const struct service *service, const char *method,
                         const void *in, void *out, struct err *reterr);
// Calls a method and expects it to answer.
void listed_call(struct fixture *fixture, const struct service *service, const char *method,
                 const void *in, void *out);
