-- Passwords that somebody handed on to somebody else, for one reveal each.

-- 0: nobody does.
ALTER TABLE reveal_policy ADD handoff_max_s integer NOT NULL DEFAULT 0;

-- A row is a hand-off that nobody has opened yet: opening takes it away.
CREATE TABLE password_handoff (
    tenant text NOT NULL CHECK (tenant <> ''),
    id text NOT NULL,
    connection_id text NOT NULL,
    company_id text NOT NULL,
    password_id bigint NOT NULL,
    sender text NOT NULL,                        -- subjects of tokens
    recipient text NOT NULL,
    expire_time timestamptz NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX password_handoff_by_sender ON password_handoff (tenant, sender);
CALL protect_table('password_handoff', 'SELECT, INSERT, DELETE');

-- What ends somebody's reveals ends what that person handed on or was handed, at once and for good.
-- The column that names the person is the trigger's argument.
CREATE FUNCTION end_handoffs() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    subject text := to_jsonb(NEW) ->> TG_ARGV[0];
BEGIN
    DELETE FROM password_handoff h
        WHERE h.tenant = NEW.tenant AND subject IN (h.sender, h.recipient);
    RETURN NULL;
END
$$;
CREATE TRIGGER end_handoffs AFTER INSERT OR UPDATE ON subject_revocation FOR EACH ROW
    EXECUTE FUNCTION end_handoffs('subject');
CREATE TRIGGER end_handoffs AFTER INSERT ON reveal_freeze FOR EACH ROW
    WHEN (NEW.scope = 1)
    EXECUTE FUNCTION end_handoffs('scope_id');
