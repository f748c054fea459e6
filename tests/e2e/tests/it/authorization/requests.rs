//! The rows of the matrix: the request of each call. Changes by an allowed call do not affect the
//! results of the others.

use prost::Message;
use slipway_wire::{
    builder::v1::{
        CancelBuildRequest, GetBuildRequest, ListBuildsRequest, StreamBuildLogsRequest,
        WatchBuildRequest,
    },
    catalog::v1::{
        Accelerator, CreateRevisionRequest, GetBuildRequestRequest, GetImageRequest, ImageAccess,
        ListImagesRequest, ListRevisionsRequest, ResolveImageRequest, RetryRevisionRequest,
        SetImageAccessRequest, create_revision_request::Source,
    },
    event::v1::WatchRequest,
    permission::v1::{
        AddMemberRequest, BatchCheckRequest, CheckRequest, CreateGrantRequest, CreateGroupRequest,
        DeleteGrantRequest, GetGroupRequest, GetSelfRequest, GetUserRequest, InviteUserRequest,
        ListGrantsRequest, ListGroupsRequest, ListMembersRequest, ListUsersRequest, ObjectKind,
        RegisterObjectRequest, RemoveMemberRequest, RemoveObjectRequest, Role, WatchGrantsRequest,
    },
};
use tonic::Status;
use uuid::Uuid;

use crate::{
    authorization::{
        call::Method,
        callers::request_of,
        setup::{Setup, object, vision},
    },
    fixture::existing_source,
};

/// A call that is about to be made.
struct Call<'a> {
    setup: &'a Setup<'a>,
    method: &'a Method,
    caller: &'a str,
}

impl Call<'_> {
    async fn send<T: Message + 'static>(&self, service: &str, message: T) -> Result<(), Status> {
        let fixture = self.setup.fixture;
        let request = request_of(&fixture.keys, self.caller, message);

        self.method.send(fixture.channel(service), request).await
    }
}

/// Makes the call of a row.
pub(super) async fn call(
    setup: &Setup<'_>,
    method: &Method,
    row: &str,
    caller: &str,
) -> Result<(), Status> {
    let call = Call { setup, method, caller };

    match row.split('/').next().unwrap() {
        "UserService" => call.users(row).await,
        "GroupService" => call.groups(row).await,
        "GrantService" => call.grants(row).await,
        "ObjectService" | "PermissionService" => call.objects(row).await,
        "EventService" => call.events(row).await,
        "ImageService" => call.images(row).await,
        "BuildRequestService" | "BuildService" => call.builds(row).await,
        other => panic!("the test has no calls of {other}"),
    }
}

impl Call<'_> {
    async fn users(&self, row: &str) -> Result<(), Status> {
        let user_id = self.setup.user.clone();
        let invite = InviteUserRequest { subject: "dora".to_owned(), ..Default::default() };

        match row {
            "UserService/GetSelf" => self.send("permission", GetSelfRequest {}).await,
            "UserService/GetUser" => self.send("permission", GetUserRequest { user_id }).await,
            "UserService/ListUsers" => self.send("permission", ListUsersRequest::default()).await,
            "UserService/InviteUser" => self.send("permission", invite).await,
            other => panic!("the test has no call of {other}"),
        }
    }

    async fn groups(&self, row: &str) -> Result<(), Status> {
        let group = "vision".to_owned();
        let absent = "no-such-group".to_owned();
        let user_id = self.setup.user.clone();
        let create =
            CreateGroupRequest { name: format!("of-{}", self.caller), ..Default::default() };
        let members = ListMembersRequest { group: group.clone(), ..Default::default() };
        let add = AddMemberRequest { group: group.clone(), user_id: user_id.clone(), admin: false };
        let remove = RemoveMemberRequest { group: group.clone(), user_id };

        match row {
            "GroupService/CreateGroup" => self.send("permission", create).await,
            "GroupService/GetGroup" => self.send("permission", GetGroupRequest { group }).await,
            "GroupService/GetGroup:absent" => {
                self.send("permission", GetGroupRequest { group: absent }).await
            }
            "GroupService/ListGroups" => {
                self.send("permission", ListGroupsRequest::default()).await
            }
            "GroupService/ListMembers" => self.send("permission", members).await,
            "GroupService/AddMember" => self.send("permission", add).await,
            "GroupService/RemoveMember" => self.send("permission", remove).await,
            other => panic!("the test has no call of {other}"),
        }
    }

    async fn grants(&self, row: &str) -> Result<(), Status> {
        let image = object(ObjectKind::Image, &self.setup.image);
        let target = if row.ends_with(":image") { image } else { vision() };
        let grant = self.setup.writer_grant(target.clone());

        match row {
            "GrantService/CreateGrant:group" | "GrantService/CreateGrant:image" => {
                let request = CreateGrantRequest { grant: Some(grant), ..Default::default() };
                self.send("permission", request).await
            }
            "GrantService/ListGrants:group" | "GrantService/ListGrants:image" => {
                let request = ListGrantsRequest { object: Some(target), ..Default::default() };
                self.send("permission", request).await
            }
            "GrantService/DeleteGrant:group" | "GrantService/DeleteGrant:image" => {
                let grant_id = self.setup.create_grant(grant).await;
                let result = self.delete_grant(grant_id.clone()).await;
                self.setup.delete_grant(grant_id).await;
                result
            }
            "GrantService/DeleteGrant:absent" => {
                self.delete_grant(Uuid::now_v7().to_string()).await
            }
            "GrantService/DeleteGrant:registered" => {
                self.delete_grant(self.setup.registered_grant().await).await
            }
            "GrantService/WatchGrants" => {
                self.send("permission", WatchGrantsRequest::default()).await
            }
            other => panic!("the test has no call of {other}"),
        }
    }

    async fn delete_grant(&self, grant_id: String) -> Result<(), Status> {
        self.send("permission", DeleteGrantRequest { grant_id }).await
    }

    async fn objects(&self, row: &str) -> Result<(), Status> {
        let object_id = Uuid::now_v7().to_string();
        let kind = ObjectKind::Image.into();
        let is_other = row.ends_with(":other");
        let check = CheckRequest {
            user_id: if is_other { self.setup.user.clone() } else { String::new() },
            object: Some(vision()),
            role: Role::Reader.into(),
        };

        match row {
            "ObjectService/RegisterObject" => {
                let request = RegisterObjectRequest { object_id, kind, ..Default::default() };
                self.send("permission", request).await
            }
            "ObjectService/RemoveObject" => {
                self.send("permission", RemoveObjectRequest { object_id }).await
            }
            "PermissionService/Check:self" | "PermissionService/Check:other" => {
                self.send("permission", check).await
            }
            "PermissionService/BatchCheck:self" | "PermissionService/BatchCheck:other" => {
                self.send("permission", BatchCheckRequest { checks: vec![check] }).await
            }
            other => panic!("the test has no call of {other}"),
        }
    }

    async fn events(&self, row: &str) -> Result<(), Status> {
        let (_, service) = row.split_once(':').unwrap();

        self.send(service, WatchRequest::default()).await
    }

    async fn images(&self, row: &str) -> Result<(), Status> {
        let fixture = self.setup.fixture;
        let shown = "vision/shown".to_owned();
        let name = format!("of-{}", self.caller);
        self.setup.wait_for_images().await;

        match row {
            "ImageService/CreateImage:system" => {
                self.send("catalog", fixture.existing_image("system", &name)).await
            }
            "ImageService/CreateImage:group" => {
                self.send("catalog", fixture.existing_image("vision", &name)).await
            }
            "ImageService/GetImage" => self.get_image(shown).await,
            "ImageService/GetImage:absent" => self.get_image("vision/absent".to_owned()).await,
            "ImageService/ListImages" => self.send("catalog", ListImagesRequest::default()).await,
            "ImageService/ListRevisions" => {
                let request = ListRevisionsRequest { image: shown, ..Default::default() };
                self.send("catalog", request).await
            }
            "ImageService/ResolveImage" => {
                let accelerator = Accelerator::Cpu.into();
                let request =
                    ResolveImageRequest { image: shown, accelerator, ..Default::default() };
                self.send("catalog", request).await
            }
            "ImageService/CreateRevision" => {
                let source = Some(Source::Existing(existing_source(&fixture.base)));
                let request = CreateRevisionRequest { image: shown, source, ..Default::default() };
                self.send("catalog", request).await
            }
            "ImageService/RetryRevision" => {
                let image = "vision/cancelled".to_owned();
                let request = RetryRevisionRequest { image, revision: 1, ..Default::default() };
                self.send("catalog", request).await
            }
            "ImageService/SetImageAccess" => {
                let access = Some(ImageAccess::default());
                let request = SetImageAccessRequest { image: shown, access, ..Default::default() };
                self.send("catalog", request).await
            }
            other => panic!("the test has no call of {other}"),
        }
    }

    async fn get_image(&self, image: String) -> Result<(), Status> {
        self.send("catalog", GetImageRequest { image, ..Default::default() }).await
    }

    async fn builds(&self, row: &str) -> Result<(), Status> {
        let build_id = self.setup.cancelled_build.clone();
        let running = GetBuildRequestRequest { build_id: self.setup.running_build.clone() };
        let absent = Uuid::now_v7().to_string();
        let log = StreamBuildLogsRequest { build_id: build_id.clone(), ..Default::default() };

        match row {
            "BuildRequestService/GetBuildRequest" => self.send("catalog", running).await,
            "BuildService/GetBuild" => self.send("builder", GetBuildRequest { build_id }).await,
            "BuildService/GetBuild:absent" => {
                self.send("builder", GetBuildRequest { build_id: absent }).await
            }
            "BuildService/ListBuilds" => self.send("builder", ListBuildsRequest::default()).await,
            "BuildService/WatchBuild" => self.send("builder", WatchBuildRequest { build_id }).await,
            "BuildService/StreamBuildLogs" => self.send("builder", log).await,
            "BuildService/CancelBuild" => {
                self.send("builder", CancelBuildRequest { build_id }).await
            }
            other => panic!("the test has no call of {other}"),
        }
    }
}
