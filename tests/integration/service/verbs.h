// What an administrator does with a connection c1, each in a call.
#pragma once

#include "docbridge/v1/connection.pb-c.h"
#include "tests/integration/service/fixture.h"

enum err_code verb_pause(struct fixture *fixture, Docbridge__V1__PauseScope scope,
                         Docbridge__V1__Connection *out);
enum err_code verb_resume(struct fixture *fixture, Docbridge__V1__PauseScope scope,
                          Docbridge__V1__Connection *out);
// `etag` may be NULL.
enum err_code verb_disconnect(struct fixture *fixture, char *etag, Docbridge__V1__Connection *out);
// What asks upstream.
enum err_code verb_sync(struct fixture *fixture);
enum err_code verb_refresh_organizations(struct fixture *fixture);
enum err_code verb_refresh_types(struct fixture *fixture);
enum err_code verb_test(struct fixture *fixture);
