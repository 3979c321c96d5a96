-- What a row of the trail must be is said by policies. A session plans a policy once; a constraint
-- is read from its text and planned anew by each statement, a twentieth of what a reveal takes.
-- Nobody but docbridge_server may write these rows.
CREATE POLICY well_formed ON audit_event AS RESTRICTIVE FOR INSERT TO docbridge_server
    WITH CHECK (tenant <> '' AND sequence > 0 AND phase BETWEEN 1 AND 3 AND outcome BETWEEN 0 AND 4
                AND length(previous_hash) = 32 AND length(hash) = 32);
ALTER TABLE audit_event
    DROP CONSTRAINT audit_event_tenant_check,
    DROP CONSTRAINT audit_event_sequence_check,
    DROP CONSTRAINT audit_event_phase_check,
    DROP CONSTRAINT audit_event_outcome_check,
    DROP CONSTRAINT audit_event_previous_hash_check,
    DROP CONSTRAINT audit_event_hash_check;
CREATE POLICY well_formed ON audit_head AS RESTRICTIVE FOR INSERT TO docbridge_server
    WITH CHECK (length(hash) = 32);
CREATE POLICY stays_well_formed ON audit_head AS RESTRICTIVE FOR UPDATE TO docbridge_server
    USING (true) WITH CHECK (length(hash) = 32);
ALTER TABLE audit_head DROP CONSTRAINT audit_head_hash_check;
