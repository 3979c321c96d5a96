// What the peers of the benchmark are told, in the same words for all of them.
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// A whole file; `data` is closed by a NUL that `len` does not count.
struct file {
    char *data;
    size_t len;
};

struct options {
    const char *address;    // host:port
    struct file regions;    // answer of ListRegions, encoded
    struct file connection; // answer of GetConnection, encoded; name and title come from the row
    const char *dsn;        // NULL: GetConnection answers from memory
    struct file opening; // what docbridged says first; $1 tenant, $2 time-out, $3 subject, $4 time
    struct file sql;     // the prepared statement of GetConnection; $1 tenant, $2 id
    const char *tenant;
    int workers; // threads, each with a connection
};

// Reads --address A --regions FILE --connection FILE --dsn DSN --opening FILE --sql FILE
// --tenant T --workers N.
// Ends the process with a message if something is wrong.
struct options options_read(int argc, char **argv);

#ifdef __cplusplus
}
#endif
