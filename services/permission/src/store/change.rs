//! One change: rows, events and, last, the policy version with its hash. All changes are
//! serialized.

use prost::Message as _;
use sea_orm::{DatabaseTransaction, EntityTrait as _, FromQueryResult, QuerySelect as _, Set};
use slipway_authz::projection::hash::change_hash;
use slipway_database::{Database, StoreError};
use slipway_names::unit::{Micros, PolicyVersion};
use slipway_outbox::{NewMessage, append};
use slipway_wire::permission::v1::{GrantMutation, GrantMutations};

use crate::{
    domain::{event::DomainEvent, feed::FeedPosition},
    messages::event::{EventMessage, mutation},
    store::{
        Store,
        entities::{changes, policy_state},
    },
};

/// Key of the advisory lock of changes: the same in all replicas, and different from the other
/// locks of permission's database.
const CHANGE_LOCK: i64 = 0x51_1b_0a;

/// What a change begins with.
#[derive(FromQueryResult)]
struct Start {
    #[sea_orm(nested)]
    state: policy_state::Model,
    now: Micros,
}

/// A change in progress. Nothing of it is visible before [`Change::commit`].
pub struct Change<'a> {
    store: &'a Store,
    transaction: DatabaseTransaction,
    events: Vec<DomainEvent>,
    previous: FeedPosition,
    /// The database's time at the start of the change.
    pub now: Micros,
}

impl Store {
    /// Begins a change. Waits until the change in progress, if any, has ended.
    ///
    /// Use cases check the role twice: before, so that callers without a role never wait for the
    /// lock, and inside, where no concurrent change can revoke it.
    pub async fn begin_change(&self) -> Result<Change<'_>, StoreError> {
        let transaction = self.database.begin().await?;
        self.database.take_advisory_lock(&transaction, CHANGE_LOCK).await?;

        let start = policy_state::Entity::find()
            .expr_as(self.database.clock().now(), "now")
            .into_model::<Start>()
            .one(&transaction)
            .await?;
        let Start { state, now } =
            start.ok_or_else(|| StoreError::defect("policy_state has no row"))?;

        let previous = FeedPosition { policy_version: state.policy_version, hash: state.hash };
        Ok(Change { store: self, transaction, events: Vec::new(), previous, now })
    }
}

impl Change<'_> {
    /// The position before this change.
    pub fn previous(&self) -> &FeedPosition {
        &self.previous
    }

    /// The version that [`Change::commit`] assigns if a grant or a membership changes. Otherwise
    /// the version stays the previous one.
    pub fn next_version(&self) -> PolicyVersion {
        self.previous.policy_version.next()
    }

    pub(super) fn database(&self) -> &Database {
        &self.store.database
    }

    pub(super) fn transaction(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    pub(super) fn record(&mut self, event: DomainEvent) {
        self.events.push(event);
    }

    /// Commits. Returns the policy version from which the change is in effect: the previous one
    /// when no grant and no membership changed.
    pub async fn commit(self) -> Result<PolicyVersion, StoreError> {
        if self.events.is_empty() {
            self.transaction.commit().await?;
            return Ok(self.previous.policy_version);
        }

        for event in &self.events {
            self.append_to_outbox(event).await?;
        }

        let mutations: Vec<GrantMutation> = self.events.iter().filter_map(mutation).collect();
        let policy_version = if mutations.is_empty() {
            self.previous.policy_version
        } else {
            self.write_mutations(mutations).await?;
            self.next_version()
        };

        self.transaction.commit().await?;
        self.store.wake.wake();
        self.store.changed.send_replace(());
        Ok(policy_version)
    }

    async fn append_to_outbox(&self, event: &DomainEvent) -> Result<(), StoreError> {
        let EventMessage { event_type, subject, data } =
            EventMessage::new(event, self.next_version()).map_err(StoreError::defect)?;

        let event = NewMessage { event_type: event_type.to_owned(), subject, time: self.now, data };
        append(&self.transaction, event).await?;
        Ok(())
    }

    /// Writes the mutations under the next policy version. The hash covers the previous hash and
    /// the encoded mutations, so that a projection notices when this database was restored from a
    /// backup.
    async fn write_mutations(&self, mutations: Vec<GrantMutation>) -> Result<(), StoreError> {
        let policy_version = self.next_version();
        let mutations = GrantMutations { mutations }.encode_to_vec();
        let hash = change_hash(&self.previous.hash, &mutations);

        let change = changes::ActiveModel {
            policy_version: Set(policy_version),
            hash: Set(hash.clone()),
            mutations: Set(mutations),
            time: Set(self.now),
        };
        changes::Entity::insert(change).exec_without_returning(&self.transaction).await?;

        let state = policy_state::ActiveModel {
            policy_version: Set(policy_version),
            hash: Set(hash),
            ..Default::default()
        };
        policy_state::Entity::update_many().set(state).exec(&self.transaction).await?;
        Ok(())
    }
}
