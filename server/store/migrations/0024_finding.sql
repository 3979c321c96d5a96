-- What happened upstream to organizations that are mapped, until somebody has seen it. Nothing is
-- ever mapped, moved or cleared by it.

-- Names that differ in their legal form alone are near duplicates.
ALTER TABLE organization ADD core text NOT NULL GENERATED ALWAYS AS (name_core(name_key)) STORED;
CREATE INDEX organization_by_core ON organization (tenant, connection_id, core);

CREATE TABLE organization_finding (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    organization_id bigint NOT NULL,
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 5), -- docbridge.v1.Organization.Finding.Kind
    old_value text NOT NULL DEFAULT '',
    new_value text NOT NULL DEFAULT '',
    related_id bigint NOT NULL DEFAULT 0,                -- another organization; 0: none
    detect_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, connection_id, organization_id, kind),
    FOREIGN KEY (tenant, connection_id, organization_id) REFERENCES organization ON DELETE CASCADE
);
CALL protect_table('organization_finding', 'SELECT, INSERT, UPDATE, DELETE');

-- Of several changes nobody has seen, the first old value and the last new one are told; back at the
-- old one, there is nothing to tell.
CREATE FUNCTION note_finding(of organization, kind smallint, old_value text, new_value text)
    RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO organization_finding AS f (tenant, connection_id, organization_id, kind, old_value,
        new_value) VALUES (of.tenant, of.connection_id, of.id, kind, old_value, new_value)
        ON CONFLICT ON CONSTRAINT organization_finding_pkey
        DO UPDATE SET new_value = excluded.new_value, detect_time = excluded.detect_time;
    DELETE FROM organization_finding f WHERE f.tenant = of.tenant
        AND f.connection_id = of.connection_id AND f.organization_id = of.id
        AND f.kind = note_finding.kind AND f.old_value <> '' AND f.old_value = f.new_value;
END
$$;

CREATE FUNCTION find_drift() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM mapping m WHERE m.tenant = NEW.tenant
                   AND m.connection_id = NEW.connection_id AND m.organization_id = NEW.id) THEN
        RETURN NULL;
    END IF;
    IF NEW.display_name <> OLD.display_name THEN
        PERFORM note_finding(NEW, 1::smallint, OLD.display_name, NEW.display_name);
    END IF;
    IF NEW.psa_ids <> OLD.psa_ids THEN
        PERFORM note_finding(NEW, 2::smallint, array_to_string(OLD.psa_ids, ', '),
                             array_to_string(NEW.psa_ids, ', '));
    END IF;
    IF NEW.gone <> OLD.gone THEN
        DELETE FROM organization_finding WHERE tenant = NEW.tenant
            AND connection_id = NEW.connection_id AND organization_id = NEW.id AND kind IN (3, 4);
        PERFORM note_finding(NEW, (CASE WHEN NEW.gone THEN 3 ELSE 4 END)::smallint, '', '');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER find_drift AFTER UPDATE ON organization FOR EACH ROW
    WHEN (OLD.display_name <> NEW.display_name OR OLD.psa_ids <> NEW.psa_ids OR OLD.gone <> NEW.gone)
    EXECUTE FUNCTION find_drift();

-- A new organization whose name is that of a mapped one but for its legal form: told of the mapped
-- one, whose company's administrators it concerns.
CREATE FUNCTION find_near_duplicates() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO organization_finding (tenant, connection_id, organization_id, kind, new_value,
        related_id)
        SELECT DISTINCT ON (o.tenant, o.connection_id, o.id) o.tenant, o.connection_id, o.id, 5,
            n.display_name, n.id
        FROM added n JOIN organization o ON o.tenant = n.tenant
            AND o.connection_id = n.connection_id AND o.core = n.core AND o.id <> n.id
        JOIN mapping m ON m.tenant = o.tenant AND m.connection_id = o.connection_id
            AND m.organization_id = o.id
        WHERE n.core <> '' AND NOT o.gone
        ORDER BY o.tenant, o.connection_id, o.id, n.id DESC
        ON CONFLICT ON CONSTRAINT organization_finding_pkey DO UPDATE SET
            new_value = excluded.new_value, related_id = excluded.related_id,
            detect_time = excluded.detect_time;
    RETURN NULL;
END
$$;
CREATE TRIGGER find_near_duplicates AFTER INSERT ON organization REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION find_near_duplicates();
