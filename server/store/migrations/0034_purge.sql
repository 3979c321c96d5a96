-- What is turned off cannot be seen at once, and is kept for a while: turned on again it is there.
-- Then its records go.

-- Since when it is off; NULL: it is on. Counted from now for what is off already.
ALTER TABLE connection_config
    ADD documents_off_time timestamptz,
    ADD checklists_off_time timestamptz,
    ADD passwords_off_time timestamptz;
ALTER TABLE flexible_asset_type ADD off_time timestamptz;
UPDATE connection_config SET
    documents_off_time = CASE WHEN NOT documents_enabled THEN now() END,
    checklists_off_time = CASE WHEN NOT checklists_enabled THEN now() END,
    passwords_off_time = CASE WHEN NOT password_sharing_enabled THEN now() END;
UPDATE flexible_asset_type SET off_time = now() WHERE NOT enabled;

-- Whoever turns something on or off.
CREATE FUNCTION keep_config_off_times() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.documents_off_time := CASE WHEN NOT NEW.documents_enabled
        THEN coalesce(NEW.documents_off_time, now()) END;
    NEW.checklists_off_time := CASE WHEN NOT NEW.checklists_enabled
        THEN coalesce(NEW.checklists_off_time, now()) END;
    NEW.passwords_off_time := CASE WHEN NOT NEW.password_sharing_enabled
        THEN coalesce(NEW.passwords_off_time, now()) END;
    RETURN NEW;
END
$$;
CREATE TRIGGER keep_off_times BEFORE INSERT OR UPDATE ON connection_config FOR EACH ROW
    EXECUTE FUNCTION keep_config_off_times();
CREATE FUNCTION keep_type_off_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.off_time := CASE WHEN NOT NEW.enabled THEN coalesce(NEW.off_time, now()) END;
    RETURN NEW;
END
$$;
CREATE TRIGGER keep_off_time BEFORE INSERT OR UPDATE ON flexible_asset_type FOR EACH ROW
    EXECUTE FUNCTION keep_type_off_time();

-- When what is off is looked at, once a day, by one of all processes.
ALTER TABLE sync_schedule
    ADD purge_time timestamptz NOT NULL DEFAULT now() + random() * interval '1 day';
CREATE INDEX sync_schedule_by_purge ON sync_schedule (purge_time);
