// What the tests of deleted connections share: c1 with rows of every kind, one organization mapped.
#pragma once

#include "docbridge/v1/connection.pb-c.h"
#include "tests/integration/service/fixture.h"

enum { DELETION_DOCUMENTS = 2345 }; // more than two batches

void deletion_seed(struct fixture *fixture);
// DeleteConnection.
enum err_code deletion_run(struct fixture *fixture, bool force, const char *etag,
                           Docbridge__V1__Connection *out);
enum err_code deletion_get_receipt(struct fixture *fixture, Docbridge__V1__DeletionReceipt *out);
enum err_code deletion_get_connection(struct fixture *fixture, Docbridge__V1__Connection *out);
