-- Flexible assets were indexed with what they tag: titles of records that their readers may not see, and
-- users and addresses of passwords. They are indexed once more, without.
UPDATE search_progress SET rebuild_kind = 5, rebuild_id = 0 WHERE rebuild_kind = 0 OR rebuild_kind >= 5;
