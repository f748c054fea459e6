//! The feed of the projections.

use slipway_names::unit::PolicyVersion;
use slipway_wire::permission::v1::{
    GrantsChange, GrantsHeartbeat, GrantsSnapshot, WatchGrantsRequest, WatchGrantsResponse,
    watch_grants_response::Event,
};

use crate::domain::feed::{FeedEntry, FeedEvent, FeedPosition, Snapshot};

/// Rows of each table in one message of a snapshot.
const SNAPSHOT_PART_ROWS: usize = 5_000;

/// Where the projection is; `None` when it has no snapshot yet.
pub fn parse_position(request: WatchGrantsRequest) -> Option<FeedPosition> {
    let policy_version = PolicyVersion::try_from(request.policy_version).ok()?;

    (policy_version > PolicyVersion::ZERO)
        .then_some(FeedPosition { policy_version, hash: request.hash })
}

pub fn responses(event: FeedEvent) -> Vec<WatchGrantsResponse> {
    match event {
        FeedEvent::Changes(entries) => {
            entries.into_iter().map(|entry| response(Event::Change(entry.into()))).collect()
        }
        FeedEvent::Heartbeat(policy_version) => {
            let heartbeat = GrantsHeartbeat { policy_version: policy_version.get() };
            vec![response(Event::Heartbeat(heartbeat))]
        }
    }
}

/// Splits a snapshot into messages. An empty snapshot is one message too.
pub fn snapshot_parts(snapshot: &Snapshot) -> Vec<WatchGrantsResponse> {
    let mut grants = snapshot.grants.chunks(SNAPSHOT_PART_ROWS);
    let mut memberships = snapshot.memberships.chunks(SNAPSHOT_PART_ROWS);
    let count = grants.len().max(memberships.len()).max(1);

    let mut parts = Vec::with_capacity(count);
    for number in 1..=count {
        let grants = grants.next().unwrap_or_default();
        let memberships = memberships.next().unwrap_or_default();

        parts.push(response(Event::Snapshot(GrantsSnapshot {
            policy_version: snapshot.position.policy_version.get(),
            hash: snapshot.position.hash.clone(),
            grants: grants.iter().map(Into::into).collect(),
            memberships: memberships.iter().map(Into::into).collect(),
            last: number == count,
        })));
    }

    parts
}

impl From<FeedEntry> for GrantsChange {
    fn from(entry: FeedEntry) -> Self {
        Self {
            policy_version: entry.position.policy_version.get(),
            hash: entry.position.hash,
            mutations: entry.mutations,
        }
    }
}

fn response(event: Event) -> WatchGrantsResponse {
    WatchGrantsResponse { event: Some(event) }
}
