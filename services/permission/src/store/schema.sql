create table person (
    id uuid primary key,
    issuer text not null,
    subject text not null,
    name text not null,
    seen boolean not null,
    create_time bigint not null,
    unique (issuer, subject)
);
create table team (
    id uuid primary key,
    name TEXT_BYTEWISE not null unique,
    display_name text not null,
    create_time bigint not null
);
create table membership (
    group_id uuid not null references team (id),
    user_id uuid not null references person (id),
    admin boolean not null,
    primary key (group_id, user_id)
);
create index membership_user on membership (user_id);
create table object (id uuid primary key, kind text not null, owner_group uuid);
create table role_grant (
    id uuid primary key,
    object_id uuid not null references object (id),
    subject_kind text not null,
    subject_id uuid,
    role integer not null,
    expire bigint,
    registered boolean not null
);
create index role_grant_object on role_grant (object_id, subject_kind, subject_id);
create table revision (one integer primary key, revision bigint not null, hash text not null);
insert into revision (one, revision, hash) values (1, 0, '');
create table change (revision bigint primary key, hash text not null, mutations bytea not null, time bigint not null);
create table subject_sequence (subject text primary key, last bigint not null);
