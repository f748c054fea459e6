//! BuildRequestService, for the identity of the builder only.

use slipway_identity::{ServiceName, caller};
use slipway_request::field::Field;
use slipway_wire::catalog::v1::{
    GetBuildRequestRequest, GetBuildRequestResponse,
    build_request_service_server::BuildRequestService,
};
use tonic::{Request, Response, Status};

use crate::{api::Api, messages::build_request};

#[tonic::async_trait]
impl BuildRequestService for Api {
    async fn get_build_request(
        &self,
        request: Request<GetBuildRequestRequest>,
    ) -> Result<Response<GetBuildRequestResponse>, Status> {
        caller(&request)?.require_service(&[ServiceName::Builder])?;
        let id = Field("build_id").parse(&request.into_inner().build_id)?;

        let build_request = self.app.build_request(id).await?;

        Ok(Response::new(GetBuildRequestResponse {
            build_requested: Some(build_request::to_wire(&build_request)),
        }))
    }
}
