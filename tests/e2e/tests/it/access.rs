//! Access of images: refused changes, invisible groups, and registered grants.

use slipway_testrig::call::{reason, violated_fields};
use slipway_wire::{
    catalog::v1::{
        CreateImageRequest, Image, ImageAccess, SetImageAccessRequest, SetImageAccessResponse,
    },
    permission::v1::{
        CreateGrantRequest, DeleteGrantRequest, Grant, ListGrantsRequest, ObjectKind,
        ObjectReference, grant_service_client::GrantServiceClient,
    },
};
use tonic::{Code, Status, transport::Channel};
use uuid::Uuid;

use crate::fixture::{Fixture, shared};

fn everyone() -> ImageAccess {
    ImageAccess { global: true, ..ImageAccess::default() }
}

/// Sets the access of an image as the admin, at the version 1.
async fn set_access(
    fixture: &Fixture,
    image: &str,
    access: ImageAccess,
    consistency_token: &str,
) -> Result<SetImageAccessResponse, Status> {
    let request = SetImageAccessRequest {
        image: image.to_owned(),
        access: Some(access),
        etag: "1".to_owned(),
        consistency_token: consistency_token.to_owned(),
    };

    let request = fixture.request("admin", request);
    Ok(fixture.images().set_image_access(request).await?.into_inner())
}

#[tokio::test]
async fn refused_access_change_does_not_block_the_next_one() {
    let Some(fixture) = shared().await else { return };
    fixture.user("mallory").await;
    let created = fixture.create(fixture.existing_image("system", "changed")).await;
    let token = created.consistency_token;

    let unknown = ImageAccess { users: vec![Uuid::now_v7().to_string()], ..Default::default() };
    let status = set_access(&fixture, "system/changed", unknown, &token).await.unwrap_err();
    assert_eq!(reason(&status), "USER_NOT_FOUND");

    let changed = set_access(&fixture, "system/changed", everyone(), &token).await.unwrap();
    assert_eq!(changed.image.unwrap().access, Some(everyone()));

    let token = changed.consistency_token;
    let image = fixture.get_image("mallory", "system/changed", &token).await.unwrap();
    assert_eq!(image.access, Some(everyone()));
}

#[tokio::test]
async fn sharing_with_an_invisible_group_is_refused_like_an_absent_one() {
    let Some(fixture) = shared().await else { return };
    fixture.group("speech", "member").await;
    fixture.group("audio", "stranger").await;
    fixture.add_group_admin("speech", "boss").await;

    let invisible = share_with(&fixture, "audio").await.unwrap_err();
    let absent = share_with(&fixture, "nothing").await.unwrap_err();
    for status in [&invisible, &absent] {
        assert_eq!(reason(status), "GROUP_NOT_FOUND");
        assert_eq!(violated_fields(status), ["access.groups[1]"]);
    }
    assert_eq!(invisible.message().replace("audio", "nothing"), absent.message());

    share_with(&fixture, "speech").await.unwrap();
}

/// Creates an image of `speech` as its admin, shared with `speech` and another group.
async fn share_with(fixture: &Fixture, group: &str) -> Result<Image, Status> {
    let groups = vec!["speech".to_owned(), group.to_owned()];
    let access = ImageAccess { groups, ..ImageAccess::default() };
    let request =
        CreateImageRequest { access: Some(access), ..fixture.existing_image("speech", "shared") };

    fixture.try_create("boss", request).await
}

fn grant_service(fixture: &Fixture) -> GrantServiceClient<Channel> {
    GrantServiceClient::new(fixture.channel("permission"))
}

async fn list_grants(fixture: &Fixture, object: &ObjectReference) -> Vec<Grant> {
    let request = ListGrantsRequest { object: Some(object.clone()), ..Default::default() };
    let request = fixture.request("admin", request);

    grant_service(fixture).list_grants(request).await.unwrap().into_inner().grants
}

async fn delete_grant(fixture: &Fixture, grant_id: &str) -> Result<(), Status> {
    let request = DeleteGrantRequest { grant_id: grant_id.to_owned() };
    let request = fixture.request("admin", request);

    grant_service(fixture).delete_grant(request).await.map(|_| ())
}

#[tokio::test]
async fn registered_grant_of_an_image_changes_only_by_set_image_access() {
    let Some(fixture) = shared().await else { return };
    let request = CreateImageRequest {
        access: Some(everyone()),
        ..fixture.existing_image("system", "registered")
    };
    let created = fixture.create(request).await;
    let image = created.image.unwrap();
    let object = ObjectReference { kind: ObjectKind::Image.into(), id: image.id };
    let registered = list_grants(&fixture, &object).await;
    assert_eq!(registered.len(), 1);

    let status = delete_grant(&fixture, &registered[0].id).await.unwrap_err();
    assert_eq!(reason(&status), "GRANT_REGISTERED");
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("SetImageAccess"), "{}", status.message());

    // A grant with the same content that a user creates is another grant.
    let same = Grant { id: String::new(), ..registered[0].clone() };
    let request = CreateGrantRequest { grant: Some(same), ..Default::default() };
    let response = grant_service(&fixture).create_grant(fixture.request("admin", request)).await;
    let copy = response.unwrap().into_inner().grant.unwrap();
    assert_ne!(copy.id, registered[0].id);

    let token = created.consistency_token;
    let nobody = ImageAccess::default();
    set_access(&fixture, "system/registered", nobody, &token).await.unwrap();
    let left = list_grants(&fixture, &object).await;
    assert_eq!(left, std::slice::from_ref(&copy), "only the registered grant is removed");

    delete_grant(&fixture, &copy.id).await.unwrap();
}
