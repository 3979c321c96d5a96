-- What decides on who sees a record stands in the index of its organization: a search for a word
-- that all of a company's records have judges each of them, and would read each.

DROP INDEX record_by_organization;
CREATE INDEX record_document_by_organization ON record_document
    (organization_id, tenant, connection_id)
    INCLUDE (id, type_id, folder_id, publish_time, kind, restricted, archived);
CREATE INDEX record_flexible_asset_by_organization ON record_flexible_asset
    (organization_id, tenant, connection_id)
    INCLUDE (id, type_id, folder_id, publish_time, kind, restricted, archived);
CREATE INDEX record_checklist_by_organization ON record_checklist
    (organization_id, tenant, connection_id)
    INCLUDE (id, type_id, folder_id, publish_time, kind, restricted, archived);
CREATE INDEX record_checklist_template_by_organization ON record_checklist_template
    (organization_id, tenant, connection_id)
    INCLUDE (id, type_id, folder_id, publish_time, kind, restricted, archived);

-- Folders and passwords are not searched.
CREATE INDEX record_document_folder_by_organization ON record_document_folder
    (organization_id, tenant, connection_id);
CREATE INDEX record_password_folder_by_organization ON record_password_folder
    (organization_id, tenant, connection_id);
CREATE INDEX record_password_by_organization ON record_password
    (organization_id, tenant, connection_id);
