//! Checks: may this user do that.

use slipway_fault::Fault;
use slipway_identity::{Caller, ServiceName};
use slipway_names::{
    grant::{ObjectKind, Role},
    id::{ObjectId, UserId},
};

use crate::app::App;

/// What is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckedObject {
    /// By id, of this kind.
    Id(ObjectKind, ObjectId),
    /// A group by id or name.
    Group(String),
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// `None` for the caller.
    pub user: Option<UserId>,
    /// What it is about.
    pub object: CheckedObject,
    /// The role that is needed.
    pub role: Role,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The role is there.
    pub allowed: bool,
    /// Set where the object is visible.
    pub object: Option<ObjectId>,
    /// A visible group's name.
    pub name: String,
    /// The revision of the decision.
    pub revision: i64,
}

impl App {
    /// Answers one question; about others only services may ask.
    pub async fn check(&self, caller: &Caller, check: Check) -> Result<Outcome, Fault> {
        let user = match check.user {
            None => self.user_of(caller).await?,
            Some(user) if caller.user.as_ref().is_some_and(|own| own.id == user) => user,
            Some(user) => {
                caller.require_service(&[ServiceName::Catalog, ServiceName::Builder])?;
                user
            }
        };
        let (object, kind, name) = match check.object {
            CheckedObject::Id(kind, id) => (id, kind, String::new()),
            CheckedObject::Group(name_or_id) => match self.store.group(&name_or_id).await? {
                Some(group) => (group.id.into(), ObjectKind::Group, group.name),
                None => (ObjectId::ABSENT, ObjectKind::Group, String::new()),
            },
        };
        let standing = self.store.standing(user, object).await?;
        let role = standing.role.filter(|_| standing.kind.as_deref() == Some(kind.as_str()));
        let visible = role.is_some();
        Ok(Outcome {
            allowed: role.is_some_and(|role| role >= check.role),
            object: visible.then_some(object),
            name: if visible { name } else { String::new() },
            revision: standing.revision,
        })
    }
}
