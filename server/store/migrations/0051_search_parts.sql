-- Postgres takes "VPN/Firewall", "srv-dc-01.corp.local", "ops@acme.example" and "/etc/ssh/sshd_config"
-- for one word each: nobody found a text by a part of them. Now each is found whole and by its parts.

-- What stands with letters behind one of these signs, taken apart.
CREATE FUNCTION search_parts(content text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(string_agg(translate(m[1], './\:@_?=&', '         '), ' '), '')
      FROM regexp_matches(content, '(\S*[[:alnum:]][./\\:@_?=&][[:alpha:]]\S*)', 'g') m
$$;

CREATE OR REPLACE FUNCTION search_words(title text, content text) RETURNS tsvector
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN setweight(to_tsvector('folded', title), 'A')
        || setweight(to_tsvector('folded', search_parts(title)), 'A')
        || setweight(to_tsvector('folded', content), 'D')
        || setweight(to_tsvector('folded', search_parts(content)), 'D');
EXCEPTION WHEN program_limit_exceeded THEN
    RETURN search_words(left(title, 1000), left(content, length(content) / 2));
END
$$;

UPDATE search_progress SET rebuild_kind = 4, rebuild_id = 0;
