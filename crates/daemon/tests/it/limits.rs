//! Nobody gets more than its share, and what is too much is refused at once.

use std::time::{Duration, Instant};

use slipway_daemon::Limits;
use slipway_wire::catalog::v1::{
    GetBuildRequestRequest, build_request_service_client::BuildRequestServiceClient,
};
use tonic::{Code, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;

use crate::world::{PATIENCE, World, reason, serve};

fn is_refused(status: &Status, of: &str) {
    assert_eq!(
        (status.code(), reason(status).as_str()),
        (Code::ResourceExhausted, "TOO_MANY_CALLS"),
        "{status:?}"
    );
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().metadata["of"], of);
    assert!(details.retry_info().is_some(), "{status:?}");
    assert!(details.quota_failure().is_some(), "{status:?}");
}

/// A place is given back a moment after its call has ended at the client.
async fn becomes_possible(world: &World, subject: &str) {
    let began = Instant::now();
    while let Err(status) = world.call(subject).await {
        assert!(began.elapsed() < PATIENCE, "{status:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_caller_has_its_share() {
    let world = serve(Limits { calls_per_caller: 2, ..Limits::default() }).await;
    world.stub.open();
    let streams = (world.watch("alice").await.unwrap(), world.watch("alice").await.unwrap());
    is_refused(&world.call("alice").await.unwrap_err(), "caller");
    is_refused(&world.watch("alice").await.unwrap_err(), "caller");
    world.call("bob").await.expect("others do not suffer");
    world.call_for("alice").await.expect("the service in front has counted her already");
    drop(streams.0);
    becomes_possible(&world, "alice").await;
}

#[tokio::test]
async fn a_call_that_ended_counts_no_more() {
    let world = serve(Limits { calls_per_caller: 1, ..Limits::default() }).await;
    world.stub.open();
    for number in 0..20 {
        world.call("alice").await.unwrap_or_else(|status| panic!("call {number}: {status:?}"));
    }
}

#[tokio::test]
async fn a_call_that_was_given_up_counts_no_more() {
    let world = serve(Limits { calls_per_caller: 1, ..Limits::default() }).await;
    let given_up = tokio::time::timeout(PATIENCE, async {
        tokio::select! {
            answer = world.call("alice") => panic!("{answer:?}"),
            () = world.stub.entered(1) => {}
        }
    });
    given_up.await.unwrap();
    world.stub.open();
    becomes_possible(&world, "alice").await;
}

#[tokio::test]
async fn a_full_process_refuses_at_once_and_tells_its_health() {
    let world = serve(Limits { calls: 2, ..Limits::default() }).await;
    let streams = (world.watch("alice").await.unwrap(), world.watch("bob").await.unwrap());
    // Queued, it would end as DEADLINE_EXCEEDED.
    is_refused(&world.call("carol").await.unwrap_err(), "process");
    is_refused(&world.call_for("carol").await.unwrap_err(), "process");
    HealthClient::new(world.channel.clone())
        .check(HealthCheckRequest::default())
        .await
        .expect("health is always answered");
    world.stub.open();
    drop(streams);
    becomes_possible(&world, "carol").await;
}

#[tokio::test]
async fn a_message_has_its_size() {
    let world = serve(Limits { message_bytes: 1_024, ..Limits::default() }).await;
    world.stub.open();
    let send = async |bytes: usize| {
        // Tag and length of the one field are three bytes.
        let message = GetBuildRequestRequest { build_id: "x".repeat(bytes - 3) };
        BuildRequestServiceClient::new(world.channel.clone())
            .get_build_request(world.request("alice", message))
            .await
            .map(|_| ())
    };
    send(1_024).await.unwrap();
    let refused = send(1_025).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused:?}");
    assert!(refused.message().contains("1024 bytes"), "{refused:?}");
}

#[tokio::test]
async fn headers_have_their_size() {
    let world = serve(Limits { header_bytes: 4_096, ..Limits::default() }).await;
    world.stub.open();
    let send = async |bytes: usize| {
        let mut request = world.request("alice", GetBuildRequestRequest::default());
        request.metadata_mut().insert("x-padding", "x".repeat(bytes).parse().unwrap());
        BuildRequestServiceClient::new(world.channel.clone())
            .get_build_request(request)
            .await
            .map(|_| ())
    };
    send(1_024).await.unwrap();
    send(8_192).await.unwrap_err();
    becomes_possible(&world, "alice").await;
}
