// The words of a connection test: what it says, what may be the cause, what to do.
#pragma once

#include "server/service/probe.h"

// Fills the answer of a test. `key` (may be NULL) is only looked at for how keys usually begin.
// Errors: INTERNAL for want of memory.
enum err_code diagnosis_fill(struct arena *arena, const struct probe_report *report,
                             const struct secret *key, Docbridge__V1__TestConnectionResponse *out,
                             struct err *reterr) _must_check_;
// Adds the warning about a key that was last accepted at `used_us`, before the test, if that is
// long ago. Errors: INTERNAL for want of memory.
enum err_code diagnosis_warn_of_age(struct arena *arena, int64_t used_us,
                                    Docbridge__V1__TestConnectionResponse *out,
                                    struct err *reterr) _must_check_;
// Fills the answer about a key that cannot be one, of which nothing was sent.
enum err_code diagnosis_fill_malformed(struct arena *arena, const char *pasted,
                                       enum source_region region,
                                       Docbridge__V1__TestConnectionResponse *out,
                                       struct err *reterr) _must_check_;
// The error of a verdict that is not OK; ERR_OK for OK.
enum err_code diagnosis_error(const struct probe_report *report, struct err *reterr);
