//! The limit on an owner's waiting builds.

use slipway_catalog::{
    domain::{
        build::{BuildProgress, BuildState, BuildUpdate},
        image::{ImageState, NewImage},
    },
    store::{build::UpdateOutcome, create::FinishOutcome, revision::AddRevisionOutcome},
};
use slipway_database::idempotency::EarlierCall;
use slipway_names::{
    id::{BuildId, GroupId},
    revision::RevisionNumber,
    unit::{PolicyVersion, Sequence},
};

use crate::fixtures::{Fixture, build_of, custom, existing, finished, image, key, queue};

slipway_testrig::on_both_databases!(
    create_is_refused_while_the_queue_of_its_owner_is_full,
    full_queue_does_not_affect_other_owners_and_existing_images,
    new_revision_is_refused_while_the_queue_is_full,
    concurrent_creates_cannot_exceed_the_limit
);

/// The build no longer waits.
async fn start(fixture: &Fixture, build: BuildId) {
    let sequence = Sequence::try_from(2).unwrap();
    let progress =
        BuildProgress { state: BuildState::Preparing, sequence, ..BuildProgress::REQUESTED };

    let update = BuildUpdate { build, progress, outcome: None };
    let outcome = fixture.store.apply_build_update(&update).await.unwrap();
    assert_eq!(outcome, UpdateOutcome::Applied);
}

/// Creates two system images with waiting builds. Returns the builds.
async fn two_waiting_builds(fixture: &Fixture) -> [BuildId; 2] {
    let mut builds = Vec::new();

    for name in ["a", "b"] {
        let reserved = fixture.reserve(&image(name), custom()).await;
        let created = finished(fixture.finish(&reserved, 2).await);
        assert_eq!(created.state, ImageState::Building);
        builds.push(build_of(&reserved.1));
    }
    builds.try_into().unwrap()
}

async fn create_is_refused_while_the_queue_of_its_owner_is_full(fixture: Fixture) {
    let waiting = two_waiting_builds(&fixture).await;
    let third = image("c");
    let reserved = fixture.reserve(&third, custom()).await;
    let build = build_of(&reserved.1);

    assert_eq!(fixture.finish(&reserved, 2).await, FinishOutcome::QueueFull);
    assert_eq!(fixture.image(third.id).await.state, ImageState::Creating, "nothing is changed");
    assert!(fixture.events(third.id).await.is_empty() && fixture.events(build).await.is_empty());

    start(&fixture, waiting[0]).await;
    finished(fixture.finish(&reserved, 2).await);
}

async fn full_queue_does_not_affect_other_owners_and_existing_images(fixture: Fixture) {
    two_waiting_builds(&fixture).await;

    let elsewhere =
        NewImage { owner: Some(GroupId::new()), owner_name: "vision".to_owned(), ..image("c") };
    let reserved = fixture.reserve(&elsewhere, custom()).await;
    finished(fixture.finish(&reserved, 2).await);

    let without_build = fixture.reserve(&image("d"), existing()).await;
    finished(fixture.finish(&without_build, 0).await);
}

async fn new_revision_is_refused_while_the_queue_is_full(fixture: Fixture) {
    let store = &fixture.store;
    let (image, first) = fixture.create(&image("a"), custom()).await;
    let key = key("body");
    let queue = queue(1);
    let add = || store.add_revision(image.id, custom(), PolicyVersion::ZERO, &queue, Some(&key));

    assert_eq!(add().await.unwrap(), AddRevisionOutcome::QueueFull);
    assert_eq!(fixture.image(image.id).await.latest_revision, RevisionNumber::FIRST);
    assert_eq!(
        store.find_added(&key).await.unwrap(),
        EarlierCall::None,
        "the request can be repeated"
    );
    assert_eq!(fixture.count("revisions").await, 1);
    assert_eq!(
        fixture.rows("select event_type as row from outbox").await.len(),
        3,
        "of the create"
    );

    start(&fixture, build_of(&first)).await;
    let AddRevisionOutcome::Added(added) = add().await.unwrap() else {
        panic!("the queue has room")
    };
    let second = RevisionNumber::FIRST.next();
    assert_eq!((added.0.latest_revision, added.1.number), (second, second));
    assert_eq!(store.find_added(&key).await.unwrap(), EarlierCall::Response(second));
}

async fn concurrent_creates_cannot_exceed_the_limit(fixture: Fixture) {
    let one = fixture.reserve(&image("one"), custom()).await;
    let two = fixture.reserve(&image("two"), custom()).await;

    let (one, two) = tokio::join!(fixture.finish(&one, 1), fixture.finish(&two, 1));

    let outcomes = [one, two];
    let refused: Vec<&FinishOutcome> =
        outcomes.iter().filter(|outcome| !matches!(outcome, FinishOutcome::Finished(_))).collect();
    assert_eq!(refused, [&FinishOutcome::QueueFull], "{outcomes:?}");
}
