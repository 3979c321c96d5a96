-- When a list was last seen to come in the order of its changes, of those for which upstream does
-- not document that order; NULL: never.
ALTER TABLE sync_cursor ADD COLUMN order_time timestamptz;
