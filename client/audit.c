// The trail out of the server: exported, verified, watched.
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "client/audit_file.h"
#include "client/group.h"
#include "client/output.h"
#include "client/session.h"
#include "docbridge/v1/audit.pb-c.h"
#include "server/base/clock.h"
#include "server/base/encoding.h"

enum { PART_BYTES = 8 * 1024 * 1024, TEXT_BYTES = 96, WAIT_MS = 1000 };

static bool read_time(const char *text, Google__Protobuf__Timestamp *time)
{
    int64_t us;
    google__protobuf__timestamp__init(time);
    if (!clock_parse(text, &us))
        return false;
    time->seconds = us / 1000000;
    time->nanos = (int32_t)(us % 1000000) * 1000;
    return true;
}

static int end_export(struct session *session, const struct failure *failure, bool any)
{
    if (failure->status == STATUS_OK && !any)
        return session_error(session, EXIT_NOT_FOUND,
                             "there is no event in that stretch, so nothing is exported; "
                             "docbridge audit list shows what there is");
    int class =
        failure->status == STATUS_OK ? output_flush(session) : session_fail(session, failure);
    if (class != EXIT_OK)
        session_note(session, "the export is not whole");
    return class;
}

// Writes what comes to standard output; returns an exit class.
static int take_parts(struct session *session, struct stream *stream)
{
    for (bool any = false;;) {
        struct arena arena _cleanup_(arena_done);
        arena_init(&arena, PART_BYTES);
        const ProtobufCMessage *message;
        struct failure failure;
        switch (stream_next(stream, WAIT_MS, &arena, &message, &failure)) {
        case STREAM_MESSAGE:
            (void)fputs(field_get_text(message, "lines"), stdout);
            any = true;
            break;
        case STREAM_IDLE:
            break;
        case STREAM_ENDED:
            return end_export(session, &failure, any);
        }
    }
}

int audit_export_run(struct session *session)
{
    Docbridge__V1__ExportAuditEventsRequest request =
        DOCBRIDGE__V1__EXPORT_AUDIT_EVENTS_REQUEST__INIT;
    Google__Protobuf__Timestamp since, until;
    const char *text = parse_text(session->arguments, "since");
    if (text != NULL && !read_time(text, &since))
        return session_usage(session, "--since %s: not a time such as 2026-12-31T08:00:00Z", text);
    request.start_time = text == NULL ? NULL : &since;
    text = parse_text(session->arguments, "until");
    if (text != NULL && !read_time(text, &until))
        return session_usage(session, "--until %s: not a time such as 2026-12-31T08:00:00Z", text);
    request.end_time = text == NULL ? NULL : &until;
    request.start_sequence = parse_number(session->arguments, "from", 0);
    request.end_sequence = parse_number(session->arguments, "to", 0);
    if (request.start_time != NULL && request.start_sequence != 0)
        return session_usage(session, "give --from or --since, not both");
    if (request.end_time != NULL && request.end_sequence != 0)
        return session_usage(session, "give --to or --until, not both");
    int class = session_connect(session);
    if (class != EXIT_OK)
        return class;
    struct stream *stream =
        stream_open(session->channel, &(struct channel_call){.service = session->command->service,
                                                             .method = session->command->method,
                                                             .request = &request.base,
                                                             .arena = &session->arena});
    if (stream == NULL)
        return session_no_memory(session);
    class = take_parts(session, stream);
    (void)stream_close(stream);
    return class;
}

static int read_keys(struct session *session, struct audit_file *verified)
{
    const char *text;
    for (size_t i = 0; (text = parse_each(session->arguments, "public-key", i)) != NULL; i++) {
        size_t len;
        if (i == AUDIT_FILE_KEYS_MAX)
            return session_usage(session, "--public-key: at most %d keys", AUDIT_FILE_KEYS_MAX);
        if (sodium_hex2bin(verified->keys[i], AUDIT_KEY_BYTES, text, strlen(text), NULL, &len,
                           NULL) != 0 ||
            len != AUDIT_KEY_BYTES || strlen(text) != 2 * (size_t)AUDIT_KEY_BYTES)
            return session_usage(session, "--public-key: not %d hexadecimal digits",
                                 2 * AUDIT_KEY_BYTES);
        verified->key_count++;
    }
    return EXIT_OK;
}

static int verify_file(struct session *session, struct audit_file *verified, const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (file == NULL)
        return session_error(session, EXIT_USAGE, "%s: %m", path);
    bool holds = audit_file_verify(verified, file);
    if (file != stdin)
        (void)fclose(file);
    if (holds)
        return EXIT_OK;
    return session_error(session, EXIT_OTHER, "%s, line %" PRId64 ": %s", path, verified->line,
                         verified->fault);
}

// What holds and yet is not proven: whoever kept the file could have written or left out that much.
static void note_unproven(struct session *session, const struct audit_file *verified)
{
    int64_t last = verified->next - 1, before = verified->first - 1;
    if (verified->key_count == 0) {
        session_note(session, "who could write the whole file anew is not found out without "
                              "--public-key, see docbridge audit key");
        return;
    }
    if (verified->head < last)
        session_note(session,
                     "no signature covers events %" PRId64 " to %" PRId64
                     ": nothing proves what stands behind the last signed head",
                     verified->head + 1, last);
    if (verified->known_sequence == 0 && before > 0 &&
        (verified->retained == 0 || verified->retained_bare))
        session_note(session,
                     "events 1 to %" PRId64 " are not in the file, and no signed statement says "
                     "that retention removed them",
                     before);
}

static int report(struct session *session, const struct audit_file *verified)
{
    char events[TEXT_BYTES], retained[TEXT_BYTES] = "", heads[TEXT_BYTES], uncovered[TEXT_BYTES];
    (void)snprintf(events, TEXT_BYTES, "%" PRId64 " to %" PRId64, verified->first, verified->last);
    if (verified->retained != 0)
        (void)snprintf(retained, TEXT_BYTES, "up to %" PRId64 "%s", verified->retained,
                       verified->retained_bare ? ", not signed" : "");
    int len = snprintf(heads, TEXT_BYTES, "%" PRId64 "%s", verified->head_count,
                       verified->key_count == 0 ? ", signatures not checked" : ", signed");
    if (verified->bare_count > 0)
        (void)snprintf(heads + len, TEXT_BYTES - (size_t)len,
                       ", and %" PRId64 " that nobody signed", verified->bare_count);
    (void)snprintf(uncovered, TEXT_BYTES, "%" PRId64,
                   verified->head == 0 ? verified->event_count
                                       : verified->next - 1 - verified->head);
    const struct output_pair pairs[] = {
        {"tenant", verified->tenant},
        {"events", events},
        {"retained", retained},
        {"heads", heads},
        {"events behind the last head", uncovered},
    };
    note_unproven(session, verified);
    return output_pairs(session, pairs, ARRAY_LEN(pairs));
}

// The chain where it is stored, part by part.
static int verify_server(struct session *session)
{
    Docbridge__V1__VerifyAuditChainRequest request =
        DOCBRIDGE__V1__VERIFY_AUDIT_CHAIN_REQUEST__INIT;
    int64_t events = 0, heads = 0, retained = 0;
    do {
        struct arena arena _cleanup_(arena_done);
        arena_init(&arena, PART_BYTES);
        const ProtobufCMessage *message;
        int class = session_call(session,
                                 &(struct session_call){.service = session->command->service,
                                                        .method = session->command->method,
                                                        .request = &request.base,
                                                        .arena = &arena},
                                 &message);
        if (class != EXIT_OK)
            return class;
        const Docbridge__V1__VerifyAuditChainResponse *part = (const void *)message;
        events += part->verified_event_count;
        heads += part->verified_head_count;
        retained = part->retained_sequence;
        request.start_sequence = part->next_start_sequence;
        if (part->broken_sequence != 0)
            return session_error(
                session, EXIT_OTHER, "event %" PRId64 ": %s", part->broken_sequence,
                field_enum_name(part->base.descriptor->fields[0].descriptor, (int)part->problem));
    } while (request.start_sequence != 0);
    char event_text[TEXT_BYTES], head_text[TEXT_BYTES], retained_text[TEXT_BYTES] = "";
    (void)snprintf(event_text, TEXT_BYTES, "%" PRId64, events);
    (void)snprintf(head_text, TEXT_BYTES, "%" PRId64, heads);
    if (retained != 0)
        (void)snprintf(retained_text, TEXT_BYTES, "up to %" PRId64, retained);
    const struct output_pair pairs[] = {
        {"events", event_text}, {"retained", retained_text}, {"signed heads", head_text}};
    if (events > 0 && heads == 0)
        session_note(session, "no head of it is signed by the key that the server has, so nothing "
                              "proves that nobody wrote the trail anew");
    return output_pairs(session, pairs, ARRAY_LEN(pairs));
}

int audit_verify_run(struct session *session)
{
    struct audit_file verified = {.known_sequence = 0}, earlier = {.known_sequence = 0};
    const char *before = parse_text(session->arguments, "after");
    if (session->arguments->word_count == 0 &&
        (before != NULL || parse_each(session->arguments, "public-key", 0) != NULL))
        return session_usage(session, "--after and --public-key are of a FILE, which is not given");
    if (session->arguments->word_count == 0)
        return verify_server(session);
    int class = read_keys(session, &verified);
    if (class == EXIT_OK && before != NULL) {
        memcpy(earlier.keys, verified.keys, sizeof(earlier.keys));
        earlier.key_count = verified.key_count;
        class = verify_file(session, &earlier, before);
        verified.known_sequence = earlier.event_count == 0 ? 0 : earlier.next - 1;
        memcpy(verified.known_hash, earlier.hash, sizeof(verified.known_hash));
        verified.known_tenant = earlier.tenant;
    }
    if (class == EXIT_OK)
        class = verify_file(session, &verified, session->arguments->words[0]);
    return class == EXIT_OK ? report(session, &verified) : class;
}

int audit_key_run(struct session *session)
{
    Docbridge__V1__GetAuditSigningKeyRequest request =
        DOCBRIDGE__V1__GET_AUDIT_SIGNING_KEY_REQUEST__INIT;
    const ProtobufCMessage *message;
    field_set_text(&request.base, "name", "auditSigningKey");
    int class = session_call_own(session, &request.base, &message);
    if (class != EXIT_OK)
        return class;
    const Docbridge__V1__AuditSigningKey *key = (const void *)message;
    char hex[2 * AUDIT_KEY_BYTES + 1] = "";
    if (key->public_key.len == AUDIT_KEY_BYTES)
        encoding_hex(key->public_key.data, AUDIT_KEY_BYTES, hex);
    else
        session_note(session, "the server signs nothing: it has no audit_signing_key_file");
    const struct output_pair pairs[] = {{"key", key->key_id}, {"public key", hex}};
    return output_pairs(session, pairs, ARRAY_LEN(pairs));
}
