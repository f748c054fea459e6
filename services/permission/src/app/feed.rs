//! The feed of the projections: a snapshot when it is needed, then changes as they are committed.

use std::time::Duration;

use slipway_fault::Fault;
use slipway_names::unit::PolicyVersion;
use tokio::{sync::watch, time::Instant};

use crate::{
    app::App,
    domain::feed::{FeedEvent, FeedPosition, Snapshot},
    store::Store,
};

const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// Changes of other replicas do not notify this process, so the feed also polls.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Continues after the snapshot, or after the position of the projection.
pub struct GrantFeed {
    store: Store,
    changed: watch::Receiver<()>,
    /// The last version that was returned.
    policy_version: PolicyVersion,
}

impl App {
    /// Opens a feed for a projection at this position. Returns a snapshot to begin with when the
    /// projection has no position, or one that this database never had.
    pub async fn open_feed(
        &self,
        position: Option<FeedPosition>,
    ) -> Result<(Option<Snapshot>, GrantFeed), Fault> {
        let changed = self.store.changed();

        if let Some(position) = position
            && self.store.has_position(&position).await?
        {
            let policy_version = position.policy_version;
            return Ok((None, GrantFeed { store: self.store.clone(), changed, policy_version }));
        }

        let snapshot = self.store.snapshot().await?;
        let policy_version = snapshot.position.policy_version;
        let feed = GrantFeed { store: self.store.clone(), changed, policy_version };
        Ok((Some(snapshot), feed))
    }
}

impl GrantFeed {
    /// Waits for the next changes. Returns a heartbeat when there are none for
    /// `HEARTBEAT_INTERVAL`.
    pub async fn next(&mut self) -> Result<FeedEvent, Fault> {
        let began = Instant::now();

        loop {
            // Before the read, so that a change committed during it ends the wait below.
            self.changed.mark_unchanged();
            let entries = self.store.changes_after(self.policy_version).await?;

            if let Some(last) = entries.last() {
                self.policy_version = last.position.policy_version;
                return Ok(FeedEvent::Changes(entries));
            }
            if began.elapsed() >= HEARTBEAT_INTERVAL {
                return Ok(FeedEvent::Heartbeat(self.policy_version));
            }

            tokio::select! {
                _ = self.changed.changed() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
        }
    }
}
