//! What is read while the projection has no contact with permission.

use slipway_authz::role::Role;
use slipway_catalog::{
    app::App,
    domain::{image::Image, resolve::Accelerator},
};
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_request::page::Page;

use crate::{
    fake_permission::{Answer, FakePermission, app, caller},
    fixtures::{Fixture, existing, image},
};

slipway_testrig::on_both_databases!(
    stale_access_gives_no_references,
    lost_access_gives_nothing,
    contact_in_the_future_counts_as_lost,
);

/// A reader of one image.
struct Reader {
    app: App,
    caller: Caller,
    image: Image,
}

impl Reader {
    async fn new(fixture: &Fixture) -> Self {
        let caller = caller("reader").await;
        fixture.grant_to(&[(caller.user.as_ref().unwrap().id, Role::Reader)]).await;
        let (image, _) = fixture.create(&image("torch"), existing()).await;

        Self { app: app(fixture, &FakePermission::new(|_| Answer::Accept)), caller, image }
    }

    /// Whether GetImage and ListRevisions show a reference, and whether the image resolves.
    async fn references(&self) -> [Result<bool, Reason>; 3] {
        let name = self.image.qualified_name();
        let reason = |fault: Fault| fault.reason();
        let user = self.caller.user.as_ref().unwrap().id;
        let page = Page::parse(user, &["revisions"], 10, "", 1).unwrap();

        let detail = self.app.image(&self.caller, &name).await;
        let revisions = self.app.revisions(&self.caller, &name, &page).await;
        let resolved =
            self.app.resolve(&self.caller, &name, None, Accelerator::Cpu, "linux/amd64").await;

        [
            detail.map(|detail| detail.active.unwrap().artifact.is_some()).map_err(reason),
            revisions.map(|page| page.revisions[0].artifact.is_some()).map_err(reason),
            resolved.map(|_| true).map_err(reason),
        ]
    }

    /// The reason for which an image that does not exist is not read.
    async fn missing(&self) -> Reason {
        self.app.image(&self.caller, "system/missing").await.unwrap_err().reason()
    }
}

/// Moves the last contact into the past.
async fn set_contact(fixture: &Fixture, seconds_ago: i64) {
    let microseconds = seconds_ago * 1_000_000;
    let sql = format!("update access_state set last_contact = last_contact - ({microseconds})");
    fixture.execute(&sql).await;
}

async fn stale_access_gives_no_references(fixture: Fixture) {
    let reader = Reader::new(&fixture).await;
    assert_eq!(reader.references().await, [Ok(true), Ok(true), Ok(true)]);

    set_contact(&fixture, 660).await;

    assert_eq!(reader.references().await, [Ok(false), Ok(false), Err(Reason::AccessStale)]);
    assert_eq!(reader.missing().await, Reason::ImageNotFound);
}

async fn lost_access_gives_nothing(fixture: Fixture) {
    let reader = Reader::new(&fixture).await;

    set_contact(&fixture, 3_660).await;

    assert_eq!(reader.references().await, [Reason::AccessStale; 3].map(Err));
    assert_eq!(reader.missing().await, Reason::AccessStale);
}

async fn contact_in_the_future_counts_as_lost(fixture: Fixture) {
    let reader = Reader::new(&fixture).await;

    set_contact(&fixture, -3_660).await;

    assert_eq!(reader.references().await, [Reason::AccessStale; 3].map(Err));
}
