//! The use case of adding a revision: repeated calls.

use slipway_authz::role::Role;
use slipway_catalog::{
    app::App,
    domain::{
        image::{ImageSource, NewImage},
        source::Source,
        spec::Spec,
    },
};
use slipway_fault::Reason;
use slipway_identity::Caller;
use slipway_names::{id::ImageId, revision::RevisionNumber};

use crate::{
    fake_permission::{Answer::Accept, FakePermission, app, caller},
    fixtures::{Fixture, existing, image, key},
};

slipway_testrig::on_both_databases!(
    concurrent_repeats_add_one_revision,
    source_of_another_kind_is_refused
);

/// A caller who manages the one image, and the use cases.
async fn prepare(fixture: &Fixture) -> (App, Caller, ImageId) {
    let alice = caller("alice").await;
    fixture.grant_to(&[(alice.require_user().unwrap().id, Role::Manager)]).await;

    let image = NewImage { source: ImageSource::Existing, ..image("x") };
    fixture.create(&image, existing()).await;
    (app(fixture, &FakePermission::new(|_| Accept)), alice, image.id)
}

/// An existing reference, without asking its registry.
fn unverified() -> Source {
    Source::Existing {
        reference: "registry.test/a/b:2".to_owned(),
        gpu_reference: String::new(),
        skip_verification: true,
    }
}

async fn concurrent_repeats_add_one_revision(fixture: Fixture) {
    let (app, alice, image) = prepare(&fixture).await;
    let id = image.to_string();
    let key = key("body");

    let call = || app.create_revision(&alice, &id, unverified(), Some(key.clone()));
    let (one, two, three) = tokio::join!(call(), call(), call());

    let second = RevisionNumber::FIRST.next();
    for outcome in [one, two, three] {
        let (image, revision) = outcome.unwrap();
        assert_eq!((image.active_revision, revision.number), (Some(second), second));
    }
    assert_eq!(fixture.count("revisions").await, 2);
    assert_eq!(fixture.events(image).await.len(), 5, "3 of the create, 2 of the revision");
}

async fn source_of_another_kind_is_refused(fixture: Fixture) {
    let (app, alice, image) = prepare(&fixture).await;
    let source = Source::Custom { spec: Spec::default(), gpu_base: String::new() };

    let added = app.create_revision(&alice, &image.to_string(), source, None).await;

    let fault = added.unwrap_err();
    assert_eq!(
        (fault.reason(), fault.violations()[0].field.as_str()),
        (Reason::SourceKindFixed, "source")
    );
    assert_eq!(fixture.count("revisions").await, 1);
}
