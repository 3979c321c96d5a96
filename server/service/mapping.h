// What the files of MappingService share.
#pragma once

#include "docbridge/v1/connection.pb-c.h"
#include "docbridge/v1/mapping.pb-c.h"
#include "server/service/method.h"
#include "server/store/connection.h"
#include "server/store/organization.h"

unary_handler mapping_list_organizations_handler;
unary_handler mapping_quick_match_handler;
unary_handler mapping_suggest_matches_handler;
unary_handler mapping_acknowledge_findings_handler;

// Fills what was found of organizations into their messages, which are in the same order.
enum err_code organization_findings_fill(struct tx *tx, const struct request *request,
                                         const char *connection_id,
                                         const struct organization *organizations, size_t count,
                                         Docbridge__V1__Organization **out,
                                         struct err *reterr) _must_check_;

// Queues a run of the content of newly mapped organizations, or joins one, and gives its name; ""
// while the connection's syncs are held, since a mapping can be made then too. Call sync_wake()
// after the commit.
enum err_code mapping_request_run(struct tx *tx, const struct request *request,
                                  const struct connection *connection,
                                  const int64_t *organization_ids, size_t count,
                                  char **ret_run_name, struct err *reterr) _must_check_;
