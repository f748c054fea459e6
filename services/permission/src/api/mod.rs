//! tonic services of permission: parse, call the use case, convert. One file per RPC group.

mod convert;
mod grant_service;
mod group_service;
mod object_service;
mod permission_service;
mod request;
mod user_service;

use std::time::SystemTime;

use slipway_daemon::Server;
use slipway_names::grant::Role;
use slipway_outbox::EventLog;
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

/// What reflection tells of.
pub const SERVICES: &[&str] = &[
    slipway_wire::permission::v1::permission_service_server::SERVICE_NAME,
    slipway_wire::permission::v1::grant_service_server::SERVICE_NAME,
    slipway_wire::permission::v1::object_service_server::SERVICE_NAME,
    slipway_wire::permission::v1::group_service_server::SERVICE_NAME,
    slipway_wire::permission::v1::user_service_server::SERVICE_NAME,
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
        EventLog::new(app.store().database().clone(), "permission", stop.clone(), move |caller| {
            let app = deciding.clone();
            async move {
                caller.require_unexpired(SystemTime::now())?;
                app.require_platform(&caller, Role::Reader).await
            }
        });
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
