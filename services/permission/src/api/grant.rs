//! GrantService, including the feed of the projections.

use slipway_identity::{ServiceName, caller};
use slipway_request::{field::Field, key::request_key, page::Page};
use slipway_wire::permission::v1::{self as wire, grant_service_server::GrantService};
use tonic::{Request, Response, Status};

use crate::{
    api::{
        Api,
        feed::{GrantStream, grant_stream},
    },
    messages::{feed::parse_position, grant, object::parse_reference},
};

#[tonic::async_trait]
impl GrantService for Api {
    type WatchGrantsStream = GrantStream;

    async fn create_grant(
        &self,
        request: Request<wire::CreateGrantRequest>,
    ) -> Result<Response<wire::CreateGrantResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let key = request_key(&caller, "CreateGrant", &request.request_id, &request)?;
        let create = grant::parse(request.grant)?;

        let (grant, policy_version) = self.app.create_grant(&caller, create, key).await?;

        Ok(Response::new(wire::CreateGrantResponse {
            grant: Some((&grant).into()),
            consistency_token: policy_version.to_string(),
        }))
    }

    async fn delete_grant(
        &self,
        request: Request<wire::DeleteGrantRequest>,
    ) -> Result<Response<wire::DeleteGrantResponse>, Status> {
        let caller = caller(&request)?;
        let id = Field("grant_id").parse(&request.into_inner().grant_id)?;

        let policy_version = self.app.delete_grant(&caller, id).await?;

        let consistency_token = policy_version.to_string();
        Ok(Response::new(wire::DeleteGrantResponse { consistency_token }))
    }

    async fn list_grants(
        &self,
        request: Request<wire::ListGrantsRequest>,
    ) -> Result<Response<wire::ListGrantsResponse>, Status> {
        let caller = caller(&request)?;
        let user = caller.require_user()?.id;
        let request = request.into_inner();
        let object = parse_reference(request.object, "object")?;
        let object = self.app.object_id(&object).await?;
        let list = ["grants", &object.to_string()];
        let page = Page::parse(user, &list, request.page_size, &request.page_token, 1)?;

        let mut grants = self.app.grants(&caller, object, &page).await?;
        let next_page_token = page.cut(&mut grants, |grant| vec![grant.id.to_string()]);

        let grants = grants.iter().map(Into::into).collect();
        Ok(Response::new(wire::ListGrantsResponse { grants, next_page_token }))
    }

    async fn watch_grants(
        &self,
        request: Request<wire::WatchGrantsRequest>,
    ) -> Result<Response<GrantStream>, Status> {
        // The token of a service is valid for the call that opens the stream. The stream may
        // outlive it.
        caller(&request)?.require_service(&[ServiceName::Catalog, ServiceName::Builder])?;
        let position = parse_position(request.into_inner());

        let (snapshot, feed) = self.app.open_feed(position).await?;

        Ok(Response::new(grant_stream(snapshot, feed, self.stop.clone())))
    }
}
