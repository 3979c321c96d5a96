-- When each connection's key is looked at again, so that it never stays unused for long. The
-- scheduler looks across tenants here too.

CREATE TABLE keep_alive (
    tenant text NOT NULL,
    connection_id text NOT NULL,
    due_time timestamptz NOT NULL,
    PRIMARY KEY (tenant, connection_id),
    FOREIGN KEY (tenant, connection_id) REFERENCES connection ON DELETE CASCADE
);
CREATE INDEX keep_alive_by_time ON keep_alive (due_time);
CALL protect_table('keep_alive', 'SELECT, INSERT, UPDATE, DELETE');
CREATE POLICY of_scheduler ON keep_alive TO docbridge_scheduler USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE ON keep_alive TO docbridge_scheduler;

INSERT INTO keep_alive (tenant, connection_id, due_time) SELECT tenant, id, now() FROM connection;
