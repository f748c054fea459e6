//! Users: at first sight, and invited before it.

use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    grant::{ObjectKind, Role, SubjectKind},
    id::{GrantId, ObjectId, UserId},
    text::line,
};
use slipway_outbox::idempotency::Key;
use slipway_paging::Page;

use crate::{
    app::App,
    domain::{
        grant::{Grant, Subject},
        object::Object,
        user::User,
    },
};

/// Characters of a `sub` (OpenID Connect Core, section 2) and of a name.
const LONGEST_TEXT: usize = 255;

impl App {
    /// Stores who was seen for the first time.
    pub(super) async fn remember(&self, seen: &slipway_identity::User) -> Result<(), Fault> {
        let known = self.store.user(seen.id).await?;
        if known.is_some_and(|user| user.seen && (user.name == seen.name || seen.name.is_empty())) {
            return Ok(());
        }
        let change = self.store.change().await?;
        let user = User {
            id: seen.id,
            issuer: seen.issuer.clone(),
            subject: seen.subject.clone(),
            name: seen.name.clone(),
            seen: true,
            create_time: change.now,
        };
        change.see_user(&user).await?;
        change.commit().await.map(|_| ())
    }

    /// The caller as it is known here, its groups' names, and whether it is a platform admin.
    pub async fn self_of(&self, caller: &Caller) -> Result<(User, Vec<String>, bool), Fault> {
        let id = self.user_of(caller).await?;
        let user = self
            .store
            .user(id)
            .await?
            .ok_or_else(|| Fault::internal("a user that was just stored is gone"))?;
        let groups = self.store.group_names_of(id).await?;
        let standing = self.store.standing(id, ObjectId::PLATFORM).await?;
        Ok((user, groups, standing.role == Some(Role::Manager)))
    }

    /// Makes a user known before its first call; one that was seen already stays as it is.
    pub async fn invite_user(
        &self,
        caller: &Caller,
        issuer: &str,
        subject: &str,
        name: &str,
        key: Option<Key>,
    ) -> Result<User, Fault> {
        self.require_platform(caller, Role::Manager).await?;
        let issuer = match (issuer, self.issuers.as_slice()) {
            ("", [only]) => only.as_str(),
            ("", _) => {
                return Err(Fault::field(
                    "issuer",
                    format!("is empty, and several are configured: {}", self.issuers.join(", ")),
                ));
            }
            (issuer, known) if known.iter().any(|known| known == issuer) => issuer,
            (_, known) => {
                return Err(Fault::field(
                    "issuer",
                    format!("is not configured here; configured: {}", known.join(", ")),
                ));
            }
        };
        let subject = line(subject, 1..=LONGEST_TEXT).map_err(|error| {
            Fault::field("subject", format!("{error}: the `sub` of the user's tokens"))
        })?;
        let name = line(name, 0..=LONGEST_TEXT).map_err(|error| Fault::field("name", error))?;
        let id = UserId::derive(issuer, subject);
        let mut change = self.store.change().await?;
        let user = User {
            id,
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            name: name.to_owned(),
            seen: false,
            create_time: change.now,
        };
        if change.answered(key.as_ref()).await?.is_none() {
            change.invite_user(&user).await?;
            change.keep_answer(key.as_ref(), &id.to_string()).await?;
        }
        change.commit().await?;
        self.store
            .user(id)
            .await?
            .ok_or_else(|| Fault::internal("a user that was just stored is gone"))
    }

    /// One user.
    pub async fn user(&self, caller: &Caller, id: UserId) -> Result<User, Fault> {
        self.require_platform(caller, Role::Reader).await?;
        self.store
            .user(id)
            .await?
            .ok_or_else(|| Fault::new(Reason::UserNotFound, format!("there is no user {id}")))
    }

    /// A page of users.
    pub async fn users(&self, caller: &Caller, page: &Page) -> Result<Vec<User>, Fault> {
        self.require_platform(caller, Role::Reader).await?;
        self.store.users(page).await
    }

    /// The platform object, and the admins that configuration names: made where nobody manages the platform, so that an admin who was
    /// removed does not come back with the next start.
    pub async fn bootstrap(&self, admins: &[(String, String)]) -> Result<(), Fault> {
        let mut change = self.store.change().await?;
        change
            .put_object(&Object { id: ObjectId::PLATFORM, kind: ObjectKind::Platform, owner: None })
            .await?;
        let is_managed = change
            .grants_of(ObjectId::PLATFORM)
            .await?
            .iter()
            .any(|grant| grant.makes_a_manager() && grant.is_live(change.now));
        let missing: &[(String, String)] = if is_managed { &[] } else { admins };
        for (issuer, subject) in missing {
            let id = UserId::derive(issuer, subject);
            let user = User {
                id,
                issuer: issuer.clone(),
                subject: subject.clone(),
                name: String::new(),
                seen: false,
                create_time: change.now,
            };
            change.invite_user(&user).await?;
            let grant = Grant {
                id: GrantId::new(),
                object: ObjectId::PLATFORM,
                subject: Subject { kind: SubjectKind::User, id: Some(id.0) },
                role: Role::Manager,
                expire: None,
                registered: false,
            };
            change.create_grant(grant, ObjectKind::Platform).await?;
        }
        change.commit().await.map(|_| ())
    }
}
