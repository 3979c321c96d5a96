-- What readers see masked in JSON and in markup was found by the search, and its snippets showed it.
-- All texts are indexed once more, by the rules of readers.
UPDATE search_progress SET rebuild_kind = 4, rebuild_id = 0;
