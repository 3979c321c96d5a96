// What this process counts of its work, for metrics/. As with the log, any code may count, on any
// thread; nothing reads it but metrics.
#pragma once

#include <stdint.h>

// A family: its name, the label of its counters, and what it is.
#define COUNTER_FAMILIES(X)                                                                  \
    X(UPSTREAM, "docbridge_upstream_requests_total", "status",                               \
      "Requests to IT Glue, by HTTP status; none: there was no answer.")                     \
    X(RUN, "docbridge_sync_run_moves_total", "state", "Runs of syncs that came to a state.") \
    X(CONNECTION, "docbridge_connection_moves_total", "state",                               \
      "Connections that broke (ERROR) or work again.")
// A counter, its family, and the value of the label.
#define COUNTER_TABLE(X)                     \
    X(UPSTREAM_OK, UPSTREAM, "200")          \
    X(UPSTREAM_THROTTLED, UPSTREAM, "429")   \
    X(UPSTREAM_REFUSED, UPSTREAM, "4xx")     \
    X(UPSTREAM_BROKEN, UPSTREAM, "5xx")      \
    X(UPSTREAM_ODD, UPSTREAM, "other")       \
    X(UPSTREAM_SILENT, UPSTREAM, "none")     \
    X(RUN_WAITING, RUN, "WAITING_FOR_QUOTA") \
    X(RUN_SUCCEEDED, RUN, "SUCCEEDED")       \
    X(RUN_PARTIAL, RUN, "PARTIAL")           \
    X(RUN_FAILED, RUN, "FAILED")             \
    X(RUN_CANCELLED, RUN, "CANCELLED")       \
    X(CONNECTION_BROKE, CONNECTION, "ERROR") \
    X(CONNECTION_MENDED, CONNECTION, "ACTIVE")

enum counter_family {
#define X(name, text, label, help) COUNTER_FAMILY_##name,
    COUNTER_FAMILIES(X)
#undef X
        COUNTER_FAMILY_COUNT,
};

enum counter {
#define X(name, family, value) COUNTER_##name,
    COUNTER_TABLE(X)
#undef X
        COUNTER_COUNT,
};

void counter_add(enum counter counter, uint64_t number);
uint64_t counter_get(enum counter counter);
