create table builds (
    id uuid primary key,
    image_id uuid not null,
    image_name text not null,
    revision integer not null,
    requester uuid not null,
    spec text not null,
    repository text not null,
    request_time bigint not null,
    access_version bigint not null,
    traceparent text not null,
    state text not null,
    attempt integer not null,
    counted_attempts integer not null,
    step text,
    failure_reason text,
    failure_step text,
    failure_message text,
    base_digest text,
    containerfile text,
    reference text,
    digest text,
    platform text,
    size_bytes bigint,
    create_time bigint not null,
    queue_time bigint not null,
    not_before bigint not null,
    start_time bigint,
    end_time bigint,
    sequence bigint not null,
    worker uuid,
    lease_until bigint
);
create index builds_waiting on builds (queue_time, id) where state = 'queued';
create index builds_image on builds (image_id, id);
create unique index builds_running on builds (image_id)
    where state in ('preparing', 'building', 'pushing', 'cancelling');

create table log_chunks (
    build_id uuid not null references builds (id),
    attempt integer not null,
    start bigint not null,
    step text not null,
    data bytea not null,
    primary key (build_id, attempt, start)
);
