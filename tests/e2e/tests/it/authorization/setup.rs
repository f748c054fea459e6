//! What exists before the calls of the matrix: users with roles, a group, images and builds.

use std::time::Duration;

use slipway_wire::{
    builder::v1::GetBuildRequest,
    permission::v1::{
        CreateGrantRequest, DeleteGrantRequest, Grant, ListGrantsRequest, ObjectKind,
        ObjectReference, Role, Subject, SubjectKind, grant_service_client::GrantServiceClient,
    },
};
use tonic::transport::Channel;

use crate::fixture::{Fixture, build_id, has_ended, wait_until};

const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) struct Setup<'a> {
    pub(super) fixture: &'a Fixture,
    /// A user without roles, about whom calls are.
    pub(super) user: String,
    /// `vision/shown`
    pub(super) image: String,
    /// A build that runs as long as the test.
    pub(super) running_build: String,
    /// The first build of `vision/cancelled`, which has ended.
    pub(super) cancelled_build: String,
}

pub(super) async fn set_up(fixture: &Fixture) -> Setup<'_> {
    fixture.group("vision", "member").await;
    fixture.add_group_admin("vision", "group-admin").await;

    let shown = fixture.create(fixture.existing_image("vision", "shown")).await.image.unwrap();
    // The builder runs one build at a time, so this one keeps all others in the queue.
    let built = fixture.fake_apt_image("vision", "built", "silence");
    let built = fixture.create(built).await.image.unwrap();
    let cancelled = fixture.custom_image("vision", "cancelled", &["jq"]);
    let cancelled = fixture.create(cancelled).await.image.unwrap();

    let setup = Setup {
        fixture,
        user: fixture.user("carol").await,
        image: shown.id,
        running_build: build_id(&built),
        cancelled_build: build_id(&cancelled),
    };
    setup.grant_roles(&cancelled.id).await;
    setup.cancel_build().await;

    setup
}

impl Setup<'_> {
    pub(super) fn grants(&self) -> GrantServiceClient<Channel> {
        GrantServiceClient::new(self.fixture.channel("permission"))
    }

    /// Gives the columns of the matrix their roles, on two images and on the platform.
    async fn grant_roles(&self, other_image: &str) {
        for (subject, role) in
            [("platform-reader", Role::Reader), ("platform-manager", Role::Manager)]
        {
            let user = self.fixture.user(subject).await;
            self.create_grant(grant(object(ObjectKind::Platform, ""), &user, role)).await;
        }

        for (subject, role) in
            [("reader", Role::Reader), ("writer", Role::Writer), ("manager", Role::Manager)]
        {
            let user = self.fixture.user(subject).await;
            for image in [&self.image, other_image] {
                self.create_grant(grant(object(ObjectKind::Image, image), &user, role)).await;
            }
        }
    }

    /// Cancels the build, and waits until the builder's projection has the last grant.
    async fn cancel_build(&self) {
        let build = &self.cancelled_build;
        self.fixture.wait_for_build(build, TIMEOUT, |_| true).await;
        self.fixture.cancel(build).await;
        self.fixture.wait_for_build(build, TIMEOUT, has_ended).await;

        wait_until(TIMEOUT, async || {
            let request = GetBuildRequest { build_id: build.clone() };
            let request = self.fixture.request("manager", request);
            self.fixture.builds().get_build(request).await.map_err(|status| status.to_string())
        })
        .await;
    }

    /// Waits until the catalog's projection has reached the last change of the images: until then
    /// they are invisible to everybody.
    pub(super) async fn wait_for_images(&self) {
        for image in ["vision/shown", "vision/cancelled"] {
            wait_until(TIMEOUT, async || {
                let image = self.fixture.get_image("manager", image, "").await;
                image.map_err(|status| status.to_string())
            })
            .await;
        }
    }

    /// Creates a grant as the admin. Returns its id.
    pub(super) async fn create_grant(&self, grant: Grant) -> String {
        let request = CreateGrantRequest { grant: Some(grant), ..Default::default() };
        let request = self.fixture.request("admin", request);
        let response = self.grants().create_grant(request).await.unwrap().into_inner();

        response.grant.unwrap().id
    }

    /// The id of a grant that was registered with the group.
    pub(super) async fn registered_grant(&self) -> String {
        let request = ListGrantsRequest { object: Some(vision()), ..Default::default() };
        let request = self.fixture.request("admin", request);
        let response = self.grants().list_grants(request).await.unwrap().into_inner();

        response.grants[0].id.clone()
    }

    /// Deletes a grant as the admin. A deleted grant stays deleted.
    pub(super) async fn delete_grant(&self, grant_id: String) {
        let request = self.fixture.request("admin", DeleteGrantRequest { grant_id });
        let _ = self.grants().delete_grant(request).await;
    }

    /// WRITER on an object for a user without roles.
    pub(super) fn writer_grant(&self, object: ObjectReference) -> Grant {
        grant(object, &self.user, Role::Writer)
    }
}

pub(super) fn object(kind: ObjectKind, id: &str) -> ObjectReference {
    ObjectReference { kind: kind.into(), id: id.to_owned() }
}

pub(super) fn vision() -> ObjectReference {
    object(ObjectKind::Group, "vision")
}

fn grant(object: ObjectReference, user: &str, role: Role) -> Grant {
    let subject = Subject { kind: SubjectKind::User.into(), id: user.to_owned() };

    Grant { object: Some(object), subject: Some(subject), role: role.into(), ..Default::default() }
}
