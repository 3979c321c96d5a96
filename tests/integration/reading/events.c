#include "tests/integration/reading/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/audit/trail.h"
#include "server/service/services.h"

const struct method *event_method(const char *name)
{
    for (size_t i = 0; i < audit_service.method_count; i++)
        if (strcmp(audit_service.methods[i].name, name) == 0)
            return &audit_service.methods[i];
    fail_msg("no method %s", name);
    return NULL;
}

void append(struct fixture *fixture, const char *company, enum audit_type type)
{
    const struct audit_event event = {
        .type = type, .phase = AUDIT_INTENT, .company_id = company, .resource_display_name = "Ü"};
    struct err err;
    assert_int_equal(
        trail_write(fixture->trail, &fixture->request, &event, deadline_in(5000), NULL, &err),
        ERR_OK);
}

void append_some(struct fixture *fixture, int count)
{
    for (int i = 0; i < count; i++)
        append(fixture, "acme", AUDIT_PASSWORD_REVEAL);
}
