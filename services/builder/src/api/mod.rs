//! tonic services of the builder: parse, call the use case, convert. One file per RPC group.

mod build_service;
mod event_service;

use slipway_wire::{builder::v1::build_service_server::BuildServiceServer, event::v1::event_service_server::EventServiceServer};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::app::App;

/// Everything this service answers.
#[derive(Clone)]
struct Api {
    app: App,
    stop: CancellationToken,
}

/// All RPCs of the service; streams end at `stop`.
pub fn routes(app: App, stop: CancellationToken) -> Routes {
    let api = Api { app, stop };
    Routes::new(BuildServiceServer::new(api.clone())).add_service(EventServiceServer::new(api))
}
