create table outbox (
    id uuid primary key,
    kind text not null,
    subject text not null,
    sequence bigint not null,
    time bigint not null,
    traceparent text not null,
    data text not null,
    position bigint unique,
    unique (subject, sequence, kind)
);
create index outbox_waiting on outbox (subject, sequence) where position is null;
create table outbox_position (one integer primary key, last bigint not null);
insert into outbox_position (one, last) values (1, 0);
create table lease (name text primary key, holder uuid not null, until bigint not null);
create table idempotency (caller text not null, request_id uuid not null, hash text not null, answer text not null, time bigint not null, primary key (caller, request_id));
