//! A server with a stub service for one test. Its unary RPC waits until the test releases it, its
//! stream stays open.

use std::{
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use slipway_daemon::{
    Limits, Listen, Server, Supervisor, health::Dependencies, install_crypto_provider,
};
use slipway_identity::{ON_BEHALF_OF, ServiceName, Verifier};
use slipway_testrig::{
    call::{channel, with_token},
    identity::TestKeys,
    ports::free_ports,
};
use slipway_wire::{
    builder::v1::BuildRequested,
    catalog::v1::{
        GetBuildRequestRequest, GetBuildRequestResponse,
        build_request_service_client::BuildRequestServiceClient,
        build_request_service_server::{self, BuildRequestService, BuildRequestServiceServer},
    },
    event::v1::{
        WatchRequest, WatchResponse,
        event_service_client::EventServiceClient,
        event_service_server::{self, EventService, EventServiceServer},
    },
};
use tokio::sync::Semaphore;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming, service::Routes, transport::Channel};

pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(10);
/// HTTP/2 sends a message of this size apart from the headers before it.
const RESPONSE_BYTES: usize = 4_096;

pub(crate) const SERVICES: &[&str] =
    &[build_request_service_server::SERVICE_NAME, event_service_server::SERVICE_NAME];

#[derive(Clone)]
pub(crate) struct Stub {
    received_calls: Arc<AtomicUsize>,
    released_calls: Arc<Semaphore>,
}

impl Stub {
    fn new() -> Self {
        Self { received_calls: Arc::default(), released_calls: Arc::new(Semaphore::new(0)) }
    }

    /// Lets every waiting and every later call finish.
    pub(crate) fn release_calls(&self) {
        self.released_calls.add_permits(1_000);
    }

    /// Waits until the stub has received `count` calls.
    pub(crate) async fn wait_for_calls(&self, count: usize) {
        let start = Instant::now();

        while self.received() < count {
            let received = self.received();
            assert!(start.elapsed() < TEST_TIMEOUT, "received {received} of {count} calls");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn received(&self) -> usize {
        self.received_calls.load(Ordering::SeqCst)
    }
}

#[tonic::async_trait]
impl BuildRequestService for Stub {
    async fn get_build_request(
        &self,
        _: Request<GetBuildRequestRequest>,
    ) -> Result<Response<GetBuildRequestResponse>, Status> {
        self.received_calls.fetch_add(1, Ordering::SeqCst);
        let _released = self.released_calls.acquire().await;

        let build_requested =
            BuildRequested { image_name: "i".repeat(RESPONSE_BYTES), ..BuildRequested::default() };
        Ok(Response::new(GetBuildRequestResponse { build_requested: Some(build_requested) }))
    }
}

#[tonic::async_trait]
impl EventService for Stub {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

    async fn watch(&self, _: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(Box::pin(tokio_stream::pending())))
    }
}

pub(crate) struct Fixture {
    pub(crate) port: u16,
    pub(crate) channel: Channel,
    pub(crate) stub: Stub,
    pub(crate) supervisor: Supervisor,
    keys: TestKeys,
}

impl Fixture {
    pub(crate) async fn start(limits: Limits) -> Self {
        Self::start_with_keys(limits, TestKeys::new()).await
    }

    pub(crate) async fn start_with_keys(limits: Limits, keys: TestKeys) -> Self {
        install_crypto_provider();

        let port = free_ports(2).unwrap();
        let stub = Stub::new();
        let server = Server {
            name: "catalog",
            listen: Listen { grpc: loopback(port), http: loopback(port + 1) },
            limits,
            routes: Routes::new(BuildRequestServiceServer::new(stub.clone()))
                .add_service(EventServiceServer::new(stub.clone())),
            services: SERVICES,
            verifier: Arc::new(Verifier::new(keys.settings(ServiceName::Catalog))),
            dependencies: Dependencies::default(),
        };
        let mut supervisor = Supervisor::default();
        server.start(&mut supervisor).await.unwrap();

        Self { port, channel: channel(&address(port)), stub, supervisor, keys }
    }

    fn token(&self, subject: &str) -> String {
        self.keys.user_token(subject)
    }

    pub(crate) fn request<T>(&self, subject: &str, message: T) -> Request<T> {
        with_token(&self.token(subject), message)
    }

    pub(crate) async fn call(&self, subject: &str) -> Result<(), Status> {
        self.call_over(self.channel.clone(), subject).await
    }

    pub(crate) async fn call_over_new_connection(&self, subject: &str) -> Result<(), Status> {
        self.call_over(channel(&address(self.port)), subject).await
    }

    async fn call_over(&self, channel: Channel, subject: &str) -> Result<(), Status> {
        BuildRequestServiceClient::new(channel)
            .get_build_request(self.request(subject, GetBuildRequestRequest::default()))
            .await
            .map(|_| ())
    }

    pub(crate) async fn call_as_catalog_for(&self, subject: &str) -> Result<(), Status> {
        let token = self.keys.service_token(ServiceName::Catalog);
        let mut request = with_token(&token, GetBuildRequestRequest::default());
        request.metadata_mut().insert(ON_BEHALF_OF, self.token(subject).parse().unwrap());

        BuildRequestServiceClient::new(self.channel.clone())
            .get_build_request(request)
            .await
            .map(|_| ())
    }

    pub(crate) async fn watch(&self, subject: &str) -> Result<Streaming<WatchResponse>, Status> {
        EventServiceClient::new(self.channel.clone())
            .watch(self.request(subject, WatchRequest::default()))
            .await
            .map(Response::into_inner)
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn address(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
