//! Builds of an owner that wait: counted where one more is asked for.

use sea_orm::{ConnectionTrait as _, DatabaseTransaction};
use slipway_fault::{Fault, Reason};

use crate::{domain::image::Image, store::Store};

/// Where an image's builds go, and how many of its owner may wait at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// What they are pushed to.
    pub repository: String,
    /// Those of the owner's other images count too.
    pub waiting_at_most: u32,
}

impl Store {
    /// Refuses when more wait than may, the ones of this transaction with them. Transactions of the same owner take turns, so that none is missed.
    pub(super) async fn require_room(
        &self,
        transaction: &DatabaseTransaction,
        image: &Image,
        queue: &Queue,
    ) -> Result<(), Fault> {
        let turn = image.owner.map_or(0, |owner| owner.0.as_u64_pair().1.cast_signed());
        self.database.serialize(transaction, turn).await?;
        let sql = "select count(*) as waiting from revision r join image i on i.id = r.image_id
            where i.owner_name = $1 and i.state <> 'creating' and r.state = 'building' and r.build_state = 'queued'";
        let row = transaction
            .query_one_raw(self.database.statement(sql, [image.owner_name.clone().into()]))
            .await?;
        let waiting: i64 =
            row.map(|row| row.try_get("", "waiting")).transpose()?.unwrap_or_default();
        let (owner, limit) = (&image.owner_name, queue.waiting_at_most);
        match waiting <= i64::from(limit) {
            true => Ok(()),
            false => Err(Fault::new(
                Reason::QueueFull,
                format!("{limit} builds of `{owner}` wait already, as many as may; try again when some have begun, or cancel some"),
            )
            .violation(format!("owner:{owner}"), format!("at most {limit} builds may wait at once"))),
        }
    }
}
