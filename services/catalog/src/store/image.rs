//! Rows of images: the two steps of a create, and reading one.

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, QueryResult};
use slipway_access::{Reader, sees};
use slipway_fault::{Fault, Reason};
use slipway_names::{
    grant::Role,
    id::{GroupId, ImageId, UserId},
};
use slipway_outbox::idempotency::{self, Key};
use uuid::Uuid;

use crate::{
    domain::{
        access::Access,
        image::{Image, ImageState},
        revision::Revision,
    },
    outbound,
    store::{Queue, Store, revision::insert_revision},
};

impl Store {
    /// What this request made before, if it was made before.
    pub async fn answered(&self, key: &Key) -> Result<Option<String>, Fault> {
        idempotency::find(&self.database, self.database.writer(), key).await
    }

    /// First step of a create: request id, name and id are taken, in this order, so that a repeat of a call hears of the call and not of the name.
    /// Nobody sees it. Returns the image with its times.
    pub async fn reserve(
        &self,
        image: Image,
        revision: &Revision,
        key: Option<&Key>,
    ) -> Result<Image, Fault> {
        let transaction = self.database.begin().await?;
        if let Some(key) = key {
            idempotency::keep(&self.database, &transaction, key, &image.id.to_string()).await?;
        }
        let now = self.database.now(&transaction).await?;
        let image = Image { create_time: now, update_time: now, ..image };
        let sql = "insert into image (id, owner_group, owner_name, name, qualified_name, display_name, search_text, description, kind, source, state, access, access_revision,
                active_revision, latest_revision, creator, create_time, update_time, sequence, edits)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'creating', $11, 0, 0, 1, $12, $13, $13, 0, 1) on conflict (qualified_name) do nothing";
        let values = [
            image.id.0.into(),
            image.owner.map(|owner| owner.0).into(),
            image.owner_name.clone().into(),
            image.name.clone().into(),
            image.qualified_name().into(),
            image.display_name.clone().into(),
            format!("{}\n{}", image.name, image.display_name.to_lowercase()).into(),
            image.description.clone().into(),
            image.kind.as_str().into(),
            image.source.as_str().into(),
            json(&image.access)?.into(),
            image.creator.0.into(),
            now.into(),
        ];
        if transaction.execute_raw(self.database.statement(sql, values)).await?.rows_affected() == 0
        {
            let message = format!(
                "there is an image `{}` already; choose another name",
                image.qualified_name()
            );
            return Err(Fault::new(Reason::NameTaken, message)
                .metadata("name", image.qualified_name())
                .violation("name", "is taken"));
        }
        insert_revision(
            &self.database,
            &transaction,
            &Revision { create_time: now, ..revision.clone() },
        )
        .await?;
        transaction.commit().await?;
        Ok(image)
    }

    /// Second step: it is there, at this permission revision, with its events and perhaps its build's request. `None` where it is not CREATING.
    pub async fn finish_create(
        &self,
        image: &Image,
        revision: &Revision,
        access_revision: i64,
        queue: &Queue,
    ) -> Result<Option<Image>, Fault> {
        let transaction = self.database.begin().await?;
        let now = self.database.now(&transaction).await?;
        let is_ready = revision.build.is_none();
        let state = if is_ready { ImageState::Ready } else { ImageState::Building };
        let events = if is_ready { 3 } else { 2 };
        let sql = "update image set state = $1, access_revision = $2, active_revision = $3, sequence = $4, update_time = $5 where id = $6 and state = 'creating'";
        let active = if is_ready { 1 } else { 0 };
        let values = [
            state.as_str().into(),
            access_revision.into(),
            active.into(),
            events.into(),
            now.into(),
            image.id.0.into(),
        ];
        if transaction.execute_raw(self.database.statement(sql, values)).await?.rows_affected() == 0
        {
            return Ok(None);
        }
        let image = Image {
            state,
            access_revision,
            active_revision: active,
            sequence: i64::from(events),
            update_time: now,
            ..image.clone()
        };
        outbound::image_changed(&transaction, &image, "created", 1, now).await?;
        let first = if is_ready { "ready" } else { "building" };
        outbound::revision_changed(&transaction, &image, revision, first, 2, now).await?;
        if is_ready {
            outbound::revision_changed(&transaction, &image, revision, "activated", 3, now).await?;
        } else {
            self.require_room(&transaction, &image, queue).await?;
            outbound::build_requested(&transaction, &image, revision, &queue.repository, now)
                .await?;
        }
        transaction.commit().await?;
        self.wake.wake();
        Ok(Some(image))
    }

    /// Takes the first step back, with its revision and its request id; the second one cannot be.
    pub async fn abort_create(&self, id: ImageId) -> Result<bool, Fault> {
        let transaction = self.database.begin().await?;
        let sql = "delete from image where id = $1 and state = 'creating'";
        let is_aborted = transaction
            .execute_raw(self.database.statement(sql, [id.0.into()]))
            .await?
            .rows_affected()
            > 0;
        if is_aborted {
            let sql = "delete from idempotency where answer = $1";
            transaction.execute_raw(self.database.statement(sql, [id.to_string().into()])).await?;
        }
        transaction.commit().await?;
        Ok(is_aborted)
    }

    /// Creates that were cut off between their steps, with their first revisions.
    pub async fn unfinished_creates(
        &self,
        age_micros: i64,
    ) -> Result<Vec<(Image, Revision)>, Fault> {
        let before = self.database.now(self.database.reader()).await? - age_micros;
        let sql = "select * from image where state = 'creating' and create_time < $1";
        let rows = self
            .database
            .reader()
            .query_all_raw(self.database.statement(sql, [before.into()]))
            .await?;
        let mut creates = Vec::with_capacity(rows.len());
        for row in &rows {
            let image = image(row)?;
            if let Some(revision) = self.revision(image.id, 1).await? {
                creates.push((image, revision));
            }
        }
        Ok(creates)
    }

    /// The image of this id or name, if the user has the role on it, as that user sees it.
    pub async fn image_seen_by(
        &self,
        id_or_name: &str,
        user: UserId,
        role: Role,
    ) -> Result<Option<Image>, Fault> {
        if id_or_name.contains('\0') {
            return Ok(None);
        }
        let reader = Reader::now(&self.database, user).await?;
        let (column, wanted) = match Uuid::try_parse(id_or_name) {
            Ok(id) => ("id", id.into()),
            Err(_) => ("qualified_name", id_or_name.into()),
        };
        let (manages, seen) = (manages(), sees("i.id", "i.access_revision", role));
        let sql = format!(
            "select i.*, {manages} from image i where i.{column} = $3 and i.state <> 'creating' and {seen}"
        );
        let [user, now] = reader.values();
        let row = self
            .database
            .reader()
            .query_one_raw(self.database.statement(sql, [user, now, wanted]))
            .await?;
        row.as_ref().map(image_as_seen).transpose()
    }

    /// The image, whoever asks.
    pub async fn image(&self, id: ImageId) -> Result<Option<Image>, Fault> {
        let row = self
            .database
            .writer()
            .query_one_raw(
                self.database.statement("select * from image where id = $1", [id.0.into()]),
            )
            .await?;
        row.as_ref().map(image).transpose()
    }

    pub(super) async fn locked(
        &self,
        transaction: &DatabaseTransaction,
        id: ImageId,
    ) -> Result<Image, Fault> {
        let lock = if self.database.is_postgres() { " for update" } else { "" };
        let rows = transaction
            .query_all_raw(
                self.database
                    .statement(format!("select * from image where id = $1{lock}"), [id.0.into()]),
            )
            .await?;
        rows.first()
            .map(image)
            .transpose()?
            .ok_or_else(|| Fault::new(Reason::ImageNotFound, "the image is gone"))
    }
}

/// A column that tells whether the reader manages image `i`.
pub(super) fn manages() -> String {
    format!("({}) as manages", sees("i.id", "i.access_revision", Role::Manager))
}

/// Of a statement with the column [`manages`].
pub(super) fn image_as_seen(row: &QueryResult) -> Result<Image, Fault> {
    let (image, is_manager): (Image, bool) = (image(row)?, row.try_get("", "manages")?);
    Ok(match is_manager {
        true => image,
        false => Image { access: Access::for_readers(image.access), ..image },
    })
}

pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(Fault::internal)
}

pub(super) fn image(row: &QueryResult) -> Result<Image, Fault> {
    let word = |column: &str| -> Result<String, Fault> { Ok(row.try_get("", column)?) };
    let owner: Option<Uuid> = row.try_get("", "owner_group")?;
    Ok(Image {
        id: ImageId(row.try_get("", "id")?),
        owner: owner.map(GroupId),
        owner_name: word("owner_name")?,
        name: word("name")?,
        display_name: word("display_name")?,
        description: word("description")?,
        kind: word("kind")?.parse().map_err(Fault::internal)?,
        source: word("source")?.parse().map_err(Fault::internal)?,
        state: word("state")?.parse().map_err(Fault::internal)?,
        access: serde_json::from_str(&word("access")?).map_err(Fault::internal)?,
        access_revision: row.try_get("", "access_revision")?,
        active_revision: row.try_get("", "active_revision")?,
        latest_revision: row.try_get("", "latest_revision")?,
        creator: UserId(row.try_get("", "creator")?),
        create_time: row.try_get("", "create_time")?,
        update_time: row.try_get("", "update_time")?,
        sequence: row.try_get("", "sequence")?,
        edits: row.try_get("", "edits")?,
    })
}

impl Store {
    /// The image whose builds are pushed to this repository (`<owner>/<name>-<last 8 of the id>`).
    pub async fn owner_of_repository(&self, repository: &str) -> Result<Option<ImageId>, Fault> {
        let Some((qualified_name, short)) = repository.rsplit_once('-') else { return Ok(None) };
        let rows = self
            .database
            .reader()
            .query_all_raw(self.database.statement(
                "select id from image where qualified_name = $1",
                [qualified_name.into()],
            ))
            .await?;
        let ids = rows
            .iter()
            .map(|row| Ok(ImageId(row.try_get("", "id")?)))
            .collect::<Result<Vec<_>, Fault>>()?;
        Ok(ids.into_iter().find(|id| id.short() == short))
    }
}
