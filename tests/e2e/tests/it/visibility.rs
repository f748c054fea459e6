//! Visibility of images: only grants give it, absent and forbidden images have the same refusal,
//! and the projection of grants is repaired after damage.

use std::time::Duration;

use slipway_testrig::{call::reason, stack::is_fully_ready};
use slipway_wire::{
    catalog::v1::{
        Accelerator, CreateImageRequest, CreateRevisionRequest, ImageAccess, ListImagesRequest,
        ResolveImageRequest, RetryRevisionRequest, SetImageAccessRequest,
        create_revision_request::Source,
    },
    permission::v1::RemoveMemberRequest,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::fixture::{Fixture, existing_source, full, standalone, wait_until};

/// Names of the images that a subject sees, and the total, which is read a moment later.
async fn visible_images(fixture: &Fixture, subject: &str) -> (Vec<String>, usize) {
    let response = fixture.list_images(subject, ListImagesRequest::default()).await.unwrap();

    let total = usize::try_from(response.total_size).unwrap();
    (response.images.into_iter().map(|image| image.name).collect(), total)
}

async fn wait_for_visible_images(fixture: &Fixture, subject: &str, want: &[&str]) {
    wait_until(Duration::from_secs(10), async || {
        let (visible, total) = visible_images(fixture, subject).await;
        if visible == want && total == want.len() {
            return Ok(());
        }
        Err(format!("{subject} sees {visible:?} of {total} instead of {want:?}"))
    })
    .await;
}

fn resolve_request(image: &str) -> ResolveImageRequest {
    ResolveImageRequest {
        image: image.to_owned(),
        accelerator: Accelerator::Cpu.into(),
        ..Default::default()
    }
}

fn shared_with_vision() -> Option<ImageAccess> {
    Some(ImageAccess { groups: vec!["vision".to_owned()], ..Default::default() })
}

fn shared_with_everyone() -> Option<ImageAccess> {
    Some(ImageAccess { global: true, ..Default::default() })
}

/// Creates the group `vision` with `alice`, and the image `vision/shared` for it. Waits until
/// `alice` sees the image.
async fn create_shared_image(fixture: &Fixture) {
    fixture.group("vision", "alice").await;
    let image = fixture.existing_image("vision", "shared");
    fixture.create(CreateImageRequest { access: shared_with_vision(), ..image }).await;

    wait_for_visible_images(fixture, "alice", &["vision/shared"]).await;
}

#[tokio::test]
async fn only_granted_images_are_visible() {
    let Some(fixture) = standalone().await else { return };
    fixture.user("mallory").await;
    create_shared_image(&fixture).await;
    let open = fixture.existing_image("system", "open");
    fixture.create(CreateImageRequest { access: shared_with_everyone(), ..open }).await;
    let private = fixture.create(fixture.existing_image("vision", "kept")).await.image.unwrap();

    wait_for_visible_images(&fixture, "alice", &["system/open", "vision/shared"]).await;
    wait_for_visible_images(&fixture, "mallory", &["system/open"]).await;
    let all = ["system/open", "vision/kept", "vision/shared"];
    wait_for_visible_images(&fixture, "admin", &all).await;

    for image in ["vision/shared", &private.id] {
        let forbidden = fixture.get_image("mallory", image, "").await.unwrap_err();
        assert_eq!(reason(&forbidden), "IMAGE_NOT_FOUND");
        assert_eq!(forbidden.code(), Code::NotFound);

        let absent_name = image.replace("shared", "absent");
        let absent = fixture.get_image("mallory", &absent_name, "").await.unwrap_err();
        assert_eq!(forbidden.message().replace("shared", "absent"), absent.message());
    }

    let status = fixture.resolve("mallory", resolve_request("vision/shared")).await.unwrap_err();
    assert_eq!(reason(&status), "IMAGE_NOT_FOUND");
    let resolved = fixture.resolve("alice", resolve_request("vision/shared")).await.unwrap();
    let repository = format!("{}/base/debian@sha256:", fixture.registry);
    assert!(resolved.reference.starts_with(&repository), "{}", resolved.reference);
}

#[tokio::test]
async fn access_changes_are_visible_to_reads_with_their_token() {
    let Some(fixture) = standalone().await else { return };
    fixture.user("mallory").await;
    create_shared_image(&fixture).await;

    let request = SetImageAccessRequest {
        image: "vision/shared".to_owned(),
        access: shared_with_everyone(),
        etag: "1".to_owned(),
        consistency_token: String::new(),
    };
    let request = fixture.request("admin", request);
    let shared = fixture.images().set_image_access(request).await.unwrap().into_inner();

    let consistency_token = shared.consistency_token;
    let request = ListImagesRequest { consistency_token, ..Default::default() };
    let listed = fixture.list_images("mallory", request).await.unwrap();
    assert_eq!(listed.images.len(), 1);
}

#[tokio::test]
async fn removed_member_no_longer_sees_images_of_the_group() {
    let Some(fixture) = standalone().await else { return };
    create_shared_image(&fixture).await;
    let open = fixture.existing_image("system", "open");
    fixture.create(CreateImageRequest { access: shared_with_everyone(), ..open }).await;
    wait_for_visible_images(&fixture, "alice", &["system/open", "vision/shared"]).await;

    let user_id = fixture.user("alice").await;
    let request = RemoveMemberRequest { group: "vision".to_owned(), user_id };
    fixture.groups().remove_member(fixture.request("admin", request)).await.unwrap();

    wait_for_visible_images(&fixture, "alice", &["system/open"]).await;
}

#[tokio::test]
async fn damaged_projection_is_repaired() {
    let Some(fixture) = full().await else { return };
    create_shared_image(&fixture).await;

    // As if changes had been lost: the rows are missing, and the version is one behind.
    let damage = "
        delete from access_grants;
        delete from access_members;
        update access_state set policy_version = policy_version - 1";
    fixture.execute("catalog", damage).await;
    assert_eq!(visible_images(&fixture, "alice").await, (Vec::new(), 0));

    wait_for_visible_images(&fixture, "alice", &["vision/shared"]).await;
}

/// The rows of images, and the numbers of revisions and of pending changes of access.
async fn catalog_rows(fixture: &Fixture) -> (Vec<String>, Vec<String>) {
    let images = "
        select qualified_name || ' ' || state || ' ' || access || ' ' || update_time as row
        from images order by 1";
    let counts = "
        select (select count(*) from revisions) || ' ' || (select count(*) from access_changes)
            as row";

    (fixture.rows("catalog", images).await, fixture.rows("catalog", counts).await)
}

/// Calls each RPC that changes an image. Returns the errors.
async fn refused_writes(fixture: &Fixture) -> Vec<Status> {
    let image = || "vision/shared".to_owned();
    let mut images = fixture.images();

    let create = fixture.request("admin", fixture.existing_image("vision", "late"));
    let set_access = SetImageAccessRequest { image: image(), ..Default::default() };
    let source = Some(Source::Existing(existing_source(&fixture.base)));
    let create_revision = CreateRevisionRequest { image: image(), source, ..Default::default() };
    let retry = RetryRevisionRequest { image: image(), ..Default::default() };

    vec![
        images.create_image(create).await.unwrap_err(),
        images.set_image_access(fixture.request("admin", set_access)).await.unwrap_err(),
        images.create_revision(fixture.request("admin", create_revision)).await.unwrap_err(),
        images.retry_revision(fixture.request("admin", retry)).await.unwrap_err(),
    ]
}

#[tokio::test]
async fn reads_continue_and_writes_are_refused_while_permission_is_down() {
    let Some(mut fixture) = full().await else { return };
    create_shared_image(&fixture).await;
    fixture.stack.service("permission").kill();

    assert_eq!(visible_images(&fixture, "alice").await, (vec!["vision/shared".to_owned()], 1));
    fixture.resolve("alice", resolve_request("vision/shared")).await.unwrap();

    let before = catalog_rows(&fixture).await;
    for status in refused_writes(&fixture).await {
        assert_eq!(reason(&status), "PERMISSION_UNAVAILABLE", "{status:?}");
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        assert!(status.get_error_details().retry_info().is_some(), "{status:?}");
    }
    assert_eq!(catalog_rows(&fixture).await, before, "a refused write changed a row");

    // Readiness shows the missing dependency, and the catalog stays ready for reads.
    let readiness = wait_until(Duration::from_secs(15), async || {
        let readiness = fixture.stack.readiness("catalog").unwrap_or_default();
        if is_fully_ready(&readiness) { Err(readiness) } else { Ok(readiness) }
    })
    .await;
    assert!(
        readiness.starts_with("HTTP/1.1 200") && readiness.contains("\"database\":\"ok\""),
        "{readiness}"
    );

    fixture.stack.start("permission").unwrap();
    fixture.stack.wait_until_ready().unwrap();
    fixture.create(fixture.existing_image("vision", "later")).await;
}
