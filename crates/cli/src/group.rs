//! `slipway group …`

use clap::Subcommand;
use slipway_wire::permission::v1::{
    AddMemberRequest, CreateGroupRequest, GetGroupRequest, ListGroupsRequest, ListGroupsResponse,
    ListMembersRequest, ListMembersResponse, Member, RemoveMemberRequest,
};
use uuid::Uuid;

use crate::{failure::Failure, output::Output, pages, request_id, session::Session};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a group.
    Create {
        /// Never changes: images are addressed by it.
        name: String,
        /// For people.
        #[arg(long, default_value = "")]
        display_name: String,
        /// Makes a repeat safe: the same id with the same request gives the first answer for 24 hours.
        #[arg(long)]
        request_id: Option<String>,
    },
    /// Show a group.
    Get {
        /// Name or id.
        group: String,
    },
    /// The groups that you may see.
    List,
    /// Add a member, or set whether it is an admin. Without --admin and --no-admin a new member is none, and who is one stays one.
    Add {
        /// Name or id.
        group: String,
        /// User id.
        user: String,
        /// May manage the group and its images.
        #[arg(long, conflicts_with = "no_admin")]
        admin: bool,
        /// May not, even if it may now.
        #[arg(long)]
        no_admin: bool,
    },
    /// Remove a member.
    Remove {
        /// Name or id.
        group: String,
        /// User id.
        user: String,
    },
    /// List the members.
    Members {
        /// Name or id.
        group: String,
    },
}

pub(crate) async fn run(
    command: Command,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    let mut groups = session.groups();
    match command {
        Command::Create { name, display_name, request_id } => {
            let response = groups
                .create_group(CreateGroupRequest {
                    request_id: request_id::choose(request_id),
                    name,
                    display_name,
                })
                .await?
                .into_inner();
            let group = response.group.clone().unwrap_or_default();
            output.one(&response, &[("group", group.name), ("id", group.id)])
        }
        Command::Get { group } => {
            let response = groups.get_group(GetGroupRequest { group }).await?.into_inner();
            let group = response.group.clone().unwrap_or_default();
            output.one(
                &response,
                &[("group", group.name), ("id", group.id), ("display name", group.display_name)],
            )
        }
        Command::List => {
            let groups = pages::all(async |page_token: String| -> Result<_, Failure> {
                let response = session
                    .groups()
                    .list_groups(ListGroupsRequest { page_size: pages::LARGE, page_token })
                    .await?
                    .into_inner();
                Ok((response.groups, response.next_page_token))
            })
            .await?;
            let response = ListGroupsResponse { groups, next_page_token: String::new() };
            let rows = response.groups.iter().map(|group| {
                vec![group.name.clone(), group.display_name.clone(), group.id.clone()]
            });
            output.many(&response, &["GROUP", "DISPLAY NAME", "ID"], rows.collect())
        }
        Command::Add { group, user, admin, no_admin } => {
            let admin = match admin || no_admin {
                true => admin,
                false => is_admin(&members(session, &group).await?, &user),
            };
            let response = groups
                .add_member(AddMemberRequest { group: group.clone(), user_id: user.clone(), admin })
                .await?
                .into_inner();
            output
                .one(&response, &[("group", group), ("member", user), ("admin", admin.to_string())])
        }
        Command::Remove { group, user } => {
            let response = groups
                .remove_member(RemoveMemberRequest { group: group.clone(), user_id: user.clone() })
                .await?
                .into_inner();
            output.one(&response, &[("group", group), ("removed", user)])
        }
        Command::Members { group } => {
            let response = ListMembersResponse {
                members: members(session, &group).await?,
                next_page_token: String::new(),
            };
            let rows = response.members.iter().map(|member| {
                vec![member.user_id.clone(), member.user_name.clone(), member.admin.to_string()]
            });
            output.many(&response, &["USER", "NAME", "ADMIN"], rows.collect())
        }
    }
}

async fn members(session: &Session, group: &str) -> Result<Vec<Member>, Failure> {
    pages::all(async |page_token: String| -> Result<_, Failure> {
        let request =
            ListMembersRequest { group: group.to_owned(), page_size: pages::LARGE, page_token };
        let response = session.groups().list_members(request).await?.into_inner();
        Ok((response.members, response.next_page_token))
    })
    .await
}

/// Ids are compared as ids: the service takes every way to write one.
fn is_admin(members: &[Member], user: &str) -> bool {
    let id = user.parse::<Uuid>().ok();
    members
        .iter()
        .any(|member| member.admin && id.is_some() && member.user_id.parse::<Uuid>().ok() == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_is_known_however_its_id_is_written() {
        let member = |user_id: &str, admin| Member {
            user_id: user_id.to_owned(),
            user_name: String::new(),
            admin,
        };
        let members = [
            member("0198c5a0-0000-7000-8000-00000000000a", true),
            member("0198c5a0-0000-7000-8000-00000000000b", false),
        ];
        for (user, want) in [
            ("0198c5a0-0000-7000-8000-00000000000a", true),
            ("0198C5A000007000800000000000000A", true),
            ("0198c5a0-0000-7000-8000-00000000000b", false),
            ("0198c5a0-0000-7000-8000-00000000000c", false),
            ("nobody", false),
        ] {
            assert_eq!(is_admin(&members, user), want, "{user}");
        }
    }
}
