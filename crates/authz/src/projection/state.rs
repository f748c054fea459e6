//! The projection's policy version and its age.

use std::time::Duration;

use sea_orm::{ConnectionTrait, EntityTrait as _, FromQueryResult, QuerySelect as _, Set};
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

/// A later contact than now means that the database's clock was set back. Statements of the same
/// moment may differ by less.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(1);

/// The last contact of the projection with permission, by the clock of its database.
#[derive(Debug, Clone, Copy, FromQueryResult)]
pub struct Contact {
    last: Micros,
    now: Micros,
}

impl Contact {
    /// The time since the contact; the longest time if the clock was set back, because grants may
    /// be of any age then.
    pub fn age(self) -> Duration {
        if self.last > self.now + CLOCK_TOLERANCE {
            return Duration::MAX;
        }
        self.now.since(self.last)
    }
}

/// How old the last contact may be for reads, because permission may have revoked grants since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxAges {
    /// For handing out references and digests.
    pub references: Duration,
    /// For reading anything.
    pub reads: Duration,
}

impl MaxAges {
    /// From the keys `access_stale_seconds` and `access_lost_seconds`.
    ///
    /// # Errors
    /// The text of a complaint if references would be handed out for longer than anything is read.
    pub fn new(stale_seconds: u64, lost_seconds: u64) -> Result<Self, &'static str> {
        if lost_seconds < stale_seconds {
            return Err(
                "configuration: `access_lost_seconds` is less than `access_stale_seconds`; \
                        references cannot be handed out for longer than anything is read",
            );
        }

        let references = Duration::from_secs(stale_seconds);
        Ok(Self { references, reads: Duration::from_secs(lost_seconds) })
    }
}

/// The default of `access_stale_seconds`.
pub fn default_stale_seconds() -> u64 {
    600
}

/// The default of `access_lost_seconds`.
pub fn default_lost_seconds() -> u64 {
    3_600
}

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
    if contact_age(database).await? <= max_age { Ok(()) } else { Err(access_stale()) }
}

/// The fault of a call that must not rely on outdated grants.
pub fn access_stale() -> Fault {
    Fault::new(
        Reason::AccessStale,
        "This replica lost contact with the permission service, so its grants may be outdated. \
         Try again later.",
    )
}

/// Whether the projection receives changes, for health reports.
///
/// # Errors
/// `ACCESS_STALE` with the age of the last contact, `DATABASE_UNAVAILABLE`.
pub async fn check_contact(database: &Database) -> Result<(), Fault> {
    let contact = read_contact(database).await?;
    if contact.age() < CONNECTED_AGE {
        return Ok(());
    }

    let message = if contact.last == Micros::default() {
        "There was no contact with the permission service yet.".to_owned()
    } else if contact.age() == Duration::MAX {
        "The clock of the database was set back, so the age of the grants is unknown.".to_owned()
    } else {
        let seconds = contact.age().as_secs();
        format!("The last contact with the permission service was {seconds} s ago.")
    };
    Err(Fault::new(Reason::AccessStale, message))
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

/// The time since the last contact with permission.
pub async fn contact_age(database: &Database) -> Result<Duration, StoreError> {
    Ok(read_contact(database).await?.age())
}

async fn read_contact(database: &Database) -> Result<Contact, StoreError> {
    let contact = access_state::Entity::find()
        .select_only()
        .column_as(access_state::Column::LastContact, "last")
        .expr_as(database.clock().now(), "now")
        .into_model::<Contact>()
        .one(database.reader())
        .await?;

    contact.ok_or_else(no_state)
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
