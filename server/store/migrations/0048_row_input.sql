-- What statements take as rows in one parameter (store/composite.h).

CREATE TYPE audit_event_input AS (
    sequence bigint,
    event_time timestamptz,
    type smallint,
    phase smallint,
    outcome smallint,
    error_reason text,
    actor_subject text,
    actor_display_name text,
    actor_kind smallint,
    resource text,
    resource_display_name text,
    company_id text,
    company_display_name text,
    organization text,
    password_category_display_name text,
    reason text,
    ticket text,
    request_id text,
    peer text,
    upstream_status integer,
    upstream_served boolean,
    policy_version bigint,
    intent_sequence bigint,
    changes text,
    previous_hash bytea,
    hash bytea,
    shown boolean,
    shown_update_time timestamptz
);

-- A question about the gates of one entry (struct password_gates_query).
CREATE TYPE password_gates_input AS (
    company_id text,
    id bigint,
    category_given boolean,
    category_id bigint,
    folder_id bigint,
    subject text,
    with_key boolean,
    issue_time timestamptz,
    company_set text
);
