-- Who is let in no longer.

-- The tokens of a subject that were issued until then are ended.
CREATE TABLE subject_revocation (
    tenant text NOT NULL CHECK (tenant <> ''),
    subject text NOT NULL,
    revoke_time timestamptz NOT NULL,
    PRIMARY KEY (tenant, subject)
);
CALL protect_table('subject_revocation', 'SELECT, INSERT, UPDATE, DELETE');

-- The look that stands before the first statement of a call. It fails, so that what is behind it in
-- the same flight is skipped. DB001 is ours: TOKEN_REVOKED.
CREATE FUNCTION refuse_revoked(of_tenant text, of_subject text, issue_time timestamptz)
RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF EXISTS (SELECT FROM subject_revocation r
                WHERE r.tenant = of_tenant AND r.subject = of_subject
                  AND r.revoke_time >= issue_time) THEN
        RAISE EXCEPTION USING ERRCODE = 'DB001', MESSAGE = 'revoked';
    END IF;
END
$$;
