//! `slipway user …`

use clap::Subcommand;
use slipway_wire::permission::v1::{
    GetSelfRequest, GetUserRequest, InviteUserRequest, ListUsersRequest, ListUsersResponse, User,
};

use crate::{
    commands::{pages, request_id},
    failure::Failure,
    output::Output,
    session::Session,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show who you are, your groups, and whether you are a platform admin.
    Whoami,
    /// Register a user who has not signed in yet.
    Invite {
        /// Subject of the user: the `sub` claim of the user's tokens.
        subject: String,
        /// Issuer of the user's tokens; can be omitted if only one is configured.
        #[arg(long, default_value = "", hide_default_value = true)]
        issuer: String,
        /// Name shown to people.
        #[arg(long, default_value = "", hide_default_value = true)]
        name: String,
        /// Request id (UUID). Repeating the command with the same id within 24 hours is safe.
        #[arg(long, value_name = "UUID")]
        request_id: Option<String>,
    },
    /// Show a user.
    Get {
        /// User id.
        user: String,
    },
    /// List the users.
    List,
}

pub(crate) async fn run(
    command: Command,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    match command {
        Command::Whoami => whoami(session, output).await,
        Command::Invite { subject, issuer, name, request_id } => {
            let request_id = request_id::given_or_new(request_id);
            let request = InviteUserRequest { request_id, issuer, subject, name };
            invite(request, session, output).await
        }
        Command::Get { user } => get(user, session, output).await,
        Command::List => list(session, output).await,
    }
}

async fn whoami(session: &Session, output: &Output) -> Result<(), Failure> {
    let response = session.users().get_self(GetSelfRequest {}).await?.into_inner();

    let mut fields = fields(response.user.clone().unwrap_or_default());
    fields.push(("groups", response.groups.join(", ")));
    fields.push(("platform admin", response.platform_admin.to_string()));
    output.write_message(&response, &fields)
}

async fn invite(
    request: InviteUserRequest,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    let response = session.users().invite_user(request).await?.into_inner();
    output.write_message(&response, &fields(response.user.clone().unwrap_or_default()))
}

async fn get(user_id: String, session: &Session, output: &Output) -> Result<(), Failure> {
    let response = session.users().get_user(GetUserRequest { user_id }).await?.into_inner();
    output.write_message(&response, &fields(response.user.clone().unwrap_or_default()))
}

async fn list(session: &Session, output: &Output) -> Result<(), Failure> {
    let users = pages::fetch_all(async |page_token: String| -> Result<_, Failure> {
        let request = ListUsersRequest { page_size: pages::LARGE_SIZE, page_token };
        let response = session.users().list_users(request).await?.into_inner();
        Ok((response.users, response.next_page_token))
    })
    .await?;

    let response = ListUsersResponse { users, next_page_token: String::new() };
    let rows = response.users.iter().map(|user| {
        vec![user.id.clone(), user.name.clone(), user.subject.clone(), user.issuer.clone()]
    });
    output.write_list(&response, &["USER", "NAME", "SUBJECT", "ISSUER"], rows.collect())
}

fn fields(user: User) -> Vec<(&'static str, String)> {
    vec![("user", user.id), ("name", user.name), ("subject", user.subject), ("issuer", user.issuer)]
}
