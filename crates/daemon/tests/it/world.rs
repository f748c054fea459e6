//! A server of its own for a test. Its one unary RPC waits until it is let go, its one stream stays open.

use std::{
    fs,
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
use slipway_identity::{
    AUDIENCE, DEVELOPMENT_ISSUER, DevelopmentIssuer, Issuer, ON_BEHALF_OF, ServiceName,
    ServiceSigner, Settings, SigningKey, Verifier,
};
use slipway_testrig::process::free_ports;
use slipway_wire::{
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
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio_stream::Stream;
use tonic::{
    Request, Response, Status, Streaming,
    service::Routes,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
pub(crate) const SERVICES: &[&str] =
    &[build_request_service_server::SERVICE_NAME, event_service_server::SERVICE_NAME];

#[derive(Clone)]
pub(crate) struct Stub {
    entered: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Stub {
    /// Lets every waiting and every later call go.
    pub(crate) fn open(&self) {
        self.gate.add_permits(1_000);
    }

    /// Waits until so many calls have come in.
    pub(crate) async fn entered(&self, count: usize) {
        let began = Instant::now();
        while self.entered.load(Ordering::SeqCst) < count {
            assert!(
                began.elapsed() < PATIENCE,
                "{} of {count} calls came in",
                self.entered.load(Ordering::SeqCst)
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tonic::async_trait]
impl BuildRequestService for Stub {
    async fn get_build_request(
        &self,
        _: Request<GetBuildRequestRequest>,
    ) -> Result<Response<GetBuildRequestResponse>, Status> {
        self.entered.fetch_add(1, Ordering::SeqCst);
        let _gone = self.gate.acquire().await;
        Ok(Response::new(GetBuildRequestResponse::default()))
    }
}

#[tonic::async_trait]
impl EventService for Stub {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

    async fn watch(&self, _: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(Box::pin(tokio_stream::pending())))
    }
}

pub(crate) struct World {
    pub(crate) port: u16,
    pub(crate) channel: Channel,
    pub(crate) stub: Stub,
    pub(crate) supervisor: Supervisor,
    issuer: DevelopmentIssuer,
    service: ServiceSigner,
    _folder: TempDir,
}

pub(crate) async fn serve(limits: Limits) -> World {
    install_crypto_provider();
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let development = SigningKey::read_or_create(&path("development.pem"), "development").unwrap();
    let service = SigningKey::read_or_create(&path("catalog.pem"), "catalog").unwrap();
    for (name, key) in [("development.json", &development), ("services.json", &service)] {
        fs::write(path(name), serde_json::json!({ "keys": [key.jwk()] }).to_string()).unwrap();
    }
    let issuer = Issuer {
        issuer: DEVELOPMENT_ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        jwks_url: String::new(),
        jwks_file: path("development.json"),
    };
    let identity = Settings {
        issuers: vec![issuer],
        service_jwks_file: path("services.json"),
        service_key_file: path("catalog.pem"),
    };
    let first = free_ports(2).unwrap();
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stub = Stub { entered: Arc::default(), gate: Arc::new(Semaphore::new(0)) };
    let server = Server {
        name: "catalog",
        listen: Listen { grpc: local(first), http: local(first + 1) },
        limits,
        routes: Routes::new(BuildRequestServiceServer::new(stub.clone()))
            .add_service(EventServiceServer::new(stub.clone())),
        services: SERVICES,
        verifier: Arc::new(Verifier::new(identity)),
        dependencies: Dependencies::default(),
    };
    let mut supervisor = Supervisor::default();
    server.start(&mut supervisor).await.unwrap();
    World {
        port: first,
        channel: channel(first),
        stub,
        supervisor,
        issuer: DevelopmentIssuer::new(development),
        service: ServiceSigner::new(ServiceName::Catalog, service),
        _folder: folder,
    }
}

impl World {
    fn token(&self, subject: &str) -> String {
        self.issuer.token(subject, AUDIENCE, Duration::from_secs(600)).unwrap()
    }

    pub(crate) fn request<T>(&self, subject: &str, message: T) -> Request<T> {
        with_token(&self.token(subject), message)
    }

    pub(crate) async fn call(&self, subject: &str) -> Result<(), Status> {
        self.call_over(self.channel.clone(), subject).await
    }

    /// Over a connection of its own.
    pub(crate) async fn call_anew(&self, subject: &str) -> Result<(), Status> {
        self.call_over(channel(self.port), subject).await
    }

    async fn call_over(&self, channel: Channel, subject: &str) -> Result<(), Status> {
        let mut client = BuildRequestServiceClient::new(channel);
        client
            .get_build_request(self.request(subject, GetBuildRequestRequest::default()))
            .await
            .map(|_| ())
    }

    /// As the catalog, for a user.
    pub(crate) async fn call_for(&self, subject: &str) -> Result<(), Status> {
        let mut request =
            with_token(&self.service.token().unwrap(), GetBuildRequestRequest::default());
        request.metadata_mut().insert(ON_BEHALF_OF, self.token(subject).parse().unwrap());
        BuildRequestServiceClient::new(self.channel.clone())
            .get_build_request(request)
            .await
            .map(|_| ())
    }

    pub(crate) async fn watch(&self, subject: &str) -> Result<Streaming<WatchResponse>, Status> {
        let mut client = EventServiceClient::new(self.channel.clone());
        client.watch(self.request(subject, WatchRequest::default())).await.map(Response::into_inner)
    }
}

fn channel(port: u16) -> Channel {
    Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap().connect_lazy()
}

fn with_token<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

/// `ErrorInfo.reason`
pub(crate) fn reason(status: &Status) -> String {
    status
        .get_error_details()
        .error_info()
        .map_or_else(|| format!("{status:?}"), |info| info.reason.clone())
}
