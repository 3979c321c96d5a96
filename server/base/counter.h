// What this process counts of its work, for metrics/. As with the log, any code may count, on any
// thread; nothing reads it but metrics.
#pragma once

#include <stdint.h>

// The counter, its family, and its one label.
#define COUNTER_TABLE(X)                                                           \
    X(UPSTREAM_OK, "docbridge_upstream_requests_total", "status", "200")           \
    X(UPSTREAM_THROTTLED, "docbridge_upstream_requests_total", "status", "429")    \
    X(UPSTREAM_REFUSED, "docbridge_upstream_requests_total", "status", "4xx")      \
    X(UPSTREAM_BROKEN, "docbridge_upstream_requests_total", "status", "5xx")       \
    X(UPSTREAM_ODD, "docbridge_upstream_requests_total", "status", "other")        \
    X(UPSTREAM_SILENT, "docbridge_upstream_requests_total", "status", "none")      \
    X(RUN_WAITING, "docbridge_sync_run_moves_total", "state", "WAITING_FOR_QUOTA") \
    X(RUN_SUCCEEDED, "docbridge_sync_run_moves_total", "state", "SUCCEEDED")       \
    X(RUN_PARTIAL, "docbridge_sync_run_moves_total", "state", "PARTIAL")           \
    X(RUN_FAILED, "docbridge_sync_run_moves_total", "state", "FAILED")             \
    X(RUN_CANCELLED, "docbridge_sync_run_moves_total", "state", "CANCELLED")       \
    X(CONNECTION_BROKE, "docbridge_connection_moves_total", "state", "ERROR")      \
    X(CONNECTION_MENDED, "docbridge_connection_moves_total", "state", "ACTIVE")

enum counter {
#define X(name, family, label, value) COUNTER_##name,
    COUNTER_TABLE(X)
#undef X
        COUNTER_COUNT,
};

void counter_add(enum counter counter, uint64_t number);
uint64_t counter_get(enum counter counter);
