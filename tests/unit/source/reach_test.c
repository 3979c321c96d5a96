// Which addresses IT Glue's names may resolve to.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
// cmocka wants the three above first.
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "server/source/itglue/http.h"

static bool is_public(const char *text)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        return itglue_http_is_public((const struct sockaddr *)(const void *)&in);
    assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return itglue_http_is_public((const struct sockaddr *)(const void *)&in6);
}

static void test_public_addresses(void **state)
{
    (void)state;
    static const char *const open[] = {
        "8.8.8.8",     "100.63.255.255", "100.128.0.1",    "172.15.255.255",   "172.32.0.1",
        "192.167.0.1", "2600:1f18::1",   "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
    };
    for (size_t i = 0; i < ARRAY_LEN(open); i++) {
        if (!is_public(open[i]))
            fail_msg("%s is public", open[i]);
    }
}

static void test_other_addresses(void **state)
{
    (void)state;
    static const char *const closed[] = {
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::8.8.8.8",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:10.1.2.3",
        "::ffff:169.254.169.254",
        // Translated to IPv4 on the way.
        "64:ff9b::10.1.2.3",
        "64:ff9b::127.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b::192.168.1.1",
        "64:ff9b:1::8.8.8.8",
        "64:ff9b:0:1::8.8.8.8",
        "64:ff9b::1:808:808",
        "64:ff9c::8.8.8.8",
        "64::8.8.8.8",
        "2002:a01:203::1",
        "2002:7f00:1::1",
        "2002:a9fe:a9fe::1",
        "2002:c0a8:101::1",
        // Teredo, of 10.1.2.3.
        "2001:0:808:808:0:0:f5fe:fdfc",
    };
    for (size_t i = 0; i < ARRAY_LEN(closed); i++) {
        if (is_public(closed[i]))
            fail_msg("%s is not public", closed[i]);
    }
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    assert_false(itglue_http_is_public((const struct sockaddr *)(const void *)&local));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_public_addresses),
        cmocka_unit_test(test_other_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
