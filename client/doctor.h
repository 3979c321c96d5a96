// What `docbridge doctor` finds, one line a check, and what the token says of itself.
#pragma once

#include "client/session.h"

enum doctor_level {
    DOCTOR_OK,
    DOCTOR_WARN, // works, and needs attention
    DOCTOR_FAIL,
};

enum { DOCTOR_FINDINGS_MAX = 32 };

struct doctor_finding {
    enum doctor_level level;
    const char *check, *found;
    const char *remedy; // "": nothing to do
};

// Strings live in the session's arena.
struct doctor {
    struct session *session;
    struct doctor_finding findings[DOCTOR_FINDINGS_MAX];
    size_t count;
    enum exit_class class; // of the first failure
};

// Adds a line. `remedy` is borrowed; `class` counts for DOCTOR_FAIL.
void doctor_say(struct doctor *doctor, enum doctor_level level, enum exit_class class,
                const char *check, const char *remedy, const char *format, ...) _printf_(6, 7);
// Such as "3 hours", of a time that many seconds long.
const char *doctor_span(struct doctor *doctor, int64_t seconds);
// Prints the lines, worst or not, in the format asked for. Returns the class of the first failure.
int doctor_print(const struct doctor *doctor);

// What the token of the session says of itself, unverified: only the server's word counts.
struct doctor_token {
    bool read;             // it has the form of a token
    int64_t issue_time_us; // 0: not said
    int64_t expire_time_us;
};
// Reads it, and says whose it is, what it may and how long it lives.
struct doctor_token doctor_read_token(struct doctor *doctor);
