//! The projection's policy version and its age.

use std::time::Duration;

use sea_orm::{ConnectionTrait, EntityTrait as _, QuerySelect as _, Set};
use slipway_database::{Database, StoreError};
use slipway_fault::{Fault, Reason};
use slipway_names::unit::{Micros, PolicyVersion};

use crate::projection::entities::access_state;

const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The wait of a call that has no deadline.
const DEFAULT_WAIT_TIMEOUT: Duration = Duration::from_secs(5);
/// The part of a call's deadline that is left for the answer.
const RESPONSE_RESERVE: Duration = Duration::from_millis(200);
/// The largest distance, in policy versions, between a write and a projection that receives
/// changes.
const MAX_LAG: i64 = 1_000;
/// A projection with a contact younger than this receives changes: permission sends a heartbeat
/// each second.
const CONNECTED_AGE: Duration = Duration::from_secs(10);

/// Waits until the projection has reached `policy_version`, within the call's deadline.
///
/// Versions far ahead of the projection are rejected at once: waiting for them could not succeed.
///
/// # Errors
/// `FIELD_INVALID` for a version that no write returned, `ACCESS_STALE` when the deadline passes,
/// `DATABASE_UNAVAILABLE`.
pub async fn wait_for_version(
    database: &Database,
    policy_version: PolicyVersion,
) -> Result<(), Fault> {
    let state = read_state(database.reader()).await?;
    if policy_version <= state.policy_version {
        return Ok(());
    }

    // Before the first snapshot the projection has no version to compare with.
    let has_snapshot = state.policy_version > PolicyVersion::ZERO;
    if has_snapshot
        && policy_version.get() - state.policy_version.get() > MAX_LAG
        && contact_age(database).await? < CONNECTED_AGE
    {
        return Err(Fault::field(
            "consistency_token",
            "is not one that a write returned; use the token of a response unchanged",
        ));
    }

    let wait_timeout = slipway_daemon::remaining_deadline()
        .unwrap_or(DEFAULT_WAIT_TIMEOUT)
        .saturating_sub(RESPONSE_RESERVE);

    tokio::time::timeout(wait_timeout, poll_until(database, policy_version))
        .await
        .unwrap_or_else(|_| Err(version_not_reached()))
}

/// Refuses when the last contact with permission is older than `max_age`. Calls that hand out
/// references or digests must not rely on outdated grants.
///
/// # Errors
/// `ACCESS_STALE`, `DATABASE_UNAVAILABLE`.
pub async fn require_fresh(database: &Database, max_age: Duration) -> Result<(), Fault> {
    if contact_age(database).await? <= max_age {
        return Ok(());
    }
    Err(Fault::new(
        Reason::AccessStale,
        "This replica lost contact with the permission service, so its grants may be outdated and \
         it hands out no references. Try again later.",
    ))
}

async fn poll_until(database: &Database, policy_version: PolicyVersion) -> Result<(), Fault> {
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        if read_state(database.reader()).await?.policy_version >= policy_version {
            return Ok(());
        }
    }
}

fn version_not_reached() -> Fault {
    Fault::new(Reason::AccessStale, "This replica has not received that write yet. Try again.")
}

/// The time since the last contact with permission; zero if the database's clock was set back.
async fn contact_age(database: &Database) -> Result<Duration, StoreError> {
    let times = access_state::Entity::find()
        .select_only()
        .column(access_state::Column::LastContact)
        .expr_as(database.clock().now(), "now")
        .into_tuple::<(Micros, Micros)>()
        .one(database.reader())
        .await?;

    let (last_contact, now) = times.ok_or_else(no_state)?;
    Ok(now.since(last_contact))
}

/// Records a contact with permission. Returns the projection's policy version.
pub(super) async fn record_contact(database: &Database) -> Result<PolicyVersion, StoreError> {
    let now = database.now(database.writer()).await?;
    let contact = access_state::ActiveModel { last_contact: Set(now), ..Default::default() };

    let states = access_state::Entity::update_many()
        .set(contact)
        .exec_with_returning(database.writer())
        .await?;
    states.first().map(|state| state.policy_version).ok_or_else(no_state)
}

/// The one row of `access_state`.
pub(super) async fn read_state(
    connection: &impl ConnectionTrait,
) -> Result<access_state::Model, StoreError> {
    access_state::Entity::find().one(connection).await?.ok_or_else(no_state)
}

fn no_state() -> StoreError {
    StoreError::defect("access_state has no row")
}
