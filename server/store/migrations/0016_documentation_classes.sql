-- Classes of records that readers see only if a tenant opens them (store/documentation_sight.h).
ALTER TABLE connection_config
    ADD restricted_shown boolean NOT NULL DEFAULT false,
    ADD unpublished_shown boolean NOT NULL DEFAULT false,
    ADD archived_shown boolean NOT NULL DEFAULT false;
