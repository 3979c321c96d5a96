-- Filling the index checked and locked the row of every record. Whoever deletes records now deletes
-- their entries, and holds the index still before it does (search_index.h).
ALTER TABLE search_entry DROP CONSTRAINT search_entry_tenant_connection_id_kind_id_fkey;
