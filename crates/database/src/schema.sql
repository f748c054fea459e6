create table lease (name text primary key, holder uuid not null, until bigint not null);

create table idempotency (
    caller uuid not null,
    request_id uuid not null,
    hash text not null,
    response text not null,
    time bigint not null,
    primary key (caller, request_id)
);
