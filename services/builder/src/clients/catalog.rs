//! gRPC client of the catalog, for build requests that the broker has not delivered yet.

use async_trait::async_trait;
use slipway_daemon::client::{ServiceCall, into_result};
use slipway_fault::{Fault, Reason};
use slipway_names::id::BuildId;
use slipway_wire::catalog::v1::{
    GetBuildRequestRequest, build_request_service_client::BuildRequestServiceClient,
};
use tonic::transport::Channel;

use crate::{app::ports::RequestSource, domain::build::Request};

pub(crate) struct CatalogClient {
    client: BuildRequestServiceClient<Channel>,
    service_call: ServiceCall,
}

impl CatalogClient {
    pub(crate) fn new(channel: Channel, service_call: ServiceCall) -> Self {
        Self { client: BuildRequestServiceClient::new(channel), service_call }
    }
}

#[async_trait]
impl RequestSource for CatalogClient {
    async fn request(&self, id: BuildId) -> Result<Option<Request>, Fault> {
        let message = GetBuildRequestRequest { build_id: id.to_string() };
        let request = self.service_call.request(message, None)?;

        let response = into_result(
            self.client.clone().get_build_request(request).await,
            Reason::CatalogUnavailable,
            "catalog",
        );

        match response {
            Ok(response) => response.build_requested.map(Request::try_from).transpose(),
            Err(fault) if fault.reason() == Reason::BuildNotFound => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}
