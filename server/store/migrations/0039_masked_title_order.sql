-- Lists go by what is shown of a title: which ones are masked is looked up among few.
CREATE INDEX embedded_secret_by_title ON embedded_secret (tenant, connection_id, kind, id)
    WHERE title IS NOT NULL;
