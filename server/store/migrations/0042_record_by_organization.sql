-- What storing a record costs in its indexes.

-- No list goes by the name in this index any more: they are sorted by what is shown of a title. It
-- was the dearest of them. The organization comes first, which tells most keys apart by itself;
-- records of one share an entry. The kind is the partition's.
DROP INDEX record_by_organization;
CREATE INDEX record_by_organization ON record (organization_id, tenant, connection_id);

DROP INDEX record_flexible_asset_by_type;
CREATE INDEX record_flexible_asset_by_type ON record_flexible_asset
    (type_id, tenant, connection_id);
