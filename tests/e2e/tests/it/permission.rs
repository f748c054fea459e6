//! Who may do what to users, groups, grants and objects, and what an image was registered with.

use slipway_wire::{
    catalog::v1::{CreateImageRequest, ImageAccess, SetImageAccessRequest},
    permission::v1::{
        AddMemberRequest, CreateGrantRequest, CreateGroupRequest, DeleteGrantRequest,
        GetGroupRequest, GetSelfRequest, GetUserRequest, Grant, InviteUserRequest,
        ListGrantsRequest, ListGroupsRequest, ListMembersRequest, ListUsersRequest, ObjectKind,
        ObjectReference, RegisterObjectRequest, RemoveMemberRequest, RemoveObjectRequest, Role,
        Subject, SubjectKind, WatchGrantsRequest, grant_service_client::GrantServiceClient,
        object_service_client::ObjectServiceClient, user_service_client::UserServiceClient,
    },
};
use tonic::{Status, transport::Channel};
use uuid::Uuid;

use crate::world::{World, reason, standalone};

/// A stranger, a member, a group admin, a platform READER, the platform's admin.
const CALLERS: [&str; 5] = ["mallory", "bob", "alice", "rosa", "admin"];

fn channel(world: &World) -> Channel {
    Channel::from_shared(world.stack.environment()[0].1.clone()).unwrap().connect_lazy()
}

fn object(kind: ObjectKind, id: &str) -> Option<ObjectReference> {
    Some(ObjectReference { kind: kind.into(), id: id.to_owned() })
}

/// WRITER on the group `vision` for a user.
fn writer(user_id: &str) -> Grant {
    let subject = Some(Subject { kind: SubjectKind::User.into(), id: user_id.to_owned() });
    Grant {
        object: object(ObjectKind::Group, "vision"),
        subject,
        role: Role::Writer.into(),
        ..Default::default()
    }
}

async fn grants(world: &World, object: Option<ObjectReference>) -> Vec<Grant> {
    let request = ListGrantsRequest { object, ..Default::default() };
    GrantServiceClient::new(channel(world))
        .list_grants(world.call("admin", request))
        .await
        .unwrap()
        .into_inner()
        .grants
}

async fn give(world: &World, caller: &str, grant: Grant) -> Result<Grant, Status> {
    let request = CreateGrantRequest { grant: Some(grant), ..Default::default() };
    GrantServiceClient::new(channel(world))
        .create_grant(world.call(caller, request))
        .await
        .map(|response| response.into_inner().grant.unwrap())
}

async fn delete(world: &World, caller: &str, grant_id: &str) -> Result<(), Status> {
    let request = DeleteGrantRequest { grant_id: grant_id.to_owned() };
    GrantServiceClient::new(channel(world))
        .delete_grant(world.call(caller, request))
        .await
        .map(|_| ())
}

/// One cell of the matrix. `carol` is whom it is about; what an allowed call changes does not matter to the others.
async fn attempt(world: &World, rpc: &str, caller: &str, carol: &str) -> Result<(), Status> {
    let (mut groups, mut users) = (world.groups(), UserServiceClient::new(channel(world)));
    let (mut grant_service, mut objects) =
        (GrantServiceClient::new(channel(world)), ObjectServiceClient::new(channel(world)));
    let (group, user_id) = ("vision".to_owned(), carol.to_owned());
    match rpc {
        "GetSelf" => users.get_self(world.call(caller, GetSelfRequest {})).await.map(|_| ()),
        "GetUser" => {
            users.get_user(world.call(caller, GetUserRequest { user_id })).await.map(|_| ())
        }
        "ListUsers" => {
            users.list_users(world.call(caller, ListUsersRequest::default())).await.map(|_| ())
        }
        "InviteUser" => {
            let request = InviteUserRequest { subject: "dora".to_owned(), ..Default::default() };
            users.invite_user(world.call(caller, request)).await.map(|_| ())
        }
        "CreateGroup" => {
            let request =
                CreateGroupRequest { name: format!("group-{caller}"), ..Default::default() };
            groups.create_group(world.call(caller, request)).await.map(|_| ())
        }
        "GetGroup" => {
            groups.get_group(world.call(caller, GetGroupRequest { group })).await.map(|_| ())
        }
        "ListGroups" => {
            groups.list_groups(world.call(caller, ListGroupsRequest::default())).await.map(|_| ())
        }
        "ListMembers" => groups
            .list_members(world.call(caller, ListMembersRequest { group, ..Default::default() }))
            .await
            .map(|_| ()),
        "AddMember" => groups
            .add_member(world.call(caller, AddMemberRequest { group, user_id, admin: false }))
            .await
            .map(|_| ()),
        "RemoveMember" => groups
            .remove_member(world.call(caller, RemoveMemberRequest { group, user_id }))
            .await
            .map(|_| ()),
        "CreateGrant" => give(world, caller, writer(carol)).await.map(|_| ()),
        "ListGrants" => {
            let request = ListGrantsRequest {
                object: object(ObjectKind::Group, "vision"),
                ..Default::default()
            };
            grant_service.list_grants(world.call(caller, request)).await.map(|_| ())
        }
        "DeleteGrant" => {
            delete(world, caller, &give(world, "admin", writer(carol)).await?.id).await
        }
        "DeleteGrant (absent)" => delete(world, caller, &Uuid::now_v7().to_string()).await,
        "DeleteGrant (registered)" => {
            delete(world, caller, &grants(world, object(ObjectKind::Group, "vision")).await[0].id)
                .await
        }
        "RegisterObject" => {
            let request = RegisterObjectRequest {
                object_id: Uuid::now_v7().to_string(),
                kind: ObjectKind::Image.into(),
                ..Default::default()
            };
            objects.register_object(world.call(caller, request)).await.map(|_| ())
        }
        "RemoveObject" => {
            let request = RemoveObjectRequest { object_id: Uuid::now_v7().to_string() };
            objects.remove_object(world.call(caller, request)).await.map(|_| ())
        }
        "WatchGrants" => grant_service
            .watch_grants(world.call(caller, WatchGrantsRequest::default()))
            .await
            .map(|_| ()),
        other => panic!("no call is known for {other}"),
    }
}

#[tokio::test]
async fn each_role_may_do_its_own() {
    const OK: &str = "OK";
    const MISSING: &str = "ROLE_MISSING";
    const NO_GROUP: &str = "GROUP_NOT_FOUND";
    const NO_OBJECT: &str = "OBJECT_NOT_FOUND";
    const NO_GRANT: &str = "GRANT_NOT_FOUND";
    const REGISTERED: &str = "GRANT_REGISTERED";
    const SERVICE: &str = "SERVICE_ONLY";

    let Some(world) = standalone().await else { return };
    world.group("vision", "bob").await;
    let (alice, rosa, carol) =
        (world.user("alice").await, world.user("rosa").await, world.user("carol").await);
    let request = AddMemberRequest { group: "vision".to_owned(), user_id: alice, admin: true };
    world.groups().add_member(world.call("admin", request)).await.unwrap();
    let reader = Grant {
        object: object(ObjectKind::Platform, ""),
        role: Role::Reader.into(),
        ..writer(&rosa)
    };
    give(&world, "admin", reader).await.unwrap();

    // In the order of CALLERS: stranger, member, group admin, platform READER, platform admin.
    let matrix = [
        ("GetSelf", [OK; 5]),
        ("GetUser", [MISSING, MISSING, MISSING, OK, OK]),
        ("ListUsers", [MISSING, MISSING, MISSING, OK, OK]),
        ("InviteUser", [MISSING, MISSING, MISSING, MISSING, OK]),
        ("CreateGroup", [MISSING, MISSING, MISSING, MISSING, OK]),
        ("GetGroup", [NO_GROUP, OK, OK, OK, OK]),
        ("ListGroups", [OK; 5]),
        ("ListMembers", [NO_GROUP, OK, OK, OK, OK]),
        ("AddMember", [NO_GROUP, MISSING, OK, MISSING, OK]),
        ("RemoveMember", [NO_GROUP, MISSING, OK, MISSING, OK]),
        ("CreateGrant", [NO_OBJECT, MISSING, OK, MISSING, OK]),
        ("ListGrants", [NO_OBJECT, MISSING, OK, MISSING, OK]),
        ("DeleteGrant", [NO_GRANT, NO_GRANT, OK, NO_GRANT, OK]),
        ("DeleteGrant (absent)", [NO_GRANT; 5]),
        ("DeleteGrant (registered)", [NO_GRANT, NO_GRANT, REGISTERED, NO_GRANT, REGISTERED]),
        ("RegisterObject", [SERVICE; 5]),
        ("RemoveObject", [SERVICE; 5]),
        ("WatchGrants", [SERVICE; 5]),
    ];
    for (rpc, want) in matrix {
        let mut got = Vec::new();
        for caller in CALLERS {
            got.push(
                attempt(&world, rpc, caller, &carol)
                    .await
                    .map_or_else(|status| reason(&status), |()| OK.to_owned()),
            );
        }
        assert_eq!(got, want, "{rpc} by {CALLERS:?}");
    }
}

#[tokio::test]
async fn access_of_an_image_changes_by_its_own_call() {
    let Some(world) = standalone().await else { return };
    let access = |global| Some(ImageAccess { global, ..Default::default() });
    let image = world
        .create(CreateImageRequest { access: access(true), ..world.existing("system", "open") })
        .await
        .image
        .unwrap();
    let on_image = || object(ObjectKind::Image, &image.id);
    let registered = grants(&world, on_image()).await;
    assert_eq!(registered.len(), 1);

    let status = delete(&world, "admin", &registered[0].id).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (tonic::Code::FailedPrecondition, "GRANT_REGISTERED")
    );
    assert!(status.message().contains("SetImageAccess"), "{}", status.message());

    let given = give(
        &world,
        "admin",
        Grant { id: String::new(), object: on_image(), ..registered[0].clone() },
    )
    .await
    .unwrap();
    assert_ne!(given.id, registered[0].id, "what is registered is not what somebody gave");
    let request = SetImageAccessRequest {
        image: "system/open".to_owned(),
        access: access(false),
        ..Default::default()
    };
    world.images().set_image_access(world.call("admin", request)).await.unwrap();
    assert_eq!(
        grants(&world, on_image()).await,
        std::slice::from_ref(&given),
        "the call takes away what it registered, and nothing else"
    );
    delete(&world, "admin", &given.id).await.unwrap();
}

#[tokio::test]
async fn nobody_speaks_for_somebody_else() {
    let Some(world) = standalone().await else { return };
    let mut users = UserServiceClient::new(channel(&world));
    let mut request = world.call("mallory", GetSelfRequest {});
    request.metadata_mut().insert("slipway-on-behalf-of", world.token("admin").parse().unwrap());
    assert_eq!(reason(&users.get_self(request).await.unwrap_err()), "SERVICE_ONLY");

    let mut request = tonic::Request::new(GetSelfRequest {});
    request
        .metadata_mut()
        .insert("authorization", format!("bearer {}", world.token("mallory")).parse().unwrap());
    assert_eq!(
        users.get_self(request).await.unwrap().into_inner().user.unwrap().subject,
        "mallory"
    );
}
