-- How far the trail has come, by whose word, and what its retention took away.

-- That a chain reached an event, signed (Ed25519, see audit/README.md) unless the server has no
-- key. Only ever added to.
CREATE TABLE audit_mark (
    tenant text NOT NULL CHECK (tenant <> ''),
    sequence bigint NOT NULL CHECK (sequence > 0),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    mark_time timestamptz NOT NULL,
    key_id text NOT NULL,                        -- '': not signed
    signature bytea NOT NULL CHECK (length(signature) = 64),
    PRIMARY KEY (tenant, sequence)
);
CALL protect_table('audit_mark', 'SELECT, INSERT');

-- Up to where events were removed because their time was over.
CREATE TABLE audit_retained (
    tenant text PRIMARY KEY CHECK (tenant <> ''),
    sequence bigint NOT NULL CHECK (sequence > 0),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    mark_time timestamptz NOT NULL,
    key_id text NOT NULL,
    signature bytea NOT NULL CHECK (length(signature) = 64)
);
CALL protect_table('audit_retained', 'SELECT');

-- The janitor sees the ends of all chains, and of events nothing but their place and time, and
-- those alone that are older than 30 days: younger ones it cannot remove, whatever it is told.
CREATE POLICY of_janitor ON audit_head FOR SELECT TO docbridge_janitor USING (true);
GRANT SELECT (tenant, sequence) ON audit_head TO docbridge_janitor;
CREATE POLICY of_janitor ON audit_event TO docbridge_janitor
    USING (event_time < now() - interval '30 days');
GRANT SELECT (tenant, sequence, event_time, hash), DELETE ON audit_event TO docbridge_janitor;
CREATE POLICY of_janitor ON audit_mark TO docbridge_janitor USING (true);
GRANT SELECT (tenant, sequence), DELETE ON audit_mark TO docbridge_janitor;
CREATE POLICY of_janitor ON audit_retained TO docbridge_janitor USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON audit_retained TO docbridge_janitor;
