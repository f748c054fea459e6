//! The two steps of a create: taken, finished once, or taken back.

use slipway_catalog::domain::image::{Image, ImageState};
use slipway_fault::Reason;
use slipway_names::grant::Role;
use slipway_outbox::idempotency::Key;
use slipway_wire::permission::v1::Role as WireRole;

use crate::worlds::{World, built, existing, image, key, queue, user};

slipway_testrig::on_both_databases!(
    a_create_takes_two_steps,
    what_is_taken_back_leaves_nothing,
    what_is_finished_cannot_be_taken_back,
    a_name_is_taken_once,
    the_request_id_comes_before_the_name,
    the_same_request_at_once_is_one_image
);

/// An age that everything has.
const EVER: i64 = -1_000_000;

async fn a_create_takes_two_steps(world: World) {
    let store = &world.store;
    world.grant(&[(user("bob"), WireRole::Manager)]).await;
    let (made, pointing) = (image("made"), image("pointing"));
    let (building, build) = built(&made);
    let cases = [
        (
            made,
            building,
            ImageState::Building,
            0,
            vec!["catalog.image.created 1", "catalog.revision.building 2"],
        ),
        (
            pointing.clone(),
            existing(&pointing),
            ImageState::Ready,
            1,
            vec![
                "catalog.image.created 1",
                "catalog.revision.ready 2",
                "catalog.revision.activated 3",
            ],
        ),
    ];
    for (image, revision, state, active, events) in cases {
        let seen = async || {
            store.image_seen_by(&image.qualified_name(), user("bob"), Role::Reader).await.unwrap()
        };
        let reserved = store.reserve(image.clone(), &revision, None).await.unwrap();
        assert!(reserved.create_time > 0 && reserved.create_time == reserved.update_time);
        assert_eq!(seen().await, None, "nobody sees it yet");
        let unfinished = store.unfinished_creates(EVER).await.unwrap();
        assert_eq!(unfinished.iter().map(|(image, _)| image.id).collect::<Vec<_>>(), [image.id]);
        assert!(
            store.unfinished_creates(60_000_000).await.unwrap().is_empty(),
            "a young one is left alone"
        );

        let finished =
            store.finish_create(&reserved, &revision, 1, &queue(100)).await.unwrap().unwrap();
        assert_eq!(
            (finished.state, finished.active_revision, finished.access_revision),
            (state, active, 1)
        );
        assert_eq!(seen().await, Some(finished.clone()));
        assert_eq!(world.events(image.id).await, events);
        assert_eq!(
            store.finish_create(&reserved, &revision, 1, &queue(100)).await.unwrap(),
            None,
            "once"
        );
        assert_eq!(world.events(image.id).await, events);
        assert!(store.unfinished_creates(EVER).await.unwrap().is_empty());
    }
    assert_eq!(world.events(build).await, ["catalog.build.requested 1"]);
}

async fn what_is_taken_back_leaves_nothing(world: World) {
    let store = &world.store;
    let (image, key) = (image("gone"), key("body"));
    let (revision, _) = built(&image);
    let reserved = store.reserve(image.clone(), &revision, Some(&key)).await.unwrap();
    store.abort_create(image.id).await.unwrap();
    for table in ["image", "revision", "idempotency", "outbox"] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
    assert_eq!(store.finish_create(&reserved, &revision, 1, &queue(100)).await.unwrap(), None);
    store.reserve(image, &revision, Some(&key)).await.unwrap();
}

async fn what_is_finished_cannot_be_taken_back(world: World) {
    let (image, key) = (image("stays"), key("body"));
    let reserved = world.store.reserve(image.clone(), &existing(&image), Some(&key)).await.unwrap();
    let finished =
        world.store.finish_create(&reserved, &existing(&image), 1, &queue(100)).await.unwrap();
    world.store.abort_create(image.id).await.unwrap();
    assert_eq!(world.store.image(image.id).await.unwrap(), finished);
    assert_eq!(world.store.answered(&key).await.unwrap(), Some(image.id.to_string()));
    assert!(world.store.revision(image.id, 1).await.unwrap().is_some());
}

async fn a_name_is_taken_once(world: World) {
    let (first, second, key) = (image("same"), image("same"), key("body"));
    world.create(&first, &existing(&first)).await;
    let fault =
        world.store.reserve(second.clone(), &existing(&second), Some(&key)).await.unwrap_err();
    assert_eq!((fault.reason(), fault.violations()[0].field.as_str()), (Reason::NameTaken, "name"));
    assert_eq!(
        world.store.answered(&key).await.unwrap(),
        None,
        "the request may be repeated with another name"
    );
    let elsewhere = Image { owner_name: "vision".to_owned(), ..second };
    world.store.reserve(elsewhere.clone(), &existing(&elsewhere), Some(&key)).await.unwrap();
}

async fn the_request_id_comes_before_the_name(world: World) {
    let (first, second, key) = (image("same"), image("same"), key("body"));
    world.store.reserve(first.clone(), &existing(&first), Some(&key)).await.unwrap();
    let fault =
        world.store.reserve(second.clone(), &existing(&second), Some(&key)).await.unwrap_err();
    assert_eq!(fault.reason(), Reason::Conflict);
    assert_eq!(world.store.answered(&key).await.unwrap(), Some(first.id.to_string()));
    let other_body = Key { hash: "another".to_owned(), ..key };
    assert_eq!(
        world.store.answered(&other_body).await.unwrap_err().reason(),
        Reason::RequestIdReused
    );
}

async fn the_same_request_at_once_is_one_image(world: World) {
    let (first, second, key) = (image("same"), image("same"), key("body"));
    let (one, two) = (existing(&first), existing(&second));
    let (one, two) = tokio::join!(
        world.store.reserve(first, &one, Some(&key)),
        world.store.reserve(second, &two, Some(&key))
    );
    let reasons: Vec<Reason> = [&one, &two]
        .into_iter()
        .filter_map(|outcome| outcome.as_ref().err())
        .map(slipway_fault::Fault::reason)
        .collect();
    assert_eq!(reasons, [Reason::Conflict], "{one:?} {two:?}");
    assert_eq!(world.count("image").await, 1);
}
