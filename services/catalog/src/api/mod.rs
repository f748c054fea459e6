//! tonic services of the catalog: parse, call the use case, convert. One file per RPC group.

mod build_request_service;
mod convert;
mod image_service;

use slipway_daemon::Server;
use slipway_outbox::EventLog;
use slipway_wire::{
    catalog::v1::{
        build_request_service_server::BuildRequestServiceServer,
        image_service_server::ImageServiceServer,
    },
    event::v1::event_service_server::EventServiceServer,
};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::app::App;

/// What reflection tells of.
pub const SERVICES: &[&str] = &[
    slipway_wire::catalog::v1::image_service_server::SERVICE_NAME,
    slipway_wire::catalog::v1::build_request_service_server::SERVICE_NAME,
    slipway_wire::event::v1::event_service_server::SERVICE_NAME,
];

/// Everything this service answers.
#[derive(Clone)]
struct Api {
    app: App,
}

/// All RPCs of the service; streams end at `stop`.
pub fn routes(app: App, stop: CancellationToken) -> Routes {
    let deciding = app.clone();
    let events = EventLog::new(app.store().database().clone(), "catalog", stop, move |caller| {
        let app = deciding.clone();
        async move { app.require_platform_reader(&caller).await }
    });
    let api = Api { app };
    Routes::new(
        ImageServiceServer::new(api.clone()).max_decoding_message_size(Server::MESSAGE_BYTES),
    )
    .add_service(BuildRequestServiceServer::new(api))
    .add_service(EventServiceServer::new(events))
}
