-- How many rows upstream counted in the list when it was last read (-1: not known): by their sum it
-- is seen whether a list of several types is of all of them.
ALTER TABLE sync_cursor ADD COLUMN total_count bigint NOT NULL DEFAULT -1;
