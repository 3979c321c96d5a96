-- Several master keys: a scheme whose data key can be wrapped anew, and the look at which keys are
-- in use.

ALTER TABLE vault_record
    DROP CONSTRAINT vault_record_scheme_check,
    ADD CONSTRAINT vault_record_scheme_check
        CHECK (scheme IN ('xchacha20poly1305-v1', 'xchacha20poly1305-v2'));

-- The janitor sees across tenants which record is sealed with which master key, and changes none:
-- that is the serving role's, in the transaction of the tenant.
CREATE POLICY of_janitor ON vault_record FOR SELECT TO docbridge_janitor USING (true);
GRANT SELECT (tenant, connection_id, purpose, version, scheme, master_key_id) ON vault_record
    TO docbridge_janitor;
