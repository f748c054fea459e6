//! tonic services of permission: parse, call the use case, convert. One file per proto service.

mod check;
mod feed;
mod grant;
mod group;
mod object;
mod user;

use slipway_daemon::{EventLog, Server};
use slipway_wire::{
    event::v1::event_service_server::EventServiceServer,
    permission::v1::{
        grant_service_server::GrantServiceServer, group_service_server::GroupServiceServer,
        object_service_server::ObjectServiceServer,
        permission_service_server::PermissionServiceServer, user_service_server::UserServiceServer,
    },
};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::app::App;

/// The proto services that gRPC reflection lists.
pub const SERVICES: &[&str] = &[
    slipway_wire::permission::v1::permission_service_server::SERVICE_NAME,
    slipway_wire::permission::v1::grant_service_server::SERVICE_NAME,
    slipway_wire::permission::v1::object_service_server::SERVICE_NAME,
    slipway_wire::permission::v1::group_service_server::SERVICE_NAME,
    slipway_wire::permission::v1::user_service_server::SERVICE_NAME,
    slipway_wire::event::v1::event_service_server::SERVICE_NAME,
];

#[derive(Clone)]
struct Api {
    app: App,
    stop: CancellationToken,
}

/// All RPCs of the service. Streams end when `stop` is cancelled.
pub fn routes(app: App, events: EventLog, stop: CancellationToken) -> Routes {
    let api = Api { app, stop };

    Routes::new(
        PermissionServiceServer::new(api.clone()).max_decoding_message_size(Server::MESSAGE_BYTES),
    )
    .add_service(GrantServiceServer::new(api.clone()))
    .add_service(ObjectServiceServer::new(api.clone()))
    .add_service(GroupServiceServer::new(api.clone()))
    .add_service(UserServiceServer::new(api))
    .add_service(EventServiceServer::new(events))
}
