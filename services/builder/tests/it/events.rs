//! The JSON that consumers of events read, one file for each type. A renamed field would break
//! them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use slipway_builder::{
    domain::{
        build::{Request, State},
        failure::{Failure, FailureReason},
        step::Step,
        transition::{Guard, Transition},
    },
    store::Store,
};
use slipway_names::{
    id::{BuildId, ImageId, UserId, WorkerId},
    unit::{LogPosition, Micros},
};
use slipway_outbox::entries_after;
use slipway_testrig::database::execute;
use strum::VariantArray as _;
use uuid::Uuid;

use crate::fixtures::{Fixture, base_ready, platform_fault, pushed, request, timeout};

slipway_testrig::on_both_databases!(
    events_of_a_repeated_and_successful_build_match_the_json,
    events_of_a_failed_build_match_the_json,
    events_of_a_cancelled_build_match_the_json,
    events_of_a_late_build_match_the_json,
    events_of_an_expired_build_match_the_json,
);

/// The JSON of each event, by its type without `builder.build.`.
const JSON: [(&str, &str); 11] = [
    ("building", include_str!("events/building.json")),
    ("cancelled", include_str!("events/cancelled.json")),
    ("cancelling", include_str!("events/cancelling.json")),
    ("expired", include_str!("events/expired.json")),
    ("failed", include_str!("events/failed.json")),
    ("preparing", include_str!("events/preparing.json")),
    ("pushing", include_str!("events/pushing.json")),
    ("queued", include_str!("events/queued.json")),
    ("requeued", include_str!("events/requeued.json")),
    ("succeeded", include_str!("events/succeeded.json")),
    ("timed_out", include_str!("events/timed_out.json")),
];

async fn events_of_a_repeated_and_successful_build_match_the_json(fixture: Fixture) {
    let transitions =
        [claim(), platform_fault(false), claim(), base_ready(), Transition::Installed, pushed()];

    let events = events_after(&fixture.store, &transitions).await;
    check(&events, &["queued", "requeued", "preparing", "building", "pushing", "succeeded"]);
}

async fn events_of_a_failed_build_match_the_json(fixture: Fixture) {
    let failure = Failure::new(FailureReason::AptFailed, Step::Apt, "no package `no-such-package`");

    let events = events_after(&fixture.store, &[claim(), Transition::UserFault(failure)]).await;
    check(&events, &["failed"]);
}

async fn events_of_a_cancelled_build_match_the_json(fixture: Fixture) {
    let transitions = [claim(), Transition::Cancel, Transition::Stopped];

    let events = events_after(&fixture.store, &transitions).await;
    check(&events, &["cancelling", "cancelled"]);
}

async fn events_of_a_late_build_match_the_json(fixture: Fixture) {
    let events = events_after(&fixture.store, &[claim(), timeout()]).await;
    check(&events, &["timed_out"]);
}

async fn events_of_an_expired_build_match_the_json(fixture: Fixture) {
    let failure = Failure::new(FailureReason::QueuedTooLong, None, "no worker claimed it");

    let events = events_after(&fixture.store, &[Transition::Timeout(failure)]).await;
    check(&events, &["expired"]);
}

#[test]
fn every_event_type_has_its_json() {
    let changes = State::VARIANTS.iter().map(ToString::to_string);
    let want: BTreeSet<String> = changes.chain(["requeued".to_owned()]).collect();

    let types: BTreeSet<String> = JSON.iter().map(|(change, _)| (*change).to_owned()).collect();
    assert_eq!(types, want);
}

fn claim() -> Transition {
    Transition::Claim(WorkerId::new())
}

/// The last event of each type after a new build has taken these transitions.
async fn events_after(store: &Store, transitions: &[Transition]) -> BTreeMap<String, Value> {
    let request = Request {
        id: BuildId(Uuid::from_u128(0xb)),
        image: ImageId(Uuid::from_u128(0xa)),
        requester: UserId(Uuid::from_u128(0xc)),
        revision: 7,
        // In the future, so that the duration in the queue is 0.
        request_time: Micros(9_000_000_000_000_000),
        ..request("base", &["no-such-package"])
    };
    store.enqueue(&request).await.unwrap();

    for transition in transitions {
        match transition {
            Transition::Claim(worker) => {
                store.claim(*worker).await.unwrap().unwrap();
            }
            transition => {
                let outcome = store.advance(request.id, Guard::AnyAttempt, transition).await;
                outcome.unwrap();
            }
        }
    }

    published_events(store).await
}

/// The events by their types, with constants instead of generated values.
async fn published_events(store: &Store) -> BTreeMap<String, Value> {
    // As the relay does, except for the constants.
    let sql = "update outbox set position = sequence, time = 1800000000123456,
        traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'";
    execute(store.database(), sql).await;

    let entries = entries_after(store.database(), "builder", LogPosition::ZERO, 100).await.unwrap();
    let events = entries.into_iter().map(|entry| {
        let mut event: Value = serde_json::from_slice(&entry.envelope.encode()).unwrap();
        event["id"] = Uuid::from_u128(0xe).to_string().into();

        // The duration depends on the clock, so only its form is compared.
        let run_ms = event["data"]["runMs"].as_str().expect("a number of 64 bits is a string");
        assert!(run_ms.parse::<i64>().is_ok_and(|milliseconds| milliseconds >= 0), "{run_ms}");
        event["data"]["runMs"] = "0".into();

        (entry.envelope.event_type, event)
    });
    events.collect()
}

fn check(events: &BTreeMap<String, Value>, changes: &[&str]) {
    for change in changes {
        let (_, text) = JSON.iter().find(|(name, _)| name == change).unwrap();
        let want: Value = serde_json::from_str(text).unwrap();

        let event = &events[&format!("builder.build.{change}")];
        assert_eq!(event, &want, "{event:#}");
    }
}
