//! PermissionService.

use slipway_fault::Fault;
use slipway_identity::caller;
use slipway_wire::permission::v1::{self as wire, permission_service_server::PermissionService};
use tonic::{Request, Response, Status};

use crate::{api::Api, messages::check};

const MAX_CHECKS: usize = 100;

#[tonic::async_trait]
impl PermissionService for Api {
    async fn check(
        &self,
        request: Request<wire::CheckRequest>,
    ) -> Result<Response<wire::CheckResponse>, Status> {
        let caller = caller(&request)?;
        let check = check::parse(request.into_inner())?;

        let result = self.app.check(&caller, check).await?;

        Ok(Response::new(result.into()))
    }

    async fn batch_check(
        &self,
        request: Request<wire::BatchCheckRequest>,
    ) -> Result<Response<wire::BatchCheckResponse>, Status> {
        let caller = caller(&request)?;
        let checks = request.into_inner().checks;
        if checks.len() > MAX_CHECKS {
            let description = format!("has {} entries; the maximum is {MAX_CHECKS}", checks.len());
            return Err(Fault::field("checks", description).into());
        }

        let mut results = Vec::with_capacity(checks.len());
        for check in checks {
            let result = self.app.check(&caller, check::parse(check)?).await?;
            results.push(result.into());
        }

        Ok(Response::new(wire::BatchCheckResponse { results }))
    }
}
