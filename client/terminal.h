// The controlling terminal: input that is not echoed, output that leaves no trace.
//
// Its state is put back on every way out, signals included. No value passes standard output.
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

#include "server/base/secret.h"

enum { TERMINAL_SIGNALS = 8 };

struct terminal {
    int fd;
    struct termios saved;
    struct sigaction actions[TERMINAL_SIGNALS];
};

// Opens /dev/tty and turns echo off; with `keys`, single keys can be read. False: there is no
// terminal.
bool terminal_open(struct terminal *terminal, bool keys);
// Puts everything back. A signal that came meanwhile is raised again.
void terminal_close(struct terminal *terminal);
// Asks for a line without echo, at most `max_bytes`. NULL: the end of input, a signal, too long or
// no memory.
struct secret *terminal_ask(struct terminal *terminal, const char *label, size_t max_bytes);
// Shows a value on a screen of its own, page by page, until a key is pressed at its end or
// `show_ms` have passed. Bytes that could steer the terminal are shown as \uXXXX.
void terminal_show(struct terminal *terminal, const struct secret *value, int64_t show_ms);
