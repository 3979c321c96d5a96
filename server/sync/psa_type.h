// The kind of PSA that gave the organizations their external ids, which their list does not tell.
//
// Unless an administrator said it, or it was looked for within a week: one organization whose
// external id no other has is asked for by that id under each kind of PSA that upstream knows. A
// kind is learned if it alone gives exactly this organization: a server that ignores the filter
// gives all of them.
#pragma once

#include "server/sync/run.h"

// Looks for it if need be, with at most SYNC_PSA_PROBES requests of the run. Upstream's errors are
// no errors here; the next run looks again. Errors: CANCELLED, and those of the store.
enum err_code psa_type_learn(struct run *run, struct err *reterr) _must_check_;
