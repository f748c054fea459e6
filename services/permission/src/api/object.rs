//! ObjectService, for service identities only.

use slipway_identity::{ServiceName, caller};
use slipway_request::field::Field;
use slipway_wire::permission::v1::{self as wire, object_service_server::ObjectService};
use tonic::{Request, Response, Status};

use crate::{api::Api, messages::object::parse_registration};

/// The services that own objects.
const OWNERS: &[ServiceName] = &[ServiceName::Catalog];

#[tonic::async_trait]
impl ObjectService for Api {
    async fn register_object(
        &self,
        request: Request<wire::RegisterObjectRequest>,
    ) -> Result<Response<wire::RegisterObjectResponse>, Status> {
        caller(&request)?.require_service(OWNERS)?;
        let (object, grants) = parse_registration(request.into_inner())?;

        let policy_version = self.app.register_object(object, &grants).await?.get();

        Ok(Response::new(wire::RegisterObjectResponse { policy_version }))
    }

    async fn remove_object(
        &self,
        request: Request<wire::RemoveObjectRequest>,
    ) -> Result<Response<wire::RemoveObjectResponse>, Status> {
        caller(&request)?.require_service(OWNERS)?;
        let object = Field("object_id").parse(&request.into_inner().object_id)?;

        let policy_version = self.app.remove_object(object).await?.get();

        Ok(Response::new(wire::RemoveObjectResponse { policy_version }))
    }
}
