//! `slipway user …`

use clap::Subcommand;
use slipway_wire::permission::v1::{
    GetSelfRequest, GetUserRequest, InviteUserRequest, ListUsersRequest, ListUsersResponse, User,
};

use crate::{failure::Failure, output::Output, pages, request_id, session::Session};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Who you are here.
    Whoami,
    /// Make a user known before its first call.
    Invite {
        /// The `sub` of the user's tokens.
        subject: String,
        /// Which configured issuer; may be left away where there is only one.
        #[arg(long, default_value = "")]
        issuer: String,
        /// For people.
        #[arg(long, default_value = "")]
        name: String,
        /// Makes a repeat safe: the same id with the same request gives the first answer for 24 hours.
        #[arg(long)]
        request_id: Option<String>,
    },
    /// Show a user.
    Get {
        /// Its id.
        user: String,
    },
    /// List users.
    List,
}

pub(crate) async fn run(
    command: Command,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    let mut users = session.users();
    match command {
        Command::Whoami => {
            let response = users.get_self(GetSelfRequest {}).await?.into_inner();
            let mut fields = fields(response.user.clone().unwrap_or_default());
            fields.push(("groups", response.groups.join(", ")));
            fields.push(("platform admin", response.platform_admin.to_string()));
            output.one(&response, &fields)
        }
        Command::Invite { subject, issuer, name, request_id } => {
            let response = users
                .invite_user(InviteUserRequest {
                    request_id: request_id::choose(request_id),
                    issuer,
                    subject,
                    name,
                })
                .await?
                .into_inner();
            output.one(&response, &fields(response.user.clone().unwrap_or_default()))
        }
        Command::Get { user } => {
            let response = users.get_user(GetUserRequest { user_id: user }).await?.into_inner();
            output.one(&response, &fields(response.user.clone().unwrap_or_default()))
        }
        Command::List => {
            let users = pages::all(async |page_token: String| -> Result<_, Failure> {
                let response = session
                    .users()
                    .list_users(ListUsersRequest { page_size: pages::LARGE, page_token })
                    .await?
                    .into_inner();
                Ok((response.users, response.next_page_token))
            })
            .await?;
            let response = ListUsersResponse { users, next_page_token: String::new() };
            let rows = response.users.iter().map(|user| {
                vec![user.id.clone(), user.name.clone(), user.subject.clone(), user.issuer.clone()]
            });
            output.many(&response, &["USER", "NAME", "SUBJECT", "ISSUER"], rows.collect())
        }
    }
}

fn fields(user: User) -> Vec<(&'static str, String)> {
    vec![("user", user.id), ("name", user.name), ("subject", user.subject), ("issuer", user.issuer)]
}
