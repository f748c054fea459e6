//! A permission service in memory, and the use cases that call it.

use std::sync::Arc;

use async_trait::async_trait;
use slipway_authz::{
    check::{Authorizer, Decision, ObjectQuery, Registered, Registration},
    projection::state::MaxAges,
    role::Role,
};
use slipway_catalog::app::{App, CatalogPolicy};
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    id::{ObjectId, UserId},
    unit::PolicyVersion,
};
use slipway_packages::PackageRules;
use slipway_registry::{Registries, RegistryConfig};
use slipway_testrig::identity::Callers;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::fixtures::{Fixture, policy_version};

/// The policy version of every registration.
pub(crate) const REGISTRATION_VERSION: i64 = 7;

/// The answer to a registration.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    Accept,
    Refuse(Reason),
    /// Permission may have registered the object.
    Fail(Reason),
}

type AnswerTo = dyn Fn(&Registration) -> Answer + Send + Sync;

/// Allows every check, except that groups named `hidden…` are invisible. Registrations are answered
/// by the test.
pub(crate) struct FakePermission {
    answer_to: Box<AnswerTo>,
    pub(crate) removed: Mutex<Vec<ObjectId>>,
}

impl FakePermission {
    pub(crate) fn new(
        answer_to: impl Fn(&Registration) -> Answer + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { answer_to: Box::new(answer_to), removed: Mutex::default() })
    }
}

/// The id of the group with this name.
pub(crate) fn group_id(name: &str) -> Uuid {
    UserId::derive("group", name).0
}

fn decision(is_visible: bool, object: Uuid, name: &str) -> Decision {
    Decision {
        allowed: is_visible,
        visible: is_visible,
        object: is_visible.then_some(ObjectId(object)),
        name: name.to_owned(),
        policy_version: policy_version(1),
    }
}

#[async_trait]
impl Authorizer for FakePermission {
    async fn check(&self, _: &Caller, object: ObjectQuery, _: Role) -> Result<Decision, Fault> {
        Ok(match object {
            ObjectQuery::Platform => decision(true, ObjectId::PLATFORM.0, ""),
            ObjectQuery::Group(id) if id == group_id("vision").to_string() => {
                decision(true, group_id("vision"), "vision")
            }
            ObjectQuery::Group(name) => {
                decision(!name.starts_with("hidden"), group_id(&name), &name)
            }
            ObjectQuery::Id(_, id) => decision(true, id.0, ""),
        })
    }

    async fn register(&self, registration: Registration) -> Result<Registered, Fault> {
        let fault = |reason| Fault::new(reason, "registration failed and nothing was changed");

        match (self.answer_to)(&registration) {
            Answer::Accept => Ok(Registered::At(policy_version(REGISTRATION_VERSION))),
            Answer::Refuse(reason) => Ok(Registered::Refused(fault(reason))),
            Answer::Fail(reason) => Err(fault(reason)),
        }
    }

    async fn remove(&self, object: ObjectId) -> Result<PolicyVersion, Fault> {
        self.removed.lock().await.push(object);
        Ok(policy_version(8))
    }

    async fn ping(&self) -> Result<(), Fault> {
        Ok(())
    }
}

/// The use cases on the fixture's store. One build of each owner may wait.
pub(crate) fn app(fixture: &Fixture, permission: &Arc<FakePermission>) -> App {
    slipway_daemon::install_crypto_provider();
    let policy = CatalogPolicy {
        registry: "localhost:5000".to_owned(),
        packages: PackageRules::default(),
        max_ages: MaxAges::new(600, 3_600).unwrap(),
        waiting_builds_per_owner: 1,
    };
    let registries = Registries::new(&RegistryConfig::default());

    App::new(fixture.store.clone(), permission.clone(), registries, policy)
}

/// A user of the development issuer, with a verified token.
pub(crate) async fn caller(subject: &str) -> Caller {
    slipway_daemon::install_crypto_provider();
    Callers::new().await.user(subject).await
}
