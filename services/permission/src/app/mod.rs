//! Use cases of permission: who asks, may it, what changes.

mod checks;
mod grants;
mod groups;
mod objects;
mod subjects;
mod users;

use std::sync::Arc;

use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    grant::Role,
    id::{ObjectId, UserId},
};

use crate::store::{Change, Standing, Store};

pub use checks::{Check, CheckedObject, Outcome};
pub use grants::CreateGrant;
pub use subjects::NamedSubject;

/// All use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    store: Store,
    /// Configured issuers of people's tokens.
    issuers: Arc<Vec<String>>,
}

impl App {
    /// On one store.
    pub fn new(store: Store, issuers: Vec<String>) -> Self {
        Self { store, issuers: Arc::new(issuers) }
    }

    /// The store, for streams.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The caller's user, remembered at first sight.
    async fn user_of(&self, caller: &Caller) -> Result<UserId, Fault> {
        let user = caller.require_user()?;
        self.remember(user).await?;
        Ok(user.id)
    }

    /// Refuses unless the user has the role on the object: unseen objects are `not_found`.
    async fn require(
        &self,
        user: UserId,
        object: ObjectId,
        role: Role,
        what: &str,
        not_found: Reason,
    ) -> Result<(), Fault> {
        judge(&self.store.standing(user, object).await?, role, what, not_found)
    }

    /// Platform rights: everybody may know that the platform exists.
    pub async fn require_platform(&self, caller: &Caller, role: Role) -> Result<(), Fault> {
        let user = self.user_of(caller).await?;
        let standing = self.store.standing(user, ObjectId::PLATFORM).await?;
        match standing.role.is_some_and(|has| has >= role) {
            true => Ok(()),
            false => Err(Fault::new(
                Reason::RoleMissing,
                format!("this needs {role} on the platform; ask a platform admin"),
            )
            .metadata("role", role)),
        }
    }
}

impl Change<'_> {
    /// Decides again inside the change: a right that was taken away meanwhile must not be used.
    async fn require(
        &self,
        user: UserId,
        object: ObjectId,
        role: Role,
        what: &str,
        not_found: Reason,
    ) -> Result<(), Fault> {
        judge(&self.standing(user, object).await?, role, what, not_found)
    }
}

fn judge(standing: &Standing, role: Role, what: &str, not_found: Reason) -> Result<(), Fault> {
    match standing.role {
        Some(has) if has >= role => Ok(()),
        Some(_) => Err(Fault::new(
            Reason::RoleMissing,
            format!("you see {what} but are not its {role}; ask one of its managers"),
        )
        .metadata("role", role)),
        None => Err(Fault::new(not_found, format!("there is no {what}, or none that you may see"))),
    }
}
