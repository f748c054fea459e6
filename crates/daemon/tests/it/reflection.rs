//! Any gRPC client can ask what there is: of the shell with its stub, and of each real service.

use std::fs;

use slipway_daemon::Limits;
use slipway_testrig::{
    env,
    stack::{Place, Stack},
    user::Ordinary,
};
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::world::{SERVICES, serve};

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

async fn ask(channel: &Channel, question: MessageRequest) -> MessageResponse {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let mut client = ServerReflectionClient::new(channel.clone());
    let mut answers =
        client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    answers.message().await.unwrap().unwrap().message_response.unwrap()
}

/// Full names, sorted; each is described.
async fn services(channel: &Channel) -> Vec<String> {
    let MessageResponse::ListServicesResponse(list) =
        ask(channel, MessageRequest::ListServices(String::new())).await
    else {
        panic!("services are not listed");
    };
    let mut names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    names.sort();
    for name in &names {
        let answer = ask(channel, MessageRequest::FileContainingSymbol(name.clone())).await;
        assert!(matches!(answer, MessageResponse::FileDescriptorResponse(_)), "{name}: {answer:?}");
    }
    names
}

#[tokio::test]
async fn the_shell_tells_what_it_is_given() {
    let world = serve(Limits::default()).await;
    assert_eq!(services(&world.channel).await, SERVICES);
}

#[tokio::test]
async fn each_service_tells_its_own() {
    let (Some(bin), Some(registry)) = (env::server("SLIPWAY_TEST_BIN"), env::server(env::REGISTRY))
    else {
        return;
    };
    let user = Ordinary::find().unwrap();
    let folder = TempDir::new_in(user.folder("daemon").unwrap()).unwrap();
    let (data, records) = (folder.path().join("data"), folder.path().join("run"));
    fs::create_dir(&data).unwrap();
    let stack = Stack::standalone(Place {
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
        let channel = Endpoint::from_shared(address.clone()).unwrap().connect_lazy();
        assert_eq!(services(&channel).await, want, "{address}");
    }
}
