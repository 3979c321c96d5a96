#include "client/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "server/base/clock.h"
#include "server/base/utf8.h"

// What an escaped character and the line below a value take at most.
enum { ESCAPE_CELLS = 8, FOOT_CELLS = 40 };

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

// Of a terminal that does not tell its size, the least that is usual.
static struct winsize size_of(int fd)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
        size = (struct winsize){.ws_row = 24, .ws_col = 80};
    return size;
}

// Straight from the secret to the terminal: no copy stays behind. Returns how many bytes found room
// in that many cells.
static size_t put_value(int fd, const char *text, size_t len, size_t cells)
{
    size_t i = 0;
    for (size_t used = 0; i < len;) {
        uint32_t point;
        size_t bytes = utf8_decode(text + i, len - i, &point);
        bool raw = bytes > 0 && !utf8_is_unprintable(point);
        used += !raw ? ESCAPE_CELLS : point < 0x80 ? 1 : 2;
        if (used > cells)
            break;
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
    return i;
}

// Row by row first: without an alternate screen, GNU screen and tmux keep what clearing the whole
// screen removes, in their history.
static void wipe(int fd)
{
    put_text(fd, "\x1b[H");
    for (int row = size_of(fd).ws_row; row > 0; row--)
        put_text(fd, "\x1b[2K\x1b[B");
    put_text(fd, "\x1b[2J\x1b[H");
}

// As much as can stand above the last line without scrolling: what scrolls away is not seen, and
// may stay in a history. A character of two cells may leave the last column empty. Where there is
// no room for both, the line is left out.
static size_t put_page(int fd, const char *text, size_t len, int64_t left_ms)
{
    struct winsize size = size_of(fd);
    int rows = size.ws_row - 2 - FOOT_CELLS / size.ws_col;
    size_t cells = (size_t)(rows > 0 ? rows : 1) * (size.ws_col - 1U);
    size_t put_len = put_value(fd, text, len, cells < ESCAPE_CELLS ? ESCAPE_CELLS : cells);
    char line[80];
    (void)snprintf(line, sizeof(line), "\r\n\r\n(cleared in %d s, %s by a key)",
                   (int)((left_ms + 999) / 1000), put_len < len ? "more" : "or");
    if (rows > 0)
        put_text(fd, line);
    return put_len;
}

// Whether a key was pressed before the time was up or a signal came.
static bool wait_for_key(const struct terminal *terminal, struct deadline deadline)
{
    for (int64_t left; (left = deadline_left_ms(deadline)) > 0 && caught == 0;)
        if (has_input(terminal, (int)left)) {
            (void)tcflush(terminal->fd, TCIFLUSH);
            return true;
        }
    return false;
}

void terminal_show(struct terminal *terminal, const struct secret *value, int64_t show_ms)
{
    struct deadline deadline = deadline_in(show_ms);
    const char *text = secret_bytes(value);
    size_t left = secret_len(value);
    // The alternate screen keeps it out of the scrollback; it is cleared before it is left, for
    // terminals that have none.
    put_text(terminal->fd, "\x1b[?1049h\x1b[2J\x1b[H");
    for (bool more = true; more;) {
        size_t put_len = put_page(terminal->fd, text, left, deadline_left_ms(deadline));
        text += put_len;
        left -= put_len;
        more = wait_for_key(terminal, deadline) && left > 0;
        wipe(terminal->fd);
    }
    put_text(terminal->fd, "\x1b[?1049l");
}
