//! GroupService.

use slipway_authz::role::Role;
use slipway_identity::caller;
use slipway_request::{field::Field, key::request_key, page::Page};
use slipway_wire::permission::v1::{self as wire, group_service_server::GroupService};
use tonic::{Request, Response, Status};

use crate::{api::Api, app::group::CreateGroup};

#[tonic::async_trait]
impl GroupService for Api {
    async fn create_group(
        &self,
        request: Request<wire::CreateGroupRequest>,
    ) -> Result<Response<wire::CreateGroupResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let key = request_key(&caller, "CreateGroup", &request.request_id, &request)?;
        let create = CreateGroup { name: request.name, display_name: request.display_name };

        let (group, policy_version) = self.app.create_group(&caller, create, key).await?;

        Ok(Response::new(wire::CreateGroupResponse {
            group: Some(group.into()),
            consistency_token: policy_version.to_string(),
        }))
    }

    async fn get_group(
        &self,
        request: Request<wire::GetGroupRequest>,
    ) -> Result<Response<wire::GetGroupResponse>, Status> {
        let caller = caller(&request)?;

        let group = self.app.group(&caller, &request.into_inner().group, Role::Reader).await?;

        Ok(Response::new(wire::GetGroupResponse { group: Some(group.into()) }))
    }

    async fn list_groups(
        &self,
        request: Request<wire::ListGroupsRequest>,
    ) -> Result<Response<wire::ListGroupsResponse>, Status> {
        let caller = caller(&request)?;
        let user = caller.require_user()?.id;
        let request = request.into_inner();
        let page = Page::parse(user, &["groups"], request.page_size, &request.page_token, 1)?;

        let mut groups = self.app.groups(&caller, &page).await?;
        let next_page_token = page.cut(&mut groups, |group| vec![group.name.clone()]);

        Ok(Response::new(wire::ListGroupsResponse {
            groups: groups.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn add_member(
        &self,
        request: Request<wire::AddMemberRequest>,
    ) -> Result<Response<wire::AddMemberResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let user = Field("user_id").parse(&request.user_id)?;

        let policy_version =
            self.app.add_member(&caller, &request.group, user, request.admin).await?;

        let consistency_token = policy_version.to_string();
        Ok(Response::new(wire::AddMemberResponse { consistency_token }))
    }

    async fn remove_member(
        &self,
        request: Request<wire::RemoveMemberRequest>,
    ) -> Result<Response<wire::RemoveMemberResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let user = Field("user_id").parse(&request.user_id)?;

        let policy_version = self.app.remove_member(&caller, &request.group, user).await?;

        let consistency_token = policy_version.to_string();
        Ok(Response::new(wire::RemoveMemberResponse { consistency_token }))
    }

    async fn list_members(
        &self,
        request: Request<wire::ListMembersRequest>,
    ) -> Result<Response<wire::ListMembersResponse>, Status> {
        let caller = caller(&request)?;
        let user = caller.require_user()?.id;
        let request = request.into_inner();
        let list = ["members", &request.group];
        let page = Page::parse(user, &list, request.page_size, &request.page_token, 1)?;

        let mut members = self.app.members(&caller, &request.group, &page).await?;
        let next_page_token = page.cut(&mut members, |member| vec![member.user.id.to_string()]);

        Ok(Response::new(wire::ListMembersResponse {
            members: members.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }
}
