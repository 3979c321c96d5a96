-- A tombstone says of a record what decides who saw it: only they are told that it is gone.

ALTER TABLE record_tombstone
    ADD COLUMN type_id bigint NOT NULL DEFAULT 0,
    ADD COLUMN folder_id bigint NOT NULL DEFAULT 0,
    ADD COLUMN restricted boolean NOT NULL DEFAULT false,
    ADD COLUMN archived boolean NOT NULL DEFAULT false,
    ADD COLUMN publish_time timestamptz;
-- Of those before nothing is known but that most were in sight.
UPDATE record_tombstone SET publish_time = delete_time;

CREATE OR REPLACE FUNCTION leave_tombstone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO record_tombstone (tenant, connection_id, change_sequence, organization_id, kind, id,
        type_id, folder_id, restricted, archived, publish_time)
    VALUES (OLD.tenant, OLD.connection_id, NEW.change_sequence, OLD.organization_id, OLD.kind, OLD.id,
        OLD.type_id, OLD.folder_id, OLD.restricted, OLD.archived, OLD.publish_time)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

-- A record that moves is gone from where it was, and one that may be hidden now from those who saw it.
DROP TRIGGER leave_tombstone ON record;
CREATE TRIGGER leave_tombstone AFTER UPDATE OF organization_id, type_id, folder_id, restricted, archived,
    publish_time ON record FOR EACH ROW
    WHEN (OLD.kind BETWEEN 3 AND 7 AND (OLD.organization_id <> NEW.organization_id
        OR OLD.type_id <> NEW.type_id OR OLD.folder_id <> NEW.folder_id
        OR (NEW.restricted AND NOT OLD.restricted) OR (NEW.archived AND NOT OLD.archived)
        OR (NEW.publish_time IS NULL AND OLD.publish_time IS NOT NULL)))
    EXECUTE FUNCTION leave_tombstone();
