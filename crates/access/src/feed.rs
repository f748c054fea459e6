//! Following permission's feed, one applier per database.

use std::time::Duration;

use sea_orm::ConnectionTrait as _;
use slipway_daemon::client::{Outgoing, answer};
use slipway_database::Database;
use slipway_fault::{Fault, Reason};
use slipway_outbox::lease;
use slipway_wire::permission::v1::{
    GrantsSnapshot, WatchGrantsRequest, grant_service_client::GrantServiceClient,
    watch_grants_response::Event,
};
use tokio_util::sync::CancellationToken;
use tonic::{Streaming, transport::Channel};
use uuid::Uuid;

use crate::apply::{Applied, LEASE, apply_change, apply_snapshot};

/// Permission sends a heartbeat each second; silence means a half-open connection.
const SILENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(500);

/// The applier of one database.
pub struct Feed {
    database: Database,
    grants: GrantServiceClient<Channel>,
    outgoing: Outgoing,
    holder: Uuid,
}

impl Feed {
    /// Over a lazy channel to permission.
    pub fn new(database: Database, channel: Channel, outgoing: Outgoing) -> Self {
        Self {
            database,
            grants: GrantServiceClient::new(channel).max_decoding_message_size(64 * 1024 * 1024),
            outgoing,
            holder: Uuid::now_v7(),
        }
    }

    /// Until `stop`; every fault is waited out, and a mismatch heals by a snapshot.
    pub async fn run(self, stop: CancellationToken) {
        let mut from_scratch = false;
        while !stop.is_cancelled() {
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = self.follow(from_scratch) => outcome,
            };
            from_scratch = match outcome {
                Ok(Ended::Mismatch) => {
                    tracing::warn!(
                        "the feed of grants does not fit the projection; taking a new snapshot"
                    );
                    true
                }
                Ok(Ended::NotMine) => false,
                Err(fault) => {
                    tracing::warn!(error = %fault, cause = ?std::error::Error::source(&fault), "the feed of grants broke; reads go on, following again");
                    false
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    async fn follow(&self, from_scratch: bool) -> Result<Ended, Fault> {
        if !self.hold().await? {
            return Ok(Ended::NotMine);
        }
        let mut stream = self.open(from_scratch).await?;
        let mut snapshot = GrantsSnapshot::default();
        loop {
            let silent =
                || Fault::new(Reason::PermissionUnavailable, "the feed of grants fell silent");
            let next = tokio::time::timeout(SILENCE, stream.message())
                .await
                .map_err(|_| silent())?
                .map_err(Fault::from)?;
            let Some(event) = next.and_then(|response| response.event) else {
                return Err(Fault::new(Reason::PermissionUnavailable, "the feed of grants ended"));
            };
            if !self.hold().await? {
                return Ok(Ended::NotMine);
            }
            match event {
                Event::Snapshot(part) => {
                    snapshot.grants.extend(part.grants);
                    snapshot.memberships.extend(part.memberships);
                    if part.last {
                        let whole = GrantsSnapshot {
                            revision: part.revision,
                            hash: part.hash,
                            ..std::mem::take(&mut snapshot)
                        };
                        if apply_snapshot(&self.database, self.holder, &whole).await?
                            == Applied::NotMine
                        {
                            return Ok(Ended::NotMine);
                        }
                        tracing::info!(
                            access.revision = part.revision,
                            "took a snapshot of grants"
                        );
                    }
                }
                Event::Change(change) => {
                    match apply_change(&self.database, self.holder, &change).await? {
                        Applied::Yes => {}
                        Applied::Mismatch => return Ok(Ended::Mismatch),
                        Applied::NotMine => return Ok(Ended::NotMine),
                    }
                }
                Event::Heartbeat(heartbeat) => {
                    if self.heard().await? != heartbeat.revision {
                        return Ok(Ended::Mismatch);
                    }
                }
            }
        }
    }

    async fn open(
        &self,
        from_scratch: bool,
    ) -> Result<Streaming<slipway_wire::permission::v1::WatchGrantsResponse>, Fault> {
        let row = self
            .database
            .reader()
            .query_one_raw(self.database.statement("select revision, hash from access_state", []))
            .await?;
        let row = row.ok_or_else(|| Fault::internal("access_state has no row"))?;
        let message = match from_scratch {
            true => WatchGrantsRequest::default(),
            false => WatchGrantsRequest {
                revision: row.try_get("", "revision")?,
                hash: row.try_get("", "hash")?,
            },
        };
        answer(
            self.grants.clone().watch_grants(self.outgoing.stream(message)?).await,
            Reason::PermissionUnavailable,
            "permission",
        )
    }

    async fn hold(&self) -> Result<bool, Fault> {
        let transaction = self.database.begin().await?;
        let held = lease::hold(&self.database, &transaction, LEASE, self.holder).await?;
        transaction.commit().await?;
        Ok(held)
    }

    /// Notes the heartbeat; returns the revision applied.
    async fn heard(&self) -> Result<i64, Fault> {
        let now = self.database.now(self.database.writer()).await?;
        let row =
            self.database
                .writer()
                .query_one_raw(self.database.statement(
                    "update access_state set heard = $1 returning revision",
                    [now.into()],
                ))
                .await?;
        Ok(row.map(|row| row.try_get("", "revision")).transpose()?.unwrap_or_default())
    }
}

enum Ended {
    Mismatch,
    NotMine,
}
