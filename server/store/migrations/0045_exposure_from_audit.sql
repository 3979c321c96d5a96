-- The ledger of exposures follows from the audit trail. A reveal writes its outcome and no more; what
-- it says of the ledger is entered later, many reveals at once: before the ledger is read or changed,
-- and now and then.

-- Whether an outcome gave a value out, and when that value had come to be by upstream's clock (NULL:
-- it did not say). For the ledger alone: the hash of an event does not cover them.
ALTER TABLE audit_event ADD COLUMN shown boolean NOT NULL DEFAULT false,
    ADD COLUMN shown_update_time timestamptz;

-- Up to which event a tenant's ledger tells everything. Whoever writes to the ledger holds the row
-- first, so that what opens and what closes an exposure is done in the order of events.
CREATE TABLE exposure_progress (
    tenant text PRIMARY KEY CHECK (tenant <> ''),
    sequence bigint NOT NULL
);
CALL protect_table('exposure_progress', 'SELECT, INSERT, UPDATE');
INSERT INTO exposure_progress (tenant, sequence) SELECT tenant, sequence FROM audit_head;

-- Enters all events up to the end of the chain, and holds the tenant's ledger until the transaction
-- ends. A value that came to be after the one that somebody saw closes what they saw, whether another
-- reveal or the sync brought the news.
CREATE FUNCTION update_exposures(of_tenant text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first bigint;
    last bigint;
BEGIN
    SELECT sequence INTO first FROM exposure_progress WHERE tenant = of_tenant FOR UPDATE;
    IF first IS NULL THEN
        INSERT INTO exposure_progress (tenant, sequence) VALUES (of_tenant, 0)
            ON CONFLICT DO NOTHING;
        SELECT sequence INTO first FROM exposure_progress WHERE tenant = of_tenant FOR UPDATE;
    END IF;
    SELECT sequence INTO last FROM audit_head WHERE tenant = of_tenant;
    IF last IS NULL OR last = first THEN
        RETURN;
    END IF;
    WITH event AS (
        SELECT split_part(organization, '/', 2) AS connection_id,
               split_part(resource, '/', 4)::bigint AS password_id, actor_subject AS subject,
               actor_display_name, actor_kind, company_id, company_display_name,
               resource_display_name, sequence, event_time, shown_update_time
          FROM audit_event
         WHERE tenant = of_tenant AND sequence > first AND sequence <= last AND shown),
    -- The last event of each person and secret speaks for all of them.
    person AS (
        SELECT DISTINCT ON (connection_id, password_id, subject) e.*,
               count(*) OVER w AS reveal_count, min(event_time) OVER w AS first_time,
               max(shown_update_time) OVER w AS update_time
          FROM event e WINDOW w AS (PARTITION BY connection_id, password_id, subject)
         ORDER BY connection_id, password_id, subject, sequence DESC),
    -- And when the newest value of the secret came to be that anybody knows of.
    secret AS (
        SELECT p.connection_id, p.password_id,
               greatest(max(p.update_time), max(r.password_update_time)) AS newest
          FROM person p LEFT JOIN record_password r ON r.tenant = of_tenant
               AND r.connection_id = p.connection_id AND r.kind = 9 AND r.id = p.password_id
         GROUP BY p.connection_id, p.password_id),
    closed AS (
        UPDATE exposure x SET rotate_time = s.newest FROM secret s
         WHERE x.tenant = of_tenant
           AND (x.connection_id, x.password_id) = (s.connection_id, s.password_id)
           AND x.rotate_time IS NULL AND s.newest > coalesce(x.seen_update_time, x.last_reveal_time)
           AND NOT EXISTS (SELECT FROM person p WHERE (p.connection_id, p.password_id, p.subject) =
                           (x.connection_id, x.password_id, x.subject)))
    INSERT INTO exposure AS x (tenant, connection_id, password_id, subject, id, display_name,
        actor_kind, company_id, company_display_name, password_display_name, reveal_count,
        first_reveal_time, last_reveal_time, seen_update_time, rotate_time)
    SELECT of_tenant, p.connection_id, p.password_id, p.subject,
           replace(gen_random_uuid()::text, '-', ''), p.actor_display_name, p.actor_kind,
           p.company_id, p.company_display_name, p.resource_display_name, p.reveal_count,
           p.first_time, p.event_time, p.update_time,
           CASE WHEN s.newest > coalesce(p.update_time, p.event_time) THEN s.newest END
      FROM person p JOIN secret s USING (connection_id, password_id)
    ON CONFLICT (tenant, connection_id, password_id, subject) DO UPDATE SET
        display_name = excluded.display_name, actor_kind = excluded.actor_kind,
        company_id = excluded.company_id, company_display_name = excluded.company_display_name,
        password_display_name = excluded.password_display_name,
        reveal_count = x.reveal_count + excluded.reveal_count,
        last_reveal_time = excluded.last_reveal_time,
        seen_update_time = excluded.seen_update_time, rotate_time = excluded.rotate_time,
        resolve_time = NULL, resolver_subject = '', resolver_display_name = '', resolver_kind = 0,
        note = '';
    UPDATE exposure_progress SET sequence = last WHERE tenant = of_tenant;
END
$$;

CREATE OR REPLACE FUNCTION close_exposures() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM update_exposures(NEW.tenant);
    UPDATE exposure e SET rotate_time = NEW.password_update_time
        WHERE e.tenant = NEW.tenant AND e.connection_id = NEW.connection_id
            AND e.password_id = NEW.id AND e.rotate_time IS NULL
            AND NEW.password_update_time > coalesce(e.seen_update_time, e.last_reveal_time);
    RETURN NULL;
END
$$;
