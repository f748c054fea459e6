//! `request_id`: the same create twice has one effect and one answer, for 24 hours.

use sea_orm::{ConnectionTrait, DatabaseTransaction};
use slipway_database::Database;
use slipway_fault::{Fault, Reason};
use uuid::Uuid;

const DAY: i64 = 24 * 3_600 * 1_000_000;

/// Who asks for what under which id.
#[derive(Debug, Clone)]
pub struct Key {
    /// The caller's user id.
    pub caller: String,
    /// The caller's id of the request.
    pub request_id: Uuid,
    /// Of the whole request, so that another body is noticed.
    pub hash: String,
}

/// The first answer to this request, if it was answered.
pub async fn find(
    database: &Database,
    connection: &impl ConnectionTrait,
    key: &Key,
) -> Result<Option<String>, Fault> {
    let sql =
        "select hash, answer from idempotency where caller = $1 and request_id = $2 and time > $3";
    let oldest = database.now(connection).await? - DAY;
    let row = connection
        .query_one_raw(
            database
                .statement(sql, [key.caller.clone().into(), key.request_id.into(), oldest.into()]),
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    if row.try_get::<String>("", "hash")? != key.hash {
        return Err(Fault::new(
            Reason::RequestIdReused,
            "this request_id was used for another request in the last 24 hours; make a new one",
        )
        .violation("request_id", "was used for another request"));
    }
    Ok(Some(row.try_get("", "answer")?))
}

/// Keeps the answer, in the transaction of its effect.
pub async fn keep(
    database: &Database,
    transaction: &DatabaseTransaction,
    key: &Key,
    answer: &str,
) -> Result<(), Fault> {
    let now = database.now(transaction).await?;
    transaction
        .execute_raw(
            database.statement("delete from idempotency where time <= $1", [(now - DAY).into()]),
        )
        .await?;
    let sql = "insert into idempotency (caller, request_id, hash, answer, time) values ($1, $2, $3, $4, $5) on conflict do nothing";
    let kept = transaction
        .execute_raw(database.statement(
            sql,
            [
                key.caller.clone().into(),
                key.request_id.into(),
                key.hash.clone().into(),
                answer.into(),
                now.into(),
            ],
        ))
        .await?;
    match kept.rows_affected() {
        1 => Ok(()),
        _ => Err(Fault::new(
            Reason::Conflict,
            "another call with this request_id is under way; try again in a moment",
        )),
    }
}
