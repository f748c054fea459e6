//! References that the registry denies.

use std::time::Duration;

use slipway_testrig::{
    call::{channel, reason, violated_fields, with_token},
    stack::Stack,
};
use slipway_wire::{
    builder::v1::{
        Build, FailureReason, GetBuildRequest, build_service_client::BuildServiceClient,
    },
    catalog::v1::{create_image_request::Source, image_service_client::ImageServiceClient},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tonic::transport::Channel;

use crate::fixture::{
    build_id, build_spec, create_image_request, custom_source, existing_source, has_ended,
    stack_config, wait_until,
};

const DENIED: &str =
    r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;

/// Starts a registry that denies every request. Returns its `host:port`.
async fn start_denying_registry() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();

    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(deny(stream));
        }
    });

    address
}

async fn deny(mut stream: TcpStream) {
    let mut request = Vec::new();
    let mut part = [0; 4_096];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(length) => request.extend_from_slice(&part[..length]),
        }
    }

    let response = format!(
        "HTTP/1.1 403 Forbidden\r\n\
         content-type: application/json\r\n\
         content-length: {}\r\n\
         connection: close\r\n\r\n\
         {DENIED}",
        DENIED.len()
    );
    let _ = stream.write_all(response.as_bytes()).await;
}

async fn wait_for_end(builds: &BuildServiceClient<Channel>, token: &str, build_id: &str) -> Build {
    wait_until(Duration::from_secs(60), async || {
        let request = with_token(token, GetBuildRequest { build_id: build_id.to_owned() });
        let response = builds.clone().get_build(request).await;

        match response.ok().and_then(|response| response.into_inner().build) {
            Some(build) if has_ended(&build) => Ok(build),
            build => Err(format!("the build has not ended: {build:?}")),
        }
    })
    .await
}

#[tokio::test]
async fn denied_reference_and_base_are_reported_as_denied() {
    // A stack uses only its own registry without TLS, so this stack gets the denying one as its
    // own.
    let Some((mut config, _folder)) = stack_config() else { return };
    let registry = start_denying_registry().await;
    config.registry.clone_from(&registry);
    let stack = Stack::standalone(config).unwrap();
    let token = stack.token("admin", &[]).unwrap();
    let [_, catalog, builder] = stack.environment().map(|(_, address)| channel(&address));
    let mut images = ImageServiceClient::new(catalog);
    let builds = BuildServiceClient::new(builder);

    let reference = format!("{registry}/some/base:1");
    let existing = Source::Existing(existing_source(&reference));
    let request = with_token(&token, create_image_request("system", "denied", existing));
    let status = images.create_image(request).await.unwrap_err();
    assert_eq!(reason(&status), "REFERENCE_DENIED");
    assert_eq!(violated_fields(&status), ["existing.reference"]);

    let custom = Source::Custom(custom_source(build_spec(&reference, &["jq"])));
    let request = with_token(&token, create_image_request("system", "denied", custom));
    let created = images.create_image(request).await.unwrap().into_inner();
    let build = wait_for_end(&builds, &token, &build_id(&created.image.unwrap())).await;
    let failure = build.failure.unwrap();
    assert_eq!((failure.reason(), build.attempt), (FailureReason::BaseDenied, 1), "{failure:?}");
}
