create table access_grants (
    id uuid primary key,
    object_id uuid not null,
    subject_kind text not null,
    subject_id uuid,
    role integer not null,
    expire_time bigint
);
create index access_grants_object on access_grants (object_id, subject_kind, subject_id);

create table access_members (
    user_id uuid not null,
    group_id uuid not null,
    admin boolean not null,
    primary key (user_id, group_id)
);

-- One row: the policy version of the projection, and the time of the last contact with permission.
create table access_state (
    one integer primary key,
    policy_version bigint not null,
    hash text not null,
    last_contact bigint not null
);
insert into access_state (one, policy_version, hash, last_contact) values (1, 0, '', 0);
