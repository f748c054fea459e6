//! The worker with the scripted executor: leases, limits, cancels and drains, on both databases.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use sea_orm::ConnectionTrait as _;
use slipway_builder::{
    app::{
        LogStore,
        queue::{Queue, Verdict},
        worker::{Timing, Worker},
    },
    domain::{
        arrow::{Arrow, Guard},
        build::Build,
        failure::FailureReason,
        log::LogChunk,
        state::{Event, Refused, State},
    },
    executor::Scripted,
    reconcile::{self, Weather},
    store::Store,
};
use slipway_fault::{Fault, Reason};
use slipway_names::id::BuildId;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::worlds::{World, request};

slipway_testrig::on_both_databases!(
    a_build_succeeds,
    out_of_time,
    the_lease_is_renewed,
    a_cancel_ends_it,
    a_drain_gives_it_back,
    an_unreachable_registry_is_tried_three_times,
    without_its_database_an_attempt_fences_itself,
    a_lost_answer_is_no_lost_build,
);

const PATIENCE: Duration = Duration::from_secs(20);

fn only(text: &str) -> HashSet<String> {
    HashSet::from([text.to_owned()])
}

fn scripted(install_time: Duration) -> Scripted {
    Scripted {
        bases: only("base"),
        unreachable: only("unreachable"),
        packages: only("jq"),
        install_time,
    }
}

fn quick() -> Timing {
    Timing { heartbeat: Duration::from_millis(100), ..Timing::default() }
}

fn start(
    queue: Arc<dyn Queue>,
    install_time: Duration,
    timing: Timing,
) -> (DropGuard, CancellationToken) {
    let stop = CancellationToken::new();
    let worker = Worker {
        id: Uuid::now_v7(),
        queue,
        executor: Arc::new(scripted(install_time)),
        slots: 1,
        timing,
    };
    tokio::spawn(worker.run(stop.clone()));
    (stop.clone().drop_guard(), stop)
}

async fn enqueue(store: &Store, base: &str) -> BuildId {
    let request = request(base, &["jq"]);
    store.enqueue(&request).await.unwrap();
    request.id
}

async fn becomes(store: &Store, id: BuildId, is_wanted: impl Fn(&Build) -> bool) -> Build {
    let began = Instant::now();
    loop {
        let build = store.build(id).await.unwrap().unwrap();
        if is_wanted(&build) {
            return build;
        }
        assert!(began.elapsed() < PATIENCE, "{build:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn set(store: &Store, assignment: &str) {
    let database = store.database();
    database.writer().execute_unprepared(&format!("update build set {assignment}")).await.unwrap();
}

async fn a_build_succeeds(world: World) {
    let id = enqueue(&world.store, "base").await;
    let _worker = start(Arc::new(world.store.clone()), Duration::ZERO, quick());
    let build = becomes(&world.store, id, |build| build.state.is_terminal()).await;
    assert_eq!((build.state, build.attempt, build.charged), (State::Succeeded, 1, 1));
    assert!(
        build.pushed.is_some() && build.end_time.is_some() && build.containerfile == "FROM base\n",
        "{build:?}"
    );
}

async fn out_of_time(world: World) {
    let id = enqueue(&world.store, "base").await;
    let timing = Timing { attempt: Duration::from_millis(300), ..quick() };
    let _worker = start(Arc::new(world.store.clone()), Duration::from_secs(3_600), timing);
    let build = becomes(&world.store, id, |build| build.state.is_terminal()).await;
    assert_eq!((build.state, build.step.as_str()), (State::TimedOut, "apt"));
    assert_eq!(build.failure.unwrap().reason, FailureReason::TimeExceeded);
}

async fn the_lease_is_renewed(world: World) {
    let id = enqueue(&world.store, "base").await;
    let _worker = start(Arc::new(world.store.clone()), Duration::from_secs(3_600), quick());
    becomes(&world.store, id, |build| build.state == State::Building).await;
    set(&world.store, "lease_until = 1").await;
    let began = Instant::now();
    while !world.store.expired_leases().await.unwrap().is_empty() {
        assert!(began.elapsed() < PATIENCE, "nobody renews the lease");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn a_cancel_ends_it(world: World) {
    let store = &world.store;
    let id = enqueue(store, "base").await;
    let _worker = start(Arc::new(store.clone()), Duration::from_secs(3_600), quick());
    becomes(store, id, |build| build.state == State::Building).await;
    store.arrow(id, Guard::Anybody, &Arrow::plain(Event::Cancel)).await.unwrap().unwrap();
    let build = becomes(store, id, |build| build.state.is_terminal()).await;
    assert_eq!((build.state, build.pushed), (State::Cancelled, None));
    let next = enqueue(store, "base").await;
    becomes(store, next, |build| build.state == State::Building).await;
}

async fn a_drain_gives_it_back(world: World) {
    let id = enqueue(&world.store, "base").await;
    let (_worker, stop) = start(Arc::new(world.store.clone()), Duration::from_secs(3_600), quick());
    becomes(&world.store, id, |build| build.state == State::Building).await;
    stop.cancel();
    let build = becomes(&world.store, id, |build| build.state == State::Queued).await;
    assert_eq!((build.attempt, build.charged), (1, 0));
    let _another = start(Arc::new(world.store.clone()), Duration::ZERO, quick());
    let build = becomes(&world.store, id, |build| build.state.is_terminal()).await;
    assert_eq!((build.state, build.attempt), (State::Succeeded, 2));
}

async fn an_unreachable_registry_is_tried_three_times(world: World) {
    let id = enqueue(&world.store, "unreachable").await;
    let _worker = start(Arc::new(world.store.clone()), Duration::ZERO, quick());
    for attempt in 1..=2 {
        becomes(&world.store, id, |build| build.state == State::Queued && build.attempt == attempt)
            .await;
        set(&world.store, "not_before = 0").await;
    }
    let build = becomes(&world.store, id, |build| build.state.is_terminal()).await;
    assert_eq!((build.state, build.attempt), (State::Failed, 3));
    assert_eq!(build.failure.unwrap().reason, FailureReason::RegistryUnreachable);
}

/// A queue whose answers can be lost, before or after the write.
struct Unreliable {
    store: Store,
    is_away: AtomicBool,
    loses_answers: AtomicBool,
    was_asked_in_vain: AtomicBool,
}

impl Unreliable {
    fn new(store: &Store) -> Arc<Self> {
        let no = || AtomicBool::new(false);
        Arc::new(Self {
            store: store.clone(),
            is_away: no(),
            loses_answers: no(),
            was_asked_in_vain: no(),
        })
    }

    fn reach(&self) -> Result<&Store, Fault> {
        match self.is_away.load(Ordering::SeqCst) {
            true => Err(Fault::new(Reason::DatabaseUnavailable, "away")),
            false => Ok(&self.store),
        }
    }
}

#[async_trait]
impl LogStore for Unreliable {
    async fn append(&self, id: BuildId, chunk: &LogChunk) -> Result<bool, Fault> {
        self.reach()?.append(id, chunk).await
    }

    async fn step(&self, id: BuildId, attempt: i32, step: &str) -> Result<(), Fault> {
        self.reach()?.step(id, attempt, step).await
    }
}

#[async_trait]
impl Queue for Unreliable {
    async fn claim(&self, worker: Uuid) -> Result<Option<Build>, Fault> {
        let store =
            self.reach().inspect_err(|_| self.was_asked_in_vain.store(true, Ordering::SeqCst))?;
        store.claim(worker).await
    }

    async fn heartbeat(&self, id: BuildId, attempt: i32) -> Result<Verdict, Fault> {
        self.reach()?.heartbeat(id, attempt).await
    }

    async fn verdict(&self, id: BuildId, attempt: i32) -> Result<Verdict, Fault> {
        self.reach()?.verdict(id, attempt).await
    }

    async fn advance(
        &self,
        id: BuildId,
        attempt: i32,
        arrow: &Arrow,
    ) -> Result<Result<Build, Refused>, Fault> {
        let answer = self.reach()?.advance(id, attempt, arrow).await;
        match self.loses_answers.load(Ordering::SeqCst) && answer.as_ref().is_ok_and(Result::is_ok)
        {
            true => Err(Fault::new(Reason::DatabaseUnavailable, "the answer got lost")),
            false => answer,
        }
    }
}

async fn without_its_database_an_attempt_fences_itself(world: World) {
    let store = &world.store;
    let id = enqueue(store, "base").await;
    let queue = Unreliable::new(store);
    let timing = Timing { self_fence: Duration::from_millis(500), ..quick() };
    let _worker = start(queue.clone(), Duration::from_secs(3_600), timing);
    becomes(store, id, |build| build.state == State::Building).await;
    queue.is_away.store(true, Ordering::SeqCst);
    let left = enqueue(store, "base").await;
    // Fenced, it gives up its one slot; it writes nothing any more, also when the database is back.
    let began = Instant::now();
    while !queue.was_asked_in_vain.load(Ordering::SeqCst) {
        assert!(began.elapsed() < PATIENCE, "the attempt goes on without its lease");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    queue.is_away.store(false, Ordering::SeqCst);
    becomes(store, left, |build| build.state == State::Building).await;
    assert_eq!(
        store.build(id).await.unwrap().unwrap().state,
        State::Building,
        "only its lease gives it back"
    );
    set(store, &format!("lease_until = 1 where id = {}", literal(store, id))).await;
    reconcile::repair(store, PATIENCE, Weather::DatabaseWasAway).await.unwrap();
    let build = store.build(id).await.unwrap().unwrap();
    assert_eq!((build.state, build.charged), (State::Queued, 0));
}

fn literal(store: &Store, id: BuildId) -> String {
    match store.database().writer().get_database_backend() {
        sea_orm::DbBackend::Postgres => format!("'{id}'"),
        _ => format!("x'{}'", id.0.simple()),
    }
}

async fn a_lost_answer_is_no_lost_build(world: World) {
    let id = enqueue(&world.store, "base").await;
    let queue = Unreliable::new(&world.store);
    queue.loses_answers.store(true, Ordering::SeqCst);
    let _worker = start(queue, Duration::ZERO, quick());
    let build = becomes(&world.store, id, |build| build.state.is_terminal()).await;
    assert_eq!((build.state, build.attempt), (State::Succeeded, 1));
}
