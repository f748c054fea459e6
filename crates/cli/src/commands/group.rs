//! `slipway group …`

use clap::Subcommand;
use slipway_wire::permission::v1::{
    AddMemberRequest, CreateGroupRequest, GetGroupRequest, ListGroupsRequest, ListGroupsResponse,
    ListMembersRequest, ListMembersResponse, Member, RemoveMemberRequest,
};
use uuid::Uuid;

use crate::{
    commands::{pages, request_id},
    failure::Failure,
    output::Output,
    session::Session,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create a group.
    Create {
        /// Name of the group, which is part of its images' names and cannot be changed later.
        name: String,
        /// Name shown to people.
        #[arg(long, default_value = "", hide_default_value = true)]
        display_name: String,
        /// Request id (UUID). Repeating the command with the same id within 24 hours is safe.
        #[arg(long, value_name = "UUID")]
        request_id: Option<String>,
    },
    /// Show a group.
    Get {
        /// Group name or id.
        group: String,
    },
    /// List the groups that you may see.
    List,
    /// Add a member to a group, or change whether a member is an admin.
    ///
    /// Without --admin and --no-admin, an existing admin stays an admin, and a new member is not
    /// an admin.
    Add {
        /// Group name or id.
        group: String,
        /// User id.
        user: String,
        /// Make the member an admin, who manages the group and its images.
        #[arg(long, conflicts_with = "no_admin")]
        admin: bool,
        /// Make the member an ordinary member.
        #[arg(long)]
        no_admin: bool,
    },
    /// Remove a member from a group.
    Remove {
        /// Group name or id.
        group: String,
        /// User id.
        user: String,
    },
    /// List the members of a group.
    Members {
        /// Group name or id.
        group: String,
    },
}

pub(crate) async fn run(
    command: Command,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    match command {
        Command::Create { name, display_name, request_id } => {
            let request_id = request_id::given_or_new(request_id);
            let request = CreateGroupRequest { request_id, name, display_name };
            create(request, session, output).await
        }
        Command::Get { group } => get(group, session, output).await,
        Command::List => list(session, output).await,
        Command::Add { group, user, admin, no_admin } => {
            let admin = if admin || no_admin {
                admin
            } else {
                is_admin(&fetch_members(session, &group).await?, &user)
            };
            add(AddMemberRequest { group, user_id: user, admin }, session, output).await
        }
        Command::Remove { group, user } => {
            remove(RemoveMemberRequest { group, user_id: user }, session, output).await
        }
        Command::Members { group } => list_members(&group, session, output).await,
    }
}

async fn create(
    request: CreateGroupRequest,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    let response = session.groups().create_group(request).await?.into_inner();
    let group = response.group.clone().unwrap_or_default();
    output.write_message(&response, &[("group", group.name), ("id", group.id)])
}

async fn get(group: String, session: &Session, output: &Output) -> Result<(), Failure> {
    let response = session.groups().get_group(GetGroupRequest { group }).await?.into_inner();

    let group = response.group.clone().unwrap_or_default();
    let fields = [("group", group.name), ("id", group.id), ("display name", group.display_name)];
    output.write_message(&response, &fields)
}

async fn list(session: &Session, output: &Output) -> Result<(), Failure> {
    let groups = pages::fetch_all(async |page_token: String| -> Result<_, Failure> {
        let request = ListGroupsRequest { page_size: pages::LARGE_SIZE, page_token };
        let response = session.groups().list_groups(request).await?.into_inner();
        Ok((response.groups, response.next_page_token))
    })
    .await?;

    let response = ListGroupsResponse { groups, next_page_token: String::new() };
    let rows = response
        .groups
        .iter()
        .map(|group| vec![group.name.clone(), group.display_name.clone(), group.id.clone()]);
    output.write_list(&response, &["GROUP", "DISPLAY NAME", "ID"], rows.collect())
}

async fn add(request: AddMemberRequest, session: &Session, output: &Output) -> Result<(), Failure> {
    let response = session.groups().add_member(request.clone()).await?.into_inner();

    let fields = [
        ("group", request.group),
        ("member", request.user_id),
        ("admin", request.admin.to_string()),
    ];
    output.write_message(&response, &fields)
}

async fn remove(
    request: RemoveMemberRequest,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    let response = session.groups().remove_member(request.clone()).await?.into_inner();
    output.write_message(&response, &[("group", request.group), ("removed", request.user_id)])
}

async fn list_members(group: &str, session: &Session, output: &Output) -> Result<(), Failure> {
    let response = ListMembersResponse {
        members: fetch_members(session, group).await?,
        next_page_token: String::new(),
    };

    let rows = response.members.iter().map(|member| {
        vec![member.user_id.clone(), member.user_name.clone(), member.admin.to_string()]
    });
    output.write_list(&response, &["USER", "NAME", "ADMIN"], rows.collect())
}

async fn fetch_members(session: &Session, group: &str) -> Result<Vec<Member>, Failure> {
    pages::fetch_all(async |page_token: String| -> Result<_, Failure> {
        let request = ListMembersRequest {
            group: group.to_owned(),
            page_size: pages::LARGE_SIZE,
            page_token,
        };
        let response = session.groups().list_members(request).await?.into_inner();
        Ok((response.members, response.next_page_token))
    })
    .await
}

/// Compares parsed ids, because the service accepts every spelling of a UUID.
fn is_admin(members: &[Member], user: &str) -> bool {
    let Ok(id) = user.parse::<Uuid>() else { return false };

    members.iter().any(|member| member.admin && member.user_id.parse() == Ok(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(user_id: &str, admin: bool) -> Member {
        Member { user_id: user_id.to_owned(), user_name: String::new(), admin }
    }

    #[test]
    fn admin_is_found_by_any_spelling_of_the_id() {
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
