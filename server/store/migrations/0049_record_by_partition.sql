-- A page of records is written to the table of its kind by name (store/record.c).

GRANT INSERT, UPDATE ON record_document_folder, record_document, record_flexible_asset,
    record_checklist, record_checklist_template, record_password_folder, record_password
    TO docbridge_server;
