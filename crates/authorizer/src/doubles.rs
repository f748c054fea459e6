//! Doubles for tests.

use async_trait::async_trait;
use slipway_fault::Fault;
use slipway_identity::Caller;
use slipway_names::{
    grant::Role,
    id::{ObjectId, UserId},
};

use crate::{Authorizer, Decision, ObjectQuery, Registration};

/// Allows everything; groups exist by whatever name.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowAll;

/// Sees and allows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct DenyAll;

#[async_trait]
impl Authorizer for AllowAll {
    async fn check(&self, _: &Caller, object: ObjectQuery, _: Role) -> Result<Decision, Fault> {
        let (id, name) = match object {
            ObjectQuery::Platform => (ObjectId::PLATFORM, String::new()),
            ObjectQuery::Group(name) => (ObjectId(slipway_names::id::UserId::derive("group", &name).0), name),
            ObjectQuery::Id(_, id) => (id, String::new()),
        };
        Ok(Decision { allowed: true, visible: true, object: Some(id), name, revision: 0 })
    }

    async fn check_user(&self, _: UserId, object: ObjectQuery, _: Role) -> Result<Decision, Fault> {
        let object = if let ObjectQuery::Id(_, id) = object { Some(id) } else { None };
        Ok(Decision { allowed: true, visible: true, object, name: String::new(), revision: 0 })
    }

    async fn register(&self, _: Registration) -> Result<i64, Fault> {
        Ok(0)
    }

    async fn remove(&self, _: ObjectId) -> Result<i64, Fault> {
        Ok(0)
    }

    async fn ping(&self) -> Result<(), Fault> {
        Ok(())
    }
}

#[async_trait]
impl Authorizer for DenyAll {
    async fn check(&self, _: &Caller, _: ObjectQuery, _: Role) -> Result<Decision, Fault> {
        Ok(Decision { allowed: false, visible: false, object: None, name: String::new(), revision: 0 })
    }

    async fn check_user(&self, _: UserId, _: ObjectQuery, _: Role) -> Result<Decision, Fault> {
        Ok(Decision { allowed: false, visible: false, object: None, name: String::new(), revision: 0 })
    }

    async fn register(&self, _: Registration) -> Result<i64, Fault> {
        Ok(0)
    }

    async fn remove(&self, _: ObjectId) -> Result<i64, Fault> {
        Ok(0)
    }

    async fn ping(&self) -> Result<(), Fault> {
        Ok(())
    }
}
