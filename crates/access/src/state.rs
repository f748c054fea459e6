//! How far the projection is, and how old.

use std::time::Duration;

use sea_orm::ConnectionTrait as _;
use slipway_database::Database;
use slipway_fault::{Fault, Reason};

const POLL: Duration = Duration::from_millis(50);
/// A projection that follows is never this far behind a write.
const FARTHEST: i64 = 1_000;
/// Heard within this time, it follows: permission is heard several times a second.
const FOLLOWS_MICROS: i64 = 10_000_000;

/// Waits until the projection has reached `revision`, within the call's deadline. Nobody waits for what was never written.
pub async fn wait_for(database: &Database, revision: i64) -> Result<(), Fault> {
    let (known, heard) = read(database).await?;
    if revision <= known {
        return Ok(());
    }
    // Before its first snapshot a projection has nothing to judge by.
    if known > 0
        && revision - known > FARTHEST
        && database.now(database.reader()).await? - heard < FOLLOWS_MICROS
    {
        return Err(Fault::field("consistency_token", "is not one that a write gave out"));
    }
    let patience = slipway_daemon::remaining()
        .unwrap_or(Duration::from_secs(5))
        .saturating_sub(Duration::from_millis(200));
    let reached = async {
        loop {
            tokio::time::sleep(POLL).await;
            if read(database).await?.0 >= revision {
                return Ok(());
            }
        }
    };
    let late = || {
        Fault::new(Reason::AccessStale, "this replica has not heard of that write yet; try again")
    };
    tokio::time::timeout(patience, reached).await.unwrap_or_else(|_| Err(late()))
}

/// Refuses when permission was not heard for longer than `max_age`: what hands out power must not go by old grants.
pub async fn fresh(database: &Database, max_age: Duration) -> Result<(), Fault> {
    let (_, heard) = read(database).await?;
    let age = database.now(database.reader()).await? - heard;
    match age <= i64::try_from(max_age.as_micros()).unwrap_or(i64::MAX) {
        true => Ok(()),
        false => Err(Fault::new(
            Reason::AccessStale,
            "the permission service was not heard for too long to hand out references; try again when it is back",
        )),
    }
}

async fn read(database: &Database) -> Result<(i64, i64), Fault> {
    let row = database
        .reader()
        .query_one_raw(database.statement("select revision, heard from access_state", []))
        .await?;
    let row = row.ok_or_else(|| Fault::internal("access_state has no row"))?;
    Ok((row.try_get("", "revision")?, row.try_get("", "heard")?))
}
