// Serves the metrics over HTTP, to whoever asks on this machine: GET or HEAD of
// /metrics, and nothing else.
#pragma once

#include "server/metrics/metrics.h"

struct exporter;

// Listens on 127.0.0.1. `metrics` is borrowed. Errors: FIELD_INVALID if the port cannot be had.
enum err_code exporter_start(int port, struct metrics *metrics, struct exporter **ret_exporter,
                             struct err *reterr) _must_check_;
struct exporter *exporter_stop(struct exporter *exporter);
