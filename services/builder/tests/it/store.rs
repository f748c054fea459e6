//! One contract for both databases: queue, claims, guarded arrows, logs.

use std::{collections::HashSet, time::Duration};

use sea_orm::ConnectionTrait as _;
use slipway_builder::{
    app::{
        LogStore as _,
        queue::{Queue as _, Verdict},
    },
    domain::{
        arrow::{Arrow, Guard},
        build::Pushed,
        failure::{Failure, FailureReason},
        log::{Cursor, LogChunk},
        state::{Event, State},
    },
    reconcile::{self, Weather},
    store::Store,
};
use slipway_names::id::BuildId;
use uuid::Uuid;

use crate::worlds::{World, request};

slipway_testrig::on_both_databases!(
    a_request_twice_is_one_build,
    claims_are_exclusive,
    one_build_runs_per_image,
    arrows_are_guarded,
    a_cancel_before_the_gate_wins,
    a_lost_lease_is_tried_three_times,
    a_drained_attempt_costs_nothing,
    a_lease_lost_with_the_database_costs_nothing,
    what_failed_waits_before_it_is_tried_again,
    who_waits_too_long_expires,
    a_failure_keeps_the_step,
    old_attempts_cannot_write,
    logs_resume_from_any_place,
    events_have_no_gaps
);

const HOUR: Duration = Duration::from_secs(3_600);

async fn enqueue(store: &Store) -> BuildId {
    let request = request("base", &["jq"]);
    store.enqueue(&request).await.unwrap();
    request.id
}

async fn state(store: &Store, id: BuildId) -> State {
    store.build(id).await.unwrap().unwrap().state
}

fn pushed() -> Arrow {
    let pushed = Pushed {
        reference: "r:1".to_owned(),
        digest: "sha256:0".to_owned(),
        platform: "linux/amd64".to_owned(),
        size_bytes: 1,
    };
    Arrow { pushed: Some(pushed), ..Arrow::plain(Event::Pushed) }
}

async fn a_request_twice_is_one_build(world: World) {
    let request = request("base", &["jq"]);
    world.store.enqueue(&request).await.unwrap();
    let first = world.store.build(request.id).await.unwrap();
    world.store.enqueue(&request).await.unwrap();
    assert_eq!(world.store.build(request.id).await.unwrap(), first);
    assert_eq!(events(&world.store, request.id).await, ["builder.build.queued 1"]);
}

async fn claims_are_exclusive(world: World) {
    let mut ids = HashSet::new();
    for _ in 0..8 {
        ids.insert(enqueue(&world.store).await);
    }
    let workers = (0..4).map(|_| {
        let store = world.store.clone();
        tokio::spawn(async move {
            let worker = Uuid::now_v7();
            let mut got = Vec::new();
            while let Some(claim) = store.claim(worker).await.unwrap() {
                got.push(claim.request.id);
            }
            got
        })
    });
    let mut claimed = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        claimed.extend(worker.await.unwrap());
    }
    assert_eq!(claimed.len(), 8, "each build once");
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>(), ids);
}

async fn one_build_runs_per_image(world: World) {
    let first = request("base", &["jq"]);
    let second = slipway_builder::domain::build::Request {
        id: BuildId::new(),
        revision: 2,
        ..first.clone()
    };
    world.store.enqueue(&first).await.unwrap();
    world.store.enqueue(&second).await.unwrap();
    let worker = Uuid::now_v7();
    assert_eq!(world.store.claim(worker).await.unwrap().unwrap().request.id, first.id);
    assert_eq!(world.store.claim(worker).await.unwrap(), None, "the image's other build waits");
    world
        .store
        .arrow(
            first.id,
            Guard::Attempt(1),
            &Arrow::failed(Event::UserFault, Failure::new(FailureReason::AptFailed, "apt", "x")),
        )
        .await
        .unwrap()
        .unwrap();
    assert_eq!(world.store.claim(worker).await.unwrap().unwrap().request.id, second.id);
}

async fn arrows_are_guarded(world: World) {
    let store = &world.store;
    let id = enqueue(store).await;
    assert!(
        store.arrow(id, Guard::Anybody, &pushed()).await.unwrap().is_err(),
        "a queued build cannot be pushed"
    );
    store.claim(Uuid::now_v7()).await.unwrap().unwrap();
    let mine = Guard::Attempt(1);
    assert!(
        store.arrow(id, Guard::Attempt(2), &Arrow::plain(Event::BaseReady)).await.unwrap().is_err(),
        "another attempt's write"
    );
    for (event, want) in [(Event::BaseReady, State::Building), (Event::Installed, State::Pushing)] {
        assert_eq!(store.arrow(id, mine, &Arrow::plain(event)).await.unwrap().unwrap().state, want);
    }
    assert!(
        store.arrow(id, Guard::Anybody, &Arrow::plain(Event::Cancel)).await.unwrap().is_err(),
        "past the gate"
    );
    let done = store.arrow(id, mine, &pushed()).await.unwrap().unwrap();
    assert_eq!(
        (done.state, done.pushed.map(|pushed| pushed.digest)),
        (State::Succeeded, Some("sha256:0".to_owned()))
    );
    for event in Event::ALL {
        assert!(
            store.arrow(id, Guard::Anybody, &Arrow::plain(*event)).await.unwrap().is_err(),
            "terminal: {event:?}"
        );
    }
}

async fn a_cancel_before_the_gate_wins(world: World) {
    let store = &world.store;
    let queued = enqueue(store).await;
    assert_eq!(
        store
            .arrow(queued, Guard::Anybody, &Arrow::plain(Event::Cancel))
            .await
            .unwrap()
            .unwrap()
            .state,
        State::Cancelled
    );
    assert_eq!(store.claim(Uuid::now_v7()).await.unwrap(), None);

    let id = enqueue(store).await;
    store.claim(Uuid::now_v7()).await.unwrap().unwrap();
    store.arrow(id, Guard::Attempt(1), &Arrow::plain(Event::BaseReady)).await.unwrap().unwrap();
    store.arrow(id, Guard::Anybody, &Arrow::plain(Event::Cancel)).await.unwrap().unwrap();
    assert_eq!(store.heartbeat(id, 1).await.unwrap(), Verdict::Cancel);
    assert!(
        store.arrow(id, Guard::Attempt(1), &Arrow::plain(Event::Installed)).await.unwrap().is_err(),
        "the gate is closed"
    );
    assert_eq!(
        store
            .arrow(id, Guard::Attempt(1), &Arrow::plain(Event::UserFault))
            .await
            .unwrap()
            .unwrap()
            .state,
        State::Cancelled
    );
}

async fn a_lost_lease_is_tried_three_times(world: World) {
    let store = &world.store;
    let id = enqueue(store).await;
    for attempt in 1..=3 {
        let claim = store.claim(Uuid::now_v7()).await.unwrap().unwrap();
        assert_eq!(claim.attempt, attempt);
        assert_eq!(store.expired_leases().await.unwrap(), [], "a fresh lease holds");
        expire_leases(store).await;
        reconcile::repair(store, HOUR, Weather::Clear).await.unwrap();
        let_time_pass(store).await;
    }
    let build = store.build(id).await.unwrap().unwrap();
    assert_eq!(
        (build.state, build.failure.map(|failure| failure.reason)),
        (State::Failed, Some(FailureReason::WorkerLost))
    );
    assert_eq!(store.claim(Uuid::now_v7()).await.unwrap(), None);
}

async fn a_drained_attempt_costs_nothing(world: World) {
    let store = &world.store;
    let id = enqueue(store).await;
    for attempt in 1..=5 {
        assert_eq!(store.claim(Uuid::now_v7()).await.unwrap().unwrap().attempt, attempt);
        let drained = Arrow { refunded: true, ..Arrow::plain(Event::PlatformFault) };
        assert_eq!(
            store.arrow(id, Guard::Attempt(attempt), &drained).await.unwrap().unwrap().state,
            State::Queued
        );
    }
    assert_eq!(store.build(id).await.unwrap().unwrap().charged, 0);
}

async fn a_lease_lost_with_the_database_costs_nothing(world: World) {
    let store = &world.store;
    let id = enqueue(store).await;
    for attempt in 1..=4 {
        assert_eq!(store.claim(Uuid::now_v7()).await.unwrap().unwrap().attempt, attempt);
        expire_leases(store).await;
        reconcile::repair(store, HOUR, Weather::DatabaseWasAway).await.unwrap();
    }
    let build = store.build(id).await.unwrap().unwrap();
    assert_eq!((build.state, build.charged), (State::Queued, 0));
}

async fn what_failed_waits_before_it_is_tried_again(world: World) {
    let store = &world.store;
    let id = enqueue(store).await;
    store.claim(Uuid::now_v7()).await.unwrap().unwrap();
    store.arrow(id, Guard::Attempt(1), &Arrow::plain(Event::PlatformFault)).await.unwrap().unwrap();
    assert_eq!(store.claim(Uuid::now_v7()).await.unwrap(), None, "it would fail again at once");
    let behind = enqueue(store).await;
    assert_eq!(
        store.claim(Uuid::now_v7()).await.unwrap().unwrap().request.id,
        behind,
        "others do not wait for it"
    );
    let_time_pass(store).await;
    assert_eq!(store.claim(Uuid::now_v7()).await.unwrap().unwrap().request.id, id);
}

async fn who_waits_too_long_expires(world: World) {
    let store = &world.store;
    let (waiting, running) = (enqueue(store).await, enqueue(store).await);
    let first = store.claim(Uuid::now_v7()).await.unwrap().unwrap().request.id;
    assert_eq!(first, waiting);
    let database = store.database();
    database
        .writer()
        .execute_raw(database.statement("update build set queue_time = queue_time - 1", []))
        .await
        .unwrap();
    reconcile::repair(store, Duration::ZERO, Weather::Clear).await.unwrap();
    assert_eq!(
        (state(store, first).await, state(store, running).await),
        (State::Preparing, State::Expired)
    );
    let failure = store.build(running).await.unwrap().unwrap().failure.unwrap();
    assert_eq!(failure.reason, FailureReason::QueuedTooLong);
}

async fn a_failure_keeps_the_step(world: World) {
    let store = &world.store;
    let id = enqueue(store).await;
    store.claim(Uuid::now_v7()).await.unwrap().unwrap();
    store.set_step(id, 1, "pip").await.unwrap();
    let late = Arrow::failed(Event::Timeout, Failure::new(FailureReason::TimeExceeded, "", "x"));
    let build = store.arrow(id, Guard::Attempt(1), &late).await.unwrap().unwrap();
    assert_eq!((build.step.as_str(), build.failure.unwrap().step.as_str()), ("pip", "pip"));
}

async fn old_attempts_cannot_write(world: World) {
    let store = &world.store;
    let id = enqueue(store).await;
    store.claim(Uuid::now_v7()).await.unwrap().unwrap();
    expire_leases(store).await;
    reconcile::repair(store, HOUR, Weather::Clear).await.unwrap();
    let_time_pass(store).await;
    store.claim(Uuid::now_v7()).await.unwrap().unwrap();
    assert_eq!(store.heartbeat(id, 1).await.unwrap(), Verdict::Fenced);
    assert!(!store.append(id, &chunk(1, 0, "late")).await.unwrap());
    assert!(!store.set_step(id, 1, "pip").await.unwrap());
    assert!(
        store.arrow(id, Guard::Attempt(1), &Arrow::plain(Event::BaseReady)).await.unwrap().is_err()
    );
    assert!(store.append(id, &chunk(2, 0, "mine")).await.unwrap());
    assert_eq!(state(store, id).await, State::Preparing);
}

async fn logs_resume_from_any_place(world: World) {
    let store = &world.store;
    let id = enqueue(store).await;
    store.claim(Uuid::now_v7()).await.unwrap().unwrap();
    assert!(store.append(id, &chunk(1, 0, "hello ")).await.unwrap());
    assert!(store.append(id, &chunk(1, 6, "world")).await.unwrap());
    assert!(!store.append(id, &chunk(1, 6, "twice")).await.unwrap(), "a piece is stored once");
    let text = async |cursor: Cursor| {
        let chunks = store.log_from(id, cursor, 100).await.unwrap();
        chunks
            .iter()
            .map(|chunk| String::from_utf8_lossy(&chunk.data).into_owned())
            .collect::<String>()
    };
    let whole = "hello world";
    for offset in 0..=whole.len() {
        let cursor = Cursor { attempt: 1, offset: i64::try_from(offset).unwrap() };
        assert_eq!(text(cursor).await, whole[offset..]);
    }
    assert_eq!(text(Cursor::START).await, whole);
}

async fn events_have_no_gaps(world: World) {
    let store = &world.store;
    let id = enqueue(store).await;
    store.claim(Uuid::now_v7()).await.unwrap().unwrap();
    store.arrow(id, Guard::Attempt(1), &Arrow::plain(Event::BaseReady)).await.unwrap().unwrap();
    store.set_step(id, 1, "apt").await.unwrap();
    store.arrow(id, Guard::Attempt(1), &Arrow::plain(Event::PlatformFault)).await.unwrap().unwrap();
    let want = [
        "builder.build.queued 1",
        "builder.build.preparing 2",
        "builder.build.building 3",
        "builder.build.building 4",
        "builder.build.requeued 5",
    ];
    assert_eq!(events(store, id).await, want);
}

fn chunk(attempt: i32, offset: i64, text: &str) -> LogChunk {
    LogChunk {
        start: Cursor { attempt, offset },
        step: "apt".to_owned(),
        data: text.as_bytes().to_vec(),
    }
}

/// As if a minute had passed without a heartbeat.
async fn expire_leases(store: &Store) {
    let database = store.database();
    database
        .writer()
        .execute_raw(
            database
                .statement("update build set lease_until = 1 where lease_until is not null", []),
        )
        .await
        .unwrap();
}

/// As if the pause before the next attempt were over.
async fn let_time_pass(store: &Store) {
    let database = store.database();
    database
        .writer()
        .execute_raw(database.statement("update build set not_before = 0", []))
        .await
        .unwrap();
}

async fn events(store: &Store, id: BuildId) -> Vec<String> {
    let database = store.database();
    let sql = "select kind, sequence from outbox where subject = $1 order by sequence";
    let rows = database
        .reader()
        .query_all_raw(database.statement(sql, [id.to_string().into()]))
        .await
        .unwrap();
    rows.iter()
        .map(|row| {
            format!(
                "{} {}",
                row.try_get::<String>("", "kind").unwrap(),
                row.try_get::<i64>("", "sequence").unwrap()
            )
        })
        .collect()
}
