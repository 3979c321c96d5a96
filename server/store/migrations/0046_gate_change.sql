-- Whether anything that the gates of a reveal are read from has changed since they were read: then
-- they are read again before the outcome, else not.

-- A row for each transaction that wrote to one of the tables below. With the snapshot that the gates
-- were read in it tells exactly whether that transaction was seen then. Rows of an hour ago are
-- removed: a reveal is over long before.
CREATE TABLE gate_change (
    tenant text NOT NULL CHECK (tenant <> ''),
    transaction xid8 NOT NULL,
    change_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, transaction)
);
CALL protect_table('gate_change', 'SELECT, INSERT');
CREATE POLICY of_janitor ON gate_change TO docbridge_janitor
    USING (change_time < now() - interval '1 hour');
GRANT SELECT (change_time), DELETE ON gate_change TO docbridge_janitor;

-- Who is not kept to one tenant may have changed any tenant's.
CREATE FUNCTION note_gate_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT row_security_active('gate_change') THEN
        INSERT INTO gate_change (tenant, transaction)
            SELECT tenant, pg_current_xact_id() FROM audit_head ON CONFLICT DO NOTHING;
    ELSIF current_tenant() <> '' THEN
        INSERT INTO gate_change (tenant, transaction)
            VALUES (current_tenant(), pg_current_xact_id()) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;

-- Every table that the statement `password_gates_get` names, and those of its records' partitions.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['company', 'company_password_access', 'company_password_category',
        'company_set_member', 'connection', 'connection_config', 'mapping', 'password_category',
        'record', 'record_password', 'record_password_folder', 'reveal_freeze', 'reveal_policy',
        'subject_revocation', 'vault_record'] LOOP
        EXECUTE format('CREATE TRIGGER note_gate_change
            AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I
            FOR EACH STATEMENT EXECUTE FUNCTION note_gate_change()', name);
    END LOOP;
END
$$;
