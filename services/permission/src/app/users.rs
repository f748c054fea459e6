//! Users: at first sight, and invited before it.

use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    grant::{ObjectKind, Role, SubjectKind},
    id::{GrantId, ObjectId, UserId},
};
use slipway_paging::Page;

use crate::{
    app::App,
    domain::{
        grant::{Grant, Subject},
        object::Object,
        user::User,
    },
};

impl App {
    /// Stores who was seen for the first time.
    pub(super) async fn remember(&self, seen: &slipway_identity::User) -> Result<(), Fault> {
        let known = self.store.user(seen.id).await?;
        if known.is_some_and(|user| user.seen && (user.name == seen.name || seen.name.is_empty())) {
            return Ok(());
        }
        let mut change = self.store.change().await?;
        let user = User {
            id: seen.id,
            issuer: seen.issuer.clone(),
            subject: seen.subject.clone(),
            name: seen.name.clone(),
            seen: true,
            create_time: change.now,
        };
        change.put_user(&user).await?;
        change.commit().await.map(|_| ())
    }

    /// The caller as it is known here, its groups' names, and whether it is a platform admin.
    pub async fn self_of(&self, caller: &Caller) -> Result<(User, Vec<String>, bool), Fault> {
        let id = self.user_of(caller).await?;
        let user = self.store.user(id).await?.ok_or_else(|| Fault::internal("a user that was just stored is gone"))?;
        let groups = self.store.groups(Some(id), &Page::parse(1_000, "", &[], 1)?).await?;
        let standing = self.store.standing(id, ObjectId::PLATFORM).await?;
        Ok((user, groups.into_iter().map(|group| group.name).collect(), standing.role == Some(Role::Manager)))
    }

    /// Makes a user known before its first call.
    pub async fn invite_user(&self, caller: &Caller, issuer: &str, subject: &str, name: &str) -> Result<User, Fault> {
        self.require_platform(caller, Role::Manager).await?;
        let issuer = match (issuer, self.issuers.as_slice()) {
            ("", [only]) => only.as_str(),
            ("", _) => return Err(Fault::field("issuer", format!("is empty, and several are configured: {}", self.issuers.join(", ")))),
            (issuer, known) if known.iter().any(|known| known == issuer) => issuer,
            (_, known) => return Err(Fault::field("issuer", format!("is not configured here; configured: {}", known.join(", ")))),
        };
        if subject.is_empty() || subject.len() > 255 {
            return Err(Fault::field("subject", "must have 1 to 255 bytes: the `sub` of the user's tokens"));
        }
        let id = UserId::derive(issuer, subject);
        let mut change = self.store.change().await?;
        let user = User { id, issuer: issuer.to_owned(), subject: subject.to_owned(), name: name.to_owned(), seen: false, create_time: change.now };
        change.put_user(&user).await?;
        change.commit().await?;
        self.store.user(id).await?.ok_or_else(|| Fault::internal("a user that was just stored is gone"))
    }

    /// One user.
    pub async fn user(&self, caller: &Caller, id: UserId) -> Result<User, Fault> {
        self.require_platform(caller, Role::Reader).await?;
        self.store.user(id).await?.ok_or_else(|| Fault::new(Reason::UserNotFound, format!("there is no user {id}")))
    }

    /// A page of users.
    pub async fn users(&self, caller: &Caller, page: &Page) -> Result<Vec<User>, Fault> {
        self.require_platform(caller, Role::Reader).await?;
        self.store.users(page).await
    }

    /// The platform object, and the admins that configuration names.
    pub async fn bootstrap(&self, admins: &[(String, String)]) -> Result<(), Fault> {
        let mut change = self.store.change().await?;
        change.put_object(&Object { id: ObjectId::PLATFORM, kind: ObjectKind::Platform, owner: None }).await?;
        let present = change.grants_of(ObjectId::PLATFORM).await?;
        for (issuer, subject) in admins {
            let id = UserId::derive(issuer, subject);
            let subject_of_grant = Subject { kind: SubjectKind::User, id: Some(id.0) };
            if present.iter().any(|grant| grant.subject == subject_of_grant && grant.role == Role::Manager) {
                continue;
            }
            let user = User { id, issuer: issuer.clone(), subject: subject.clone(), name: String::new(), seen: false, create_time: change.now };
            change.put_user(&user).await?;
            let grant = Grant {
                id: GrantId::new(),
                object: ObjectId::PLATFORM,
                subject: subject_of_grant,
                role: Role::Manager,
                expire: None,
                registered: false,
            };
            change.create_grant(grant, ObjectKind::Platform).await?;
        }
        change.commit().await.map(|_| ())
    }
}
