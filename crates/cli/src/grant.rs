//! `slipway grant …`

use chrono::{DateTime, Utc};
use clap::{Subcommand, ValueEnum};
use slipway_wire::permission::v1::{
    CreateGrantRequest, DeleteGrantRequest, Grant, ListGrantsRequest, ListGrantsResponse,
    ObjectKind, ObjectReference, Role, Subject, SubjectKind,
};

use crate::{
    failure::Failure,
    output::{Output, moment, word},
    pages, request_id,
    session::Session,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Give a role on an object.
    Create {
        /// What the role is on.
        #[arg(long, value_enum)]
        on: Kind,
        /// Id of the image, or id or name of the group; the platform has none.
        #[arg(long, required_if_eq_any = [("on", "group"), ("on", "image")])]
        id: Option<String>,
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
        /// Until this time of RFC 3339, such as 2027-01-31T18:00:00Z; without an end when not given.
        #[arg(long, value_name = "TIME", value_parser = time)]
        expires: Option<DateTime<Utc>>,
        /// Makes a repeat safe: the same id with the same request gives the first answer for 24 hours.
        #[arg(long)]
        request_id: Option<String>,
    },
    /// Take a grant away.
    Delete {
        /// Its id.
        grant: String,
    },
    /// All grants of an object, with when they expire.
    List {
        /// What the grants are on.
        #[arg(long, value_enum, default_value = "platform")]
        on: Kind,
        /// Id of the image, or id or name of the group; the platform has none.
        #[arg(long, required_if_eq_any = [("on", "group"), ("on", "image")])]
        id: Option<String>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Kind {
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

pub(crate) async fn run(
    command: Command,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    let mut grants = session.grants();
    match command {
        Command::Create {
            on,
            id,
            role,
            user,
            group,
            group_admins,
            everyone,
            expires,
            request_id,
        } => {
            let object = reference(on, id)?;
            let (kind, subject) = match (user, group, group_admins, everyone) {
                (Some(user), ..) => (SubjectKind::User, user),
                (_, Some(group), ..) => (SubjectKind::Group, group),
                (_, _, Some(group), _) => (SubjectKind::GroupAdmins, group),
                (.., true) => (SubjectKind::Everyone, String::new()),
                _ => {
                    return Err(Failure::usage(
                        "say for whom: --user, --group, --group-admins or --everyone",
                    ));
                }
            };
            let role = match role {
                RoleWord::Reader => Role::Reader,
                RoleWord::Writer => Role::Writer,
                RoleWord::Manager => Role::Manager,
            };
            let grant = Grant {
                id: String::new(),
                object: Some(object),
                subject: Some(Subject { kind: kind.into(), id: subject }),
                role: role.into(),
                expire_time: expires.map(Into::into),
            };
            let response = grants
                .create_grant(CreateGrantRequest {
                    request_id: request_id::choose(request_id),
                    grant: Some(grant),
                })
                .await?
                .into_inner();
            let grant = response.grant.clone().unwrap_or_default();
            let fields = [
                ("grant", grant.id.clone()),
                ("role", role_of(&grant)),
                ("for", subject_of(&grant)),
                ("expires", expiry_of(&grant, Utc::now())),
            ];
            output.one(&response, &fields)
        }
        Command::Delete { grant } => {
            let response = grants
                .delete_grant(DeleteGrantRequest { grant_id: grant.clone() })
                .await?
                .into_inner();
            output.one(&response, &[("deleted", grant)])
        }
        Command::List { on, id } => {
            let object = reference(on, id)?;
            let grants = pages::all(async |page_token: String| -> Result<_, Failure> {
                let request = ListGrantsRequest {
                    object: Some(object.clone()),
                    page_size: pages::LARGE,
                    page_token,
                };
                let response = session.grants().list_grants(request).await?.into_inner();
                Ok((response.grants, response.next_page_token))
            })
            .await?;
            let response = ListGrantsResponse { grants, next_page_token: String::new() };
            let now = Utc::now();
            let rows = response.grants.iter().map(|grant| {
                vec![grant.id.clone(), role_of(grant), subject_of(grant), expiry_of(grant, now)]
            });
            output.many(&response, &["GRANT", "ROLE", "FOR", "EXPIRES"], rows.collect())
        }
    }
}

fn reference(on: Kind, id: Option<String>) -> Result<ObjectReference, Failure> {
    let kind = match on {
        Kind::Platform => ObjectKind::Platform,
        Kind::Group => ObjectKind::Group,
        Kind::Image => ObjectKind::Image,
    };
    match (on, id) {
        (Kind::Platform, Some(_)) => Err(Failure::usage(
            "the platform has no --id; say --on group or --on image if you mean one",
        )),
        (Kind::Group | Kind::Image, None) => Err(Failure::usage("say which one with --id")),
        (_, id) => Ok(ObjectReference { kind: kind.into(), id: id.unwrap_or_default() }),
    }
}

fn time(text: &str) -> Result<DateTime<Utc>, &'static str> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .map_err(|_| "give a time of RFC 3339, such as 2027-01-31T18:00:00Z")
}

/// Empty where there is no end.
fn expiry_of(grant: &Grant, now: DateTime<Utc>) -> String {
    match grant.expire_time.map(DateTime::<Utc>::try_from) {
        None => String::new(),
        Some(Err(_)) => "at no time that can be shown".to_owned(),
        Some(Ok(expiry)) if expiry <= now => format!("{} (expired)", moment(expiry)),
        Some(Ok(expiry)) => moment(expiry),
    }
}

fn role_of(grant: &Grant) -> String {
    word(grant.role().as_str_name(), "ROLE_")
}

fn subject_of(grant: &Grant) -> String {
    let subject = grant.subject.clone().unwrap_or_default();
    format!("{} {}", word(subject.kind().as_str_name(), "SUBJECT_KIND_"), subject.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platform_alone_has_no_id() {
        for (on, id, want) in [
            (Kind::Platform, None, true),
            (Kind::Platform, Some("x"), false),
            (Kind::Group, None, false),
            (Kind::Group, Some("x"), true),
            (Kind::Image, None, false),
            (Kind::Image, Some("x"), true),
        ] {
            assert_eq!(reference(on, id.map(str::to_owned)).is_ok(), want, "{id:?}");
        }
    }

    #[test]
    fn expired_grants_are_marked() {
        let expiry = time("2027-01-31T19:00:00+01:00").unwrap();
        let grant = Grant { expire_time: Some(expiry.into()), ..Grant::default() };
        assert_eq!(
            expiry_of(&grant, expiry - chrono::TimeDelta::seconds(1)),
            "2027-01-31T18:00:00Z"
        );
        assert_eq!(expiry_of(&grant, expiry), "2027-01-31T18:00:00Z (expired)");
        assert_eq!(expiry_of(&Grant::default(), expiry), "");
        assert!(time("tomorrow").is_err());
    }
}
