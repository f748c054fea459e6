//! `slipway group …`

use clap::Subcommand;
use slipway_wire::permission::v1::{
    AddMemberRequest, CreateGroupRequest, GetGroupRequest, ListGroupsRequest, ListMembersRequest, RemoveMemberRequest,
};

use crate::{failure::Failure, output::Output, session::Session};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a group.
    Create {
        /// Never changes: images are addressed by it.
        name: String,
        /// For people.
        #[arg(long, default_value = "")]
        display_name: String,
    },
    /// Show a group.
    Get {
        /// Name or id.
        group: String,
    },
    /// The groups that you may see.
    List,
    /// Add a member, or set whether it is an admin.
    Add {
        /// Name or id.
        group: String,
        /// User id.
        user: String,
        /// May manage the group and its images.
        #[arg(long)]
        admin: bool,
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

pub(crate) async fn run(command: Command, session: &Session, output: &Output) -> Result<(), Failure> {
    let mut groups = session.groups();
    match command {
        Command::Create { name, display_name } => {
            let response = groups.create_group(CreateGroupRequest { name, display_name }).await?.into_inner();
            let group = response.group.clone().unwrap_or_default();
            output.one(&response, &[("group", group.name), ("id", group.id)])
        }
        Command::Get { group } => {
            let response = groups.get_group(GetGroupRequest { group }).await?.into_inner();
            let group = response.group.clone().unwrap_or_default();
            output.one(&response, &[("group", group.name), ("id", group.id), ("display name", group.display_name)])
        }
        Command::List => {
            let response = groups.list_groups(ListGroupsRequest { page_size: 1_000, page_token: String::new() }).await?.into_inner();
            let rows = response.groups.iter().map(|group| vec![group.name.clone(), group.display_name.clone(), group.id.clone()]);
            output.many(&response, &["GROUP", "DISPLAY NAME", "ID"], rows.collect())
        }
        Command::Add { group, user, admin } => {
            let response = groups.add_member(AddMemberRequest { group: group.clone(), user_id: user.clone(), admin }).await?.into_inner();
            output.one(&response, &[("group", group), ("member", user), ("admin", admin.to_string())])
        }
        Command::Remove { group, user } => {
            let response = groups.remove_member(RemoveMemberRequest { group: group.clone(), user_id: user.clone() }).await?.into_inner();
            output.one(&response, &[("group", group), ("removed", user)])
        }
        Command::Members { group } => {
            let response = groups.list_members(ListMembersRequest { group, page_size: 1_000, page_token: String::new() }).await?.into_inner();
            let rows = response.members.iter().map(|member| vec![member.user_id.clone(), member.user_name.clone(), member.admin.to_string()]);
            output.many(&response, &["USER", "NAME", "ADMIN"], rows.collect())
        }
    }
}
