//! Builds as readers see them: found before their message arrives, and without references when
//! grants are outdated.

use std::sync::Arc;

use async_trait::async_trait;
use slipway_authz::{
    check::{Authorizer, Decision, ObjectQuery, Registered, Registration},
    projection::{
        apply::{ApplyOutcome, apply_snapshot},
        state::MaxAges,
    },
    role::Role,
};
use slipway_builder::{
    app::{App, ports::RequestSource},
    domain::{
        build::Request,
        transition::{Guard, Transition},
    },
    store::Store,
};
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    id::{BuildId, ObjectId, UserId, WorkerId},
    unit::PolicyVersion,
};
use slipway_request::page::Page;
use slipway_testrig::{database::execute, identity::Callers};
use slipway_wire::permission::v1 as wire;
use uuid::Uuid;

use crate::fixtures::{Fixture, base_ready, pushed, request};

slipway_testrig::on_both_databases!(
    request_that_arrives_only_by_fetch_is_found,
    request_that_arrives_by_message_during_the_fetch_is_found,
    request_that_does_not_exist_is_not_found,
    outdated_grants_show_no_references,
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
    let app = app(fixture, catalog);
    let build = app.build(&caller, id, Role::Reader).await;

    build.map(|build| build.request.id).map_err(|fault| fault.reason())
}

fn app(fixture: &Fixture, catalog: Catalog) -> App {
    let max_ages = MaxAges::new(600, 3_600).unwrap();
    App::new(fixture.store.clone(), Arc::new(Unasked), Arc::new(catalog), max_ages)
}

/// Whether a build shows its reference, alone and in the list, as a reader sees it.
async fn shows_references(app: &App, caller: &Caller, id: BuildId) -> [Result<bool, Reason>; 2] {
    let reason = |fault: Fault| fault.reason();
    let page = Page::parse(caller.user.as_ref().unwrap().id, &["builds"], 10, "", 1).unwrap();

    let build = app.build(caller, id, Role::Reader).await;
    let builds = app.builds(caller, None, &page).await;
    [
        build.map(|build| build.pushed.is_some()).map_err(reason),
        builds.map(|builds| builds[0].pushed.is_some()).map_err(reason),
    ]
}

async fn outdated_grants_show_no_references(fixture: Fixture) {
    slipway_daemon::install_crypto_provider();
    let caller = Callers::new().await.user("reader").await;
    grant_reader(&fixture.store, caller.user.as_ref().unwrap().id).await;
    let request = request("base", &["jq"]);
    fixture.store.enqueue(&request).await.unwrap();
    for transition in
        [Transition::Claim(WorkerId::new()), base_ready(), Transition::Installed, pushed()]
    {
        fixture.store.advance(request.id, Guard::AnyAttempt, &transition).await.unwrap();
    }
    let catalog = Catalog { store: fixture.store.clone(), answer: None, arrives_by_message: false };
    let app = app(&fixture, catalog);

    for (seconds, want) in [(0, Ok(true)), (660, Ok(false)), (3_000, Err(Reason::AccessStale))] {
        let microseconds = seconds * 1_000_000_i64;
        let sql = format!("update access_state set last_contact = last_contact - {microseconds}");
        execute(fixture.store.database(), &sql).await;

        assert_eq!(shows_references(&app, &caller, request.id).await, [want; 2], "{seconds} s");
    }
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
