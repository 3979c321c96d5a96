// The signals that docbridged obeys. SIGTERM and SIGINT stop it in order, and a second one at once;
// SIGHUP reads the keys of tokens again.
#pragma once

// How the process ends when it is told twice: whatever ran is left to its leases and timeouts.
enum { SIGNALS_EXIT_AT_ONCE = 2 };

// What the waiting thread does meanwhile. NULL: nothing.
struct signals_duties {
    void (*reload)(void *context); // for each SIGHUP
    void (*tidy)(void *context);   // every `tidy_ms`
    int tidy_ms;
    void *context;
};

// Call before any thread starts: from then on no signal ends the process or interrupts a thread.
void signals_block(void);
// Waits until the process shall stop. Returns the signal.
int signals_wait(const struct signals_duties *duties);
// From now on another signal to stop ends the process at once with SIGNALS_EXIT_AT_ONCE.
void signals_stop_at_once(void);
