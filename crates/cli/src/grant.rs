//! `slipway grant …`

use clap::{Args, Subcommand, ValueEnum};
use slipway_wire::permission::v1::{
    CreateGrantRequest, DeleteGrantRequest, Grant, ListGrantsRequest, ObjectKind, ObjectReference, Role, Subject, SubjectKind,
};

use crate::{
    failure::Failure,
    output::{Output, word},
    session::Session,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Give a role on an object.
    Create {
        #[command(flatten)]
        object: Object,
        /// What it allows.
        #[arg(long, value_enum)]
        role: RoleWord,
        /// For this user id.
        #[arg(long)]
        user: Option<String>,
        /// For this group's members.
        #[arg(long, conflicts_with = "user")]
        group: Option<String>,
        /// For this group's admins.
        #[arg(long, conflicts_with_all = ["user", "group"])]
        group_admins: Option<String>,
        /// For every signed-in user.
        #[arg(long, conflicts_with_all = ["user", "group", "group_admins"])]
        everyone: bool,
    },
    /// Take a grant away.
    Delete {
        /// Its id.
        grant: String,
    },
    /// All grants of an object.
    List {
        #[command(flatten)]
        object: Object,
    },
}

#[derive(Args)]
pub(crate) struct Object {
    /// platform, group or image.
    #[arg(long, value_enum, default_value = "platform")]
    on: Kind,
    /// Id of the group or image.
    #[arg(long, default_value = "")]
    id: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Platform,
    Group,
    Image,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum RoleWord {
    Reader,
    Writer,
    Manager,
}

pub(crate) async fn run(command: Command, session: &Session, output: &Output) -> Result<(), Failure> {
    let mut grants = session.grants();
    match command {
        Command::Create { object, role, user, group, group_admins, everyone } => {
            let (kind, id) = match (user, group, group_admins, everyone) {
                (Some(user), ..) => (SubjectKind::User, user),
                (_, Some(group), ..) => (SubjectKind::Group, group),
                (_, _, Some(group), _) => (SubjectKind::GroupAdmins, group),
                (.., true) => (SubjectKind::Everyone, String::new()),
                _ => return Err(Failure::usage("say for whom: --user, --group, --group-admins or --everyone")),
            };
            let role = match role {
                RoleWord::Reader => Role::Reader,
                RoleWord::Writer => Role::Writer,
                RoleWord::Manager => Role::Manager,
            };
            let grant = Grant {
                id: String::new(),
                object: Some(reference(object)),
                subject: Some(Subject { kind: kind.into(), id }),
                role: role.into(),
                expire_time: None,
            };
            let response = grants.create_grant(CreateGrantRequest { grant: Some(grant) }).await?.into_inner();
            let grant = response.grant.clone().unwrap_or_default();
            output.one(&response, &[("grant", grant.id.clone()), ("role", role_of(&grant)), ("for", subject_of(&grant))])
        }
        Command::Delete { grant } => {
            let response = grants.delete_grant(DeleteGrantRequest { grant_id: grant.clone() }).await?.into_inner();
            output.one(&response, &[("deleted", grant)])
        }
        Command::List { object } => {
            let response = grants.list_grants(ListGrantsRequest { object: Some(reference(object)) }).await?.into_inner();
            let rows = response.grants.iter().map(|grant| vec![grant.id.clone(), role_of(grant), subject_of(grant)]);
            output.many(&response, &["GRANT", "ROLE", "FOR"], rows.collect())
        }
    }
}

fn reference(object: Object) -> ObjectReference {
    let kind = match object.on {
        Kind::Platform => ObjectKind::Platform,
        Kind::Group => ObjectKind::Group,
        Kind::Image => ObjectKind::Image,
    };
    ObjectReference { kind: kind.into(), id: object.id }
}

fn role_of(grant: &Grant) -> String {
    word(grant.role().as_str_name(), "ROLE_")
}

fn subject_of(grant: &Grant) -> String {
    let subject = grant.subject.clone().unwrap_or_default();
    format!("{} {}", word(subject.kind().as_str_name(), "SUBJECT_KIND_"), subject.id)
}
