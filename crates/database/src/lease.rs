//! A lease gives a named duty to one holder at a time, by the database's clock.

use std::time::Duration;

use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, Set,
    sea_query::{Condition, OnConflict},
};
use uuid::Uuid;

use crate::{Database, StoreError, entities::lease};

/// The time after which a lease that was not renewed is free.
pub const LEASE_TTL: Duration = Duration::from_secs(10);

/// Takes or renews the lease; `false` while another holder has it.
pub async fn try_hold(database: &Database, name: &str, holder: Uuid) -> Result<bool, StoreError> {
    let transaction = database.begin().await?;
    let is_held = hold(database, &transaction, name, holder).await?;
    transaction.commit().await?;

    Ok(is_held)
}

/// Takes or renews the lease within the transaction; `false` while another holder has it.
pub async fn hold(
    database: &Database,
    transaction: &DatabaseTransaction,
    name: &str,
    holder: Uuid,
) -> Result<bool, StoreError> {
    let now = database.now(transaction).await?;
    let row = lease::ActiveModel {
        name: Set(name.to_owned()),
        holder: Set(holder),
        until: Set(now + LEASE_TTL),
    };

    let is_own_or_free =
        Condition::any().add(lease::COLUMN.holder.eq(holder)).add(lease::COLUMN.until.lt(now));
    let replace = OnConflict::column(lease::Column::Name)
        .update_columns([lease::Column::Holder, lease::Column::Until])
        .action_cond_where(is_own_or_free)
        .to_owned();

    let written =
        lease::Entity::insert(row).on_conflict(replace).exec_without_returning(transaction).await?;
    Ok(written == 1)
}
