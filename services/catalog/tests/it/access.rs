//! Changes of access: begun, then committed or aborted, one at a time.

use slipway_authz::role::Role;
use slipway_catalog::{
    domain::{
        access::{Access, AccessChange, AccessGroup, RequestedAccess},
        image::{Image, ImageVersion, NewImage},
    },
    store::access::{BeginAccessOutcome, CommitAccessOutcome},
};
use slipway_fault::Reason;
use slipway_names::id::{GroupId, ImageId};

use crate::{
    fake_permission::{Answer, FakePermission, app, caller},
    fixtures::{ANY_AGE, Fixture, ONE_MINUTE_AGE, existing, image, policy_version, user},
};

slipway_testrig::on_both_databases!(
    access_change_holds_once_it_is_committed,
    second_access_change_is_refused_until_the_first_is_committed,
    stale_etag_is_refused,
    refused_access_change_gives_its_reason,
    aborted_access_change_changes_nothing,
    late_commit_does_not_touch_a_later_change,
    groups_and_users_of_access_are_shown_to_managers_only
);

fn everyone() -> Access {
    Access { global: true, ..Access::default() }
}

fn vision() -> Access {
    Access {
        groups: vec![AccessGroup { id: GroupId::new(), name: "vision".to_owned() }],
        users: vec![user("carol")],
        ..Access::default()
    }
}

async fn begin(
    fixture: &Fixture,
    id: ImageId,
    change: &AccessChange,
    version: Option<i64>,
) -> BeginAccessOutcome {
    let version = version.map(ImageVersion);
    fixture.store.begin_access_change(id, change, version).await.unwrap()
}

/// Commits at this policy version; the image after that, or `None` when the change is not pending.
async fn commit(
    fixture: &Fixture,
    id: ImageId,
    change: &AccessChange,
    version: i64,
) -> Option<Image> {
    let version = policy_version(version);
    match fixture.store.commit_access_change(id, change, version).await.unwrap() {
        CommitAccessOutcome::Committed(image) => Some(*image),
        CommitAccessOutcome::NotPending => None,
    }
}

/// The images with a pending change, and the changes.
async fn pending(fixture: &Fixture) -> Vec<(Image, AccessChange)> {
    fixture.store.pending_access_changes(ANY_AGE).await.unwrap()
}

async fn access_change_holds_once_it_is_committed(fixture: Fixture) {
    let (before, _) = fixture.create(&image("shared"), existing()).await;
    let change = AccessChange::new(vision());

    assert_eq!(begin(&fixture, before.id, &change, None).await, BeginAccessOutcome::Begun);
    assert_eq!(fixture.image(before.id).await, before, "not committed yet");
    assert_eq!(pending(&fixture).await, [(before.clone(), change.clone())]);
    assert_eq!(
        fixture.store.pending_access_changes(ONE_MINUTE_AGE).await.unwrap(),
        [],
        "a recent change is not listed"
    );

    let other = AccessChange::new(vision());
    assert_eq!(commit(&fixture, before.id, &other, 8).await, None, "another change is pending");

    let committed = commit(&fixture, before.id, &change, 8).await.unwrap();
    assert_eq!(
        (&committed.access, committed.access_version, committed.version),
        (&change.access, policy_version(8), before.version.next())
    );
    let events = fixture.events(before.id).await;
    assert_eq!(events.last().unwrap(), "catalog.image.access_changed 4");

    assert_eq!(commit(&fixture, before.id, &change, 9).await, None, "a second commit");
    assert_eq!(pending(&fixture).await, []);
    assert_eq!(fixture.image(before.id).await, committed);
}

async fn second_access_change_is_refused_until_the_first_is_committed(fixture: Fixture) {
    use BeginAccessOutcome::{Begun, InProgress, VersionMismatch};

    let id = fixture.create(&image("shared"), existing()).await.0.id;
    let first = AccessChange::new(everyone());
    let second = AccessChange::new(everyone());

    assert_eq!(begin(&fixture, id, &first, Some(1)).await, Begun);
    assert_eq!(begin(&fixture, id, &second, None).await, InProgress);
    assert_eq!(begin(&fixture, id, &second, Some(1)).await, InProgress);
    assert_eq!(begin(&fixture, id, &second, Some(7)).await, VersionMismatch);

    commit(&fixture, id, &first, 2).await.unwrap();
    assert_eq!(begin(&fixture, id, &second, None).await, Begun);
}

async fn stale_etag_is_refused(fixture: Fixture) {
    use BeginAccessOutcome::{Begun, ImageGone, VersionMismatch};

    let id = fixture.create(&image("shared"), existing()).await.0.id;
    let first = AccessChange::new(everyone());
    let second = AccessChange::new(everyone());

    assert_eq!(begin(&fixture, id, &first, Some(7)).await, VersionMismatch);
    assert_eq!(begin(&fixture, id, &first, Some(1)).await, Begun);
    commit(&fixture, id, &first, 2).await.unwrap();

    assert_eq!(begin(&fixture, id, &second, Some(1)).await, VersionMismatch);
    let begun = begin(&fixture, id, &second, None).await;
    assert_eq!(begun, Begun, "without an etag, any version is replaced");

    assert_eq!(begin(&fixture, ImageId::new(), &second, None).await, ImageGone);
}

async fn refused_access_change_gives_its_reason(fixture: Fixture) {
    let alice = caller("alice").await;
    fixture.grant_to(&[(alice.require_user().unwrap().id, Role::Manager)]).await;
    let id = fixture.create(&image("shared"), existing()).await.0.id;
    let app = app(&fixture, &FakePermission::new(|_| Answer::Accept));
    let reason_for = async |etag: &str| {
        let requested = RequestedAccess::default();
        let refused = app.set_access(&alice, "system/shared", requested, etag).await;
        refused.unwrap_err().reason()
    };

    assert_eq!(reason_for("7").await, Reason::EtagMismatch);
    assert_eq!(reason_for("not an etag").await, Reason::EtagMismatch);

    begin(&fixture, id, &AccessChange::new(everyone()), None).await;
    assert_eq!(reason_for("").await, Reason::Conflict);
}

async fn aborted_access_change_changes_nothing(fixture: Fixture) {
    let store = &fixture.store;
    let (before, _) = fixture.create(&image("shared"), existing()).await;
    let change = AccessChange::new(vision());
    begin(&fixture, before.id, &change, None).await;

    store.abort_access_change(AccessChange::new(vision()).id).await.unwrap();
    assert_eq!(pending(&fixture).await.len(), 1, "another change is pending");

    store.abort_access_change(change.id).await.unwrap();
    assert_eq!(pending(&fixture).await, []);
    assert_eq!(fixture.image(before.id).await, before);
    assert_eq!(fixture.events(before.id).await.len(), 3, "those of the create");
}

async fn late_commit_does_not_touch_a_later_change(fixture: Fixture) {
    let (before, _) = fixture.create(&image("shared"), existing()).await;
    let first = AccessChange::new(everyone());
    let second = AccessChange::new(everyone());
    begin(&fixture, before.id, &first, None).await;
    fixture.store.abort_access_change(first.id).await.unwrap();
    begin(&fixture, before.id, &second, None).await;

    assert_eq!(commit(&fixture, before.id, &first, 2).await, None);

    assert_eq!(fixture.image(before.id).await, before, "both changes have the same access");
    assert_eq!(pending(&fixture).await, [(before, second)]);
}

async fn groups_and_users_of_access_are_shown_to_managers_only(fixture: Fixture) {
    let roles = [("reader", Role::Reader), ("writer", Role::Writer), ("manager", Role::Manager)];
    fixture.grant(&roles).await;
    let whole = Access { global: true, ..vision() };
    let image = NewImage { access: whole.clone(), ..image("shared") };
    fixture.create(&image, existing()).await;

    for (name, want) in [("reader", everyone()), ("writer", everyone()), ("manager", whole)] {
        let shown = fixture.visible_image("system/shared", name, Role::Reader).await;
        assert_eq!(shown.unwrap().access, want, "{name}");

        let listed = crate::list::all(&fixture, name).await.remove(0);
        assert_eq!(listed.access, want, "{name}");
    }

    let managed = fixture.visible_image("system/shared", "writer", Role::Manager).await;
    assert_eq!(managed, None);
}
