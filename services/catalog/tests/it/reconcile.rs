//! Repair: unfinished changes are completed or rolled back, and a failing one does not delay the
//! others.

use std::sync::Arc;

use slipway_catalog::{
    domain::{
        access::{Access, AccessChange},
        image::ImageState,
    },
    reconcile::repair,
    store::access::BeginAccessOutcome,
};
use slipway_fault::Reason;
use slipway_names::id::{ImageId, ObjectId};

use crate::{
    fake_permission::{
        Answer::{Accept, Fail, Refuse},
        FakePermission, REGISTRATION_VERSION, app,
    },
    fixtures::{Fixture, custom, existing, image, policy_version},
};

slipway_testrig::on_both_databases!(
    unfinished_access_changes_are_committed_or_aborted,
    unfinished_creates_are_finished_or_rolled_back,
    create_over_the_queue_limit_is_rolled_back,
    recent_changes_are_not_repaired
);

const STATES: &str = "select name || ' ' || state as row from images order by name";

/// Makes every change old enough to be repaired.
async fn age_all(fixture: &Fixture) {
    fixture.execute("update images set create_time = 1").await;
    fixture.execute("update access_changes set create_time = 1").await;
}

fn everyone() -> Access {
    Access { global: true, ..Access::default() }
}

/// Begins a change of access that shows the image to everyone.
async fn begin_change(fixture: &Fixture, image: ImageId) {
    let change = AccessChange::new(everyone());
    let begun = fixture.store.begin_access_change(image, &change, None).await.unwrap();
    assert_eq!(begun, BeginAccessOutcome::Begun);
}

async fn repair_with(fixture: &Fixture, permission: &Arc<FakePermission>) {
    repair(&app(fixture, permission), &fixture.store).await.unwrap();
}

async fn unfinished_access_changes_are_committed_or_aborted(fixture: Fixture) {
    let images = ["refused", "silent", "refused-2", "finished"].map(image);
    for image in &images {
        fixture.create(image, existing()).await;
        begin_change(&fixture, image.id).await;
    }
    age_all(&fixture).await;

    let [refused, silent, refused_too, _] = images.each_ref().map(|image| ObjectId::from(image.id));
    let permission = FakePermission::new(move |registration| match registration.object {
        object if object == refused => Refuse(Reason::UserNotFound),
        object if object == refused_too => Refuse(Reason::GroupNotFound),
        object if object == silent => Fail(Reason::PermissionUnavailable),
        _ => Accept,
    });
    repair_with(&fixture, &permission).await;

    let states =
        "select name || case when c.id is null then '' else ' pending' end || ' ' || version
            as row
        from images i left join access_changes c on c.image_id = i.id order by name";
    assert_eq!(
        fixture.rows(states).await,
        ["finished 2", "refused 1", "refused-2 1", "silent pending 1"]
    );
    let finished = fixture.image(images[3].id).await;
    assert_eq!(
        (finished.access, finished.access_version),
        (everyone(), policy_version(REGISTRATION_VERSION))
    );
    assert_eq!(fixture.image(images[0].id).await.access, Access::default(), "unchanged");

    // The aborted change no longer blocks the next one.
    begin_change(&fixture, images[0].id).await;
}

async fn unfinished_creates_are_finished_or_rolled_back(fixture: Fixture) {
    let images = ["refused", "silent", "finished"].map(image);
    for image in &images {
        fixture.reserve(image, existing()).await;
    }
    age_all(&fixture).await;

    let [refused, silent, finished] = images.each_ref().map(|image| ObjectId::from(image.id));
    let permission = FakePermission::new(move |registration| match registration.object {
        object if object == refused => Refuse(Reason::GroupNotFound),
        object if object == silent => Fail(Reason::PermissionUnavailable),
        _ => Accept,
    });
    repair_with(&fixture, &permission).await;

    assert_eq!(fixture.rows(STATES).await, ["finished ready", "silent creating"]);
    assert_eq!(*permission.removed.lock().await, [refused]);
    assert_eq!(fixture.events(finished).await.len(), 3);
}

async fn create_over_the_queue_limit_is_rolled_back(fixture: Fixture) {
    let permission = FakePermission::new(|_| Accept);
    let too_many = image("too-many");
    fixture.create(&image("waiting"), custom()).await;
    fixture.reserve(&too_many, custom()).await;
    age_all(&fixture).await;

    repair_with(&fixture, &permission).await;

    assert_eq!(fixture.rows(STATES).await, ["waiting building"]);
    assert_eq!(*permission.removed.lock().await, [ObjectId::from(too_many.id)]);
}

async fn recent_changes_are_not_repaired(fixture: Fixture) {
    let [recent, shared] = ["recent", "shared"].map(image);
    fixture.reserve(&recent, existing()).await;
    fixture.create(&shared, existing()).await;
    begin_change(&fixture, shared.id).await;

    let permission = FakePermission::new(|_| Refuse(Reason::GroupNotFound));
    repair_with(&fixture, &permission).await;

    assert_eq!(fixture.image(recent.id).await.state, ImageState::Creating);
    assert_eq!(fixture.count("access_changes").await, 1);
}
