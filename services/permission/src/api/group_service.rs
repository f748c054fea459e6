//! GroupService.

use slipway_identity::caller;
use slipway_names::grant::Role;
use slipway_paging::Page;
use slipway_wire::permission::v1::{self as wire, group_service_server::GroupService};
use tonic::{Request, Response, Status};

use crate::api::{
    Api,
    convert::{group_to_wire, id},
    request::key_of,
};

#[tonic::async_trait]
impl GroupService for Api {
    async fn create_group(
        &self,
        request: Request<wire::CreateGroupRequest>,
    ) -> Result<Response<wire::CreateGroupResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let key = key_of(&caller, "CreateGroup", &request.request_id, &request)?;
        let (group, revision) =
            self.app.create_group(&caller, &request.name, &request.display_name, key).await?;
        Ok(Response::new(wire::CreateGroupResponse {
            group: Some(group_to_wire(group)),
            consistency_token: revision.to_string(),
        }))
    }

    async fn get_group(
        &self,
        request: Request<wire::GetGroupRequest>,
    ) -> Result<Response<wire::GetGroupResponse>, Status> {
        let caller = caller(&request)?;
        let group = self.app.group(&caller, &request.into_inner().group, Role::Reader).await?;
        Ok(Response::new(wire::GetGroupResponse { group: Some(group_to_wire(group)) }))
    }

    async fn list_groups(
        &self,
        request: Request<wire::ListGroupsRequest>,
    ) -> Result<Response<wire::ListGroupsResponse>, Status> {
        let caller = caller(&request)?;
        let user = caller.require_user()?.id.to_string();
        let request = request.into_inner();
        let page = Page::parse(request.page_size, &request.page_token, &[&user, "groups"], 1)?;
        let mut groups = self.app.groups(&caller, &page).await?;
        let next_page_token = page.cut(&mut groups, |group| vec![group.name.clone()]);
        Ok(Response::new(wire::ListGroupsResponse {
            groups: groups.into_iter().map(group_to_wire).collect(),
            next_page_token,
        }))
    }

    async fn add_member(
        &self,
        request: Request<wire::AddMemberRequest>,
    ) -> Result<Response<wire::AddMemberResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let revision = self
            .app
            .add_member(&caller, &request.group, id(&request.user_id, "user_id")?, request.admin)
            .await?;
        Ok(Response::new(wire::AddMemberResponse { consistency_token: revision.to_string() }))
    }

    async fn remove_member(
        &self,
        request: Request<wire::RemoveMemberRequest>,
    ) -> Result<Response<wire::RemoveMemberResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let revision = self
            .app
            .remove_member(&caller, &request.group, id(&request.user_id, "user_id")?)
            .await?;
        Ok(Response::new(wire::RemoveMemberResponse { consistency_token: revision.to_string() }))
    }

    async fn list_members(
        &self,
        request: Request<wire::ListMembersRequest>,
    ) -> Result<Response<wire::ListMembersResponse>, Status> {
        let caller = caller(&request)?;
        let user = caller.require_user()?.id.to_string();
        let request = request.into_inner();
        let page = Page::parse(
            request.page_size,
            &request.page_token,
            &[&user, "members", &request.group],
            1,
        )?;
        let mut members = self.app.members(&caller, &request.group, &page).await?;
        let next_page_token = page.cut(&mut members, |(user, _)| vec![user.id.to_string()]);
        let members = members
            .into_iter()
            .map(|(user, admin)| wire::Member {
                user_id: user.id.to_string(),
                user_name: user.name,
                admin,
            })
            .collect();
        Ok(Response::new(wire::ListMembersResponse { members, next_page_token }))
    }
}
