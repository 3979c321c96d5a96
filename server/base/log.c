#include "server/base/log.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "server/base/buffer.h"
#include "server/base/clock.h"

enum { LINE_MAX_BYTES = 16 * 1024, VALUE_MAX_BYTES = 2048 };

static atomic_int least_level = LOG_INFO;
static atomic_int log_fd = STDERR_FILENO;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_set_level(enum log_level least)
{
    atomic_store(&least_level, (int)least);
}

void log_set_fd(int fd)
{
    atomic_store(&log_fd, fd);
}

static void append_value(struct buffer *line, const struct log_field *field)
{
    if (field->text == NULL)
        (void)buffer_printf(line, "%" PRId64, field->number);
    else
        (void)buffer_json_string(line, field->text, strnlen(field->text, VALUE_MAX_BYTES));
}

void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t count)
{
    if ((int)level < atomic_load_explicit(&least_level, memory_order_relaxed))
        return;
    int fd = atomic_load_explicit(&log_fd, memory_order_relaxed);
    bool terminal = isatty(fd) == 1;
    char now[CLOCK_TEXT_BYTES];
    clock_text(clock_wall_us(), now);
    struct buffer line _cleanup_(buffer_done);
    buffer_init(&line, LINE_MAX_BYTES);
    if (terminal)
        (void)buffer_printf(&line, "%s %-5s %s", now, level_names[level], message);
    else
        (void)buffer_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"%s\"", now,
                            level_names[level], message);
    for (size_t i = 0; i < count; i++) {
        (void)buffer_printf(&line, terminal ? " %s=" : ",\"%s\":", fields[i].key);
        append_value(&line, &fields[i]);
    }
    (void)buffer_text(&line, terminal ? "\n" : "}\n");
    if (!line.failed)
        (void)!write(fd, line.data, line.len);
}
