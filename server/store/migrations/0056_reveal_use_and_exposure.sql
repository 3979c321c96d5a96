-- Whose reveal took a secret's room in a budget, so that whoever took most of a company's or a
-- tenant's does not end its freeze. A later reveal of the same secret takes no room: it stays the
-- first one's. '': counted before this was known.
ALTER TABLE reveal_use ADD subject text NOT NULL DEFAULT '';

-- As in 0017 in all else.
DROP FUNCTION take_reveal_budget(text, text, bigint, bigint[], text[], bigint[], bigint[], boolean);
CREATE FUNCTION take_reveal_budget(of_tenant text, of_connection text, of_password bigint,
                                   of_subject text, scopes bigint[], scope_ids text[],
                                   limits bigint[], windows_s bigint[], take boolean)
RETURNS TABLE (full_scope bigint, retry_ms bigint) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    i integer;
    since timestamptz;
    room_time timestamptz;
BEGIN
    FOR i IN 1 .. CASE WHEN take THEN cardinality(scopes) ELSE 0 END LOOP
        PERFORM pg_advisory_xact_lock(hashtextextended(
            format('reveal %L %s %L', of_tenant, scopes[i], scope_ids[i]), 0));
    END LOOP;
    FOR i IN 1 .. cardinality(scopes) LOOP
        since := clock_timestamp() - make_interval(secs => windows_s[i]);
        CONTINUE WHEN EXISTS (SELECT FROM reveal_use u
            WHERE u.tenant = of_tenant AND u.scope = scopes[i] AND u.scope_id = scope_ids[i]
                AND u.connection_id = of_connection AND u.password_id = of_password
                AND u.use_time > since);
        -- The use that must leave the window before there is room.
        SELECT u.use_time INTO room_time FROM reveal_use u
            WHERE u.tenant = of_tenant AND u.scope = scopes[i] AND u.scope_id = scope_ids[i]
                AND u.use_time > since
            ORDER BY u.use_time DESC OFFSET limits[i] - 1 LIMIT 1;
        IF FOUND THEN
            full_scope := scopes[i];
            retry_ms := ceil(extract(epoch FROM room_time - since) * 1000);
            RETURN NEXT;
            RETURN;
        END IF;
    END LOOP;
    FOR i IN 1 .. CASE WHEN take THEN cardinality(scopes) ELSE 0 END LOOP
        DELETE FROM reveal_use u
            WHERE u.tenant = of_tenant AND u.scope = scopes[i] AND u.scope_id = scope_ids[i]
                AND u.use_time <= clock_timestamp() - make_interval(secs => windows_s[i]);
        INSERT INTO reveal_use AS u
            VALUES (of_tenant, scopes[i], scope_ids[i], of_connection, of_password,
                    clock_timestamp(), of_subject)
            ON CONFLICT (tenant, scope, scope_id, connection_id, password_id)
            DO UPDATE SET use_time = excluded.use_time;
    END LOOP;
END
$$;

-- An account that is connected again after its connection was deleted brings the same entries: what
-- was seen of them goes on there, or nothing would ever close it and the next reveal would open
-- another. An id upstream is one entry's, in its region; together with the company it is no other's.
CREATE INDEX exposure_by_password ON exposure (tenant, password_id);

-- As in 0050 in all else.
CREATE OR REPLACE FUNCTION close_exposures_of_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM update_exposures(a.tenant) FROM (SELECT DISTINCT tenant FROM added) a;
    UPDATE exposure e SET connection_id = a.connection_id
        FROM added a JOIN mapping m ON (m.tenant, m.connection_id, m.organization_id) =
            (a.tenant, a.connection_id, a.organization_id)
        WHERE e.tenant = a.tenant AND e.password_id = a.id AND e.company_id = m.company_id
            AND NOT EXISTS (SELECT FROM connection c     -- 4: being deleted
                WHERE c.tenant = e.tenant AND c.id = e.connection_id AND c.state <> 4)
            -- Of several that were deleted, the last one's.
            AND NOT EXISTS (SELECT FROM exposure o WHERE o.tenant = e.tenant
                AND o.password_id = e.password_id AND o.subject = e.subject
                AND (o.connection_id = a.connection_id
                     OR (o.last_reveal_time, o.id) > (e.last_reveal_time, e.id)));
    UPDATE exposure e SET rotate_time = a.password_update_time FROM added a
        WHERE e.tenant = a.tenant AND e.connection_id = a.connection_id
            AND e.password_id = a.id AND e.rotate_time IS NULL
            AND a.password_update_time > coalesce(e.seen_update_time, e.last_reveal_time);
    RETURN NULL;
END
$$;
