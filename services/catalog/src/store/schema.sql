-- TEXT_BYTEWISE: text that sorts by its bytes on both databases (crates/database/src/migration.rs).

create table images (
    id uuid primary key,
    owner_group uuid,
    owner_name TEXT_BYTEWISE not null,
    name TEXT_BYTEWISE not null,
    qualified_name TEXT_BYTEWISE not null unique,
    display_name TEXT_BYTEWISE not null,
    search_text text not null,
    description text not null,
    image_type text not null,
    source text not null,
    state text not null,
    access text not null,
    access_version bigint not null,
    active_revision integer,
    latest_revision integer not null,
    creator uuid not null,
    create_time bigint not null,
    update_time bigint not null,
    version bigint not null
);
create index images_owner on images (owner_name, name);
create index images_creating on images (create_time) where state = 'creating';

create table revisions (
    image_id uuid not null references images (id) on delete cascade,
    number integer not null,
    state text not null,
    reference text,
    digest text,
    platforms text,
    size_bytes bigint,
    gpu_reference text,
    gpu_digest text,
    gpu_platforms text,
    gpu_size_bytes bigint,
    build_id uuid unique,
    spec text,
    build_state text,
    build_step text,
    build_sequence bigint not null,
    failure_class text,
    failure_reason text,
    failure_step text,
    failure_message text,
    create_time bigint not null,
    creator uuid not null,
    primary key (image_id, number)
);
create index revisions_building on revisions (image_id) where state = 'building';

-- Changes of access that have begun: at most one of each image.
create table access_changes (
    id uuid primary key,
    image_id uuid not null unique references images (id) on delete cascade,
    access text not null,
    create_time bigint not null
);
