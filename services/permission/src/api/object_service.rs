//! ObjectService: for services only.

use slipway_identity::{ServiceName, caller};
use slipway_wire::permission::v1::{self as wire, object_service_server::ObjectService};
use tonic::{Request, Response, Status};

use crate::api::{Api, convert};

/// Who owns objects.
const OWNERS: &[ServiceName] = &[ServiceName::Catalog];

#[tonic::async_trait]
impl ObjectService for Api {
    async fn register_object(
        &self,
        request: Request<wire::RegisterObjectRequest>,
    ) -> Result<Response<wire::RegisterObjectResponse>, Status> {
        caller(&request)?.require_service(OWNERS)?;
        let request = request.into_inner();
        let object = convert::id(&request.object_id, "object_id")?;
        let kind = convert::object_kind(request.kind, "kind")?;
        let owner = if request.owner_group_id.is_empty() {
            None
        } else {
            Some(convert::id(&request.owner_group_id, "owner_group_id")?)
        };
        let mut grants = Vec::with_capacity(request.grants.len());
        for (index, grant) in request.grants.into_iter().enumerate() {
            let subject = convert::subject(grant.subject, &format!("grants[{index}].subject"))?;
            grants.push((subject, convert::role(grant.role, &format!("grants[{index}].role"))?));
        }
        let revision = self.app.register_object(object, kind, owner, &grants).await?;
        Ok(Response::new(wire::RegisterObjectResponse { revision }))
    }

    async fn remove_object(
        &self,
        request: Request<wire::RemoveObjectRequest>,
    ) -> Result<Response<wire::RemoveObjectResponse>, Status> {
        caller(&request)?.require_service(OWNERS)?;
        let object = convert::id(&request.into_inner().object_id, "object_id")?;
        let revision = self.app.remove_object(object).await?;
        Ok(Response::new(wire::RemoveObjectResponse { revision }))
    }
}
