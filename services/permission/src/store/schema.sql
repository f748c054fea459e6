-- TEXT_BYTEWISE: text that sorts by its bytes on both databases (crates/database/src/migration.rs).

create table users (
    id uuid primary key,
    issuer text not null,
    subject text not null,
    name text not null,
    -- False until an invited user's first call.
    seen boolean not null,
    create_time bigint not null,
    unique (issuer, subject)
);

create table groups (
    id uuid primary key,
    name TEXT_BYTEWISE not null unique,
    display_name text not null,
    create_time bigint not null
);

create table members (
    group_id uuid not null references groups (id),
    user_id uuid not null references users (id),
    admin boolean not null,
    primary key (group_id, user_id)
);
create index members_user on members (user_id);

create table objects (id uuid primary key, kind text not null, owner_group uuid);

create table grants (
    id uuid primary key,
    object_id uuid not null references objects (id),
    subject_kind text not null,
    subject_id uuid,
    role integer not null,
    expire_time bigint,
    -- Belongs to its object's registration; users cannot delete it.
    registered boolean not null
);
create index grants_object on grants (object_id, subject_kind, subject_id);

-- One row: the number and the hash of the last change.
create table policy_state (
    one integer primary key,
    policy_version bigint not null,
    hash text not null
);
insert into policy_state (one, policy_version, hash) values (1, 0, '');

create table changes (
    policy_version bigint primary key,
    hash text not null,
    mutations bytea not null,
    time bigint not null
);
