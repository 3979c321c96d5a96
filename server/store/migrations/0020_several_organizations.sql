-- A tenant may let a company have several organizations.

ALTER TABLE connection ADD several_organizations boolean NOT NULL DEFAULT false;

-- 0 while a company has one organization at most; else the organization's own id, which nothing else
-- has. So one unique index holds either rule.
ALTER TABLE mapping ADD slot bigint NOT NULL DEFAULT 0;
ALTER TABLE mapping DROP CONSTRAINT mapping_one_organization;
ALTER TABLE mapping ADD CONSTRAINT mapping_one_organization
    UNIQUE (tenant, connection_id, company_id, slot);
