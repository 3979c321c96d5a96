// Changes of mappings: one, or many at once, all or none.
//
// What every such change has in common: the order of its locks, the rules it must keep, what it
// shows and hides (the blast radius), the run it asks for and the events it leaves. SetMapping,
// ClearMapping and BatchUpdateMappings are three ways to spell it.
#pragma once

#include "docbridge/v1/mapping.pb-c.h"
#include "server/service/request.h"

// One mapping as it shall be. Names as the client wrote them, and the ids in them.
struct mapping_step {
    const char *organization;
    int64_t organization_id;
    const char *company, *company_id; // "": none
    const char *etag;                 // the organization's, or the blast radius's; "": not compared
};

struct mapping_change {
    const char *connection_id;
    const struct mapping_step *steps; // no organization twice
    size_t count;
    const char *etag; // the blast radius's: needed to move an organization to another company
    bool validate_only;
};

// What came of it, or would; from the arena.
struct mapping_outcome {
    Docbridge__V1__Organization **organizations; // in the order of the steps
    Docbridge__V1__BlastRadius *blast_radius;
    char *sync_run; // "": none was asked for
};

// Makes the change in a transaction of its own and commits it; with validate_only it does the same
// and takes it back. Errors: RESOURCE_NOT_FOUND, ETAG_MISMATCH, ORGANIZATION_ALREADY_MAPPED (a move
// without the etag of its preview), COMPANY_ALREADY_MAPPED, INVALID_STATE_TRANSITION (an orphan).
enum err_code mapping_change(struct request *request, const struct mapping_change *change,
                             struct mapping_outcome *ret_outcome, struct err *reterr) _must_check_;
