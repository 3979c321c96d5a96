// Threads that come by the dozen and mostly wait.
#pragma once

// The calling thread gives back what it frees at once instead of keeping it for its next calls, as
// the allocator lets threads do: with up to five threads a run that is more than runs themselves
// need. Does nothing where the allocator is not jemalloc.
void frugal_thread(void);
