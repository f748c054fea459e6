//! Changes of who may read an image, in two steps around permission.

use sea_orm::{ConnectionTrait as _, QueryResult};
use slipway_fault::{Fault, Reason};
use slipway_names::id::ImageId;

use crate::{
    domain::{access::Access, image::Image},
    outbound,
    store::{
        Store,
        image::{image, json},
    },
};

impl Store {
    /// First step: it is wanted, and nobody else may change it until permission has heard of it. Without an etag it replaces whatever is there.
    pub async fn want_access(
        &self,
        id: ImageId,
        access: &Access,
        etag: Option<i64>,
    ) -> Result<(), Fault> {
        let sql = "update image set wanted_access = $1, update_time = $2 where id = $3 and wanted_access is null and ($4 or edits = $5)";
        let now = self.database.now(self.database.writer()).await?;
        let values = [
            json(access)?.into(),
            now.into(),
            id.0.into(),
            etag.is_none().into(),
            etag.unwrap_or_default().into(),
        ];
        if self
            .database
            .writer()
            .execute_raw(self.database.statement(sql, values))
            .await?
            .rows_affected()
            == 1
        {
            return Ok(());
        }
        let present = self
            .image(id)
            .await?
            .ok_or_else(|| Fault::new(Reason::ImageNotFound, "the image is gone"))?;
        match etag {
            Some(etag) if etag != present.edits => Err(etag_mismatch()),
            _ => Err(Fault::new(Reason::Conflict, "another change is being finished; try again")),
        }
    }

    /// Permission refused what was wanted.
    pub async fn drop_wanted_access(&self, image: &Image) -> Result<(), Fault> {
        let sql = "update image set wanted_access = null where id = $1 and wanted_access = $2";
        self.database
            .writer()
            .execute_raw(
                self.database.statement(sql, [image.id.0.into(), json(&image.access)?.into()]),
            )
            .await?;
        Ok(())
    }

    /// Images whose wanted access permission may not have heard of, as they would be with it.
    pub async fn unfinished_access(&self, age_micros: i64) -> Result<Vec<Image>, Fault> {
        let before = self.database.now(self.database.reader()).await? - age_micros;
        let sql = "select * from image where wanted_access is not null and update_time < $1";
        let rows = self
            .database
            .reader()
            .query_all_raw(self.database.statement(sql, [before.into()]))
            .await?;
        let wanted = |row: &QueryResult| -> Result<Image, Fault> {
            let access: String = row.try_get("", "wanted_access")?;
            Ok(Image {
                access: serde_json::from_str(&access).map_err(Fault::internal)?,
                ..image(row)?
            })
        };
        rows.iter().map(wanted).collect()
    }

    /// Second step: what is wanted, if it is still this, holds from this permission revision on.
    pub async fn finish_access(
        &self,
        wanted: &Image,
        access_revision: i64,
    ) -> Result<Image, Fault> {
        let transaction = self.database.begin().await?;
        let now = self.database.now(&transaction).await?;
        let sql = "update image set access = wanted_access, wanted_access = null, edits = edits + 1, sequence = sequence + 1, update_time = $2,
                access_revision = case when access_revision > $1 then access_revision else $1 end
            where id = $3 and wanted_access = $4 returning *";
        let values =
            [access_revision.into(), now.into(), wanted.id.0.into(), json(&wanted.access)?.into()];
        let rows = transaction.query_all_raw(self.database.statement(sql, values)).await?;
        let Some(row) = rows.first() else {
            return Err(Fault::new(
                Reason::Conflict,
                "the change was finished by another replica; read the image again",
            ));
        };
        let image = image(row)?;
        outbound::image_changed(&transaction, &image, "access_changed", image.sequence, now)
            .await?;
        transaction.commit().await?;
        self.wake.wake();
        Ok(image)
    }
}

/// The caller's etag is an old one.
pub(crate) fn etag_mismatch() -> Fault {
    Fault::new(
        Reason::EtagMismatch,
        "somebody else changed the image since you read it; read it again",
    )
    .violation("etag", "is not the current one")
}
