//! Follows permission's grant feed; one applier per database.

use std::{error::Error as _, time::Duration};

use slipway_daemon::client::{ServiceCall, into_result};
use slipway_database::{Database, lease};
use slipway_fault::{Fault, Reason};
use slipway_wire::permission::v1::{
    GrantsHeartbeat, GrantsSnapshot, WatchGrantsRequest, WatchGrantsResponse,
    grant_service_client::GrantServiceClient, watch_grants_response::Event,
};
use tokio_util::sync::CancellationToken;
use tonic::{Streaming, transport::Channel};
use uuid::Uuid;

use crate::projection::{
    apply::{ApplyOutcome, LEASE, apply_change, apply_snapshot},
    state::{read_state, record_contact},
};

/// Permission sends a heartbeat each second; a longer silence means a half-open connection.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(5);
/// Between the end of one stream and the start of the next.
const RECONNECT_DELAY: Duration = Duration::from_millis(500);
const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;

/// The applier of one database.
pub struct Feed {
    database: Database,
    grants: GrantServiceClient<Channel>,
    service_call: ServiceCall,
    holder: Uuid,
}

/// Why a stream ended without a fault.
enum StreamEnd {
    Mismatch,
    NotHolder,
}

impl Feed {
    /// `channel` is a lazy channel to permission.
    pub fn new(database: Database, channel: Channel, service_call: ServiceCall) -> Self {
        Self {
            database,
            grants: GrantServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES),
            service_call,
            holder: Uuid::now_v7(),
        }
    }

    /// Runs until `stop`. After a fault the stream is opened again; after a mismatch it begins with
    /// a snapshot.
    pub async fn run(self, stop: CancellationToken) {
        let mut needs_snapshot = false;

        while !stop.is_cancelled() {
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = self.follow(needs_snapshot) => outcome,
            };

            needs_snapshot = matches!(outcome, Ok(StreamEnd::Mismatch));
            log_stream_end(&outcome);

            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RECONNECT_DELAY) => {}
            }
        }
    }

    async fn follow(&self, needs_snapshot: bool) -> Result<StreamEnd, Fault> {
        if !lease::try_hold(&self.database, LEASE, self.holder).await? {
            return Ok(StreamEnd::NotHolder);
        }

        let mut stream = self.open(needs_snapshot).await?;
        let mut parts = GrantsSnapshot::default();

        loop {
            let event = next_event(&mut stream).await?;
            // Renewed for each event, also for heartbeats. Applying takes it once more in its
            // transaction, because it may expire in between.
            if !lease::try_hold(&self.database, LEASE, self.holder).await? {
                return Ok(StreamEnd::NotHolder);
            }

            let outcome = match event {
                Event::Snapshot(part) => match collect_part(&mut parts, part) {
                    Some(snapshot) => self.apply_snapshot(&snapshot).await?,
                    None => continue,
                },
                Event::Change(change) => apply_change(&self.database, self.holder, &change).await?,
                Event::Heartbeat(heartbeat) => self.record_heartbeat(&heartbeat).await?,
            };

            match outcome {
                ApplyOutcome::Applied => {}
                ApplyOutcome::Mismatch => return Ok(StreamEnd::Mismatch),
                ApplyOutcome::NotHolder => return Ok(StreamEnd::NotHolder),
            }
        }
    }

    async fn apply_snapshot(&self, snapshot: &GrantsSnapshot) -> Result<ApplyOutcome, Fault> {
        let outcome = apply_snapshot(&self.database, self.holder, snapshot).await?;

        if outcome == ApplyOutcome::Applied {
            tracing::info!(
                access.policy_version = snapshot.policy_version,
                "applied a snapshot of grants"
            );
        }
        Ok(outcome)
    }

    async fn open(&self, needs_snapshot: bool) -> Result<Streaming<WatchGrantsResponse>, Fault> {
        let message = if needs_snapshot {
            WatchGrantsRequest::default()
        } else {
            let state = read_state(self.database.reader()).await?;
            WatchGrantsRequest { policy_version: state.policy_version.get(), hash: state.hash }
        };

        into_result(
            self.grants.clone().watch_grants(self.service_call.stream(message)?).await,
            Reason::PermissionUnavailable,
            "permission",
        )
    }

    /// Records the contact. Permission's version differs from the applied one when a change was
    /// lost.
    async fn record_heartbeat(&self, heartbeat: &GrantsHeartbeat) -> Result<ApplyOutcome, Fault> {
        let applied = record_contact(&self.database).await?;

        if applied.get() == heartbeat.policy_version {
            Ok(ApplyOutcome::Applied)
        } else {
            Ok(ApplyOutcome::Mismatch)
        }
    }
}

/// Adds a part of a snapshot to the earlier ones. Returns the whole snapshot with its last part.
fn collect_part(parts: &mut GrantsSnapshot, part: GrantsSnapshot) -> Option<GrantsSnapshot> {
    parts.grants.extend(part.grants);
    parts.memberships.extend(part.memberships);
    if !part.last {
        return None;
    }

    Some(GrantsSnapshot {
        policy_version: part.policy_version,
        hash: part.hash,
        ..std::mem::take(parts)
    })
}

async fn next_event(stream: &mut Streaming<WatchGrantsResponse>) -> Result<Event, Fault> {
    let response = tokio::time::timeout(SILENCE_TIMEOUT, stream.message())
        .await
        .map_err(|_| feed_unavailable("the grant feed is silent"))?
        .map_err(Fault::from)?;

    response
        .and_then(|response| response.event)
        .ok_or_else(|| feed_unavailable("the permission service ended the grant feed"))
}

fn feed_unavailable(message: &str) -> Fault {
    Fault::new(Reason::PermissionUnavailable, message)
}

fn log_stream_end(outcome: &Result<StreamEnd, Fault>) {
    match outcome {
        Ok(StreamEnd::Mismatch) => {
            tracing::warn!(
                "the grant feed does not continue the projection; taking a new snapshot"
            );
        }
        Ok(StreamEnd::NotHolder) => {}
        Err(fault) => {
            tracing::warn!(
                error = %fault,
                cause = ?fault.source(),
                "the grant feed failed; reads continue, and the feed is opened again"
            );
        }
    }
}
