//! gRPC reflection, of the stub service and of the real services.

use std::fs;

use slipway_daemon::Limits;
use slipway_testrig::{
    call::channel,
    env,
    stack::{Stack, StackConfig},
    user::UnprivilegedUser,
};
use tempfile::TempDir;
use tonic::transport::Channel;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::fixture::{Fixture, SERVICES};

const PERMISSION: &[&str] = &[
    "slipway.event.v1.EventService",
    "slipway.permission.v1.GrantService",
    "slipway.permission.v1.GroupService",
    "slipway.permission.v1.ObjectService",
    "slipway.permission.v1.PermissionService",
    "slipway.permission.v1.UserService",
];
const CATALOG: &[&str] = &[
    "slipway.catalog.v1.BuildRequestService",
    "slipway.catalog.v1.ImageService",
    "slipway.event.v1.EventService",
];
const BUILDER: &[&str] = &["slipway.builder.v1.BuildService", "slipway.event.v1.EventService"];

async fn reflect(channel: &Channel, query: MessageRequest) -> MessageResponse {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(query) };
    let mut client = ServerReflectionClient::new(channel.clone());

    let mut responses =
        client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    responses.message().await.unwrap().unwrap().message_response.unwrap()
}

/// The full names of the listed services, sorted. Asserts that each has a descriptor.
async fn list_services(channel: &Channel) -> Vec<String> {
    let query = MessageRequest::ListServices(String::new());
    let MessageResponse::ListServicesResponse(list) = reflect(channel, query).await else {
        panic!("the response does not list services");
    };
    let mut names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    names.sort();

    for name in &names {
        let query = MessageRequest::FileContainingSymbol(name.clone());
        let response = reflect(channel, query).await;
        let has_descriptor = matches!(response, MessageResponse::FileDescriptorResponse(_));
        assert!(has_descriptor, "{name}: {response:?}");
    }

    names
}

#[tokio::test]
async fn server_lists_the_services_of_its_configuration() {
    let fixture = Fixture::start(Limits::default()).await;
    assert_eq!(list_services(&fixture.channel).await, SERVICES);
}

#[tokio::test]
async fn each_process_lists_exactly_its_own_services() {
    let (Some(bin), Some(registry)) = (env::server(env::BIN), env::server(env::REGISTRY)) else {
        return;
    };
    let user = UnprivilegedUser::find().unwrap();
    let folder = TempDir::new_in(user.folder("daemon").unwrap()).unwrap();
    let data = folder.path().join("data");
    let records = folder.path().join("run");
    fs::create_dir(&data).unwrap();

    let stack = Stack::standalone(StackConfig {
        user,
        bin: bin.into(),
        data,
        records,
        registry,
        otlp_endpoint: String::new(),
    })
    .unwrap();

    for ((_, address), want) in stack.environment().into_iter().zip([PERMISSION, CATALOG, BUILDER])
    {
        assert_eq!(list_services(&channel(&address)).await, want, "{address}");
    }
}
