//! EventService: the catalog's retained outbox.

use slipway_identity::caller;
use slipway_outbox::{WatchStream, watch};
use slipway_wire::event::v1::{WatchRequest, event_service_server::EventService};
use tonic::{Request, Response, Status};

use crate::api::Api;

#[tonic::async_trait]
impl EventService for Api {
    type WatchStream = WatchStream;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<WatchStream>, Status> {
        self.app.require_platform_reader(&caller(&request)?).await?;
        Ok(Response::new(watch(self.app.store().database().clone(), "catalog", request.into_inner(), self.stop.clone()).await?))
    }
}
