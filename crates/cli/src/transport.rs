//! The connection to one service. It adds the token and the deadline to every call, and names the
//! service when it cannot be reached.
//!
//! Streams have no deadline. The names of streaming methods begin with Watch or Stream, by the
//! naming rule of `proto/`.

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

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub(crate) struct Transport {
    channel: Channel,
    token: Option<HeaderValue>,
    deadline: HeaderValue,
    peer: Arc<Peer>,
}

/// The service as error messages name it.
struct Peer {
    service: &'static str,
    address: String,
    timeout_seconds: u64,
}

impl Transport {
    /// `timeout_seconds` limits each unary call.
    pub(crate) fn new(
        service: &'static str,
        address: String,
        token: Option<HeaderValue>,
        timeout_seconds: u64,
    ) -> Result<Self, Failure> {
        let deadline = HeaderValue::try_from(format!("{timeout_seconds}S")).map_err(|error| {
            Failure::usage(format!("The timeout {timeout_seconds} is invalid: {error}."))
        })?;

        Ok(Self {
            channel: channel(&address)?,
            token,
            deadline,
            peer: Arc::new(Peer { service, address, timeout_seconds }),
        })
    }
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        let peer = &self.peer;
        self.channel.poll_ready(context).map_err(|error| peer.to_status(&error))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let has_deadline = !is_stream(request.uri().path());
        let headers = request.headers_mut();
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, token.clone());
        }
        if has_deadline {
            headers.insert("grpc-timeout", self.deadline.clone());
        }

        let response = self.channel.call(request);
        let peer = Arc::clone(&self.peer);
        Box::pin(async move { response.await.map_err(|error| peer.to_status(&error)) })
    }
}

impl Peer {
    fn to_status(&self, error: &(dyn Error + 'static)) -> Status {
        let Self { service, address, timeout_seconds } = self;
        let cause = root_cause(error);

        if cause.is::<TimeoutExpired>() {
            return Status::deadline_exceeded(format!(
                "The {service} service at {address} did not answer within {timeout_seconds} s. \
                 Try again, or allow more time with --timeout."
            ));
        }

        Status::unavailable(format!(
            "The {service} service at {address} cannot be reached: {cause}. \
             Check that it runs, and that its address is right in --{service}, SLIPWAY_{} or the \
             profile file.",
            service.to_uppercase()
        ))
    }
}

/// A channel that connects on its first call, and reconnects when the connection has broken.
fn channel(address: &str) -> Result<Channel, Failure> {
    let endpoint =
        Endpoint::from_shared(address.to_owned()).map_err(|_| invalid_address(address))?;

    let scheme = endpoint.uri().scheme_str().unwrap_or_default().to_owned();
    let endpoint = match scheme.as_str() {
        "http" => endpoint,
        "https" => with_tls(endpoint, address)?,
        _ => return Err(invalid_address(address)),
    };

    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .connect_lazy())
}

fn with_tls(endpoint: Endpoint, address: &str) -> Result<Endpoint, Failure> {
    endpoint.tls_config(ClientTlsConfig::new().with_native_roots()).map_err(|error| {
        Failure::Failed(format!("TLS cannot be set up for {address}: {}.", root_cause(&error)))
    })
}

fn invalid_address(address: &str) -> Failure {
    Failure::usage(format!(
        "`{address}` is not the address of a service. \
         Use a URL with http:// or https://, such as http://127.0.0.1:50052."
    ))
}

fn is_stream(path: &str) -> bool {
    let method = path.rsplit('/').next().unwrap_or_default();
    method.starts_with("Watch") || method.starts_with("Stream")
}

fn root_cause<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause
}

#[cfg(test)]
mod tests {
    use slipway_wire::catalog::v1::{ListImagesRequest, image_service_client::ImageServiceClient};

    use super::*;

    #[test]
    fn streaming_methods_are_recognised_by_name() {
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
    async fn address_without_http_scheme_is_refused() {
        for (address, want) in [
            ("http://127.0.0.1:1", true),
            ("127.0.0.1:1", false),
            ("localhost:1", false),
            ("ftp://x", false),
            ("", false),
        ] {
            let transport = Transport::new("catalog", address.to_owned(), None, 1);
            assert_eq!(transport.is_ok(), want, "{address}");
        }
    }

    #[tokio::test]
    async fn unreachable_service_is_named_with_its_address() {
        let address = "http://127.0.0.1:1".to_owned();
        let transport = Transport::new("catalog", address, None, 5).ok().unwrap();

        let status = ImageServiceClient::new(transport)
            .list_images(ListImagesRequest::default())
            .await
            .unwrap_err();

        assert_eq!(status.code(), tonic::Code::Unavailable);
        for part in ["The catalog service at http://127.0.0.1:1 ", "--catalog", "SLIPWAY_CATALOG"] {
            assert!(status.message().contains(part), "{}", status.message());
        }
    }
}
