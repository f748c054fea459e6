//! One contract for both databases: the queue, claims, guarded transitions and logs.

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use sea_orm::EntityTrait as _;
use slipway_builder::{
    domain::{
        attempt::AttemptNumber,
        build::{Build, Request, State},
        failure::FailureReason,
        log::{Cursor, LogChunk},
        step::Step,
        transition::{Guard, Transition},
    },
    reconcile::{self, LeaseLoss},
    store::{
        Store,
        entities::{builds, log_chunks},
        transition::AdvanceError,
    },
    worker::ports::AttemptStatus,
};
use slipway_names::{
    id::{BuildId, WorkerId},
    unit::ByteCount,
};
use slipway_testrig::database::{execute, rows};

use crate::fixtures::{
    Fixture, base_ready, digest, every_transition, platform_fault, pushed, request, timeout,
    user_fault,
};

slipway_testrig::on_both_databases!(
    repeated_request_queues_one_build,
    concurrent_claims_take_each_build_once,
    second_build_of_an_image_waits_for_the_first,
    transitions_are_guarded_by_state_and_attempt,
    cancel_before_the_gate_prevents_the_push,
    build_with_lost_leases_fails_at_the_third_attempt,
    attempt_ended_by_a_shutdown_does_not_count,
    lease_lost_in_a_database_outage_does_not_count,
    failed_build_waits_before_its_next_attempt,
    build_queued_too_long_expires,
    failure_without_a_step_records_the_current_step,
    writes_of_an_old_attempt_are_refused,
    log_is_readable_from_every_offset,
    event_sequences_have_no_gaps,
    concurrent_changes_are_numbered_without_gaps,
    entities_match_the_migrated_tables,
);

const HOUR: Duration = Duration::from_secs(3_600);
const FIRST: AttemptNumber = AttemptNumber(1);
const SECOND: AttemptNumber = AttemptNumber(2);

async fn enqueue(store: &Store) -> BuildId {
    let request = request("base", &["jq"]);
    store.enqueue(&request).await.unwrap();
    request.id
}

async fn claim(store: &Store) -> Option<Build> {
    store.claim(WorkerId::new()).await.unwrap()
}

async fn enqueue_and_claim(store: &Store) -> BuildId {
    let id = enqueue(store).await;
    let build = claim(store).await.expect("a queued build can be claimed");

    assert_eq!(build.request.id, id);
    id
}

async fn read(store: &Store, id: BuildId) -> Build {
    store.build(id).await.unwrap().unwrap()
}

/// Applies a transition that the state table allows.
async fn advance(store: &Store, id: BuildId, guard: Guard, transition: &Transition) -> Build {
    store.advance(id, guard, transition).await.unwrap()
}

async fn is_refused(store: &Store, id: BuildId, guard: Guard, transition: &Transition) -> bool {
    let outcome = store.advance(id, guard, transition).await;
    matches!(outcome, Err(AdvanceError::Refused(_)))
}

async fn repeated_request_queues_one_build(fixture: Fixture) {
    let store = &fixture.store;
    let request = request("base", &["jq"]);

    store.enqueue(&request).await.unwrap();
    let first = store.build(request.id).await.unwrap();
    store.enqueue(&request).await.unwrap();

    assert_eq!(store.build(request.id).await.unwrap(), first);
    assert_eq!(events(store).await, ["builder.build.queued 1"]);
}

async fn concurrent_claims_take_each_build_once(fixture: Fixture) {
    let mut ids = HashSet::new();
    for _ in 0..8 {
        ids.insert(enqueue(&fixture.store).await);
    }

    let workers: Vec<_> = (0..4).map(|_| tokio::spawn(claim_all(fixture.store.clone()))).collect();
    let mut claimed = Vec::new();
    for worker in workers {
        claimed.extend(worker.await.unwrap());
    }

    assert_eq!(claimed.len(), 8, "each build is claimed once");
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>(), ids);
}

async fn claim_all(store: Store) -> Vec<BuildId> {
    let worker = WorkerId::new();
    let mut claimed = Vec::new();

    while let Some(build) = store.claim(worker).await.unwrap() {
        claimed.push(build.request.id);
    }
    claimed
}

async fn second_build_of_an_image_waits_for_the_first(fixture: Fixture) {
    let store = &fixture.store;
    let first = request("base", &["jq"]);
    let second = Request { id: BuildId::new(), revision: 2, ..first.clone() };
    store.enqueue(&first).await.unwrap();
    store.enqueue(&second).await.unwrap();

    assert_eq!(claim(store).await.unwrap().request.id, first.id);
    assert_eq!(claim(store).await, None, "the image already has a running build");

    advance(store, first.id, Guard::Attempt(FIRST), &user_fault()).await;
    assert_eq!(claim(store).await.unwrap().request.id, second.id);
}

async fn transitions_are_guarded_by_state_and_attempt(fixture: Fixture) {
    let store = &fixture.store;
    let id = enqueue(store).await;
    let current = Guard::Attempt(FIRST);
    let other = Guard::Attempt(SECOND);

    let is_push_refused = is_refused(store, id, Guard::AnyAttempt, &pushed()).await;
    assert!(is_push_refused, "a queued build cannot be pushed");

    claim(store).await.unwrap();
    assert!(is_refused(store, id, other, &base_ready()).await, "another attempt cannot write");
    let building = advance(store, id, current, &base_ready()).await;
    assert_eq!(building.state, State::Building);
    let pushing = advance(store, id, current, &Transition::Installed).await;
    assert_eq!(pushing.state, State::Pushing);

    let is_cancel_refused = is_refused(store, id, Guard::AnyAttempt, &Transition::Cancel).await;
    assert!(is_cancel_refused, "a pushing build cannot be cancelled");

    let succeeded = advance(store, id, current, &pushed()).await;
    assert_eq!(succeeded.state, State::Succeeded);
    assert_eq!(succeeded.pushed.unwrap().digest, digest('0'));
    for transition in every_transition() {
        let is_refused = is_refused(store, id, Guard::AnyAttempt, &transition).await;
        assert!(is_refused, "a terminal state allowed {transition:?}");
    }
}

async fn cancel_before_the_gate_prevents_the_push(fixture: Fixture) {
    let store = &fixture.store;

    let queued = enqueue(store).await;
    let cancelled = advance(store, queued, Guard::AnyAttempt, &Transition::Cancel).await;
    assert_eq!(cancelled.state, State::Cancelled);
    assert_eq!(claim(store).await, None);

    let id = enqueue_and_claim(store).await;
    let current = Guard::Attempt(FIRST);
    advance(store, id, current, &base_ready()).await;
    advance(store, id, Guard::AnyAttempt, &Transition::Cancel).await;
    assert_eq!(store.heartbeat(id, FIRST).await.unwrap(), AttemptStatus::CancelRequested);

    let is_gate_closed = is_refused(store, id, current, &Transition::Installed).await;
    assert!(is_gate_closed, "a cancelled build cannot be pushed");
    let stopped = advance(store, id, current, &Transition::Stopped).await;
    assert_eq!(stopped.state, State::Cancelled);
}

async fn build_with_lost_leases_fails_at_the_third_attempt(fixture: Fixture) {
    let store = &fixture.store;
    let id = enqueue(store).await;

    for attempt in (1..=3).map(AttemptNumber) {
        assert_eq!(claim(store).await.unwrap().attempt, attempt);
        assert_eq!(store.expired_leases().await.unwrap(), [], "a new lease is valid");

        expire_leases(store).await;
        reconcile::repair(store, HOUR, LeaseLoss::WorkerSilent).await.unwrap();
        end_retry_delays(store).await;
    }

    let build = read(store, id).await;
    assert_eq!(build.state, State::Failed);
    assert_eq!(build.failure.unwrap().reason, FailureReason::WorkerLost);
    assert_eq!(claim(store).await, None);
}

async fn attempt_ended_by_a_shutdown_does_not_count(fixture: Fixture) {
    let store = &fixture.store;
    let id = enqueue(store).await;

    for attempt in (1..=5).map(AttemptNumber) {
        assert_eq!(claim(store).await.unwrap().attempt, attempt);
        let build = advance(store, id, Guard::Attempt(attempt), &platform_fault(false)).await;
        assert_eq!(build.state, State::Queued);
    }

    assert_eq!(read(store, id).await.counted_attempts, 0);
}

async fn lease_lost_in_a_database_outage_does_not_count(fixture: Fixture) {
    let store = &fixture.store;
    let id = enqueue(store).await;

    for attempt in (1..=4).map(AttemptNumber) {
        assert_eq!(claim(store).await.unwrap().attempt, attempt);
        expire_leases(store).await;
        reconcile::repair(store, HOUR, LeaseLoss::DatabaseOutage).await.unwrap();
    }

    let build = read(store, id).await;
    assert_eq!(build.state, State::Queued);
    assert_eq!(build.counted_attempts, 0);
}

async fn failed_build_waits_before_its_next_attempt(fixture: Fixture) {
    let store = &fixture.store;
    let failed = enqueue_and_claim(store).await;
    advance(store, failed, Guard::Attempt(FIRST), &platform_fault(true)).await;
    assert_eq!(claim(store).await, None, "the retry delay has not ended");

    let next = enqueue(store).await;
    let claimed = claim(store).await.unwrap();
    assert_eq!(claimed.request.id, next, "a retry delay does not hold up other builds");

    end_retry_delays(store).await;
    assert_eq!(claim(store).await.unwrap().request.id, failed);
}

async fn build_queued_too_long_expires(fixture: Fixture) {
    let store = &fixture.store;
    let running = enqueue(store).await;
    let waiting = enqueue(store).await;
    assert_eq!(claim(store).await.unwrap().request.id, running);

    execute(store.database(), "update builds set queue_time = queue_time - 1").await;
    reconcile::repair(store, Duration::ZERO, LeaseLoss::WorkerSilent).await.unwrap();

    assert_eq!(read(store, running).await.state, State::Preparing);
    let expired = read(store, waiting).await;
    assert_eq!(expired.state, State::Expired);
    assert_eq!(expired.failure.unwrap().reason, FailureReason::QueuedTooLong);
}

async fn failure_without_a_step_records_the_current_step(fixture: Fixture) {
    let store = &fixture.store;
    let id = enqueue_and_claim(store).await;

    store.record_step(id, FIRST, Step::Pip).await.unwrap();
    let build = advance(store, id, Guard::Attempt(FIRST), &timeout()).await;

    assert_eq!(build.step, Some(Step::Pip));
    assert_eq!(build.failure.unwrap().step, Some(Step::Pip));
}

async fn writes_of_an_old_attempt_are_refused(fixture: Fixture) {
    let store = &fixture.store;
    let id = enqueue_and_claim(store).await;
    expire_leases(store).await;
    reconcile::repair(store, HOUR, LeaseLoss::WorkerSilent).await.unwrap();
    end_retry_delays(store).await;
    assert_eq!(claim(store).await.unwrap().attempt, SECOND);

    assert_eq!(store.heartbeat(id, FIRST).await.unwrap(), AttemptStatus::Fenced);
    assert!(!store.append(id, &chunk(FIRST, 0, "late")).await.unwrap());
    assert!(!store.record_step(id, FIRST, Step::Pip).await.unwrap());
    assert!(is_refused(store, id, Guard::Attempt(FIRST), &base_ready()).await);

    assert!(store.append(id, &chunk(SECOND, 0, "current")).await.unwrap());
    assert_eq!(read(store, id).await.state, State::Preparing);
}

async fn log_is_readable_from_every_offset(fixture: Fixture) {
    let store = &fixture.store;
    let id = enqueue_and_claim(store).await;
    assert!(store.append(id, &chunk(FIRST, 0, "hello ")).await.unwrap());
    assert!(store.append(id, &chunk(FIRST, 6, "world")).await.unwrap());
    assert!(
        !store.append(id, &chunk(FIRST, 6, "twice")).await.unwrap(),
        "a chunk at the same offset is stored once"
    );

    let log = "hello world";
    for offset in 0..=log.len() {
        let offset_bytes = ByteCount::of(&log.as_bytes()[..offset]);
        let cursor = Cursor { attempt: FIRST, offset: offset_bytes };
        assert_eq!(log_text(store, id, cursor).await, log[offset..]);
    }
    assert_eq!(log_text(store, id, Cursor::START).await, log);
}

async fn log_text(store: &Store, id: BuildId, cursor: Cursor) -> String {
    let chunks = store.log_from(id, cursor, 100).await.unwrap();

    chunks.iter().map(|chunk| String::from_utf8_lossy(&chunk.data)).collect()
}

async fn event_sequences_have_no_gaps(fixture: Fixture) {
    let store = &fixture.store;
    let id = enqueue_and_claim(store).await;

    advance(store, id, Guard::Attempt(FIRST), &base_ready()).await;
    store.record_step(id, FIRST, Step::Apt).await.unwrap();
    advance(store, id, Guard::Attempt(FIRST), &platform_fault(true)).await;

    let want = [
        "builder.build.queued 1",
        "builder.build.preparing 2",
        "builder.build.building 3",
        "builder.build.building 4",
        "builder.build.requeued 5",
    ];
    assert_eq!(events(store).await, want);
}

async fn concurrent_changes_are_numbered_without_gaps(fixture: Fixture) {
    let store = &fixture.store;
    let id = enqueue_and_claim(store).await;

    let (apt, pip, cancelled) = tokio::join!(
        store.record_step(id, FIRST, Step::Apt),
        store.record_step(id, FIRST, Step::Pip),
        store.advance(id, Guard::AnyAttempt, &Transition::Cancel),
    );
    let recorded = [apt.unwrap(), pip.unwrap()].into_iter().filter(|is_recorded| *is_recorded);
    assert_eq!(cancelled.unwrap().state, State::Cancelling);

    let changes = 2 + recorded.count() + 1;
    let numbers = rows(store.database(), "select cast(sequence as text) as row from outbox").await;
    let numbers: Vec<usize> = numbers.iter().map(|number| number.parse().unwrap()).collect();
    assert_eq!(numbers.into_iter().collect::<BTreeSet<_>>(), (1..=changes).collect());
    assert_eq!(read(store, id).await.sequence.get(), i64::try_from(changes).unwrap());
}

/// Every column of every entity is selected, inserted and read back.
async fn entities_match_the_migrated_tables(fixture: Fixture) {
    let store = &fixture.store;
    let reader = store.database().reader();
    let id = enqueue_and_claim(store).await;
    assert!(store.append(id, &chunk(FIRST, 0, "hello")).await.unwrap());

    let rows = builds::Entity::find().all(reader).await.unwrap();
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(Build::from(row.clone()), read(store, id).await);
    assert!(row.worker.is_some() && row.lease_until > row.start_time, "{row:?}");

    let chunks = log_chunks::Entity::find().all(reader).await.unwrap();
    let [row] = chunks.as_slice() else { panic!("{chunks:?}") };
    assert_eq!(LogChunk::from(row.clone()), chunk(FIRST, 0, "hello"));
}

fn chunk(attempt: AttemptNumber, offset: i64, text: &str) -> LogChunk {
    LogChunk {
        start: Cursor { attempt, offset: offset.try_into().unwrap() },
        step: Step::Apt,
        data: text.as_bytes().to_vec(),
    }
}

/// Simulates a lease's time without a heartbeat.
async fn expire_leases(store: &Store) {
    execute(store.database(), "update builds set lease_until = 1 where lease_until is not null")
        .await;
}

/// Simulates the end of the delay before the next attempt.
async fn end_retry_delays(store: &Store) {
    execute(store.database(), "update builds set not_before = 0").await;
}

/// Type and sequence of each event of the only build.
async fn events(store: &Store) -> Vec<String> {
    let sql = "select event_type || ' ' || sequence as row from outbox order by sequence";

    rows(store.database(), sql).await
}
