#include "client/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "server/base/clock.h"
#include "server/base/utf8.h"

// The signal that came, and a pipe that wakes who waits: whichever thread the signal came to, and
// however short before the wait.
static volatile sig_atomic_t caught;
static int wake_ends[2];

static const int signals[TERMINAL_SIGNALS] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
                                              SIGTSTP, SIGALRM, SIGUSR1, SIGUSR2};

static void catch (int number)
{
    int before = errno;
    caught = number;
    (void)!write(wake_ends[1], "", 1);
    errno = before;
}

bool terminal_open(struct terminal *terminal, bool keys)
{
    terminal->fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (terminal->fd < 0)
        return false;
    if (tcgetattr(terminal->fd, &terminal->saved) < 0 ||
        pipe2(wake_ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        (void)close(terminal->fd);
        return false;
    }
    caught = 0;
    struct sigaction action = {.sa_handler = catch};
    for (size_t i = 0; i < TERMINAL_SIGNALS; i++)
        (void)sigaction(signals[i], &action, &terminal->actions[i]);
    struct termios silent = terminal->saved;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | (keys ? ICANON : 0));
    (void)tcsetattr(terminal->fd, TCSAFLUSH, &silent);
    return true;
}

void terminal_close(struct terminal *terminal)
{
    (void)tcsetattr(terminal->fd, TCSAFLUSH, &terminal->saved);
    for (size_t i = 0; i < TERMINAL_SIGNALS; i++)
        (void)sigaction(signals[i], &terminal->actions[i], NULL);
    (void)close(terminal->fd);
    (void)close(wake_ends[0]);
    (void)close(wake_ends[1]);
    if (caught != 0)
        (void)raise(caught);
}

static void put(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t put_len = write(fd, bytes, len);
        if (put_len < 0 && errno != EINTR)
            return;
        if (put_len > 0) {
            bytes += put_len;
            len -= (size_t)put_len;
        }
    }
}

static void put_text(int fd, const char *text)
{
    put(fd, text, strlen(text));
}

// Whether there is something to read before the time is up or a signal comes. ms < 0: no end.
static bool has_input(const struct terminal *terminal, int ms)
{
    struct pollfd waiting[] = {{.fd = terminal->fd, .events = POLLIN},
                               {.fd = wake_ends[0], .events = POLLIN}};
    return poll(waiting, ARRAY_LEN(waiting), ms) > 0 && waiting[0].revents != 0;
}

struct secret *terminal_ask(struct terminal *terminal, const char *label, size_t max_bytes)
{
    struct secret *line _cleanup_(secret_freep) = secret_new(max_bytes + 1);
    if (line == NULL)
        return NULL;
    put_text(terminal->fd, label);
    put_text(terminal->fd, ": ");
    size_t len = 0;
    bool complete = false;
    while (!complete && len <= max_bytes && caught == 0) {
        if (!has_input(terminal, -1))
            continue;
        ssize_t got = read(terminal->fd, secret_bytes_mut(line) + len, max_bytes + 1 - len);
        if (got <= 0 && !(got < 0 && errno == EINTR))
            break;
        len += got > 0 ? (size_t)got : 0;
        complete = len > 0 && secret_bytes(line)[len - 1] == '\n';
    }
    put_text(terminal->fd, "\n");
    if (!complete)
        return NULL;
    secret_truncate(line, len - 1);
    return steal(line);
}

// Straight from the secret to the terminal: no copy stays behind.
static void put_value(int fd, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint32_t point;
        size_t bytes = utf8_decode(text + i, len - i, &point);
        bool raw = bytes > 0 && !utf8_is_unprintable(point);
        if (raw) {
            put(fd, text + i, bytes);
        } else {
            // Reversed, since a value may have a backslash of its own.
            char escape[24];
            int escape_len =
                bytes == 0 ? snprintf(escape, sizeof(escape), "\x1b[7m\\x%02x\x1b[27m",
                                      (unsigned char)text[i])
                           : snprintf(escape, sizeof(escape), "\x1b[7m\\u%04x\x1b[27m", point);
            put(fd, escape, (size_t)escape_len);
            sodium_memzero(escape, sizeof(escape));
        }
        i += bytes == 0 ? 1 : bytes;
    }
}

void terminal_show(struct terminal *terminal, const struct secret *value, int64_t show_ms)
{
    // The alternate screen keeps it out of the scrollback; it is cleared before it is left, for
    // terminals that have none.
    put_text(terminal->fd, "\x1b[?1049h\x1b[2J\x1b[H");
    put_value(terminal->fd, secret_bytes(value), secret_len(value));
    struct deadline deadline = deadline_in(show_ms);
    char line[80];
    int64_t left = deadline_left_ms(deadline);
    (void)snprintf(line, sizeof(line), "\r\n\r\n(cleared in %d s, or by a key)",
                   (int)((left + 999) / 1000));
    put_text(terminal->fd, line);
    while (left > 0 && caught == 0) {
        if (has_input(terminal, (int)left))
            break;
        left = deadline_left_ms(deadline);
    }
    put_text(terminal->fd, "\x1b[2J\x1b[H\x1b[?1049l");
}
