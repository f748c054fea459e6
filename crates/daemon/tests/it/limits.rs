//! Limits on concurrent calls, message sizes and header sizes.

use std::time::{Duration, Instant};

use slipway_daemon::Limits;
use slipway_testrig::call::reason;
use slipway_wire::catalog::v1::{
    GetBuildRequestRequest, build_request_service_client::BuildRequestServiceClient,
};
use tonic::{Code, Request, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;

use crate::fixture::{Fixture, TEST_TIMEOUT};

/// `limit_of` is `caller` or `process`.
fn assert_too_many_calls(status: &Status, limit_of: &str) {
    assert_eq!(
        (status.code(), reason(status).as_str()),
        (Code::ResourceExhausted, "TOO_MANY_CALLS"),
        "{status:?}"
    );

    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().metadata["of"], limit_of);
    assert!(details.retry_info().is_some(), "{status:?}");
    assert!(details.quota_failure().is_some(), "{status:?}");
}

/// The server frees a cancelled call's permit a moment after the client has cancelled it.
async fn wait_until_call_is_admitted(fixture: &Fixture, subject: &str) {
    let start = Instant::now();

    while let Err(status) = fixture.call(subject).await {
        assert!(start.elapsed() < TEST_TIMEOUT, "{status:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn send(fixture: &Fixture, request: Request<GetBuildRequestRequest>) -> Result<(), Status> {
    BuildRequestServiceClient::new(fixture.channel.clone())
        .get_build_request(request)
        .await
        .map(|_| ())
}

async fn send_message_of(fixture: &Fixture, bytes: usize) -> Result<(), Status> {
    // Tag and length of the only field take three bytes.
    let message = GetBuildRequestRequest { build_id: "x".repeat(bytes - 3) };
    send(fixture, fixture.request("alice", message)).await
}

async fn send_header_of(fixture: &Fixture, bytes: usize) -> Result<(), Status> {
    let mut request = fixture.request("alice", GetBuildRequestRequest::default());
    request.metadata_mut().insert("x-padding", "x".repeat(bytes).parse().unwrap());
    send(fixture, request).await
}

#[tokio::test]
async fn caller_above_its_limit_is_rejected_and_others_are_admitted() {
    let fixture = Fixture::start(Limits { calls_per_caller: 2, ..Limits::default() }).await;
    fixture.stub.release_calls();

    let stream = fixture.watch("alice").await.unwrap();
    let _other_stream = fixture.watch("alice").await.unwrap();
    assert_too_many_calls(&fixture.call("alice").await.unwrap_err(), "caller");
    assert_too_many_calls(&fixture.watch("alice").await.unwrap_err(), "caller");

    fixture.call("bob").await.expect("another user has a limit of its own");
    fixture
        .call_as_catalog_for("alice")
        .await
        .expect("a service's call does not count for its user");

    drop(stream);
    wait_until_call_is_admitted(&fixture, "alice").await;
}

#[tokio::test]
async fn finished_call_frees_its_permit_at_once() {
    let fixture = Fixture::start(Limits { calls_per_caller: 1, ..Limits::default() }).await;
    fixture.stub.release_calls();

    for number in 0..20 {
        fixture.call("alice").await.unwrap_or_else(|status| panic!("call {number}: {status:?}"));
    }
}

#[tokio::test]
async fn cancelled_call_frees_its_permit() {
    let fixture = Fixture::start(Limits { calls_per_caller: 1, ..Limits::default() }).await;

    let cancelled = tokio::time::timeout(TEST_TIMEOUT, async {
        tokio::select! {
            answer = fixture.call("alice") => panic!("{answer:?}"),
            () = fixture.stub.wait_for_calls(1) => {}
        }
    });
    cancelled.await.unwrap();

    fixture.stub.release_calls();
    wait_until_call_is_admitted(&fixture, "alice").await;
}

#[tokio::test]
async fn full_process_rejects_calls_at_once_but_answers_health() {
    let fixture = Fixture::start(Limits { calls: 2, ..Limits::default() }).await;
    let alice_stream = fixture.watch("alice").await.unwrap();
    let bob_stream = fixture.watch("bob").await.unwrap();

    // The stub is not released, so a queued call would end with DEADLINE_EXCEEDED.
    assert_too_many_calls(&fixture.call("carol").await.unwrap_err(), "process");
    assert_too_many_calls(&fixture.call_as_catalog_for("carol").await.unwrap_err(), "process");
    HealthClient::new(fixture.channel.clone())
        .check(HealthCheckRequest::default())
        .await
        .expect("health is always answered");

    fixture.stub.release_calls();
    drop((alice_stream, bob_stream));
    wait_until_call_is_admitted(&fixture, "carol").await;
}

#[tokio::test]
async fn message_above_the_size_limit_is_rejected() {
    let fixture = Fixture::start(Limits { message_bytes: 1_024, ..Limits::default() }).await;
    fixture.stub.release_calls();

    send_message_of(&fixture, 1_024).await.unwrap();
    let status = send_message_of(&fixture, 1_025).await.unwrap_err();

    assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
    assert!(status.message().contains("1024 bytes"), "{status:?}");
}

#[tokio::test]
async fn headers_above_the_size_limit_are_rejected() {
    let fixture = Fixture::start(Limits { header_bytes: 4_096, ..Limits::default() }).await;
    fixture.stub.release_calls();

    send_header_of(&fixture, 1_024).await.unwrap();
    send_header_of(&fixture, 8_192).await.unwrap_err();

    wait_until_call_is_admitted(&fixture, "alice").await;
}
