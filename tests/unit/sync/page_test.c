#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/sync/page.h"

static bool put(struct page *page, int64_t id, int64_t organization_id, const char *name)
{
    struct source_sink sink = page_sink(page);
    struct source_record record = {
        .id = id, .organization_id = organization_id, .name = name, .body = "{}", .body_len = 2};
    return sink.on_record(sink.context, &record);
}

static void keeps_rows_of_mapped_organizations(void **state)
{
    (void)state;
    static const int64_t mapped[] = {3, 5, 9};
    struct page page _cleanup_(page_done);
    page_init(&page);
    page.organizations = mapped;
    page.organization_count = 3;
    for (int64_t organization = 0; organization < 12; organization++)
        assert_true(put(&page, 100 + organization, organization, "x"));
    assert_int_equal(page.record_count, 3);
    assert_int_equal(page.passed_over, 9);
    assert_int_equal(page.violation_count, 0);
}

static void a_stranger_in_one_organizations_list_is_a_violation(void **state)
{
    (void)state;
    static const int64_t mapped[] = {3};
    struct page page _cleanup_(page_done);
    page_init(&page);
    page.organizations = mapped;
    page.organization_count = 1;
    page.asked_organization = 3;
    assert_true(put(&page, 1, 3, "x"));
    assert_true(put(&page, 2, 4, "x"));
    assert_true(put(&page, 3, 0, "x"));
    assert_int_equal(page.record_count, 1);
    assert_int_equal(page.violation_count, 2);
    assert_int_equal(page.violations[0], 2);
}

static void sorts_and_drops_the_second_of_a_kind(void **state)
{
    (void)state;
    struct page page _cleanup_(page_done);
    page_init(&page);
    page.any_organization = true;
    static const int64_t ids[] = {5, 3, 5, 9, 3, 1};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        assert_true(put(&page, ids[i], 0, "x"));
    page_sort(&page);
    assert_int_equal(page.record_count, 4);
    for (size_t i = 1; i < page.record_count; i++)
        assert_true(page.records[i - 1].id < page.records[i].id);
    assert_true(page_set_aside(&page, 1, "RECORD_MALFORMED", "why"));
    assert_int_equal(page.record_count, 3);
    assert_int_equal(page.records[1].id, 5);
    assert_int_equal(page.bad[0].id, 3);
    // What was set aside is there upstream all the same.
    int64_t *seen;
    size_t count;
    struct bytes *hashes;
    assert_true(page_ids(&page, &seen, &count, &hashes));
    assert_int_equal(count, 4);
}

static void too_much_is_an_overflow(void **state)
{
    (void)state;
    struct page page _cleanup_(page_done);
    page_init(&page);
    page.any_organization = true;
    char *large _cleanup_(freep) = malloc(8 * 1024 * 1024);
    assert_non_null(large);
    memset(large, 'x', 8 * 1024 * 1024 - 1);
    large[8 * 1024 * 1024 - 1] = '\0';
    int count = 0;
    while (count < 100 && put(&page, count + 1, 0, large))
        count++;
    assert_true(count < 10);
    assert_true(page.overflow);
    page_reset(&page);
    assert_false(page.overflow);
    assert_true(page.any_organization);
    assert_true(put(&page, 1, 0, "x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_rows_of_mapped_organizations),
        cmocka_unit_test(a_stranger_in_one_organizations_list_is_a_violation),
        cmocka_unit_test(sorts_and_drops_the_second_of_a_kind),
        cmocka_unit_test(too_much_is_an_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
