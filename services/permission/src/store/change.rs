//! One change: rows, events, and last the revision with its hash. All changes are serialized.

use aws_lc_rs::digest::{SHA256, digest};
use prost::Message as _;
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, QueryResult, Value};
use slipway_database::Database;
use slipway_fault::Fault;
use slipway_outbox::{Event, append};
use slipway_wire::permission::v1::{GrantMutation, GrantMutations};

use crate::{outbound::Told, store::Store};

/// Any number, the same for all changes.
const LOCK: i64 = 0x51_1b_0a;

/// A change under way; nothing of it holds before [`Change::commit`].
pub struct Change<'a> {
    store: &'a Store,
    transaction: DatabaseTransaction,
    told: Vec<Told>,
    /// The database's time of this change, in microseconds.
    pub now: i64,
    /// The revision it will have.
    pub revision: i64,
    hash: String,
}

impl Store {
    /// Begins a change; waits for the one before.
    pub async fn change(&self) -> Result<Change<'_>, Fault> {
        let transaction = self.database.begin().await?;
        self.database.serialize(&transaction, LOCK).await?;
        let now = self.database.now(&transaction).await?;
        let row = transaction
            .query_one_raw(self.database.statement("select revision, hash from revision", []))
            .await?;
        let row = row.ok_or_else(|| Fault::internal("revision has no row"))?;
        let revision: i64 = row.try_get("", "revision")?;
        Ok(Change {
            store: self,
            transaction,
            told: Vec::new(),
            now,
            revision: revision + 1,
            hash: row.try_get("", "hash")?,
        })
    }
}

impl Change<'_> {
    pub(super) fn database(&self) -> &Database {
        &self.store.database
    }

    pub(super) fn transaction(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    pub(super) fn tell(&mut self, told: Told) {
        self.told.push(told);
    }

    pub(super) async fn execute<const N: usize>(
        &self,
        sql: &str,
        values: [Value; N],
    ) -> Result<u64, Fault> {
        Ok(self
            .transaction
            .execute_raw(self.database().statement(sql, values))
            .await?
            .rows_affected())
    }

    pub(super) async fn rows<const N: usize>(
        &self,
        sql: &str,
        values: [Value; N],
    ) -> Result<Vec<QueryResult>, Fault> {
        Ok(self.transaction.query_all_raw(self.database().statement(sql, values)).await?)
    }

    /// Makes it hold. Returns the revision from which it does; the one before where nothing changed.
    pub async fn commit(self) -> Result<i64, Fault> {
        if self.told.is_empty() {
            self.transaction.commit().await?;
            return Ok(self.revision - 1);
        }
        for told in &self.told {
            let (kind, subject, data) = told.event(self.revision)?;
            let sql = "insert into subject_sequence (subject, last) values ($1, 1) on conflict (subject) do update set last = subject_sequence.last + 1 returning last";
            let row = self
                .transaction
                .query_one_raw(self.database().statement(sql, [subject.clone().into()]))
                .await?;
            let sequence = row.map(|row| row.try_get("", "last")).transpose()?.unwrap_or(1);
            append(
                &self.transaction,
                Event { kind: kind.to_owned(), subject, sequence, time: self.now, data },
            )
            .await?;
        }
        let mutations: Vec<GrantMutation> = self.told.iter().filter_map(Told::mutation).collect();
        let mut revision = self.revision - 1;
        if !mutations.is_empty() {
            revision = self.revision;
            let bytes = GrantMutations { mutations }.encode_to_vec();
            let hash: String = digest(&SHA256, &[self.hash.as_bytes(), &bytes].concat())
                .as_ref()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            self.execute(
                "insert into change (revision, hash, mutations, time) values ($1, $2, $3, $4)",
                [revision.into(), hash.clone().into(), bytes.into(), self.now.into()],
            )
            .await?;
            self.execute(
                "update revision set revision = $1, hash = $2",
                [revision.into(), hash.into()],
            )
            .await?;
        }
        self.transaction.commit().await?;
        self.store.wake.wake();
        self.store.changed.send_replace(());
        Ok(revision)
    }
}
