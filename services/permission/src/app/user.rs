//! Users: stored at their first call, or invited before it.

use slipway_authz::{object::ObjectKind, role::Role, subject::SubjectKind};
use slipway_database::idempotency::RequestKey;
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    id::{GrantId, ObjectId, UserId},
    text::validate_line,
    unit::Micros,
};
use slipway_request::page::Page;

use crate::{
    app::{
        App,
        check::require_platform_role,
        object::put_object,
        response::{find_response, store_response},
    },
    domain::{
        grant::Grant,
        object::Object,
        subject::Subject,
        user::{Claims, User},
    },
    store::change::Change,
};

/// Characters of a `sub` claim (OpenID Connect Core, section 2) and of a user's name.
const MAX_TEXT_CHARACTERS: usize = 255;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteUser {
    /// One of the configured issuers; empty for the only one.
    pub issuer: String,
    /// The claim `sub`.
    pub subject: String,
    /// May be empty.
    pub name: String,
}

/// A user with what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub user: User,
    /// Names, in order.
    pub groups: Vec<String>,
    pub is_platform_admin: bool,
}

impl App {
    /// The id of the caller's user. Stores the user if this is the first call.
    ///
    /// # Errors
    /// `TOKEN_MISSING` when a service calls without a user.
    pub(super) async fn ensure_caller_stored(&self, caller: &Caller) -> Result<UserId, Fault> {
        let user = caller.require_user()?;
        self.store_seen_user(user).await?;

        Ok(user.id)
    }

    /// Stores a user who makes the first call, or whose token has a new name.
    async fn store_seen_user(&self, seen: &slipway_identity::User) -> Result<(), Fault> {
        let stored = self.store.user(seen.id).await?;
        let is_name_current = |user: &User| seen.name.is_empty() || user.name == seen.name;
        if stored.is_some_and(|user| user.seen && is_name_current(&user)) {
            return Ok(());
        }

        let change = self.store.begin_change().await?;
        let user = User {
            id: seen.id,
            issuer: seen.issuer.clone(),
            subject: seen.subject.clone(),
            name: seen.name.clone(),
            seen: true,
            create_time: change.now,
        };
        change.put_seen_user(user).await?;

        change.commit().await?;
        Ok(())
    }

    /// The caller's own user.
    pub async fn get_self(&self, caller: &Caller) -> Result<Profile, Fault> {
        let id = self.ensure_caller_stored(caller).await?;

        let user = self.stored_user(id).await?;
        let groups = self.store.group_names_of(id).await?;
        let effective = self.store.effective_role(id, ObjectId::PLATFORM).await?;

        Ok(Profile { user, groups, is_platform_admin: effective.includes(Role::Manager) })
    }

    /// Creates a user before its first call. A user who has already called stays unchanged. A
    /// repeated `request_key` changes nothing.
    ///
    /// # Errors
    /// `ROLE_MISSING`, `FIELD_INVALID`, `REQUEST_ID_REUSED`.
    pub async fn invite_user(
        &self,
        caller: &Caller,
        request: InviteUser,
        request_key: Option<RequestKey>,
    ) -> Result<User, Fault> {
        let inviter = self.require_platform(caller, Role::Manager).await?;
        let (claims, name) = self.parse_invitation(request)?;

        let mut change = self.store.begin_change().await?;
        let effective = change.effective_role(inviter, ObjectId::PLATFORM).await?;
        require_platform_role(&effective, Role::Manager)?;
        let user = invited_user(&claims, name, change.now);
        let id = user.id;

        let earlier: Option<UserId> = find_response(&change, request_key.as_ref()).await?;
        if earlier.is_none() {
            change.invite_user(user).await?;
            store_response(&change, request_key.as_ref(), &id).await?;
        }
        change.commit().await?;

        self.stored_user(id).await
    }

    /// # Errors
    /// `ROLE_MISSING`, `USER_NOT_FOUND`.
    pub async fn user(&self, caller: &Caller, id: UserId) -> Result<User, Fault> {
        self.require_platform(caller, Role::Reader).await?;

        let user = self.store.user(id).await?;
        user.ok_or_else(|| Fault::new(Reason::UserNotFound, format!("There is no user {id}.")))
    }

    /// A page of all users, by id.
    ///
    /// # Errors
    /// `ROLE_MISSING`.
    pub async fn users(&self, caller: &Caller, page: &Page) -> Result<Vec<User>, Fault> {
        self.require_platform(caller, Role::Reader).await?;

        Ok(self.store.users(page.key()?, page.limit()).await?)
    }

    /// Creates the platform object. Makes `admins` platform admins, but only while there is no
    /// platform admin: one who was removed must not come back at the next start.
    pub async fn bootstrap(&self, admins: &[Claims]) -> Result<(), Fault> {
        let mut change = self.store.begin_change().await?;
        let platform = Object { id: ObjectId::PLATFORM, kind: ObjectKind::Platform, owner: None };
        put_object(&change, &platform).await?;

        let grants = change.grants_of(ObjectId::PLATFORM).await?;
        let has_admin =
            grants.iter().any(|grant| grant.makes_platform_admin() && grant.is_live(change.now));
        if !has_admin {
            for claims in admins {
                create_platform_admin(&mut change, claims).await?;
            }
        }

        change.commit().await?;
        Ok(())
    }

    /// The claims of the user's tokens, and the user's name.
    fn parse_invitation(&self, request: InviteUser) -> Result<(Claims, String), Fault> {
        let issuer = self.choose_issuer(&request.issuer)?.to_owned();
        validate_line(&request.subject, 1..=MAX_TEXT_CHARACTERS).map_err(|error| {
            Fault::field("subject", format!("{error}. It is the `sub` claim of the user's tokens"))
        })?;
        validate_line(&request.name, 0..=MAX_TEXT_CHARACTERS)
            .map_err(|error| Fault::field("name", error))?;

        Ok((Claims { issuer, subject: request.subject }, request.name))
    }

    /// The configured issuer with this name; the only configured one when the name is empty.
    fn choose_issuer(&self, issuer: &str) -> Result<&str, Fault> {
        let configured = self.issuers.join(", ");

        if issuer.is_empty() {
            let [only] = self.issuers.as_slice() else {
                return Err(Fault::field(
                    "issuer",
                    format!("must be one of the configured issuers: {configured}"),
                ));
            };
            return Ok(only);
        }

        let known = self.issuers.iter().find(|known| *known == issuer);
        known.map(String::as_str).ok_or_else(|| {
            Fault::field("issuer", format!("is not configured; configured are: {configured}"))
        })
    }

    async fn stored_user(&self, id: UserId) -> Result<User, Fault> {
        let user = self.store.user(id).await?;

        user.ok_or_else(|| Fault::internal("a user that was just stored is missing"))
    }
}

async fn create_platform_admin(change: &mut Change<'_>, claims: &Claims) -> Result<(), Fault> {
    let user = invited_user(claims, String::new(), change.now);
    let subject = Subject { kind: SubjectKind::User, id: Some(user.id.0) };
    change.invite_user(user).await?;

    let grant = Grant {
        id: GrantId::new(),
        object: ObjectId::PLATFORM,
        object_kind: ObjectKind::Platform,
        subject,
        role: Role::Manager,
        expire_time: None,
        registered: false,
    };
    change.create_grant(grant).await?;
    Ok(())
}

fn invited_user(claims: &Claims, name: String, now: Micros) -> User {
    User {
        id: UserId::derive(&claims.issuer, &claims.subject),
        issuer: claims.issuer.clone(),
        subject: claims.subject.clone(),
        name,
        seen: false,
        create_time: now,
    }
}
