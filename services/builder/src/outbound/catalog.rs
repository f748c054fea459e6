//! The catalog, asked for requests that the broker has not brought yet.

use async_trait::async_trait;
use slipway_daemon::client::{Outgoing, answer};
use slipway_fault::{Fault, Reason};
use slipway_names::id::BuildId;
use slipway_wire::catalog::v1::{
    GetBuildRequestRequest, build_request_service_client::BuildRequestServiceClient,
};
use tonic::transport::Channel;

use crate::{app::RequestSource, domain::build::Request, inbound};

/// Over gRPC.
pub(crate) struct CatalogClient {
    client: BuildRequestServiceClient<Channel>,
    outgoing: Outgoing,
}

impl CatalogClient {
    /// Over a lazy channel.
    pub(crate) fn new(channel: Channel, outgoing: Outgoing) -> Self {
        Self { client: BuildRequestServiceClient::new(channel), outgoing }
    }
}

#[async_trait]
impl RequestSource for CatalogClient {
    async fn request(&self, id: BuildId) -> Result<Option<Request>, Fault> {
        let message =
            self.outgoing.request(GetBuildRequestRequest { build_id: id.to_string() }, None)?;
        match answer(
            self.client.clone().get_build_request(message).await,
            Reason::CatalogUnavailable,
            "catalog",
        ) {
            Ok(response) => response.build_requested.map(inbound::parse).transpose(),
            Err(fault) if fault.reason() == Reason::BuildNotFound => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}
