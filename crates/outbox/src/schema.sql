create table outbox (
    id uuid primary key,
    event_type text not null,
    subject text not null,
    sequence bigint not null,
    time bigint not null,
    traceparent text not null,
    data text not null,
    position bigint unique,
    unique (subject, sequence)
);
create index outbox_waiting on outbox (subject, sequence) where position is null;

create table outbox_sequence (subject text primary key, last bigint not null);

create table outbox_position (one integer primary key, last bigint not null);
insert into outbox_position (one, last) values (1, 0);
