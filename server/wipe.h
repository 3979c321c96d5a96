// What libraries free is zeroed first.
#pragma once

#include <stdbool.h>

// Does so for OpenSSL, whose buffers of TLS hold what was last received and are freed with the
// connection, and for jansson, whose trees of error bodies may hold what IT Glue echoes. To be
// called before jansson is used. False: OpenSSL refused.
bool wipe_what_is_freed(void);
