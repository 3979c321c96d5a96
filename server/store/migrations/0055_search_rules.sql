-- Chinese, Japanese and Korean run words together: Postgres takes a sentence for one, with what is
-- Latin in it, and nobody found a word of it. Now such runs are indexed, and looked for, by each two
-- characters in a row too.

-- Each two characters in a row of such runs, and what stands beside them. Of other texts nothing.
CREATE FUNCTION search_pairs(content text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    run constant text := '[\u3005-\u3007\u3040-\u30FF\u3400-\u4DBF\u4E00-\u9FFF'
        '\uAC00-\uD7AF\uFF66-\uFF9F]{2,}';
BEGIN
    IF octet_length(content) = length(content) OR content !~ run THEN
        RETURN '';
    END IF;
    RETURN regexp_replace(content, run, ' ', 'g') || ' '
        || (SELECT coalesce(string_agg(p.pair, ' '), '') FROM regexp_matches(content, run, 'g') m
             CROSS JOIN LATERAL (SELECT s.c || lead(s.c) OVER (ORDER BY s.place) AS pair
                                   FROM string_to_table(m[1], NULL) WITH ORDINALITY AS s (c, place)) p);
END
$$;

CREATE OR REPLACE FUNCTION search_words(title text, content text) RETURNS tsvector
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN setweight(to_tsvector('folded', title), 'A')
        || setweight(to_tsvector('folded', search_parts(title)), 'A')
        || setweight(to_tsvector('folded', search_pairs(title)), 'A')
        || setweight(to_tsvector('folded', content), 'D')
        || setweight(to_tsvector('folded', search_parts(content)), 'D')
        || strip(to_tsvector('folded', search_pairs(content)));
EXCEPTION WHEN program_limit_exceeded THEN
    RETURN search_words(left(title, 1000), left(content, length(content) / 2));
END
$$;

-- A run is found as a word, or where a text has all of its pairs: not in their order, since of a long
-- text no places are kept. With operators a query stays what it is.
CREATE OR REPLACE FUNCTION search_query(typed text) RETURNS tsquery LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF typed !~* '"|(^|\s)-|\mor\M' AND search_pairs(typed) <> '' THEN
        RETURN websearch_to_tsquery('folded', typed)
            || websearch_to_tsquery('folded', search_pairs(typed));
    END IF;
    RETURN websearch_to_tsquery('folded', typed);
EXCEPTION WHEN internal_error THEN
    RETURN plainto_tsquery('folded', typed);
END
$$;

-- What readers see masked in JSON and in markup was found by the search, and its snippets showed it.
-- All texts are indexed once more, by the rules of readers.
UPDATE search_progress SET rebuild_kind = 4, rebuild_id = 0;
