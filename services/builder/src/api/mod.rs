//! tonic services of the builder: parse, call the use case, convert. One file per RPC group.

mod build_service;

use slipway_outbox::EventLog;
use slipway_wire::{
    builder::v1::build_service_server::BuildServiceServer,
    event::v1::event_service_server::EventServiceServer,
};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::app::App;

/// What reflection tells of.
pub const SERVICES: &[&str] = &[
    slipway_wire::builder::v1::build_service_server::SERVICE_NAME,
    slipway_wire::event::v1::event_service_server::SERVICE_NAME,
];

/// Everything this service answers.
#[derive(Clone)]
struct Api {
    app: App,
    stop: CancellationToken,
}

/// All RPCs of the service; streams end at `stop`.
pub fn routes(app: App, stop: CancellationToken) -> Routes {
    let deciding = app.clone();
    let events =
        EventLog::new(app.store().database().clone(), "builder", stop.clone(), move |caller| {
            let app = deciding.clone();
            async move { app.require_platform_reader(&caller).await }
        });
    let api = Api { app, stop };
    Routes::new(BuildServiceServer::new(api)).add_service(EventServiceServer::new(events))
}
