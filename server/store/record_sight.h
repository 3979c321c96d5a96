// What readers of companies see of records of several kinds: the conditions of
// documentation_sight.h put together, for statements with $1 the tenant and $2 the connection.
#pragma once

#include "server/store/documentation_sight.h"

// place: the organizations of companies, and which kinds these share. `condition` limits the
// mappings m.
#define RECORD_SIGHT_PLACE(condition)                                                    \
    "place AS MATERIALIZED (SELECT m.organization_id, m.company_id,"                     \
    "  k.documents_enabled AND NOT coalesce(d.documents_hidden, false) AS documents,"    \
    "  k.checklists_enabled AND NOT coalesce(d.checklists_hidden, false) AS checklists"  \
    " FROM mapping m JOIN connection_config k ON k.tenant = $1 AND k.connection_id = $2" \
    " LEFT JOIN company_documentation_access d ON d.tenant = $1"                         \
    "  AND d.company_id = m.company_id"                                                  \
    " WHERE m.tenant = $1 AND m.connection_id = $2" condition ")"

// A folder that is not known, or another organization's, is not open.
#define RECORD_SIGHT_FOLDER                                                     \
    "EXISTS (SELECT FROM record f WHERE f.tenant = $1 AND f.connection_id = $2" \
    " AND f.kind = 3 AND f.id = r.folder_id"                                    \
    " AND f.organization_id IS NOT DISTINCT FROM r.organization_id"             \
    " AND" SIGHT_FOLDER_OPEN("f") ")"

// Whether the kind of the record r is shared with the company of its place p, which is NULL where
// there is none. Templates of the account (organization 0) are for everybody who sees checklists.
#define RECORD_SIGHT_KIND(kind, organization)                                    \
    "CASE " kind " WHEN 4 THEN p.documents WHEN 5 THEN p.company_id IS NOT NULL" \
    " WHEN 6 THEN p.checklists WHEN 7 THEN CASE WHEN " organization " = 0"       \
    "  THEN (SELECT bool_or(checklists) FROM place) ELSE p.checklists END ELSE false END"

// The columns that the next looks at. The index by organization of each kind that is searched has
// them all, so that who judges very many reads no record.
#define RECORD_SIGHT_COLUMNS                                                                      \
    "r.kind, r.id, r.organization_id, r.connection_id, r.restricted, r.archived, r.publish_time," \
    " r.folder_id, r.type_id"

// Whether the record r itself is shown; k is the row of connection_config.
#define RECORD_SIGHT_RECORD                                                                      \
    "(" SIGHT_SHOWN(                                                                             \
        "r",                                                                                     \
        "k") " AND CASE r.kind"                                                                  \
             "  WHEN 4 THEN" SIGHT_DOCUMENT_SHOWN(                                               \
                 "r", "k",                                                                       \
                 RECORD_SIGHT_FOLDER) "  WHEN 5 THEN" SIGHT_ASSET_SHOWN("r",                     \
                                                                        "p.company_id") " ELSE " \
                                                                                        "true "  \
                                                                                        "END)"
