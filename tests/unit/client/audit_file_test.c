// Exports verified offline: what is whole holds, and whatever is changed is found, with its line.
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "client/audit_file.h"
#include "server/base/cleanup.h"

enum { EVENTS = 40, HEADS_EVERY = 8, ROUNDS = 2000, TEXT_BYTES = 256 * 1024 };

static const unsigned char seed[crypto_sign_SEEDBYTES] = {1, 2, 3};
static unsigned char public_key[AUDIT_KEY_BYTES], secret_key[crypto_sign_SECRETKEYBYTES];
static char key_id[AUDIT_KEY_ID_BYTES];
static int64_t bare_until;

// The lines of an export, each with its newline.
static char *lines[2 * EVENTS + 2];
static size_t line_count;

static int set_up(void **state)
{
    (void)state;
    assert_true(sodium_init() >= 0);
    (void)crypto_sign_seed_keypair(public_key, secret_key, seed);
    audit_key_id(public_key, key_id);
    return 0;
}

static void keep(struct buffer *buffer)
{
    assert_false(buffer->failed);
    size_t len;
    lines[line_count++] = buffer_steal(buffer, &len);
}

static void sign(struct audit_mark *mark)
{
    unsigned char digest[AUDIT_HASH_BYTES];
    mark->key_id = mark->sequence <= bare_until ? "" : key_id;
    mark->time_us = 1772366400000000;
    if (mark->sequence <= bare_until)
        return;
    audit_mark_digest(mark, "t1", digest);
    (void)crypto_sign_detached(mark->signature, NULL, digest, sizeof(digest), secret_key);
}

static void make_mark(enum audit_mark_kind kind, int64_t sequence, const unsigned char *hash)
{
    struct audit_mark mark = {.kind = kind, .sequence = sequence};
    struct buffer buffer _cleanup_(buffer_done);
    buffer_init(&buffer, TEXT_BYTES);
    memcpy(mark.hash, hash, sizeof(mark.hash));
    sign(&mark);
    audit_line_write_mark(&buffer, "t1", &mark);
    keep(&buffer);
}

static struct audit_event_row event_of(int64_t sequence)
{
    return (struct audit_event_row){
        .tenant = "t1",
        .sequence = sequence,
        .event_time_us = 1772366400000000 + sequence,
        .type = (int)(sequence % 3 + 1),
        .phase = 3,
        .outcome = (int)(sequence % 2 + 1),
        .error_reason = "",
        .actor_subject = "auth0|42",
        .actor_display_name = "Zoë \"Z\" O'Hara \\ 😀",
        .actor_kind = 1,
        .resource = "companies/acme/passwords/7",
        .resource_display_name = "two\nlines\tand \x7f\x01",
        .company_id = "acme",
        .company_display_name = "Acme",
        .organization = "",
        .password_category_display_name = "",
        .reason = "\xe2\x80\xae turned",
        .ticket = "T-1",
        .request_id = "req",
        .peer = "ipv4:127.0.0.1:1",
        .upstream_status = 200,
        .upstream_served = sequence % 2 == 0,
        .policy_version = sequence * 1000000007,
        .intent_sequence = sequence - 1,
        .changes = "[{\"field\":\"a\",\"old\":null,\"new\":\"\\u0001\"}]",
    };
}

// Events `first` to EVENTS, a head behind each eighth and behind the last.
static void make_export(int64_t first)
{
    unsigned char previous[AUDIT_HASH_BYTES] = {0};
    struct buffer buffer _cleanup_(buffer_done);
    buffer_init(&buffer, TEXT_BYTES);
    line_count = 0;
    audit_line_write_export(&buffer, "t1", first, EVENTS);
    keep(&buffer);
    for (int64_t sequence = 1; sequence <= EVENTS; sequence++) {
        struct audit_event_row row = event_of(sequence);
        memcpy(row.previous_hash, previous, sizeof(previous));
        audit_hash(&row, row.hash);
        memcpy(previous, row.hash, sizeof(previous));
        if (sequence == first - 1)
            make_mark(AUDIT_MARK_RETAINED, sequence, row.hash);
        if (sequence < first)
            continue;
        struct buffer line _cleanup_(buffer_done);
        buffer_init(&line, TEXT_BYTES);
        audit_line_write_event(&line, &row);
        keep(&line);
        if (sequence % HEADS_EVERY == 0)
            make_mark(AUDIT_MARK_HEAD, sequence, row.hash);
    }
}

// Nobody signs anything up to that event.
static void make_bare_export(int64_t first, int64_t bare)
{
    bare_until = bare;
    make_export(first);
    bare_until = 0;
}

static void drop_export(void)
{
    while (line_count > 0)
        free(lines[--line_count]);
}

static bool verify(struct audit_file *verified, const char *text, size_t len)
{
    // fmemopen() takes no empty buffer.
    FILE *file = len == 0 ? fopen("/dev/null", "re") : fmemopen((void *)(uintptr_t)text, len, "r");
    assert_non_null(file);
    memcpy(verified->keys[0], public_key, sizeof(public_key));
    verified->key_count = 1;
    bool holds = audit_file_verify(verified, file);
    (void)fclose(file);
    return holds;
}

static size_t join(char *text)
{
    size_t len = 0;
    for (size_t i = 0; i < line_count; i++) {
        size_t size = strlen(lines[i]);
        assert_true(len + size < TEXT_BYTES);
        memcpy(text + len, lines[i], size);
        len += size;
    }
    return len;
}

static bool verify_lines(struct audit_file *verified)
{
    char *text _cleanup_(freep) = malloc(TEXT_BYTES);
    assert_non_null(text);
    *verified = (struct audit_file){.known_sequence = 0};
    return verify(verified, text, join(text));
}

static void write_lp(struct buffer *buffer, const void *bytes, size_t len)
{
    unsigned char prefix[8] = {[5] = (unsigned char)(len >> 16),
                               [6] = (unsigned char)(len >> 8),
                               [7] = (unsigned char)len};
    assert_true(buffer_append(buffer, prefix, sizeof(prefix)));
    assert_true(buffer_append(buffer, bytes, len));
}

// Written out by hand as audit/README.md says it, and hashed at once by another library, for texts
// around each length at which bytes are handed on.
static void the_hash_is_of_the_written_form(void **state)
{
    (void)state;
    static const char *const values[] = {"docbridge.audit.v1",
                                         "t1",
                                         "7",
                                         "1772366400000007",
                                         "2",
                                         "3",
                                         "2",
                                         "",
                                         "auth0|42",
                                         "Zoë \"Z\" O'Hara \\ 😀",
                                         "1",
                                         "companies/acme/passwords/7",
                                         "two\nlines\tand \x7f\x01",
                                         "acme",
                                         "Acme",
                                         "",
                                         "",
                                         "\xe2\x80\xae turned",
                                         "T-1",
                                         "req",
                                         "ipv4:127.0.0.1:1",
                                         "-1",
                                         "0",
                                         "-9223372036854775808",
                                         "9223372036854775807"};
    static char changes[5000];
    for (size_t len = 0; len < sizeof(changes); len += len >= 1500 ? 700 : 1) {
        struct buffer form _cleanup_(buffer_done);
        unsigned char ours[AUDIT_HASH_BYTES], theirs[crypto_hash_sha256_BYTES];
        struct audit_event_row row = event_of(7);
        memset(changes, 'x', len);
        changes[len] = '\0';
        memset(row.previous_hash, 9, sizeof(row.previous_hash));
        row.changes = changes;
        row.upstream_status = -1;
        row.policy_version = INT64_MIN;
        row.intent_sequence = INT64_MAX;
        buffer_init(&form, TEXT_BYTES);
        write_lp(&form, row.previous_hash, sizeof(row.previous_hash));
        for (size_t i = 0; i < ARRAY_LEN(values); i++)
            write_lp(&form, values[i], strlen(values[i]));
        write_lp(&form, changes, len);
        (void)crypto_hash_sha256(theirs, (const unsigned char *)form.data, form.len);
        audit_hash(&row, ours);
        assert_memory_equal(ours, theirs, sizeof(ours));
    }
}

static void what_is_whole_holds(void **state)
{
    (void)state;
    struct audit_file verified;
    make_export(1);
    assert_true(verify_lines(&verified));
    assert_string_equal(verified.tenant, "t1");
    assert_int_equal(verified.event_count, EVENTS);
    assert_int_equal(verified.head_count, EVENTS / HEADS_EVERY);
    assert_int_equal(verified.head, EVENTS);
    drop_export();
    make_export(11);
    assert_true(verify_lines(&verified));
    assert_int_equal(verified.event_count, EVENTS - 10);
    assert_int_equal(verified.retained, 10);
    drop_export();
}

// Of a valid export one byte is another: found, unless a digit of hexadecimal only changed case.
static void each_edit_is_found(void **state)
{
    (void)state;
    char *text _cleanup_(freep) = malloc(TEXT_BYTES);
    assert_non_null(text);
    make_export(11);
    size_t len = join(text);
    for (int round = 0; round < ROUNDS; round++) {
        size_t at = randombytes_uniform((uint32_t)len);
        char was = text[at];
        text[at] = (char)(was ^ (1 << randombytes_uniform(7)));
        size_t line = 1;
        for (size_t i = 0; i < at; i++)
            line += text[i] == '\n';
        struct audit_file verified = {.known_sequence = 0};
        // The verifier decodes its own copy.
        if (verify(&verified, text, len))
            fail_msg("byte %zu from %02x to %02x is not found", at, was, text[at]);
        // In the line itself, or where the end of the line was.
        assert_true(verified.line == (int64_t)line || verified.line == (int64_t)line + 1 ||
                    (line == 1 && verified.line > 1));
        text[at] = was;
    }
    drop_export();
}

static void drop_line(size_t at)
{
    free(lines[at]);
    memmove(&lines[at], &lines[at + 1], (line_count - at - 1) * sizeof(lines[0]));
    line_count--;
}

static bool is_event(size_t at)
{
    return strncmp(lines[at], "{\"line\":\"event\"", 15) == 0;
}

static void each_loss_is_found(void **state)
{
    (void)state;
    struct audit_file verified;
    for (size_t at = 0; at < EVENTS + EVENTS / HEADS_EVERY + 1; at++) {
        make_export(1);
        bool event = is_event(at);
        drop_line(at);
        // A head may be missing: it is not part of the chain, and the next one covers the same.
        if (event || at == 0) {
            assert_false(verify_lines(&verified));
            // The line now in its place is the first bad one.
            assert_true(verified.line == (int64_t)at + 1 || at + 1 > line_count);
        }
        drop_export();
    }
}

static void swap_lines(size_t at, size_t other)
{
    char *line = lines[at];
    lines[at] = lines[other];
    lines[other] = line;
}

static void each_swap_is_found(void **state)
{
    (void)state;
    struct audit_file verified;
    make_export(1);
    for (size_t at = 0; at < line_count; at++)
        for (size_t other = at + 1; other < line_count; other++) {
            // An event that comes before the head it follows is in its place: the head is late.
            bool head_late = at > 0 && !is_event(at) && other == at + 1;
            swap_lines(at, other);
            assert_false(verify_lines(&verified));
            assert_int_equal(verified.line, at + 1 + head_late);
            swap_lines(at, other);
        }
    drop_export();
}

static void an_end_that_is_cut_off_is_found(void **state)
{
    (void)state;
    char *text _cleanup_(freep) = malloc(TEXT_BYTES);
    assert_non_null(text);
    make_export(1);
    size_t len = join(text), last = strlen(lines[line_count - 1]);
    // Without its last head the export is shorter, and whole all the same; that it is bare shows.
    for (size_t cut = 0; cut < len; cut += 1 + cut / 50) {
        struct audit_file verified = {.known_sequence = 0};
        bool holds = verify(&verified, text, cut);
        assert_true(!holds || cut == len - last);
    }
    // The chain was cut short, and an export of what is left is whole in itself: what was exported
    // before tells.
    struct audit_file verified;
    assert_true(verify_lines(&verified));
    const struct audit_file earlier = verified;
    drop_export();
    make_export(1);
    struct audit_file cut = {.known_sequence = EVENTS + 1};
    len = join(text);
    assert_false(verify(&cut, text, len));
    assert_non_null(strstr(cut.fault, "the chain ends with event 40"));
    cut = (struct audit_file){.known_sequence = EVENTS};
    memcpy(cut.known_hash, earlier.hash, sizeof(cut.known_hash));
    assert_true(verify(&cut, text, len));
    cut = (struct audit_file){.known_sequence = 7};
    assert_false(verify(&cut, text, len));
    assert_non_null(strstr(cut.fault, "event 7 is another"));
    drop_export();
}

// What comes behind an earlier export must go on from its end.
static void a_later_export_goes_on_from_the_earlier_one(void **state)
{
    (void)state;
    char *text _cleanup_(freep) = malloc(TEXT_BYTES);
    assert_non_null(text);
    make_export(11);
    size_t len = join(text);
    struct audit_file alone = {.known_sequence = 0};
    assert_true(verify(&alone, text, len));
    struct audit_line retained;
    assert_true(audit_line_read(lines[1], strlen(lines[1]) - 1, &retained));
    struct audit_file behind = {.known_sequence = 10};
    memcpy(behind.known_hash, retained.mark.hash, sizeof(behind.known_hash));
    assert_true(verify(&behind, text, len));
    struct audit_file other = {.known_sequence = 10};
    assert_false(verify(&other, text, len));
    assert_non_null(strstr(other.fault, "event 10 is another"));
    assert_int_equal(other.line, 3);
    struct audit_file apart = {.known_sequence = 9};
    assert_false(verify(&apart, text, len));
    assert_non_null(strstr(apart.fault, "begins with event 11"));
    drop_export();
}

static void who_writes_all_anew_lacks_the_key(void **state)
{
    (void)state;
    struct audit_file verified;
    const unsigned char another[crypto_sign_SEEDBYTES] = {9};
    unsigned char theirs[AUDIT_KEY_BYTES];
    (void)crypto_sign_seed_keypair(theirs, secret_key, another);
    make_export(1);
    (void)crypto_sign_seed_keypair(theirs, secret_key, seed);
    assert_false(verify_lines(&verified));
    assert_int_equal(verified.line, HEADS_EVERY + 2); // the first head
    drop_export();
    // Nor does it help to leave the heads unsigned, or out.
    make_bare_export(1, EVENTS);
    assert_false(verify_lines(&verified));
    assert_non_null(strstr(verified.fault, "nothing of it is proven"));
    for (size_t at = line_count; at-- > 1;)
        if (!is_event(at))
            drop_line(at);
    assert_false(verify_lines(&verified));
    assert_non_null(strstr(verified.fault, "nothing of it is proven"));
    drop_export();
}

// A server was given its key later: what it signed then covers what came before.
static void unsigned_heads_prove_nothing_and_break_nothing(void **state)
{
    (void)state;
    struct audit_file verified;
    make_bare_export(11, 2 * HEADS_EVERY);
    assert_true(verify_lines(&verified));
    assert_true(verified.retained_bare);
    assert_int_equal(verified.bare_count, 1);
    assert_int_equal(verified.head_count, EVENTS / HEADS_EVERY - 2);
    assert_int_equal(verified.head, EVENTS);
    drop_export();
}

static void what_is_no_export_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "\n",
        "{}\n",
        "{\"line\":\"event\"",
        "{\"line\":\"event\"}\n",
        "{\"line\":\"export\",\"format\":\"docbridge.audit.v2\",\"tenant\":\"t\",\"first\":1,"
        "\"last\":0}\n",
        "{\"line\":\"export\",\"format\":\"docbridge.audit.v1\",\"tenant\":\"t\",\"first\":0,"
        "\"last\":0}\n",
        "{\"line\":\"export\",\"format\":\"docbridge.audit.v1\",\"tenant\":\"\\u0000\",\"first\":1,"
        "\"last\":0}\n",
        "{\"line\":\"export\",\"format\":\"docbridge.audit.v1\",\"tenant\":\"\\ud800\",\"first\":1,"
        "\"last\":0}\n",
        "{\"line\":\"export\",\"format\":\"docbridge.audit.v1\",\"tenant\":\"\\",
        "{\"line\":\"export\",\"format\":\"docbridge.audit.v1\",\"tenant\":\"\\u12",
        "{\"line\":\"head\",\"tenant\":\"t\",\"sequence\":1,\"hash\":\"0",
        "{\"line\":\"export\",\"format\":\"docbridge.audit.v1\",\"tenant\":\"t\",\"first\":1,"
        "\"last\":0}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct audit_file verified = {.known_sequence = 0};
        if (verify(&verified, texts[i], strlen(texts[i])))
            fail_msg("%s is taken", texts[i]);
    }
    const char *empty =
        "{\"line\":\"export\",\"format\":\"docbridge.audit.v1\",\"tenant\":\"t\\ud83d"
        "\\ude00\",\"first\":1,\"last\":0}\n";
    struct audit_file verified = {.known_sequence = 0};
    assert_false(verify(&verified, empty, strlen(empty)));
    assert_string_equal(verified.tenant, "t😀");
    assert_non_null(strstr(verified.fault, "holds no event"));
}

// Behind the last number there is no next one.
static void the_last_number_is_no_sequence(void **state)
{
    (void)state;
    struct audit_file verified;
    struct audit_event_row row = event_of(1);
    row.sequence = INT64_MAX;
    audit_hash(&row, row.hash);
    struct buffer buffer _cleanup_(buffer_done), line _cleanup_(buffer_done);
    buffer_init(&buffer, TEXT_BYTES);
    buffer_init(&line, TEXT_BYTES);
    audit_line_write_export(&buffer, "t1", INT64_MAX, INT64_MAX);
    keep(&buffer);
    audit_line_write_event(&line, &row);
    keep(&line);
    make_mark(AUDIT_MARK_HEAD, INT64_MAX, row.hash);
    assert_false(verify_lines(&verified));
    assert_int_equal(verified.line, 1);
    drop_export();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_is_of_the_written_form),
        cmocka_unit_test(what_is_whole_holds),
        cmocka_unit_test(each_edit_is_found),
        cmocka_unit_test(each_loss_is_found),
        cmocka_unit_test(each_swap_is_found),
        cmocka_unit_test(an_end_that_is_cut_off_is_found),
        cmocka_unit_test(a_later_export_goes_on_from_the_earlier_one),
        cmocka_unit_test(who_writes_all_anew_lacks_the_key),
        cmocka_unit_test(unsigned_heads_prove_nothing_and_break_nothing),
        cmocka_unit_test(what_is_no_export_is_refused),
        cmocka_unit_test(the_last_number_is_no_sequence),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
