//! A call that runs out of time answers DEADLINE_EXCEEDED, which tonic alone would call CANCELLED.

use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use slipway_daemon::Limits;
use slipway_wire::catalog::v1::{
    GetBuildRequestRequest, build_request_service_client::BuildRequestServiceClient,
};
use tonic::{Code, body::Body};

use crate::world::{reason, serve};

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_is_told_as_one() {
    let world = serve(Limits::default()).await;
    // tonic's channel would wait no longer than the server, and answer for itself.
    let patient = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Body>();
    let origin: http::Uri = format!("http://127.0.0.1:{}", world.port).parse().unwrap();
    for milliseconds in (1..=20).cycle().take(100) {
        let mut request = world.request("alice", GetBuildRequestRequest::default());
        request.metadata_mut().insert("grpc-timeout", format!("{milliseconds}m").parse().unwrap());
        let mut client = BuildRequestServiceClient::with_origin(patient.clone(), origin.clone());
        let status = client.get_build_request(request).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
            "{milliseconds} ms: {status:?}"
        );
    }
}
