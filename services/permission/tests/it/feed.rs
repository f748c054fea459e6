//! The feed of the projections: its hashes, where it goes on, and who may listen. Streams end with the token that opened them.

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use slipway_fault::{Fault, Reason};
use slipway_wire::{
    event::v1::WatchRequest,
    permission::v1::{
        ObjectKind, Role, SubjectKind, WatchGrantsRequest, watch_grants_response::Event,
    },
};
use tokio::time::timeout;

use crate::worlds::{World, grant, made_by, object, reason, subject};

slipway_testrig::on_both_databases!(
    each_change_is_hashed_over_the_one_before,
    a_known_revision_goes_on_with_changes,
    only_services_listen,
    a_stream_ends_with_its_token
);

async fn changes(world: &World) -> Vec<(i64, String, Vec<u8>)> {
    let entries = world.app.store().changes_after(0).await.unwrap();
    entries.into_iter().map(|entry| (entry.revision, entry.hash, entry.mutations)).collect()
}

async fn each_change_is_hashed_over_the_one_before(world: World) {
    world.group("vision", &["!alice", "bob"]).await;
    world
        .give(
            "alice",
            grant(
                object(ObjectKind::Group, "vision"),
                Role::Reader,
                subject(SubjectKind::Everyone, ""),
            ),
        )
        .await
        .unwrap();
    let mut before = String::new();
    let all = changes(&world).await;
    for (number, (revision, hash, mutations)) in (1..).zip(&all) {
        let want: String = digest(&SHA256, &[before.as_bytes(), mutations].concat())
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            (*revision, hash),
            (number, &want),
            "revisions have no gaps, and each hash covers the one before"
        );
        before = want;
    }
    assert_eq!(all.len(), 5, "the admin, the group, two members, a grant");
    world.user("mallory").await;
    assert_eq!(changes(&world).await, all, "what gives nobody a role is no change");
}

async fn a_known_revision_goes_on_with_changes(world: World) {
    world.group("vision", &["alice"]).await;
    let all = changes(&world).await;
    let first = async |revision: i64, hash: &str| {
        let request = WatchGrantsRequest { revision, hash: hash.to_owned() };
        let mut feed = world
            .grants()
            .watch_grants(world.service_call(request).await)
            .await
            .unwrap()
            .into_inner();
        timeout(Duration::from_secs(10), feed.message())
            .await
            .expect("the feed says something")
            .unwrap()
            .unwrap()
            .event
            .unwrap()
    };
    let (revision, hash, _) = &all[0];
    match first(*revision, hash).await {
        Event::Change(change) => {
            assert_eq!((change.revision, change.hash.as_str()), (all[1].0, all[1].1.as_str()))
        }
        other => panic!("{other:?}"),
    }
    let (last, hash, _) = all.last().unwrap();
    assert!(matches!(first(*last, hash).await, Event::Heartbeat(beat) if beat.revision == *last));
    for (revision, hash) in [(0, ""), (*last, "another"), (last + 1, hash.as_str())] {
        match first(revision, hash).await {
            Event::Snapshot(snapshot) => {
                assert_eq!(
                    (snapshot.revision, snapshot.hash.as_str(), snapshot.last),
                    (*last, all[all.len() - 1].1.as_str(), true)
                );
                assert_eq!((snapshot.grants.len(), snapshot.memberships.len()), (3, 1));
            }
            other => panic!("revision {revision} with hash {hash:?} is not known, but: {other:?}"),
        }
    }
}

async fn only_services_listen(world: World) {
    for caller in ["admin", "mallory"] {
        let answer = world
            .grants()
            .watch_grants(world.call(caller, WatchGrantsRequest::default()).await)
            .await;
        assert_eq!(
            answer.map(|_| ()).map_err(|status| Fault::from(status).reason()),
            Err(Reason::ServiceOnly)
        );
    }
}

async fn a_stream_ends_with_its_token(world: World) {
    let mut caller = world.caller("admin").await;
    caller.expires_at = SystemTime::now() + Duration::from_secs(5);
    let mut events =
        world.events().watch(made_by(caller, WatchRequest::default())).await.unwrap().into_inner();
    let end = async {
        loop {
            match events.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended without a reason"),
                Err(status) => return Fault::from(status).reason(),
            }
        }
    };
    assert_eq!(
        timeout(Duration::from_secs(20), end).await.expect("the stream ends"),
        Reason::TokenExpired
    );

    let mut expired = world.caller("admin").await;
    expired.expires_at = SystemTime::UNIX_EPOCH;
    let answer = world
        .events()
        .watch(made_by(expired, WatchRequest::default()))
        .await
        .map(|response| response.map(|_| ()));
    assert_eq!(reason(answer), Reason::TokenExpired);
}
