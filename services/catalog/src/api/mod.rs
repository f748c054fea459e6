//! tonic services of the catalog: parse, call the use case, convert. One file per RPC group.

mod build_request_service;
mod convert;
mod event_service;
mod image_service;

use slipway_daemon::Server;
use slipway_wire::{
    catalog::v1::{build_request_service_server::BuildRequestServiceServer, image_service_server::ImageServiceServer},
    event::v1::event_service_server::EventServiceServer,
};
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
    Routes::new(ImageServiceServer::new(api.clone()).max_decoding_message_size(Server::MESSAGE_BYTES))
        .add_service(BuildRequestServiceServer::new(api.clone()))
        .add_service(EventServiceServer::new(api))
}
