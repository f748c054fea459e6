//! One holder at a time for a named duty, by database time.

use std::time::Duration;

use sea_orm::{ConnectionTrait as _, DatabaseTransaction};
use slipway_database::Database;
use slipway_fault::Fault;
use uuid::Uuid;

/// How long a silent holder keeps its lease.
pub const LENGTH: Duration = Duration::from_secs(10);

/// Takes or renews the lease within the transaction; `false` while somebody else holds it.
pub async fn hold(
    database: &Database,
    transaction: &DatabaseTransaction,
    name: &str,
    holder: Uuid,
) -> Result<bool, Fault> {
    let now = database.now(transaction).await?;
    let until = now + i64::try_from(LENGTH.as_micros()).unwrap_or_default();
    let sql = "insert into lease (name, holder, until) values ($1, $2, $3)
        on conflict (name) do update set holder = excluded.holder, until = excluded.until
        where lease.holder = excluded.holder or lease.until < $4";
    let result = transaction
        .execute_raw(
            database.statement(sql, [name.into(), holder.into(), until.into(), now.into()]),
        )
        .await?;
    Ok(result.rows_affected() == 1)
}
