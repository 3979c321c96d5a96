// A credential from the command line: provider, region and key.
#pragma once

#include "client/session.h"
#include "docbridge/v1/connection.pb-c.h"
#include "server/base/secret.h"

// Fills a candidate from --provider, --region or --region-uri, and the key that is read or asked
// for, which is borrowed from `*ret_key`. Without a region: `region`, if it is not 0. Returns an
// exit class.
int candidate_fill(struct session *session, Docbridge__V1__Region region,
                   Docbridge__V1__ConnectionCandidate *candidate, struct secret **ret_key);
