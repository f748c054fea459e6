//! BuildRequestService: for the builder's identity only.

use slipway_fault::Fault;
use slipway_identity::{ServiceName, caller};
use slipway_wire::catalog::v1::{
    GetBuildRequestRequest, GetBuildRequestResponse,
    build_request_service_server::BuildRequestService,
};
use tonic::{Request, Response, Status};

use crate::api::Api;

#[tonic::async_trait]
impl BuildRequestService for Api {
    async fn get_build_request(
        &self,
        request: Request<GetBuildRequestRequest>,
    ) -> Result<Response<GetBuildRequestResponse>, Status> {
        caller(&request)?.require_service(&[ServiceName::Builder])?;
        let id = request
            .into_inner()
            .build_id
            .parse()
            .map_err(|error| Fault::field("build_id", error))?;
        Ok(Response::new(GetBuildRequestResponse {
            build_requested: Some(self.app.build_request(id).await?),
        }))
    }
}
