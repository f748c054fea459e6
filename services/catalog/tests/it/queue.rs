//! Builds that wait are counted for each owner where one more is asked for.

use slipway_catalog::{
    domain::{
        build::BuildProgress,
        image::{Image, ImageState},
    },
    store::Report,
};
use slipway_fault::Reason;
use slipway_names::id::{BuildId, GroupId};

use crate::worlds::{World, built, existing, image, key, queue};

slipway_testrig::on_both_databases!(
    an_owner_has_so_many_waiting_builds,
    revisions_count_too,
    two_at_once_take_turns
);

async fn preparing(world: &World, build: BuildId) {
    let progress =
        BuildProgress { state: "preparing".to_owned(), sequence: 2, ..BuildProgress::default() };
    world.store.report(&Report { build, progress, outcome: None, artifact: None }).await.unwrap();
}

async fn an_owner_has_so_many_waiting_builds(world: World) {
    let store = &world.store;
    let mut builds = Vec::new();
    for name in ["a", "b"] {
        let image = image(name);
        let (revision, build) = built(&image);
        let reserved = store.reserve(image, &revision, None).await.unwrap();
        assert_eq!(
            store.finish_create(&reserved, &revision, 1, &queue(2)).await.unwrap().unwrap().state,
            ImageState::Building
        );
        builds.push(build);
    }
    let third = image("c");
    let (revision, build) = built(&third);
    let reserved = store.reserve(third.clone(), &revision, None).await.unwrap();
    let fault = store.finish_create(&reserved, &revision, 1, &queue(2)).await.unwrap_err();
    assert_eq!(
        (fault.reason(), fault.violations()[0].field.as_str()),
        (Reason::QueueFull, "owner:system")
    );
    assert_eq!(
        store.image(third.id).await.unwrap().unwrap().state,
        ImageState::Creating,
        "nothing of it holds"
    );
    assert!(world.events(third.id).await.is_empty() && world.events(build).await.is_empty());

    let elsewhere =
        Image { owner: Some(GroupId::new()), owner_name: "vision".to_owned(), ..image("c") };
    let (other_revision, _) = built(&elsewhere);
    let other = store.reserve(elsewhere, &other_revision, None).await.unwrap();
    assert!(
        store.finish_create(&other, &other_revision, 1, &queue(2)).await.unwrap().is_some(),
        "another owner's queue"
    );
    let pointing = image("d");
    let other = store.reserve(pointing.clone(), &existing(&pointing), None).await.unwrap();
    assert!(
        store.finish_create(&other, &existing(&pointing), 1, &queue(0)).await.unwrap().is_some(),
        "nothing is built for it"
    );

    preparing(&world, builds[0]).await;
    assert!(
        store.finish_create(&reserved, &revision, 1, &queue(2)).await.unwrap().is_some(),
        "one has begun"
    );
}

async fn revisions_count_too(world: World) {
    let image = image("a");
    let (revision, first) = built(&image);
    let image = world.create(&image, &revision).await;
    let key = key("body");
    let (draft, build) = built(&image);
    let fault = world
        .store
        .add_revision(&image, draft.clone(), 0, &queue(1), Some(&key))
        .await
        .unwrap_err();
    assert_eq!(fault.reason(), Reason::QueueFull);
    assert_eq!(world.store.image(image.id).await.unwrap().unwrap().latest_revision, 1);
    assert_eq!(world.store.answered(&key).await.unwrap(), None, "the request may be repeated");
    assert!(world.events(build).await.is_empty());
    preparing(&world, first).await;
    let (after, added) =
        world.store.add_revision(&image, draft, 0, &queue(1), Some(&key)).await.unwrap();
    assert_eq!((after.latest_revision, added.number), (2, 2));
    assert_eq!(world.store.answered(&key).await.unwrap().as_deref(), Some("2"));
}

async fn two_at_once_take_turns(world: World) {
    let (one, two) = (image("one"), image("two"));
    let ((first, _), (second, _)) = (built(&one), built(&two));
    let (one, two) = (
        world.store.reserve(one, &first, None).await.unwrap(),
        world.store.reserve(two, &second, None).await.unwrap(),
    );
    let queue = queue(1);
    let (one, two) = tokio::join!(
        world.store.finish_create(&one, &first, 1, &queue),
        world.store.finish_create(&two, &second, 1, &queue)
    );
    let reasons: Vec<Reason> = [&one, &two]
        .into_iter()
        .filter_map(|outcome| outcome.as_ref().err())
        .map(slipway_fault::Fault::reason)
        .collect();
    assert_eq!(reasons, [Reason::QueueFull], "{one:?} {two:?}");
}
