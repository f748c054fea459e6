//! The feed of the projections: hashes, resumption and authorization; and the end of event streams.

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use slipway_fault::{Fault, Reason};
use slipway_names::unit::PolicyVersion;
use slipway_permission::domain::feed::{FeedEntry, FeedPosition};
use slipway_testrig::call::with_caller;
use slipway_wire::{
    event::v1::{WatchRequest, WatchResponse},
    permission::v1::{ObjectKind, Role, WatchGrantsRequest, watch_grants_response::Event},
};
use tokio::time::timeout;
use tonic::Streaming;

use crate::fixtures::{Fixture, everyone, grant, object, reason};

slipway_testrig::on_both_databases!(
    hash_of_each_change_covers_the_previous_hash,
    known_policy_version_continues_with_changes,
    unknown_policy_version_gets_a_snapshot,
    watch_grants_is_for_services_only,
    event_stream_ends_when_its_token_expires
);

async fn all_changes(fixture: &Fixture) -> Vec<FeedEntry> {
    fixture.store.changes_after(PolicyVersion::ZERO).await.unwrap()
}

async fn all_positions(fixture: &Fixture) -> Vec<FeedPosition> {
    all_changes(fixture).await.into_iter().map(|change| change.position).collect()
}

/// The first message of a feed that is opened with this policy version and hash.
async fn first_event(fixture: &Fixture, policy_version: i64, hash: &str) -> Event {
    let request = WatchGrantsRequest { policy_version, hash: hash.to_owned() };
    let request = fixture.service_call(request).await;
    let mut feed = fixture.grant_service().watch_grants(request).await.unwrap().into_inner();

    let message = timeout(Duration::from_secs(10), feed.message()).await;
    message.expect("the feed sends a message").unwrap().unwrap().event.unwrap()
}

async fn hash_of_each_change_covers_the_previous_hash(fixture: Fixture) {
    fixture.create_group("vision", &["!alice", "bob"]).await;
    let reader = grant(object(ObjectKind::Group, "vision"), Role::Reader, everyone());
    fixture.create_grant("alice", reader).await.unwrap();

    let changes = all_changes(&fixture).await;
    let mut previous_hash = String::new();
    for (number, change) in (1..).zip(&changes) {
        let bytes = [previous_hash.as_bytes(), &change.mutations].concat();
        let want = hex::encode(digest(&SHA256, &bytes));
        assert_eq!(change.position.policy_version.get(), number, "policy versions have no gaps");
        assert_eq!(change.position.hash, want, "it covers the previous hash and the mutations");
        previous_hash = want;
    }
    assert_eq!(changes.len(), 5, "the admin, the group, two members, one grant");

    fixture.user("mallory").await;
    assert_eq!(all_changes(&fixture).await, changes, "a user without a role is no change");
}

async fn known_policy_version_continues_with_changes(fixture: Fixture) {
    fixture.create_group("vision", &["alice"]).await;
    let positions = all_positions(&fixture).await;

    let first = &positions[0];
    match first_event(&fixture, first.policy_version.get(), &first.hash).await {
        Event::Change(change) => {
            assert_eq!(change.policy_version, positions[1].policy_version.get());
            assert_eq!(change.hash, positions[1].hash);
        }
        other => panic!("the feed does not continue with a change: {other:?}"),
    }

    let last = positions.last().unwrap();
    match first_event(&fixture, last.policy_version.get(), &last.hash).await {
        Event::Heartbeat(heartbeat) => {
            assert_eq!(heartbeat.policy_version, last.policy_version.get());
        }
        other => panic!("the feed has no changes, but sends: {other:?}"),
    }
}

async fn unknown_policy_version_gets_a_snapshot(fixture: Fixture) {
    fixture.create_group("vision", &["alice"]).await;
    let last = all_positions(&fixture).await.pop().unwrap();
    let version = last.policy_version.get();

    for (policy_version, hash) in
        [(0, ""), (-1, &last.hash), (version, "another"), (version + 1, last.hash.as_str())]
    {
        match first_event(&fixture, policy_version, hash).await {
            Event::Snapshot(snapshot) => {
                assert_eq!(snapshot.policy_version, version);
                assert_eq!(snapshot.hash, last.hash);
                assert!(snapshot.last);
                assert_eq!((snapshot.grants.len(), snapshot.memberships.len()), (3, 1));
            }
            other => panic!("version {policy_version} with hash {hash:?} is unknown: {other:?}"),
        }
    }
}

async fn watch_grants_is_for_services_only(fixture: Fixture) {
    for caller in ["admin", "mallory"] {
        let request = fixture.call(caller, WatchGrantsRequest::default()).await;
        let result = fixture.grant_service().watch_grants(request).await;

        assert_eq!(reason(result.map(|_| ())), Reason::ServiceOnly, "{caller}");
    }
}

/// Why the stream ended.
async fn end_of(mut stream: Streaming<WatchResponse>) -> Reason {
    loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended without an error"),
            Err(status) => return Fault::from(status).reason(),
        }
    }
}

async fn event_stream_ends_when_its_token_expires(fixture: Fixture) {
    let mut caller = fixture.caller("admin").await;
    caller.expires_at = SystemTime::now() + Duration::from_secs(5);
    let request = with_caller(caller, WatchRequest::default());
    let stream = fixture.event_service().watch(request).await.unwrap().into_inner();

    let end = timeout(Duration::from_secs(20), end_of(stream)).await;
    assert_eq!(end.expect("the stream ends"), Reason::TokenExpired);

    let mut expired = fixture.caller("admin").await;
    expired.expires_at = SystemTime::UNIX_EPOCH;
    let request = with_caller(expired, WatchRequest::default());
    let result = fixture.event_service().watch(request).await;
    assert_eq!(reason(result.map(|_| ())), Reason::TokenExpired);
}
