//! An empty store on each database, and sample requests and transitions.

use sea_orm_migration::MigratorTrait as _;
use slipway_builder::{
    domain::{
        build::{Pushed, Request, ResolvedBase},
        failure::{Failure, FailureReason},
        spec::Spec,
        step::Step,
        transition::Transition,
    },
    store::{Migrator, Store},
};
use slipway_names::{
    digest::Digest,
    id::{BuildId, ImageId, UserId, WorkerId},
    platform::Platform,
    unit::{ByteCount, Micros, PolicyVersion},
};
use slipway_outbox::Wake;
use slipway_testrig::database::TestDatabase;

/// A store on a database of its own.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    _database: TestDatabase,
}

pub(crate) async fn fixture(database: TestDatabase) -> Fixture {
    let store = Store::new(database.database.clone(), Wake::default());
    Migrator::up(store.database().writer(), None).await.unwrap();

    Fixture { store, _database: database }
}

/// A request for the first revision of a new image.
pub(crate) fn request(base: &str, apt: &[&str]) -> Request {
    Request {
        id: BuildId::new(),
        image: ImageId::new(),
        image_name: "vision/tools".to_owned(),
        revision: 1,
        requester: UserId::derive("test", "alice"),
        spec: Spec {
            base_reference: base.to_owned(),
            apt: apt.iter().map(ToString::to_string).collect(),
            ..Spec::default()
        },
        repository: "localhost:5000/vision/tools-00000000".to_owned(),
        request_time: Micros(1),
        access_version: PolicyVersion::ZERO,
    }
}

/// A digest that repeats one hexadecimal digit.
pub(crate) fn digest(digit: char) -> Digest {
    format!("sha256:{}", digit.to_string().repeat(64)).parse().unwrap()
}

pub(crate) fn base_ready() -> Transition {
    Transition::BaseReady(ResolvedBase {
        digest: digest('1'),
        containerfile: "FROM base\n".to_owned(),
    })
}

pub(crate) fn pushed() -> Transition {
    Transition::Pushed(Pushed {
        reference: "r:1".to_owned(),
        digest: digest('0'),
        platform: Platform::linux_amd64(),
        size: ByteCount::mebibytes(1),
    })
}

pub(crate) fn user_fault() -> Transition {
    Transition::UserFault(Failure::new(FailureReason::AptFailed, Step::Apt, "x"))
}

pub(crate) fn platform_fault(counts: bool) -> Transition {
    let failure = Failure::new(FailureReason::ExecutorFailed, None, "x");
    Transition::PlatformFault { failure, counts }
}

pub(crate) fn lease_lost() -> Transition {
    let failure = Failure::new(FailureReason::WorkerLost, None, "x");
    Transition::LeaseLost { failure, counts: true }
}

pub(crate) fn timeout() -> Transition {
    Transition::Timeout(Failure::new(FailureReason::TimeExceeded, None, "x"))
}

/// One of each transition.
pub(crate) fn every_transition() -> [Transition; 10] {
    [
        Transition::Claim(WorkerId::new()),
        base_ready(),
        Transition::Installed,
        pushed(),
        user_fault(),
        platform_fault(true),
        lease_lost(),
        Transition::Cancel,
        Transition::Stopped,
        timeout(),
    ]
}
