#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/store/pg_target.h"

static struct pg_target *read_dsn(const char *dsn)
{
    struct pg_target *target = NULL;
    struct err err;
    if (pg_target_new(dsn, NULL, /* session_settings= */ true, &target, &err) != ERR_OK)
        fail_msg("%s: %s", dsn, err.text);
    return target;
}

static void hosts_are_tried_one_by_one(void **state)
{
    (void)state;
    static const struct {
        const char *dsn;
        size_t hosts;
    } cases[] = {
        {"dbname=x", 1},
        {"host=a", 1},
        {"host=a,b", 2},
        {"host=a,b,c port=1", 3},
        {"host=a,b port=1,2", 2},
        {"hostaddr=127.0.0.1,127.0.0.2", 2},
        {"host=a,b hostaddr=127.0.0.1,127.0.0.2", 2},
        {"postgresql://a:1,b:2/x?target_session_attrs=read-write", 2},
        // What libpq is to refuse, or to walk twice.
        {"host=a,b,c port=1,2", 1},
        {"host=a port=1,2", 1},
        {"host=a,b hostaddr=127.0.0.1", 1},
        {"host=a,b target_session_attrs=prefer-standby", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(pg_target_freep) struct pg_target *target = read_dsn(cases[i].dsn);
        if (pg_target_hosts(target) != cases[i].hosts)
            fail_msg("%s: %zu", cases[i].dsn, pg_target_hosts(target));
        assert_int_equal(pg_target_first(target), 0);
    }
}

static void assert_host(const struct pg_target *target, size_t host, const char *name,
                        const char *address, const char *port)
{
    PGconn *conn = pg_target_start(target, host);
    assert_non_null(conn);
    assert_string_equal(PQhost(conn), name);
    assert_string_equal(PQport(conn), port);
    if (address != NULL)
        assert_string_equal(PQhostaddr(conn), address);
    PQfinish(conn);
}

static void each_host_has_its_own_port_and_address(void **state)
{
    (void)state;
    _cleanup_(pg_target_freep) struct pg_target *ports = read_dsn("host=/a,/bb,/ccc port=1,22,3");
    assert_host(ports, 0, "/a", NULL, "1");
    assert_host(ports, 1, "/bb", NULL, "22");
    assert_host(ports, 2, "/ccc", NULL, "3");
    _cleanup_(pg_target_freep) struct pg_target *one_port = read_dsn("host=/a,/b port=7");
    assert_host(one_port, 1, "/b", NULL, "7");
    _cleanup_(pg_target_freep) struct pg_target *addresses =
        read_dsn("host=one,two hostaddr=127.0.0.1,127.0.0.2 port=1");
    assert_host(addresses, 0, "one", "127.0.0.1", "1");
    assert_host(addresses, 1, "two", "127.0.0.2", "1");
    pg_target_prefer(addresses, 1);
    assert_int_equal(pg_target_first(addresses), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_tried_one_by_one),
        cmocka_unit_test(each_host_has_its_own_port_and_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
