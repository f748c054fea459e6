//! EventService: the builder's retained outbox.

use slipway_identity::caller;
use slipway_outbox::{Decide, WatchStream, watch};
use slipway_wire::event::v1::{WatchRequest, event_service_server::EventService};
use tonic::{Request, Response, Status};

use crate::api::Api;

#[tonic::async_trait]
impl EventService for Api {
    type WatchStream = WatchStream;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<WatchStream>, Status> {
        let (app, caller) = (self.app.clone(), caller(&request)?);
        let decide: Decide = Box::new(move || {
            let (app, caller) = (app.clone(), caller.clone());
            Box::pin(async move { app.require_platform_reader(&caller).await })
        });
        Ok(Response::new(watch(self.app.store().database().clone(), "builder", request.into_inner(), decide, self.stop.clone()).await?))
    }
}
