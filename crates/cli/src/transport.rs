//! The way to one service: the token and the deadline go with every call, and a call that found nobody names the service.
//!
//! Streams have no deadline; by the naming rule of `proto/` their methods begin with Watch or Stream.

use std::{
    error::Error,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use tonic::{
    Status, TimeoutExpired,
    body::Body,
    transport::{Channel, ClientTlsConfig, Endpoint},
};
use tower::Service;

use crate::failure::Failure;

const CONNECT: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(20);
const KEEP_ALIVE_ANSWER: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub(crate) struct Transport {
    channel: Channel,
    token: Option<HeaderValue>,
    deadline: HeaderValue,
    peer: Arc<Peer>,
}

struct Peer {
    service: &'static str,
    address: String,
    seconds: u64,
}

impl Transport {
    /// `seconds` is what one call may take.
    pub(crate) fn new(
        service: &'static str,
        address: String,
        token: Option<HeaderValue>,
        seconds: u64,
    ) -> Result<Self, Failure> {
        let deadline = HeaderValue::try_from(format!("{seconds}S"))
            .map_err(|error| Failure::usage(format!("--timeout {seconds}: {error}")))?;
        Ok(Self {
            channel: channel(&address)?,
            token,
            deadline,
            peer: Arc::new(Peer { service, address, seconds }),
        })
    }
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        let peer = &self.peer;
        self.channel.poll_ready(context).map_err(|error| peer.explain(&error))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let is_unary = !is_stream(request.uri().path());
        let headers = request.headers_mut();
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, token.clone());
        }
        if is_unary {
            headers.insert("grpc-timeout", self.deadline.clone());
        }
        let answer = self.channel.call(request);
        let peer = Arc::clone(&self.peer);
        Box::pin(async move { answer.await.map_err(|error| peer.explain(&error)) })
    }
}

impl Peer {
    fn explain(&self, error: &(dyn Error + 'static)) -> Status {
        let Self { service, address, seconds } = self;
        let root = root(error);
        if root.is::<TimeoutExpired>() {
            return Status::deadline_exceeded(format!(
                "the {service} service at {address} did not answer within {seconds} s; give it longer with --timeout"
            ));
        }
        Status::unavailable(format!(
            "the {service} service at {address} cannot be reached: {root}; check that it runs, and that --{service}, SLIPWAY_{} or the profile file has its address",
            service.to_uppercase()
        ))
    }
}

/// Connects when it is used, and again when it broke.
fn channel(address: &str) -> Result<Channel, Failure> {
    let unusable = || {
        Failure::usage(format!(
            "`{address}` is no address of a service; give one such as http://127.0.0.1:50052"
        ))
    };
    let endpoint = Endpoint::from_shared(address.to_owned()).map_err(|_| unusable())?;
    let scheme = endpoint.uri().scheme_str().unwrap_or_default().to_owned();
    let endpoint = match scheme.as_str() {
        "http" => endpoint,
        "https" => endpoint
            .tls_config(ClientTlsConfig::new().with_native_roots())
            .map_err(|error| Failure::Ended(format!("no TLS for {address}: {}", root(&error))))?,
        _ => return Err(unusable()),
    };
    Ok(endpoint
        .connect_timeout(CONNECT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_ANSWER)
        .keep_alive_while_idle(true)
        .connect_lazy())
}

fn is_stream(path: &str) -> bool {
    let method = path.rsplit('/').next().unwrap_or_default();
    method.starts_with("Watch") || method.starts_with("Stream")
}

fn root<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root
}

#[cfg(test)]
mod tests {
    use slipway_wire::catalog::v1::{ListImagesRequest, image_service_client::ImageServiceClient};

    use super::*;

    #[test]
    fn streams_are_known_by_their_names() {
        for (path, want) in [
            ("/slipway.builder.v1.BuildService/WatchBuild", true),
            ("/slipway.builder.v1.BuildService/StreamBuildLogs", true),
            ("/slipway.event.v1.EventService/Watch", true),
            ("/slipway.builder.v1.BuildService/GetBuild", false),
            ("/slipway.catalog.v1.ImageService/ListImages", false),
        ] {
            assert_eq!(is_stream(path), want, "{path}");
        }
    }

    #[tokio::test]
    async fn addresses_have_a_scheme() {
        for (address, want) in [
            ("http://127.0.0.1:1", true),
            ("127.0.0.1:1", false),
            ("localhost:1", false),
            ("ftp://x", false),
            ("", false),
        ] {
            assert_eq!(
                Transport::new("catalog", address.to_owned(), None, 1).is_ok(),
                want,
                "{address}"
            );
        }
    }

    #[tokio::test]
    async fn who_is_not_there_is_named() {
        let transport =
            Transport::new("catalog", "http://127.0.0.1:1".to_owned(), None, 5).ok().unwrap();
        let status = ImageServiceClient::new(transport)
            .list_images(ListImagesRequest::default())
            .await
            .unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unavailable);
        for part in ["the catalog service at http://127.0.0.1:1 ", "--catalog", "SLIPWAY_CATALOG"] {
            assert!(status.message().contains(part), "{}", status.message());
        }
    }
}
