//! PermissionService.

use slipway_fault::Fault;
use slipway_identity::caller;
use slipway_names::{grant::ObjectKind, id::ObjectId};
use slipway_wire::permission::v1::{self as wire, permission_service_server::PermissionService};
use tonic::{Request, Response, Status};

use crate::{
    api::{Api, convert},
    app::{Check, CheckedObject, Outcome},
};

const LARGEST_BATCH: usize = 100;

#[tonic::async_trait]
impl PermissionService for Api {
    async fn check(
        &self,
        request: Request<wire::CheckRequest>,
    ) -> Result<Response<wire::CheckResponse>, Status> {
        let caller = caller(&request)?;
        let outcome = self.app.check(&caller, parse(request.into_inner())?).await?;
        Ok(Response::new(to_wire(outcome)))
    }

    async fn batch_check(
        &self,
        request: Request<wire::BatchCheckRequest>,
    ) -> Result<Response<wire::BatchCheckResponse>, Status> {
        let caller = caller(&request)?;
        let checks = request.into_inner().checks;
        if checks.len() > LARGEST_BATCH {
            return Err(Fault::field(
                "checks",
                format!("has {} entries, at most {LARGEST_BATCH} are allowed", checks.len()),
            )
            .into());
        }
        let mut results = Vec::with_capacity(checks.len());
        for check in checks {
            results.push(to_wire(self.app.check(&caller, parse(check)?).await?));
        }
        Ok(Response::new(wire::BatchCheckResponse { results }))
    }
}

fn parse(request: wire::CheckRequest) -> Result<Check, Fault> {
    let user = if request.user_id.is_empty() {
        None
    } else {
        Some(convert::id(&request.user_id, "user_id")?)
    };
    let object = request.object.ok_or_else(|| Fault::field("object", "is missing"))?;
    let role = convert::role(request.role, "role")?;
    let object = match convert::object_kind(object.kind, "object.kind")? {
        ObjectKind::Platform => CheckedObject::Id(ObjectKind::Platform, ObjectId::PLATFORM),
        ObjectKind::Group => CheckedObject::Group(object.id),
        kind => CheckedObject::Id(kind, convert::id(&object.id, "object.id")?),
    };
    Ok(Check { user, object, role })
}

fn to_wire(outcome: Outcome) -> wire::CheckResponse {
    wire::CheckResponse {
        allowed: outcome.allowed,
        visible: outcome.object.is_some(),
        object_id: outcome.object.map(|id| id.to_string()).unwrap_or_default(),
        object_name: outcome.name,
        revision: outcome.revision,
    }
}
