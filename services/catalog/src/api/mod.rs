//! tonic services of the catalog: parse the request, call the use case, convert the result. One
//! file per service.

mod build_request;
mod image;

use slipway_daemon::{EventLog, Server};
use slipway_database::Database;
use slipway_wire::{
    catalog::v1::{
        build_request_service_server::{self, BuildRequestServiceServer},
        image_service_server::{self, ImageServiceServer},
    },
    event::v1::event_service_server::{self, EventServiceServer},
};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::app::App;

/// The gRPC services of this process, as listed by reflection.
pub const SERVICES: &[&str] = &[
    image_service_server::SERVICE_NAME,
    build_request_service_server::SERVICE_NAME,
    event_service_server::SERVICE_NAME,
];

/// Implements the gRPC services of the catalog.
#[derive(Clone)]
struct Api {
    app: App,
}

/// All RPCs of the service. The event log is read from `database`. Streams end at `stop`.
pub fn routes(app: App, database: Database, stop: CancellationToken) -> Routes {
    let authorizing = app.clone();
    let events = EventLog::new(database, "catalog", stop, move |caller| {
        let app = authorizing.clone();
        async move { app.require_platform_reader(&caller).await }
    });

    let api = Api { app };
    let images =
        ImageServiceServer::new(api.clone()).max_decoding_message_size(Server::MESSAGE_BYTES);
    Routes::new(images)
        .add_service(BuildRequestServiceServer::new(api))
        .add_service(EventServiceServer::new(events))
}
