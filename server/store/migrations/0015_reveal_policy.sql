-- What a reveal asks for. No row: the defaults.

CREATE TABLE reveal_policy (
    tenant text PRIMARY KEY CHECK (tenant <> ''),
    restricted_records smallint NOT NULL,        -- docbridge.v1.RevealPolicy.RestrictedRecords
    restricted_listed boolean NOT NULL,
    reason_required boolean NOT NULL,
    reason_min_length integer NOT NULL,
    ticket_required boolean NOT NULL,
    sealed_required boolean NOT NULL,
    service_callers smallint NOT NULL,           -- docbridge.v1.RevealPolicy.ServiceCallers
    revision bigint NOT NULL DEFAULT 1,
    update_time timestamptz NOT NULL
);
CALL protect_table('reveal_policy', 'SELECT, INSERT, UPDATE');
