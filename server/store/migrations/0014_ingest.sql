-- What a page of records costs to store.

-- A check of the connection's row for every record, although whoever writes records holds the
-- connection's lease, which cannot outlive it; and a connection's records go before it does.
ALTER TABLE record DROP CONSTRAINT record_tenant_connection_id_fkey;

-- The end of a walk of one type looks through the records of that type, not of all.
CREATE INDEX record_flexible_asset_by_type ON record_flexible_asset (tenant, connection_id, type_id);
