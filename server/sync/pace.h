// How far work behind the syncs makes way for them. Pure.
#pragma once

#include <stdint.h>

// For how long to rest, in ms, after a batch that took `batch_ms`, while runs were busy with the
// database for `busy_ms` (of several at once the sum): four times as long as they shared it. So
// beside a run that stores one page after the other the batches get a fifth of the time, and beside
// one that waits for upstream or for quota nearly all of it. At most `most_ms`.
int64_t pace_rest_ms(int64_t batch_ms, int64_t busy_ms, int64_t most_ms);
