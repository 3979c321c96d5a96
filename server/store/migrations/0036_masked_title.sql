-- Titles hold credentials too: where, and what a reader sees of such a title, is told with those of
-- the texts. A filter by name looks there, not behind the mask.
ALTER TABLE embedded_secret ADD title text; -- of a credential in it, as it is masked; NULL: in a text

-- Where a walk over all records stands that brings what is indexed by older rules up to the present
-- ones, behind the changes; kind 0: nothing is left. New rules begin one by setting kind 4.
ALTER TABLE search_progress ADD rebuild_kind smallint NOT NULL DEFAULT 0;
ALTER TABLE search_progress ADD rebuild_id bigint NOT NULL DEFAULT 0; -- the last one looked at

-- Entries from before titles were masked have their words.
UPDATE search_progress SET rebuild_kind = 4;
