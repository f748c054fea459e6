//! The two steps of a create: the image is reserved, then finished once or rolled back.

use slipway_authz::role::Role;
use slipway_catalog::{
    domain::{
        image::{Image, ImageState, NewImage},
        revision::Draft,
    },
    store::create::{FinishOutcome, ReserveOutcome},
};
use slipway_database::idempotency::{EarlierCall, RequestKey};
use slipway_names::revision::RevisionNumber;

use crate::fixtures::{
    ANY_AGE, Fixture, ONE_MINUTE_AGE, build_of, custom, existing, finished, image, key,
    policy_version, reserved,
};

slipway_testrig::on_both_databases!(
    custom_image_is_visible_and_building_once_finished,
    existing_image_is_visible_and_ready_once_finished,
    aborted_create_leaves_nothing,
    finished_create_cannot_be_aborted,
    taken_name_is_refused_within_its_owner,
    repeated_request_id_is_recognised_before_the_taken_name,
    concurrent_calls_with_one_request_id_reserve_one_image
);

async fn custom_image_is_visible_and_building_once_finished(fixture: Fixture) {
    let image = image("made");

    let events = ["catalog.image.created 1", "catalog.revision.building 2"];
    check_create(&fixture, &image, custom(), (ImageState::Building, None), &events).await;

    let build = build_of(&fixture.revision(image.id, 1).await);
    assert_eq!(fixture.events(build).await, ["catalog.build.requested 1"]);
}

async fn existing_image_is_visible_and_ready_once_finished(fixture: Fixture) {
    let state = (ImageState::Ready, Some(RevisionNumber::FIRST));

    let events =
        ["catalog.image.created 1", "catalog.revision.ready 2", "catalog.revision.activated 3"];
    check_create(&fixture, &image("pointing"), existing(), state, &events).await;
}

/// Both steps of a create; the second one is repeated.
async fn check_create(
    fixture: &Fixture,
    image: &NewImage,
    draft: Draft,
    (state, active_revision): (ImageState, Option<RevisionNumber>),
    events: &[&str],
) {
    let store = &fixture.store;
    fixture.grant(&[("bob", Role::Manager)]).await;

    let reserved = fixture.reserve(image, draft).await;
    assert!(reserved.0.create_time.0 > 0 && reserved.0.create_time == reserved.0.update_time);
    assert_eq!(visible_to_bob(fixture, &reserved.0).await, None, "reserved only");
    assert_eq!(store.unfinished_creates(ANY_AGE).await.unwrap(), std::slice::from_ref(&reserved));
    assert_eq!(
        store.unfinished_creates(ONE_MINUTE_AGE).await.unwrap(),
        [],
        "a recent create is not listed"
    );

    let finished = finished(fixture.finish(&reserved, 100).await);
    assert_eq!(
        (finished.state, finished.active_revision, finished.access_version),
        (state, active_revision, policy_version(1))
    );
    assert_eq!(visible_to_bob(fixture, &finished).await, Some(finished));
    assert_eq!(fixture.events(image.id).await, events);
    assert_eq!(store.unfinished_creates(ANY_AGE).await.unwrap(), []);

    assert_eq!(fixture.finish(&reserved, 100).await, FinishOutcome::NotCreating, "a second finish");
    assert_eq!(fixture.events(image.id).await, events);
}

async fn visible_to_bob(fixture: &Fixture, image: &Image) -> Option<Image> {
    fixture.visible_image(&image.qualified_name(), "bob", Role::Reader).await
}

async fn aborted_create_leaves_nothing(fixture: Fixture) {
    let store = &fixture.store;
    let image = image("gone");
    let key = key("body");
    let reserve = store.reserve_image(image.clone(), custom(), Some(&key)).await.unwrap();

    assert!(store.abort_create(image.id).await.unwrap());

    for table in ["images", "revisions", "idempotency", "outbox"] {
        assert_eq!(fixture.count(table).await, 0, "{table}");
    }
    assert_eq!(fixture.finish(&reserved(reserve), 100).await, FinishOutcome::NotCreating);
    reserved(store.reserve_image(image, custom(), Some(&key)).await.unwrap());
}

async fn finished_create_cannot_be_aborted(fixture: Fixture) {
    let store = &fixture.store;
    let image = image("stays");
    let key = key("body");
    let reserve = store.reserve_image(image.clone(), existing(), Some(&key)).await.unwrap();
    let finished = finished(fixture.finish(&reserved(reserve), 100).await);

    assert!(!store.abort_create(image.id).await.unwrap());

    assert_eq!(fixture.image(image.id).await, finished);
    assert_eq!(store.find_created(&key).await.unwrap(), EarlierCall::Response(image.id));
    assert_eq!(fixture.revision(image.id, 1).await.image, image.id);
}

async fn taken_name_is_refused_within_its_owner(fixture: Fixture) {
    let store = &fixture.store;
    let second = image("same");
    let key = key("body");
    fixture.create(&image("same"), existing()).await;

    let reserve = store.reserve_image(second.clone(), existing(), Some(&key)).await;
    assert_eq!(reserve.unwrap(), ReserveOutcome::NameTaken("system/same".to_owned()));
    assert_eq!(
        store.find_created(&key).await.unwrap(),
        EarlierCall::None,
        "the request id can be used with another name"
    );

    let elsewhere = NewImage { owner_name: "vision".to_owned(), ..second };
    reserved(store.reserve_image(elsewhere, existing(), Some(&key)).await.unwrap());
}

async fn repeated_request_id_is_recognised_before_the_taken_name(fixture: Fixture) {
    let store = &fixture.store;
    let first = image("same");
    let key = key("body");

    reserved(store.reserve_image(first.clone(), existing(), Some(&key)).await.unwrap());
    let reserve = store.reserve_image(image("same"), existing(), Some(&key)).await;
    assert_eq!(reserve.unwrap(), ReserveOutcome::InFlight);

    assert_eq!(store.find_created(&key).await.unwrap(), EarlierCall::Response(first.id));
    let other_body = RequestKey { hash: "another".to_owned(), ..key };
    assert_eq!(store.find_created(&other_body).await.unwrap(), EarlierCall::OtherRequest);
}

async fn concurrent_calls_with_one_request_id_reserve_one_image(fixture: Fixture) {
    let key = key("body");

    let (one, two) = tokio::join!(
        fixture.store.reserve_image(image("same"), existing(), Some(&key)),
        fixture.store.reserve_image(image("same"), existing(), Some(&key))
    );

    let outcomes = [one.unwrap(), two.unwrap()];
    let refused: Vec<&ReserveOutcome> =
        outcomes.iter().filter(|outcome| !matches!(outcome, ReserveOutcome::Reserved(_))).collect();
    assert_eq!(refused, [&ReserveOutcome::InFlight], "{outcomes:?}");
    assert_eq!(fixture.count("images").await, 1);
}
