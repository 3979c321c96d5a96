#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/cleanup.h"
#include "server/sync/checkpoint.h"

static void text_and_back(void **state)
{
    (void)state;
    static const struct checkpoint cases[] = {
        {.mode = PLAN_ACCOUNT, .page_size = 1000, .total = -1},
        {.mode = PLAN_ORGANIZATIONS,
         .stage = 1,
         .key = INT64_MAX,
         .filter = SOURCE_FOLDER_NOT_NULL,
         .offset = INT64_C(9000000000000000000),
         .page_size = 1,
         .total = INT64_MAX,
         .rows = INT64_MAX,
         .again = true,
         .confirm = true,
         .blind = true,
         .unsure = true,
         .complete = true,
         .since_us = INT64_MAX,
         .newest_us = INT64_MAX},
        {.stage = 1,
         .key = INT64_MAX,
         .filter = SOURCE_FOLDER_ID,
         .folder = INT64_MAX,
         .offset = INT64_C(9000000000000000000),
         .page_size = 1000,
         .total = INT64_MAX,
         .rows = INT64_MAX,
         .since_us = INT64_MAX,
         .newest_us = INT64_MAX,
         .doubt = true},
        {.page_size = 1, .total = 0, .newest_us = CHECKPOINT_SPOILED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[CHECKPOINT_BYTES], again[CHECKPOINT_BYTES];
        struct checkpoint back;
        checkpoint_text(&cases[i], text);
        assert_true(strlen(text) < CHECKPOINT_BYTES - 1);
        assert_true(checkpoint_parse(text, &back));
        checkpoint_text(&back, again);
        assert_string_equal(text, again);
        assert_int_equal(back.key, cases[i].key);
        assert_int_equal(back.offset, cases[i].offset);
        assert_int_equal(back.total, cases[i].total);
        assert_int_equal(back.complete, cases[i].complete);
        assert_int_equal(back.folder, cases[i].folder);
        assert_int_equal(back.doubt, cases[i].doubt);
        assert_int_equal(back.since_us, cases[i].since_us);
        assert_int_equal(back.newest_us, cases[i].newest_us);
    }
}

static void refuses_what_is_none(void **state)
{
    (void)state;
    static const char good[] = "plan=1 stage=0 key=7 filter=0 offset=200 size=100 total=250"
                               " rows=200 again=0 confirm=0 blind=0 unsure=0 complete=0";
    struct checkpoint checkpoint;
    assert_true(checkpoint_parse(good, &checkpoint));
    for (size_t len = 0; len < sizeof(good) - 1; len++) {
        char cut[sizeof(good)] = {0};
        memcpy(cut, good, len);
        assert_false(checkpoint_parse(cut, &checkpoint));
    }
    static const char *const bad[] = {
        "plan=3 stage=0 key=7 filter=0 offset=0 size=100 total=0 rows=0 again=0 confirm=0 blind=0 "
        "unsure=0 complete=0",
        "plan=1 stage=2 key=7 filter=0 offset=0 size=100 total=0 rows=0 again=0 confirm=0 blind=0 "
        "unsure=0 complete=0",
        "plan=1 stage=0 key=7 filter=9 offset=0 size=100 total=0 rows=0 again=0 confirm=0 blind=0 "
        "unsure=0 complete=0",
        "plan=1 stage=0 key=7 filter=0 offset=50 size=100 total=0 rows=0 again=0 confirm=0 blind=0 "
        "unsure=0 complete=0",
        "plan=1 stage=0 key=7 filter=0 offset=0 size=0 total=0 rows=0 again=0 confirm=0 blind=0 "
        "unsure=0 complete=0",
        "plan=1 stage=0 key=7 filter=0 offset=0 size=1001 total=0 rows=0 again=0 confirm=0 blind=0 "
        "unsure=0 complete=0",
        "plan=1 stage=0 key=7 filter=0 offset=0 size=100 total=0 rows=0 again=0 confirm=0 blind=0 "
        "unsure=0 complete=0 ",
        "plan=1 stage=0 key=7 filter=0 offset=0 size=100 total=0 rows=0 again=0 confirm=0 blind=0 "
        "unsure=0 complete=0 since=-1 newest=0",
        "plan=1 stage=0 key=7x filter=0 offset=0 size=100 total=0 rows=0 again=0 confirm=0 blind=0 "
        "unsure=0 complete=0",
        "plan=1 stage=0 offset=0 key=7 filter=0 size=100 total=0 rows=0 again=0 confirm=0 blind=0 "
        "unsure=0 complete=0",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(checkpoint_parse(bad[i], &checkpoint));
}

// However a walk's pages shrink and grow, they never overlap and never leave a gap.
static void sizes_keep_whole_pages(void **state)
{
    (void)state;
    static const int most[] = {1000, 100, 999, 997, 1, 2};
    for (size_t i = 0; i < ARRAY_LEN(most); i++) {
        int size = most[i];
        int64_t offset = 0;
        unsigned random = 12345;
        for (int step = 0; step < 2000; step++) {
            random = random * 1664525u + 1013904223u;
            if ((random >> 16) % 3 == 0)
                size = checkpoint_smaller(size);
            assert_int_equal(offset % size, 0);
            offset += size;
            size = checkpoint_larger(size, most[i], offset);
            assert_true(size >= 1 && size <= most[i]);
            assert_int_equal(offset % size, 0);
        }
    }
    int size = 1000;
    for (int i = 0; i < 12; i++)
        size = checkpoint_smaller(size);
    assert_int_equal(size, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_back),
        cmocka_unit_test(refuses_what_is_none),
        cmocka_unit_test(sizes_keep_whole_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
