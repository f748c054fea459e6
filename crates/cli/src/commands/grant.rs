//! `slipway grant …`

use std::str::FromStr;

use chrono::{DateTime, Utc};
use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use slipway_authz::{object::ObjectKind, role::Role, subject::SubjectKind, word::UnknownWord};
use slipway_wire::permission::v1::{
    self as wire, CreateGrantRequest, DeleteGrantRequest, Grant, ListGrantsRequest,
    ListGrantsResponse, ObjectReference, Subject,
};

use crate::{
    commands::{pages, request_id},
    failure::Failure,
    output::{
        Output,
        labels::{enum_label, format_time},
    },
    session::Session,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Grant a role on an object.
    Create(Box<Create>),
    /// Delete a grant.
    Delete {
        /// Grant id.
        grant: String,
    },
    /// List the grants of an object.
    List {
        /// Kind of the object.
        #[arg(
            long,
            value_parser = one_of(ObjectKind::ALL),
            value_name = "KIND",
            default_value = "platform"
        )]
        on: ObjectKind,
        /// Image id, or group id or name. The platform has no id.
        #[arg(long, required_if_eq_any = [("on", "group"), ("on", "image")])]
        id: Option<String>,
    },
}

#[derive(Args)]
pub(crate) struct Create {
    /// Kind of the object.
    #[arg(long, value_parser = one_of(ObjectKind::ALL), value_name = "KIND")]
    on: ObjectKind,
    /// Image id, or group id or name. The platform has no id.
    #[arg(long, required_if_eq_any = [("on", "group"), ("on", "image")])]
    id: Option<String>,
    /// Role on the object.
    #[arg(long, value_parser = one_of(Role::ALL))]
    role: Role,
    /// Grant the role to this user (user id).
    #[arg(long, value_name = "USER_ID")]
    user: Option<String>,
    /// Grant the role to the members of this group.
    #[arg(long, conflicts_with = "user")]
    group: Option<String>,
    /// Grant the role to the admins of this group.
    #[arg(long, value_name = "GROUP", conflicts_with_all = ["user", "group"])]
    group_admins: Option<String>,
    /// Grant the role to every signed-in user.
    #[arg(long, conflicts_with_all = ["user", "group", "group_admins"])]
    everyone: bool,
    /// Time when the grant expires (RFC 3339), such as 2027-01-31T18:00:00Z; never if omitted.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    expires: Option<DateTime<Utc>>,
    /// Request id (UUID). Repeating the command with the same id within 24 hours is safe.
    #[arg(long, value_name = "UUID")]
    request_id: Option<String>,
}

pub(crate) async fn run(
    command: Command,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    match command {
        Command::Create(create) => create.run(session, output).await,
        Command::Delete { grant } => delete(grant, session, output).await,
        Command::List { on, id } => list(object_reference(on, id)?, session, output).await,
    }
}

impl Create {
    async fn run(self, session: &Session, output: &Output) -> Result<(), Failure> {
        let response = session.grants().create_grant(self.into_request()?).await?.into_inner();

        let grant = response.grant.clone().unwrap_or_default();
        let fields = [
            ("grant", grant.id.clone()),
            ("role", role_label(&grant)),
            ("for", subject_label(&grant)),
            ("expires", expiry_label(&grant, now())),
        ];
        output.write_message(&response, &fields)
    }

    fn into_request(self) -> Result<CreateGrantRequest, Failure> {
        let object = object_reference(self.on, self.id.clone())?;
        let subject = self.subject()?;

        let grant = Grant {
            id: String::new(),
            object: Some(object),
            subject: Some(subject),
            role: wire::Role::from(self.role).into(),
            expire_time: self.expires.map(Into::into),
        };
        Ok(CreateGrantRequest {
            request_id: request_id::given_or_new(self.request_id),
            grant: Some(grant),
        })
    }

    fn subject(&self) -> Result<Subject, Failure> {
        if let Some(user) = &self.user {
            return Ok(subject(SubjectKind::User, user));
        }
        if let Some(group) = &self.group {
            return Ok(subject(SubjectKind::Group, group));
        }
        if let Some(group) = &self.group_admins {
            return Ok(subject(SubjectKind::GroupAdmins, group));
        }
        if self.everyone {
            return Ok(subject(SubjectKind::Everyone, ""));
        }

        Err(Failure::usage(
            "The subject of the grant is missing. \
             Use --user, --group, --group-admins or --everyone.",
        ))
    }
}

async fn delete(grant: String, session: &Session, output: &Output) -> Result<(), Failure> {
    let request = DeleteGrantRequest { grant_id: grant.clone() };
    let response = session.grants().delete_grant(request).await?.into_inner();
    output.write_message(&response, &[("deleted", grant)])
}

async fn list(object: ObjectReference, session: &Session, output: &Output) -> Result<(), Failure> {
    let grants = pages::fetch_all(async |page_token: String| -> Result<_, Failure> {
        let request = ListGrantsRequest {
            object: Some(object.clone()),
            page_size: pages::LARGE_SIZE,
            page_token,
        };
        let response = session.grants().list_grants(request).await?.into_inner();
        Ok((response.grants, response.next_page_token))
    })
    .await?;

    let response = ListGrantsResponse { grants, next_page_token: String::new() };
    let now = now();
    let rows = response.grants.iter().map(|grant| {
        vec![grant.id.clone(), role_label(grant), subject_label(grant), expiry_label(grant, now)]
    });
    output.write_list(&response, &["GRANT", "ROLE", "FOR", "EXPIRES"], rows.collect())
}

fn subject(kind: SubjectKind, id: &str) -> Subject {
    Subject { kind: wire::SubjectKind::from(kind).into(), id: id.to_owned() }
}

fn object_reference(on: ObjectKind, id: Option<String>) -> Result<ObjectReference, Failure> {
    match (on, id) {
        (ObjectKind::Platform, Some(_)) => Err(Failure::usage(
            "The platform has no id. Remove --id, or use --on group or --on image.",
        )),
        (ObjectKind::Group | ObjectKind::Image, None) => {
            Err(Failure::usage("The id of the object is missing. Add --id."))
        }
        (kind, id) => {
            let kind = wire::ObjectKind::from(kind).into();
            Ok(ObjectReference { kind, id: id.unwrap_or_default() })
        }
    }
}

/// Accepts the texts of these words. The help and the shell completion list them.
fn one_of<W>(words: &'static [W]) -> impl TypedValueParser<Value = W>
where
    W: Copy + Into<&'static str> + FromStr<Err = UnknownWord> + Send + Sync + 'static,
{
    let texts = words.iter().map(|word| (*word).into());
    PossibleValuesParser::new(texts.collect::<Vec<&'static str>>())
        .try_map(|text| text.parse::<W>())
}

fn parse_time(text: &str) -> Result<DateTime<Utc>, &'static str> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .map_err(|_| "not an RFC 3339 time; use a form such as 2027-01-31T18:00:00Z")
}

#[expect(clippy::disallowed_methods, reason = "decides only which grants are shown as expired")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Empty if the grant does not expire.
fn expiry_label(grant: &Grant, now: DateTime<Utc>) -> String {
    match grant.expire_time.map(DateTime::<Utc>::try_from) {
        None => String::new(),
        Some(Err(_)) => "invalid time".to_owned(),
        Some(Ok(expiry)) if expiry <= now => format!("{} (expired)", format_time(expiry)),
        Some(Ok(expiry)) => format_time(expiry),
    }
}

fn role_label(grant: &Grant) -> String {
    enum_label(grant.role().as_str_name(), "ROLE_")
}

fn subject_label(grant: &Grant) -> String {
    let subject = grant.subject.clone().unwrap_or_default();
    format!("{} {}", enum_label(subject.kind().as_str_name(), "SUBJECT_KIND_"), subject.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_refused_for_the_platform_and_required_for_others() {
        for (on, id, want) in [
            (ObjectKind::Platform, None, true),
            (ObjectKind::Platform, Some("x"), false),
            (ObjectKind::Group, None, false),
            (ObjectKind::Group, Some("x"), true),
            (ObjectKind::Image, None, false),
            (ObjectKind::Image, Some("x"), true),
        ] {
            assert_eq!(object_reference(on, id.map(str::to_owned)).is_ok(), want, "{id:?}");
        }
    }

    #[test]
    fn expired_grant_is_marked() {
        let expiry = parse_time("2027-01-31T19:00:00+01:00").unwrap();
        let second_before = expiry - chrono::TimeDelta::seconds(1);
        let grant = Grant { expire_time: Some(expiry.into()), ..Grant::default() };

        assert_eq!(expiry_label(&grant, second_before), "2027-01-31T18:00:00Z");
        assert_eq!(expiry_label(&grant, expiry), "2027-01-31T18:00:00Z (expired)");
        assert_eq!(expiry_label(&Grant::default(), expiry), "");
        assert!(parse_time("tomorrow").is_err());
    }
}
