//! tonic services of the builder: parse, call the use case, convert. One file per RPC group.

mod build;
mod log;

use std::pin::Pin;

use futures_util::Stream;
use slipway_wire::{
    builder::v1::build_service_server::BuildServiceServer,
    event::v1::event_service_server::{EventService, EventServiceServer},
};
use tokio_util::sync::CancellationToken;
use tonic::{Status, service::Routes};

use crate::app::App;

/// The services that reflection lists.
pub const SERVICES: &[&str] = &[
    slipway_wire::builder::v1::build_service_server::SERVICE_NAME,
    slipway_wire::event::v1::event_service_server::SERVICE_NAME,
];

type ResponseStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[derive(Clone)]
struct Api {
    app: App,
    stop: CancellationToken,
}

/// All RPCs of the service. Open streams end when `stop` is cancelled.
pub fn routes(app: App, events: impl EventService, stop: CancellationToken) -> Routes {
    let api = Api { app, stop };

    Routes::new(BuildServiceServer::new(api)).add_service(EventServiceServer::new(events))
}
