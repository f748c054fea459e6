//! Every entity matches its table: its columns exist, and values come back as they were written.

use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, ModelTrait};
use slipway_catalog::{
    domain::{
        access::{Access, AccessGroup},
        build::{BuildState, BuildStep, FailureClass},
        image::ImageState,
        revision::RevisionState,
        spec::Spec,
    },
    store::entities::{access_changes, images, revisions},
};
use slipway_database::column::{JsonText, Text};
use slipway_names::{
    id::{AccessChangeId, BuildId, GroupId, ImageId},
    revision::RevisionNumber,
    unit::{ByteCount, Micros, Sequence},
};

use crate::fixtures::{Fixture, image, policy_version, user};

slipway_testrig::on_both_databases!(every_entity_is_read_as_it_was_written);

async fn every_entity_is_read_as_it_was_written(fixture: Fixture) {
    let full = full_image();
    let empty = images::Model {
        id: ImageId::new(),
        owner_group: None,
        qualified_name: "system/empty".to_owned(),
        active_revision: None,
        ..full.clone()
    };
    check::<images::Entity>(&fixture, vec![full.clone(), empty.clone()]).await;

    let revision = full_revision(full.id);
    let without_build = empty_revision(&revision, empty.id);
    check::<revisions::Entity>(&fixture, vec![revision, without_build]).await;

    let change = access_changes::Model {
        id: AccessChangeId::new(),
        image_id: full.id,
        access: full.access,
        create_time: Micros(6),
    };
    check::<access_changes::Entity>(&fixture, vec![change]).await;
}

/// Writes the rows, and reads the whole table.
async fn check<E>(fixture: &Fixture, rows: Vec<E::Model>)
where
    E: EntityTrait,
    E::Model: ModelTrait<Entity = E> + IntoActiveModel<E::ActiveModel> + PartialEq,
    E::ActiveModel: ActiveModelTrait<Entity = E> + Send,
{
    let database = fixture.store.database();
    for row in &rows {
        let inserted = E::insert(row.clone().into_active_model());
        inserted.exec_without_returning(database.writer()).await.unwrap();
    }

    let read = E::find().all(database.reader()).await.unwrap();
    assert_eq!(read.len(), rows.len());
    for row in rows {
        assert!(read.contains(&row), "{row:?} is not in {read:?}");
    }
}

fn full_image() -> images::Model {
    let access = Access {
        global: true,
        groups: vec![AccessGroup { id: GroupId::new(), name: "vision".to_owned() }],
        users: vec![user("carol")],
    };

    images::Model {
        owner_group: Some(GroupId::new()),
        state: Text(ImageState::Ready),
        access: JsonText(access),
        access_version: policy_version(7),
        active_revision: Some(RevisionNumber::FIRST),
        latest_revision: RevisionNumber::FIRST.next(),
        update_time: Micros(5),
        version: 4,
        ..images::Model::from(image("full").reserved_at(Micros(3)))
    }
}

fn full_revision(image: ImageId) -> revisions::Model {
    let platforms = || Some(JsonText(vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()]));
    let spec = Spec { apt: vec!["jq".to_owned()], ..Spec::default() };
    let step = |word| BuildStep::parse(word).map(Text);

    revisions::Model {
        image_id: image,
        number: RevisionNumber::FIRST,
        state: Text(RevisionState::Failed),
        reference: Some("localhost:5000/a/b:1".to_owned()),
        digest: Some("sha256:1".to_owned()),
        platforms: platforms(),
        size_bytes: Some(ByteCount::try_from(u64::MAX / 2).unwrap()),
        gpu_reference: Some("localhost:5000/a/b:2".to_owned()),
        gpu_digest: Some("sha256:2".to_owned()),
        gpu_platforms: platforms(),
        gpu_size_bytes: Some(ByteCount::ZERO),
        build_id: Some(BuildId::new()),
        spec: Some(JsonText(spec)),
        build_state: Some(Text(BuildState::TimedOut)),
        build_step: step("apt"),
        build_sequence: Sequence::try_from(9).unwrap(),
        failure_class: Some(Text(FailureClass::Limit)),
        failure_reason: Some("TIME_EXCEEDED".to_owned()),
        failure_step: step("pip"),
        failure_message: Some("too slow".to_owned()),
        create_time: Micros(3),
        creator: user("alice"),
    }
}

fn empty_revision(full: &revisions::Model, image: ImageId) -> revisions::Model {
    revisions::Model {
        image_id: image,
        number: full.number.next(),
        state: Text(RevisionState::Ready),
        reference: None,
        digest: None,
        platforms: None,
        size_bytes: None,
        gpu_reference: None,
        gpu_digest: None,
        gpu_platforms: None,
        gpu_size_bytes: None,
        build_id: None,
        spec: None,
        build_state: None,
        build_step: None,
        build_sequence: Sequence::ZERO,
        failure_class: None,
        failure_reason: None,
        failure_step: None,
        failure_message: None,
        ..full.clone()
    }
}
