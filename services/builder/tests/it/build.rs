//! Finding a build whose request has not arrived by message.

use std::sync::Arc;

use async_trait::async_trait;
use slipway_authz::{
    check::{Authorizer, Decision, ObjectQuery, Registered, Registration},
    projection::apply::{ApplyOutcome, apply_snapshot},
    role::Role,
};
use slipway_builder::{
    app::{App, ports::RequestSource},
    domain::build::Request,
    store::Store,
};
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    id::{BuildId, ObjectId, UserId},
    unit::PolicyVersion,
};
use slipway_testrig::identity::Callers;
use slipway_wire::permission::v1 as wire;
use uuid::Uuid;

use crate::fixtures::{Fixture, request};

slipway_testrig::on_both_databases!(
    request_that_arrives_only_by_fetch_is_found,
    request_that_arrives_by_message_during_the_fetch_is_found,
    request_that_does_not_exist_is_not_found,
);

/// The catalog. While it answers, the message of the same request may arrive.
struct Catalog {
    store: Store,
    answer: Option<Request>,
    arrives_by_message: bool,
}

#[async_trait]
impl RequestSource for Catalog {
    async fn request(&self, _: BuildId) -> Result<Option<Request>, Fault> {
        if let Some(request) = self.answer.as_ref().filter(|_| self.arrives_by_message) {
            self.store.enqueue(request).await?;
        }
        Ok(self.answer.clone())
    }
}

/// Reads do not ask permission.
struct Unasked;

#[async_trait]
impl Authorizer for Unasked {
    async fn check(&self, _: &Caller, _: ObjectQuery, _: Role) -> Result<Decision, Fault> {
        Err(Fault::internal("a read asked permission"))
    }

    async fn register(&self, _: Registration) -> Result<Registered, Fault> {
        Err(Fault::internal("a read registered an object"))
    }

    async fn remove(&self, _: ObjectId) -> Result<PolicyVersion, Fault> {
        Err(Fault::internal("a read removed an object"))
    }

    async fn ping(&self) -> Result<(), Fault> {
        Ok(())
    }
}

/// Makes the user a READER of the platform.
async fn grant_reader(store: &Store, user: UserId) {
    let platform = wire::ObjectReference {
        kind: wire::ObjectKind::Platform.into(),
        id: ObjectId::PLATFORM.to_string(),
    };
    let subject = wire::Subject { kind: wire::SubjectKind::User.into(), id: user.to_string() };
    let grant = wire::Grant {
        id: Uuid::now_v7().to_string(),
        object: Some(platform),
        subject: Some(subject),
        role: wire::Role::Reader.into(),
        expire_time: None,
    };
    let snapshot = wire::GrantsSnapshot {
        policy_version: 1,
        hash: "1".to_owned(),
        grants: vec![grant],
        memberships: Vec::new(),
        last: true,
    };

    let outcome = apply_snapshot(store.database(), Uuid::now_v7(), &snapshot).await.unwrap();
    assert_eq!(outcome, ApplyOutcome::Applied);
}

/// The id of the build that a reader finds for `id`, or the reason why there is none.
async fn find(
    fixture: &Fixture,
    id: BuildId,
    answer: Option<Request>,
    arrives_by_message: bool,
) -> Result<BuildId, Reason> {
    slipway_daemon::install_crypto_provider();
    let caller = Callers::new().await.user("reader").await;
    grant_reader(&fixture.store, caller.user.as_ref().unwrap().id).await;

    let catalog = Catalog { store: fixture.store.clone(), answer, arrives_by_message };
    let app = App::new(fixture.store.clone(), Arc::new(Unasked), Arc::new(catalog));
    let build = app.build(&caller, id, Role::Reader).await;

    build.map(|build| build.request.id).map_err(|fault| fault.reason())
}

async fn request_that_arrives_only_by_fetch_is_found(fixture: Fixture) {
    let request = request("base", &["jq"]);
    assert_eq!(find(&fixture, request.id, Some(request.clone()), false).await, Ok(request.id));
}

async fn request_that_arrives_by_message_during_the_fetch_is_found(fixture: Fixture) {
    let request = request("base", &["jq"]);
    assert_eq!(find(&fixture, request.id, Some(request.clone()), true).await, Ok(request.id));
}

async fn request_that_does_not_exist_is_not_found(fixture: Fixture) {
    let id = BuildId::new();
    assert_eq!(find(&fixture, id, None, false).await, Err(Reason::BuildNotFound));
}
