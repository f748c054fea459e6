//! Retries with the same request id: the first call's result is returned, and nothing is created
//! twice.

use std::time::Duration;

use slipway_testrig::call::reason;
use slipway_wire::catalog::v1::{
    CreateRevisionRequest, CreateRevisionResponse, ExistingSource, ImageState,
    ListRevisionsRequest, RetryRevisionRequest, create_revision_request::Source,
};
use tonic::Status;
use uuid::Uuid;

use crate::fixture::{Fixture, build_id, existing_source, shared, wait_until};

async fn create_revision(
    fixture: &Fixture,
    request: CreateRevisionRequest,
) -> Result<CreateRevisionResponse, Status> {
    let request = fixture.request("admin", request);
    Ok(fixture.images().create_revision(request).await?.into_inner())
}

async fn revision_numbers(fixture: &Fixture, image: &str) -> Vec<i32> {
    let request =
        ListRevisionsRequest { image: image.to_owned(), ..ListRevisionsRequest::default() };
    let request = fixture.request("admin", request);
    let response = fixture.images().list_revisions(request).await.unwrap().into_inner();

    response.revisions.iter().map(|revision| revision.number).collect()
}

#[tokio::test]
async fn repeated_create_revision_returns_the_first_revision() {
    let Some(fixture) = shared().await else { return };
    let created = fixture.create(fixture.existing_image("system", "once")).await;
    let request = CreateRevisionRequest {
        request_id: Uuid::now_v7().to_string(),
        image: "system/once".to_owned(),
        source: Some(Source::Existing(existing_source(&fixture.base))),
        consistency_token: created.consistency_token,
    };

    // The consistency token is not part of the request's content.
    let first = create_revision(&fixture, request.clone()).await.unwrap().revision.unwrap();
    let repeated = CreateRevisionRequest { consistency_token: String::new(), ..request.clone() };
    let second = create_revision(&fixture, repeated).await.unwrap().revision.unwrap();
    assert_eq!(first, second);

    let source = ExistingSource { skip_verification: true, ..existing_source(&fixture.base) };
    let other = CreateRevisionRequest { source: Some(Source::Existing(source)), ..request };
    let status = create_revision(&fixture, other).await.unwrap_err();
    assert_eq!(reason(&status), "REQUEST_ID_REUSED");
    assert_eq!(revision_numbers(&fixture, "system/once").await, [2, 1]);
}

#[tokio::test]
async fn repeated_retry_returns_the_first_revision() {
    let Some(fixture) = shared().await else { return };
    let created = fixture.create(fixture.custom_image("system", "retried", &["jq"])).await;
    let token = created.consistency_token;
    let build = build_id(&created.image.unwrap());
    fixture.wait_for_build(&build, Duration::from_secs(30), |_| true).await;
    fixture.cancel(&build).await;
    wait_until(Duration::from_secs(30), async || {
        let state = fixture.get_image("admin", "system/retried", &token).await.unwrap().state();
        if state == ImageState::Cancelled { Ok(()) } else { Err(format!("it is {state:?}")) }
    })
    .await;

    let request = RetryRevisionRequest {
        request_id: Uuid::now_v7().to_string(),
        image: "system/retried".to_owned(),
        consistency_token: token,
        ..RetryRevisionRequest::default()
    };
    let mut retried = Vec::new();
    for _ in 0..2 {
        let request = fixture.request("admin", request.clone());
        let response = fixture.images().retry_revision(request).await.unwrap().into_inner();
        assert!(!response.consistency_token.is_empty());
        let revision = response.revision.unwrap();
        retried.push((revision.number, revision.build_id));
    }

    assert_eq!(retried[0].0, 2);
    assert_eq!(retried[0], retried[1]);
}
