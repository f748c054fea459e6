//! The deadline of a call.

use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use slipway_daemon::Limits;
use slipway_testrig::call::reason;
use slipway_wire::catalog::v1::{
    GetBuildRequestRequest, build_request_service_client::BuildRequestServiceClient,
};
use tonic::{Code, body::Body};

use crate::fixture::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn expired_call_is_answered_with_deadline_exceeded() {
    let fixture = Fixture::start(Limits::default()).await;
    // A plain HTTP/2 client: tonic's channel enforces the deadline itself and would answer first.
    let http = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Body>();
    let origin: http::Uri = format!("http://127.0.0.1:{}", fixture.port).parse().unwrap();

    for milliseconds in (1..=20).cycle().take(100) {
        let mut request = fixture.request("alice", GetBuildRequestRequest::default());
        request.metadata_mut().insert("grpc-timeout", format!("{milliseconds}m").parse().unwrap());

        let mut client = BuildRequestServiceClient::with_origin(http.clone(), origin.clone());
        let status = client.get_build_request(request).await.unwrap_err();

        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
            "{milliseconds} ms: {status:?}"
        );
    }
}
