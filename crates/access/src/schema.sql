create table access_grant (
    id uuid primary key,
    object_id uuid not null,
    subject_kind text not null,
    subject_id uuid,
    role integer not null,
    expire bigint
);
create index access_grant_object on access_grant (object_id, subject_kind, subject_id);
create table access_member (user_id uuid not null, group_id uuid not null, admin boolean not null, primary key (user_id, group_id));
create table access_state (one integer primary key, revision bigint not null, hash text not null, heard bigint not null);
insert into access_state (one, revision, hash, heard) values (1, 0, '', 0);
-- The one object that grants everything below it; a row, so that statements need no literal of either database.
create table access_platform (object_id uuid primary key);
