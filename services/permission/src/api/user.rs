//! UserService.

use slipway_identity::caller;
use slipway_request::{field::Field, key::request_key, page::Page};
use slipway_wire::permission::v1::{self as wire, user_service_server::UserService};
use tonic::{Request, Response, Status};

use crate::{api::Api, app::user::InviteUser};

#[tonic::async_trait]
impl UserService for Api {
    async fn get_self(
        &self,
        request: Request<wire::GetSelfRequest>,
    ) -> Result<Response<wire::GetSelfResponse>, Status> {
        let profile = self.app.get_self(&caller(&request)?).await?;

        Ok(Response::new(wire::GetSelfResponse {
            user: Some(profile.user.into()),
            groups: profile.groups,
            platform_admin: profile.is_platform_admin,
        }))
    }

    async fn invite_user(
        &self,
        request: Request<wire::InviteUserRequest>,
    ) -> Result<Response<wire::InviteUserResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let key = request_key(&caller, "InviteUser", &request.request_id, &request)?;
        let invite =
            InviteUser { issuer: request.issuer, subject: request.subject, name: request.name };

        let user = self.app.invite_user(&caller, invite, key).await?;

        Ok(Response::new(wire::InviteUserResponse { user: Some(user.into()) }))
    }

    async fn get_user(
        &self,
        request: Request<wire::GetUserRequest>,
    ) -> Result<Response<wire::GetUserResponse>, Status> {
        let caller = caller(&request)?;
        let user_id = Field("user_id").parse(&request.into_inner().user_id)?;

        let user = self.app.user(&caller, user_id).await?;

        Ok(Response::new(wire::GetUserResponse { user: Some(user.into()) }))
    }

    async fn list_users(
        &self,
        request: Request<wire::ListUsersRequest>,
    ) -> Result<Response<wire::ListUsersResponse>, Status> {
        let caller = caller(&request)?;
        let user = caller.require_user()?.id;
        let request = request.into_inner();
        let page = Page::parse(user, &["users"], request.page_size, &request.page_token, 1)?;

        let mut users = self.app.users(&caller, &page).await?;
        let next_page_token = page.cut(&mut users, |user| vec![user.id.to_string()]);

        Ok(Response::new(wire::ListUsersResponse {
            users: users.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }
}
