// What the files of ConnectionService share.
#pragma once

#include "docbridge/v1/connection.pb-c.h"
#include "server/service/method.h"
#include "server/source/source.h"
#include "server/store/store.h"

unary_handler connection_create_handler;
unary_handler connection_test_handler;
unary_handler connection_update_handler;
unary_handler connection_pause_handler;
unary_handler connection_resume_handler;
unary_handler connection_disconnect_handler;
unary_handler connection_get_setup_progress_handler; // of setup.c
unary_handler connection_rotate_handler;
unary_handler connection_delete_handler;
unary_handler connection_receipt_handler;

// Checks provider and region of a credential that is not saved. Errors: FIELD_INVALID,
// UNKNOWN_REGION.
enum err_code connection_candidate_region(const Docbridge__V1__ConnectionCandidate *candidate,
                                          enum source_region *ret_region,
                                          struct err *reterr) _must_check_;
// Whether the tenant's one slot is free. Errors: DOCUMENTATION_PROVIDER_ACTIVE.
enum err_code connection_check_slot(struct tx *tx, const struct request *request,
                                    struct err *reterr) _must_check_;

// What a client may set of a connection. Errors: FIELD_INVALID.
enum err_code connection_check_display_name(const char *text, struct err *reterr) _must_check_;
enum err_code connection_check_psa_type(int psa_type, struct err *reterr) _must_check_;
