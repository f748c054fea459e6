//! The worker with the scripted executor on both databases: leases, limits, cancels and drains.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use slipway_builder::{
    domain::{
        attempt::AttemptNumber,
        build::{Build, State},
        failure::FailureReason,
        log::LogChunk,
        step::Step,
        transition::{Guard, Transition},
    },
    executor::Scripted,
    reconcile::{self, LeaseLoss},
    store::Store,
    worker::{
        Worker,
        attempt::Timing,
        ports::{AdvanceError, AttemptStatus, Coordinator, CoordinatorError, LogStore},
    },
};
use slipway_names::id::{BuildId, WorkerId};
use slipway_testrig::database::execute;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::fixtures::{Fixture, request};

slipway_testrig::on_both_databases!(
    build_succeeds,
    queued_build_wakes_an_idle_worker,
    build_over_its_time_limit_times_out,
    lease_of_a_running_build_is_renewed,
    cancel_ends_a_running_build,
    drained_build_returns_to_the_queue,
    build_with_unreachable_registry_is_tried_three_times,
    attempt_without_database_fences_itself,
    build_with_lost_answers_succeeds,
);

const WAIT_TIMEOUT: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The duration of an apt step that a test ends early.
const ENDLESS: Duration = Duration::from_secs(3_600);

fn scripted(install_time: Duration) -> Scripted {
    let only = |name: &str| HashSet::from([name.to_owned()]);

    Scripted {
        bases: only("base"),
        unreachable: only("unreachable"),
        packages: only("jq"),
        install_time,
    }
}

fn quick_heartbeat() -> Timing {
    Timing { heartbeat: Duration::from_millis(100), ..Timing::default() }
}

/// A running worker. It stops when this is dropped.
struct RunningWorker {
    stop: CancellationToken,
    _guard: DropGuard,
}

/// Starts a worker with one slot.
fn start(
    coordinator: Arc<dyn Coordinator>,
    install_time: Duration,
    timing: Timing,
) -> RunningWorker {
    let stop = CancellationToken::new();
    let worker = Worker {
        id: WorkerId::new(),
        coordinator,
        executor: Arc::new(scripted(install_time)),
        slots: 1,
        timing,
    };
    tokio::spawn(worker.run(stop.clone()));

    RunningWorker { stop: stop.clone(), _guard: stop.drop_guard() }
}

fn start_on(store: &Store, install_time: Duration) -> RunningWorker {
    start(Arc::new(store.clone()), install_time, quick_heartbeat())
}

async fn enqueue(store: &Store, base: &str) -> BuildId {
    let request = request(base, &["jq"]);
    store.enqueue(&request).await.unwrap();

    request.id
}

async fn wait_for(store: &Store, id: BuildId, is_wanted: impl Fn(&Build) -> bool) -> Build {
    let began = Instant::now();

    loop {
        let build = store.build(id).await.unwrap().unwrap();
        if is_wanted(&build) {
            return build;
        }
        assert!(began.elapsed() < WAIT_TIMEOUT, "{build:?}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

async fn wait_for_state(store: &Store, id: BuildId, state: State) -> Build {
    wait_for(store, id, |build| build.state == state).await
}

async fn wait_for_end(store: &Store, id: BuildId) -> Build {
    wait_for(store, id, |build| build.state.is_terminal()).await
}

/// Runs `update builds set …`; the clause may have a `where`.
async fn update_builds(store: &Store, set_clause: &str) {
    execute(store.database(), &format!("update builds set {set_clause}")).await;
}

async fn build_succeeds(fixture: Fixture) {
    let store = &fixture.store;
    let id = enqueue(store, "base").await;

    let _worker = start_on(store, Duration::ZERO);
    let build = wait_for_end(store, id).await;

    assert_eq!((build.state, build.attempt), (State::Succeeded, AttemptNumber(1)));
    assert_eq!(build.counted_attempts, 1);
    assert!(build.pushed.is_some(), "{build:?}");
    assert!(build.end_time.is_some(), "{build:?}");
    assert_eq!(build.base.unwrap().containerfile, "FROM base\n");
}

async fn queued_build_wakes_an_idle_worker(fixture: Fixture) {
    let store = &fixture.store;
    let _worker = start_on(store, Duration::ZERO);

    let mut delays = Vec::new();
    for _ in 0..15 {
        let id = enqueue(store, "base").await;
        let build = wait_for_end(store, id).await;
        delays.push(build.start_time.unwrap().0 - build.create_time.0);
    }

    delays.sort_unstable();
    let median = delays[delays.len() / 2];
    assert!(median < 60_000, "a worker that polls takes 125 ms; this one took {delays:?} µs");
}

async fn build_over_its_time_limit_times_out(fixture: Fixture) {
    let store = &fixture.store;
    let id = enqueue(store, "base").await;
    let timing = Timing { attempt_limit: Duration::from_millis(300), ..quick_heartbeat() };

    let _worker = start(Arc::new(store.clone()), ENDLESS, timing);
    let build = wait_for_end(store, id).await;

    assert_eq!((build.state, build.step), (State::TimedOut, Some(Step::Apt)));
    assert_eq!(build.failure.unwrap().reason, FailureReason::TimeExceeded);
}

async fn lease_of_a_running_build_is_renewed(fixture: Fixture) {
    let store = &fixture.store;
    let id = enqueue(store, "base").await;
    let _worker = start_on(store, ENDLESS);
    wait_for_state(store, id, State::Building).await;

    update_builds(store, "lease_until = 1").await;

    let began = Instant::now();
    while !store.expired_leases().await.unwrap().is_empty() {
        assert!(began.elapsed() < WAIT_TIMEOUT, "the worker does not renew the lease");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

async fn cancel_ends_a_running_build(fixture: Fixture) {
    let store = &fixture.store;
    let id = enqueue(store, "base").await;
    let _worker = start_on(store, ENDLESS);
    wait_for_state(store, id, State::Building).await;

    store.advance(id, Guard::AnyAttempt, &Transition::Cancel).await.unwrap();
    let build = wait_for_end(store, id).await;
    assert_eq!((build.state, build.pushed), (State::Cancelled, None));

    // The slot is free again.
    let next = enqueue(store, "base").await;
    wait_for_state(store, next, State::Building).await;
}

async fn drained_build_returns_to_the_queue(fixture: Fixture) {
    let store = &fixture.store;
    let id = enqueue(store, "base").await;
    let worker = start_on(store, ENDLESS);
    wait_for_state(store, id, State::Building).await;

    worker.stop.cancel();
    let build = wait_for_state(store, id, State::Queued).await;
    assert_eq!((build.attempt, build.counted_attempts), (AttemptNumber(1), 0));

    let _another_worker = start_on(store, Duration::ZERO);
    let build = wait_for_end(store, id).await;
    assert_eq!((build.state, build.attempt), (State::Succeeded, AttemptNumber(2)));
}

async fn build_with_unreachable_registry_is_tried_three_times(fixture: Fixture) {
    let store = &fixture.store;
    let id = enqueue(store, "unreachable").await;
    let _worker = start_on(store, Duration::ZERO);

    for attempt in [1, 2].map(AttemptNumber) {
        wait_for(store, id, |build| build.state == State::Queued && build.attempt == attempt).await;
        update_builds(store, "not_before = 0").await;
    }

    let build = wait_for_end(store, id).await;
    assert_eq!((build.state, build.attempt), (State::Failed, AttemptNumber(3)));
    assert_eq!(build.failure.unwrap().reason, FailureReason::RegistryUnreachable);
}

/// A coordinator that can be unavailable, and whose answers can be lost after the write.
struct UnreliableCoordinator {
    store: Store,
    is_unavailable: AtomicBool,
    loses_answers: AtomicBool,
    has_refused_claim: AtomicBool,
}

impl UnreliableCoordinator {
    fn new(store: &Store) -> Arc<Self> {
        Arc::new(Self {
            store: store.clone(),
            is_unavailable: AtomicBool::new(false),
            loses_answers: AtomicBool::new(false),
            has_refused_claim: AtomicBool::new(false),
        })
    }

    fn store(&self) -> Result<&Store, CoordinatorError> {
        if self.is_unavailable.load(Ordering::SeqCst) {
            Err(CoordinatorError::Unavailable("the test made it unavailable".into()))
        } else {
            Ok(&self.store)
        }
    }
}

#[async_trait]
impl LogStore for UnreliableCoordinator {
    async fn append(&self, id: BuildId, chunk: &LogChunk) -> Result<bool, CoordinatorError> {
        Ok(self.store()?.append(id, chunk).await?)
    }

    async fn record_step(
        &self,
        id: BuildId,
        attempt: AttemptNumber,
        step: Step,
    ) -> Result<bool, CoordinatorError> {
        Ok(self.store()?.record_step(id, attempt, step).await?)
    }
}

#[async_trait]
impl Coordinator for UnreliableCoordinator {
    async fn claim(&self, worker: WorkerId) -> Result<Option<Build>, CoordinatorError> {
        let store =
            self.store().inspect_err(|_| self.has_refused_claim.store(true, Ordering::SeqCst))?;
        Ok(store.claim(worker).await?)
    }

    async fn wait_for_work(&self) {
        self.store.wait_for_change().await;
    }

    async fn heartbeat(
        &self,
        id: BuildId,
        attempt: AttemptNumber,
    ) -> Result<AttemptStatus, CoordinatorError> {
        Ok(self.store()?.heartbeat(id, attempt).await?)
    }

    async fn attempt_status(
        &self,
        id: BuildId,
        attempt: AttemptNumber,
    ) -> Result<AttemptStatus, CoordinatorError> {
        Ok(self.store()?.attempt_status(id, attempt).await?)
    }

    async fn advance_attempt(
        &self,
        id: BuildId,
        attempt: AttemptNumber,
        transition: &Transition,
    ) -> Result<Build, AdvanceError> {
        let build = self.store()?.advance(id, Guard::Attempt(attempt), transition).await?;

        if self.loses_answers.load(Ordering::SeqCst) {
            return Err(CoordinatorError::Unavailable("the test lost the answer".into()).into());
        }
        Ok(build)
    }
}

async fn attempt_without_database_fences_itself(fixture: Fixture) {
    let store = &fixture.store;
    let id = enqueue(store, "base").await;
    let coordinator = UnreliableCoordinator::new(store);
    let timing = Timing { self_fence: Duration::from_millis(500), ..quick_heartbeat() };
    let _worker = start(coordinator.clone(), ENDLESS, timing);
    wait_for_state(store, id, State::Building).await;

    coordinator.is_unavailable.store(true, Ordering::SeqCst);
    let waiting = enqueue(store, "base").await;

    // The fenced attempt frees its slot, so the worker claims again.
    let began = Instant::now();
    while !coordinator.has_refused_claim.load(Ordering::SeqCst) {
        assert!(began.elapsed() < WAIT_TIMEOUT, "the attempt continues without its lease");
        tokio::time::sleep(POLL_INTERVAL).await;
    }

    // It writes nothing, also when the database is available again.
    coordinator.is_unavailable.store(false, Ordering::SeqCst);
    wait_for_state(store, waiting, State::Building).await;
    let fenced = store.build(id).await.unwrap().unwrap();
    assert_eq!(fenced.state, State::Building, "only the end of its lease may change the build");

    let set_clause = format!("lease_until = 1 where id = {}", sql_literal(store, id));
    update_builds(store, &set_clause).await;
    reconcile::repair(store, WAIT_TIMEOUT, LeaseLoss::DatabaseOutage).await.unwrap();

    let build = store.build(id).await.unwrap().unwrap();
    assert_eq!((build.state, build.counted_attempts), (State::Queued, 0));
}

fn sql_literal(store: &Store, id: BuildId) -> String {
    if store.database().is_postgres() { format!("'{id}'") } else { format!("x'{}'", id.0.simple()) }
}

async fn build_with_lost_answers_succeeds(fixture: Fixture) {
    let store = &fixture.store;
    let id = enqueue(store, "base").await;
    let coordinator = UnreliableCoordinator::new(store);
    coordinator.loses_answers.store(true, Ordering::SeqCst);

    let _worker = start(coordinator, Duration::ZERO, quick_heartbeat());
    let build = wait_for_end(store, id).await;

    assert_eq!((build.state, build.attempt), (State::Succeeded, AttemptNumber(1)));
}
