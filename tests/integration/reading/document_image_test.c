// Images of documents: by the gates of their documents, from upstream each time, in pieces.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/documentation.pb-c.h"
#include "server/service/services.h"
#include "tests/integration/reading/fixture.h"

#define IMAGE "companies/acme/documents/1/images/5501"

enum { IMAGE_BYTES = 600 * 1024, PIECE_BYTES = 256 * 1024, AT_ONCE = 16 };

static struct err err;

static const char RECORDS[] =
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, folder_id,"
    " restricted, publish_time, body, content_hash) VALUES"
    "  ('t1','c1',4,1,41,'Guide',0,false,now(),'{\"sections\": ["
    "    {\"kind\": \"Text\", \"level\": 0, \"sort\": 1, \"html\":"
    "     \"<p>5502 &lt;img data-image=&quot;companies/acme/documents/1/images/5502&quot;</p>\"},"
    "    {\"kind\": \"Gallery\", \"level\": 0, \"sort\": 2, \"html\":"
    "     \"<img src=/developer/images/5501 alt=x><script><img src=/developer/images/5503>"
    "</script>\"}]}',''),"
    "  ('t1','c1',4,2,41,'Other',0,false,now(),'{\"sections\": []}',''),"
    "  ('t1','c1',4,3,41,'Restricted',0,true,now(),'{\"sections\": ["
    "    {\"kind\": \"Text\", \"level\": 0, \"sort\": 1, \"html\":"
    "     \"<img src=/developer/images/5504>\"}]}','')";

static const struct method *method(const char *name)
{
    for (size_t i = 0; i < documentation_service.method_count; i++)
        if (strcmp(documentation_service.methods[i].name, name) == 0)
            return &documentation_service.methods[i];
    fail_msg("no method %s", name);
    return NULL;
}

static enum err_code open_image(struct fixture *fixture, const char *name, void **ret_state)
{
    Docbridge__V1__GetDocumentImageRequest in;
    docbridge__v1__get_document_image_request__init(&in);
    in.name = arena_strdup(&fixture->arena, name);
    err = (struct err){0};
    return method("GetDocumentImage")->stream->open(&fixture->request, &in, NULL, ret_state, &err);
}

static enum err_code get_image(struct fixture *fixture, const char *name)
{
    void *state;
    try_(open_image(fixture, name, &state));
    method("GetDocumentImage")->stream->close(state);
    return ERR_OK;
}

static int fresh(void **state)
{
    int result = fixture_fresh(state);
    struct fixture *fixture = *state;
    static char bytes[IMAGE_BYTES];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 7 % 251);
    upstream.image = bytes;
    upstream.image_len = sizeof(bytes);
    upstream.http_status = 200;
    if (result == 0)
        (void)fixture_sql(fixture, RECORDS);
    return result;
}

static void an_image_comes_whole_in_pieces(void **state)
{
    struct fixture *fixture = *state;
    const struct stream_handler *handler = method("GetDocumentImage")->stream;
    size_t got = 0;
    void *stream;
    assert_int_equal(open_image(fixture, IMAGE, &stream), ERR_OK);
    assert_int_equal(upstream.image_id, 5501);
    for (int piece = 0;; piece++) {
        struct arena arena _cleanup_(arena_done);
        Docbridge__V1__GetDocumentImageResponse out;
        enum stream_step step;
        arena_init(&arena, 1 << 20);
        docbridge__v1__get_document_image_response__init(&out);
        assert_int_equal(handler->next(&fixture->request, stream, &arena, &out, &step, &err),
                         ERR_OK);
        if (step == STREAM_END)
            break;
        assert_true((out.image != NULL) == (piece == 0));
        if (piece == 0) {
            assert_string_equal(out.image->name, IMAGE);
            assert_string_equal(out.image->media_type, "image/png");
            assert_int_equal(out.image->size_bytes, IMAGE_BYTES);
        }
        assert_in_range(out.content.len, 1, PIECE_BYTES);
        assert_memory_equal(out.content.data, upstream.image + got, out.content.len);
        got += out.content.len;
    }
    assert_int_equal(got, IMAGE_BYTES);
    handler->close(stream);
    // Nothing of it stays: the next reader's comes from upstream anew.
    assert_int_equal(get_image(fixture, IMAGE), ERR_OK);
    assert_int_equal(upstream.calls, 2);
}

// The gates are the document's, and of its images only those that a reader is shown. Hidden is not
// found, and nobody is asked.
static void closed_documents_ask_nobody(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {
        "companies/acme/documents/1/images/5502",  // in a text
        "companies/acme/documents/1/images/5503",  // in what is taken out
        "companies/acme/documents/1/images/550",   // the beginning of one
        "companies/acme/documents/1/images/55011", // more than one
        "companies/acme/documents/2/images/5501",  // of another document
        "companies/acme/documents/3/images/5504",  // of a restricted one
        "companies/beta/documents/1/images/5501",  "companies/acme/documents/9/images/5501",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(get_image(fixture, names[i]), ERR_RESOURCE_NOT_FOUND);
        assert_string_equal(err_meta_get(&err, "resource"), names[i]);
    }
    (void)fixture_sql(fixture, "DELETE FROM mapping");
    assert_int_equal(get_image(fixture, IMAGE), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(get_image(fixture, "companies/acme/documents/1"), ERR_FIELD_INVALID);
    assert_int_equal(upstream.calls, 0);
}

static void upstream_decides_whose_it_is(void **state)
{
    struct fixture *fixture = *state;
    upstream.image_document_id = 1;
    assert_int_equal(get_image(fixture, IMAGE), ERR_OK);
    upstream.image_document_id = 2;
    assert_int_equal(get_image(fixture, IMAGE), ERR_RESOURCE_NOT_FOUND);
}

static void a_connection_that_is_not_active_asks_nobody(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, "UPDATE connection SET reveals_paused = true, sync_paused = true");
    assert_int_equal(get_image(fixture, IMAGE), ERR_OK);
    (void)fixture_sql(fixture, "UPDATE connection SET state = 2");
    assert_int_equal(get_image(fixture, IMAGE), ERR_CONNECTION_NOT_ACTIVE);
    assert_int_equal(upstream.calls, 1);
}

// What a key may do with images is known from the first that is asked for on, and written down
// once.
static void the_capability_is_learned(void **state)
{
    struct fixture *fixture = *state;
    const char *known = "SELECT coalesce((SELECT string_agg(e ->> 'kind' || '=' || (e ->> 'grant'),"
                        " ' ') FROM jsonb_array_elements(capabilities) e), '') FROM connection";
    const char *revision = "SELECT revision FROM connection";
    (void)fixture_sql(fixture,
                      "UPDATE connection SET capabilities = '[{\"kind\": 1, \"grant\": 1}]'");
    assert_int_equal(get_image(fixture, IMAGE), ERR_OK);
    assert_string_equal(fixture_sql(fixture, known), "1=1 9=1");
    char before[32];
    (void)snprintf(before, sizeof(before), "%s", fixture_sql(fixture, revision));
    assert_int_equal(get_image(fixture, IMAGE), ERR_OK);
    upstream.code = ERR_UPSTREAM_RECORD_GONE;
    assert_int_equal(get_image(fixture, IMAGE), ERR_UPSTREAM_RECORD_GONE);
    assert_string_equal(fixture_sql(fixture, revision), before);
    upstream.code = ERR_UPSTREAM_IMAGE_UNAVAILABLE;
    assert_int_equal(get_image(fixture, IMAGE), ERR_UPSTREAM_IMAGE_UNAVAILABLE);
    assert_string_equal(fixture_sql(fixture, known), "1=1 9=2");
}

// Images in memory are bounded, whoever does not read on.
static void too_many_at_once_wait(void **state)
{
    struct fixture *fixture = *state;
    void *streams[AT_ONCE];
    for (size_t i = 0; i < AT_ONCE; i++)
        assert_int_equal(open_image(fixture, IMAGE, &streams[i]), ERR_OK);
    assert_int_equal(get_image(fixture, IMAGE), ERR_SERVER_BUSY);
    assert_true(err.retry_after_ms > 0);
    method("GetDocumentImage")->stream->close(streams[0]);
    assert_int_equal(get_image(fixture, IMAGE), ERR_OK);
    for (size_t i = 1; i < AT_ONCE; i++)
        method("GetDocumentImage")->stream->close(streams[i]);
    upstream.code = ERR_UPSTREAM_ERROR;
    for (size_t i = 0; i < 2 * AT_ONCE; i++)
        assert_int_equal(get_image(fixture, IMAGE), ERR_UPSTREAM_ERROR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_image_comes_whole_in_pieces), TEST(closed_documents_ask_nobody),
        TEST(upstream_decides_whose_it_is),   TEST(a_connection_that_is_not_active_asks_nobody),
        TEST(the_capability_is_learned),      TEST(too_many_at_once_wait),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
