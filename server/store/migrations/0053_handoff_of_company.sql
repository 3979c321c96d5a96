-- A hand-off ends with its company, which is another one when the same id is pushed again; one on its
-- way keeps its company until it is there to be ended. Of those of companies that are gone none is left.
DELETE FROM password_handoff h
    WHERE NOT EXISTS (SELECT FROM company c WHERE (c.tenant, c.id) = (h.tenant, h.company_id));
ALTER TABLE password_handoff
    ADD FOREIGN KEY (tenant, company_id) REFERENCES company ON DELETE CASCADE;
