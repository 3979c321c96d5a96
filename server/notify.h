// Tells the service manager how the process is doing: sd_notify(3) without its library.
#pragma once

// Sends `state`, such as "READY=1", to the socket that NOTIFY_SOCKET names, a path or @abstract.
// Does nothing without one. Never blocks for long; a manager that does not listen is no error.
void notify_manager(const char *state);
