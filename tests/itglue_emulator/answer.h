/* What a request gets back, before the server puts it on the wire, and the known error bodies. */
#ifndef ITGLUE_EMULATOR_ANSWER_H
#define ITGLUE_EMULATOR_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "text.h"

enum delivery {
    DELIVERY_PLAIN,
    DELIVERY_TRUNCATED,
    DELIVERY_TRICKLE,
    DELIVERY_HANG,
    DELIVERY_DROP
};

enum framing { FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

struct answer {
    unsigned status;
    const char *content_type; /* NULL: no such header */
    struct text body;
    char location[300];
    char retry_after[64];
    int64_t delay_ms;
    uint64_t hold; /* the delay also ends when faults are cleared for this time; 0: it does not */
    enum delivery delivery;
    enum framing framing; /* of a truncated body */
    int64_t trickle_bytes;
    int64_t trickle_ms;
};

extern const char answer_json_api[]; /* the content type */

void answer_done(struct answer *answer);
/* Empties the body and sets the status. */
void answer_reset(struct answer *answer, unsigned status, const char *content_type);
void answer_error(struct answer *answer, unsigned status, const char *title, const char *detail,
                  const char *pointer);
void answer_unauthorized(struct answer *answer);
void answer_sessions_only(struct answer *answer);
void answer_not_found(struct answer *answer);
void answer_html(struct answer *answer, unsigned status, const char *headline);
/* json, html or empty, for the answers of a gateway. */
void answer_gateway(struct answer *answer, unsigned status, const char *form, const char *message);

#endif
