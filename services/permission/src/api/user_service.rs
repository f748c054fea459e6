//! UserService.

use slipway_identity::caller;
use slipway_paging::Page;
use slipway_wire::permission::v1::{self as wire, user_service_server::UserService};
use tonic::{Request, Response, Status};

use crate::api::{
    Api,
    convert::{id, user_to_wire},
    request::key_of,
};

#[tonic::async_trait]
impl UserService for Api {
    async fn get_self(
        &self,
        request: Request<wire::GetSelfRequest>,
    ) -> Result<Response<wire::GetSelfResponse>, Status> {
        let (user, groups, platform_admin) = self.app.self_of(&caller(&request)?).await?;
        Ok(Response::new(wire::GetSelfResponse {
            user: Some(user_to_wire(user)),
            groups,
            platform_admin,
        }))
    }

    async fn invite_user(
        &self,
        request: Request<wire::InviteUserRequest>,
    ) -> Result<Response<wire::InviteUserResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let key = key_of(&caller, "InviteUser", &request.request_id, &request)?;
        let user = self
            .app
            .invite_user(&caller, &request.issuer, &request.subject, &request.name, key)
            .await?;
        Ok(Response::new(wire::InviteUserResponse { user: Some(user_to_wire(user)) }))
    }

    async fn get_user(
        &self,
        request: Request<wire::GetUserRequest>,
    ) -> Result<Response<wire::GetUserResponse>, Status> {
        let caller = caller(&request)?;
        let user = self.app.user(&caller, id(&request.into_inner().user_id, "user_id")?).await?;
        Ok(Response::new(wire::GetUserResponse { user: Some(user_to_wire(user)) }))
    }

    async fn list_users(
        &self,
        request: Request<wire::ListUsersRequest>,
    ) -> Result<Response<wire::ListUsersResponse>, Status> {
        let caller = caller(&request)?;
        let user = caller.require_user()?.id.to_string();
        let request = request.into_inner();
        let page = Page::parse(request.page_size, &request.page_token, &[&user, "users"], 1)?;
        let mut users = self.app.users(&caller, &page).await?;
        let next_page_token = page.cut(&mut users, |user| vec![user.id.to_string()]);
        Ok(Response::new(wire::ListUsersResponse {
            users: users.into_iter().map(user_to_wire).collect(),
            next_page_token,
        }))
    }
}
