// The log: one JSON object a line on standard error, or plain text when that is a terminal.
//
// Log once, where the decision is taken. Values stand in fields, never in the message. No secret
// has a printable form, so none can be a field. Thread-safe; a line is written by one write().
//
//     log_event(LOG_WARN, "upstream refused", LOG_STR("reason", err_reason(code)), LOG_INT("http",
//     403));
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/base/err.h"

enum log_level {
    LOG_DEBUG,
    LOG_INFO,
    LOG_WARN,
    LOG_ERROR,
};

// One field: a string or a number.
struct log_field {
    const char *key;
    const char *text;
    int64_t number;
};

#define LOG_STR(key, value) ((struct log_field){(key), (value) == NULL ? "" : (value), 0})
#define LOG_INT(key, value) ((struct log_field){(key), NULL, (int64_t)(value)})
// Code and text of an error.
#define LOG_ERR(err) LOG_STR("reason", err_reason((err)->code)), LOG_STR("detail", (err)->text)

// Lines below `least` are dropped. The default is LOG_INFO.
void log_set_level(enum log_level least);
// Where lines go from now on; standard error at first.
void log_set_fd(int fd);

void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t count);

#define log_event(level, message, ...)                                          \
    log_write((level), (message), (struct log_field[]){{0}, ##__VA_ARGS__} + 1, \
              sizeof((struct log_field[]){{0}, ##__VA_ARGS__}) / sizeof(struct log_field) - 1)
