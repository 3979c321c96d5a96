-- More is known to be a credential: what a table tells, and sentences. What is indexed is looked
-- through by that.
UPDATE search_progress SET rebuild_kind = 4, rebuild_id = 0;
