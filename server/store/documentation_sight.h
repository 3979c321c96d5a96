// What of the synced documentation readers see: the one place that says so, in SQL, for lists, for
// single records and for search.
//
// A restricted record, one in a restricted folder or in one that is not known, one that was never
// published and an archived one are hidden, unless the tenant opened the class. The statement has
// $1 the tenant and names its parts: `record`, a row of record; `config`, the row of
// connection_config of the same connection.
#pragma once

// Holds for every kind.
#define SIGHT_SHOWN(record, config)                               \
    " (NOT " record ".restricted OR " config ".restricted_shown)" \
    " AND (NOT " record ".archived OR " config ".archived_shown)"

// Whether a folder, by its row or NULLs if it is not known, is open: neither it nor any folder
// above it is restricted or unknown.
//
// A folder of another organization counts as unknown, that of a record too: while a move is half
// synced its name is another company's. IS NOT DISTINCT FROM, so that folders are looked up by
// their key: for an equation the planner may take all of an organization's.
#define SIGHT_FOLDER_OPEN(folder)                                                             \
    " (NOT " folder ".restricted AND NOT EXISTS ("                                            \
    "   SELECT FROM jsonb_array_elements_text(" folder ".body->'ancestor_ids') a(id)"         \
    "     LEFT JOIN record p ON p.tenant = $1 AND p.connection_id = " folder ".connection_id" \
    "          AND p.kind = 3 AND p.id = a.id::bigint"                                        \
    "          AND p.organization_id IS NOT DISTINCT FROM " folder ".organization_id"         \
    "    WHERE p.id IS NULL OR p.restricted))"

// The folders above a folder and itself, by name, outermost first.
#define SIGHT_FOLDER_PATH(folder)                                                              \
    " array_append(ARRAY("                                                                     \
    "   SELECT p.display_name FROM jsonb_array_elements_text(" folder ".body->'ancestor_ids')" \
    "          WITH ORDINALITY a(id, place)"                                                   \
    "     JOIN record p ON p.tenant = $1 AND p.connection_id = " folder ".connection_id"       \
    "          AND p.kind = 3 AND p.id = a.id::bigint"                                         \
    "          AND p.organization_id IS NOT DISTINCT FROM " folder ".organization_id"          \
    "    ORDER BY a.place), " folder ".display_name)"

// Holds for a document beside SIGHT_SHOWN; `open` says whether its folder is.
#define SIGHT_DOCUMENT_SHOWN(record, config, open)                           \
    " (" record ".publish_time IS NOT NULL OR " config ".unpublished_shown)" \
    " AND (" record ".folder_id = 0 OR " config ".restricted_shown OR " open ")"

// Holds for a flexible asset of the company `company` beside SIGHT_SHOWN: its type is on, here and
// upstream, and not hidden from the company. Of one that is off or gone upstream nothing is read
// any more: what is stored grows old unnoticed, or has gone with it.
#define SIGHT_ASSET_SHOWN(record, company)                                          \
    " EXISTS (SELECT FROM flexible_asset_type t WHERE t.tenant = $1"                \
    "         AND t.connection_id = " record ".connection_id AND t.id = " record    \
    ".type_id AND t.enabled AND t.upstream_state = 1)"                              \
    " AND NOT EXISTS (SELECT FROM company_hidden_type h WHERE h.tenant = $1"        \
    "                 AND h.company_id = " company " AND h.connection_id = " record \
    ".connection_id AND h.type_id = " record ".type_id)"

// The titles of which a part is masked, by the record r of a kind. Joined for SIGHT_NAME.
#define SIGHT_MASKED(kind, connection)                                               \
    " LEFT JOIN (SELECT e.id, min(e.title) AS title FROM embedded_secret e"          \
    "  WHERE e.tenant = $1 AND e.connection_id = " connection " AND e.kind = " #kind \
    "    AND e.title IS NOT NULL GROUP BY e.id) masked ON masked.id = r.id"

// The title of the record r as it is shown, by which lists go and are filtered: neither tells what
// the mask hides. What the indexer found in titles says so exactly. It may still be behind: a title
// in which there could be a credential by any rule of base/embedded_secret.h is none until it has
// looked. Without a sign behind it, a label only tells what has a digit, a sign or a quote.
#define SIGHT_NAME(connection)                                                                   \
    " CASE WHEN r.change_sequence <= (SELECT w.sequence FROM search_progress w"                  \
    "        WHERE w.tenant = $1 AND w.connection_id = " connection " AND w.rebuild_kind = 0)"   \
    "  THEN coalesce(masked.title, r.display_name)"                                              \
    "  WHEN r.display_name !~* '[:=\uFF1A\t\x1F]|(^|\n) *[|]|\\m(ist?|lautet)\\M|-----BEGIN"     \
    "|\\m(sshpass|net\\s+user|isakmp)\\M'"                                                       \
    "   AND r.display_name !~ '[A-Za-z0-9_.~+/=-]{16}'"                                          \
    "   AND r.display_name !~* '(pass|pw|psk|kenn|key|ssel|cred|secret|token|communit|zugang"    \
    "|string|mdp|contrase|wachtw|senha|parola|adgang|code|[\u00AD\u200B-\u200D\u2060\uFEFF]).*[" \
    "0-9!#$%&?@^<\"'']' THEN r.display_name"                                                     \
    "  ELSE '' END"

// The kind of the tags in a trait's value, as letters alone: "FlexibleAssetType: 7" is one too.
#define SIGHT_TAG_KIND(value) " regexp_replace(lower(" value "->>'type'), '[^a-z]', '', 'g')"
// The kinds that are not stored here and are restricted nowhere: of these a tag may tell the name,
// unless it is of another organization. A kind that is not known may be restricted.
#define SIGHT_TAG_KINDS_OPEN                                                   \
    " ('accountsusers', 'configurations', 'contacts', 'domains', 'locations'," \
    " 'sslcertificates', 'tickets')"
// Whether what a tag says of an organization, if anything, is true of that row of organization.
#define SIGHT_TAG_OF(tag, organization)                                                     \
    " coalesce(" tag "->>'organization-name', " tag "->>'organization_name', " organization \
    ".display_name) = " organization ".display_name"                                        \
    " AND coalesce(" tag "->>'organization-id', " tag "->>'organization_id', " organization \
    ".id::text) = " organization ".id::text"
