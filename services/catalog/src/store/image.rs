//! Rows of images.

use sea_orm::{
    ColumnTrait as _, Condition, DatabaseTransaction, EntityTrait as _, ExprTrait as _,
    FromQueryResult, JoinType, PartialModelTrait as _, QueryFilter as _, QuerySelect as _,
    RelationDef, Set,
};
use slipway_authz::{
    projection::{condition::Viewer, state::Contact},
    role::Role,
};
use slipway_database::{
    StoreError,
    column::{JsonText, Text, constant},
};
use slipway_names::id::ImageId;
use uuid::Uuid;

use crate::{
    domain::{
        access::Access,
        image::{Image, ImageDetail, ImageState, ImageVersion},
    },
    store::{
        Store,
        entities::{images, revisions},
    },
};

/// The aliases of an image's revisions in a statement.
pub(super) const LATEST: &str = "latest";
const ACTIVE: &str = "active";

/// An image as the viewer sees it, with its revisions.
#[derive(Debug, FromQueryResult)]
struct VisibleImage {
    #[sea_orm(nested(prefix = "image_"))]
    image: images::Model,
    #[sea_orm(nested(prefix = "latest_"))]
    latest: revisions::Model,
    #[sea_orm(nested(prefix = "active_"))]
    active: Option<revisions::Model>,
    manages: bool,
    #[sea_orm(nested(prefix = "contact_"))]
    contact: Contact,
}

impl From<images::Model> for Image {
    fn from(row: images::Model) -> Self {
        Self {
            id: row.id,
            owner: row.owner_group,
            owner_name: row.owner_name,
            name: row.name,
            display_name: row.display_name,
            description: row.description,
            image_type: row.image_type.0,
            source: row.source.0,
            state: row.state.0,
            access: row.access.0,
            access_version: row.access_version,
            active_revision: row.active_revision,
            latest_revision: row.latest_revision,
            creator: row.creator,
            create_time: row.create_time,
            update_time: row.update_time,
            version: ImageVersion(row.version),
        }
    }
}

impl From<Image> for images::Model {
    fn from(image: Image) -> Self {
        Self {
            id: image.id,
            owner_group: image.owner,
            qualified_name: image.qualified_name(),
            search_text: format!("{}\n{}", image.name, image.display_name.to_lowercase()),
            owner_name: image.owner_name,
            name: image.name,
            display_name: image.display_name,
            description: image.description,
            image_type: Text(image.image_type),
            source: Text(image.source),
            state: Text(image.state),
            access: JsonText(image.access),
            access_version: image.access_version,
            active_revision: image.active_revision,
            latest_revision: image.latest_revision,
            creator: image.creator,
            create_time: image.create_time,
            update_time: image.update_time,
            version: image.version.0,
        }
    }
}

impl Store {
    /// The image with this id or qualified name, if the viewer has `role` on it, with the part of
    /// its access that the viewer may see.
    pub async fn visible_image(
        &self,
        id_or_name: &str,
        viewer: Viewer,
        role: Role,
    ) -> Result<Option<ImageDetail>, StoreError> {
        // PostgreSQL refuses a NUL in a text value.
        if id_or_name.contains('\0') {
            return Ok(None);
        }
        let is_requested = match Uuid::try_parse(id_or_name) {
            Ok(id) => images::COLUMN.id.eq(ImageId(id)),
            Err(_) => images::COLUMN.qualified_name.eq(id_or_name),
        };

        let query = images::Entity::find()
            .filter(is_requested)
            .filter(is_visible(viewer, role))
            .join_as(JoinType::InnerJoin, revision_of(images::Column::LatestRevision), LATEST)
            .join_as(JoinType::LeftJoin, revision_of(images::Column::ActiveRevision), ACTIVE)
            .select_only();
        let query = images::Model::select_cols_nested(query, Some("image_"), None);
        let query = revisions::Model::select_cols_nested(query, Some("latest_"), Some(LATEST));
        let query = revisions::Model::select_cols_nested(query, Some("active_"), Some(ACTIVE));

        let query = viewer
            .contact()
            .into_iter()
            .fold(query, |query, (column, name)| query.expr_as(column, format!("contact_{name}")));

        let row = query
            .expr_as(has_role(viewer, Role::Manager), "manages")
            .into_model::<VisibleImage>()
            .one(self.database.reader())
            .await?;
        Ok(row.map(ImageDetail::from))
    }

    /// The image with this id, without an access check.
    pub async fn image(&self, id: ImageId) -> Result<Option<Image>, StoreError> {
        let row = images::Entity::find_by_id(id).one(self.database.writer()).await?;
        Ok(row.map(Image::from))
    }

    /// The image whose builds are pushed to this repository (`<owner>/<name>-<last 8 of the id>`).
    pub async fn image_of_repository(
        &self,
        repository: &str,
    ) -> Result<Option<ImageId>, StoreError> {
        let Some((qualified_name, _)) = repository.rsplit_once('-') else { return Ok(None) };

        let row = images::Entity::find()
            .filter(images::COLUMN.qualified_name.eq(qualified_name))
            .one(self.database.reader())
            .await?;

        let image = row.map(Image::from).filter(|image| image.repository() == repository);
        Ok(image.map(|image| image.id))
    }
}

impl From<VisibleImage> for ImageDetail {
    fn from(row: VisibleImage) -> Self {
        Self {
            image: visible_part(row.image, row.manages),
            latest: row.latest.into(),
            active: row.active.map(Into::into),
            access_age: row.contact.age(),
        }
    }
}

/// The image as a viewer may see it: only its managers see the groups and users of its access.
pub(super) fn visible_part(row: images::Model, manages: bool) -> Image {
    let image = Image::from(row);

    if manages {
        return image;
    }
    Image { access: Access::for_readers(image.access), ..image }
}

/// True for images that exist for the viewer with this role.
pub(super) fn is_visible(viewer: Viewer, role: Role) -> Condition {
    Condition::all()
        .add(images::Column::State.into_expr().ne(constant(Text(ImageState::Creating))))
        .add(has_role(viewer, role))
}

pub(super) fn has_role(viewer: Viewer, role: Role) -> Condition {
    viewer.has_role(role, images::Column::Id, images::Column::AccessVersion)
}

/// The revision whose number is in this column of its image.
pub(super) fn revision_of(number: images::Column) -> RelationDef {
    images::Entity::belongs_to(revisions::Entity)
        .from((images::Column::Id, number))
        .to((revisions::Column::ImageId, revisions::Column::Number))
        .into()
}

/// Locks the row of the image until the end of the transaction. SQLite has one writer at a time and
/// needs no row lock.
pub(super) async fn lock_image(
    transaction: &DatabaseTransaction,
    id: ImageId,
) -> Result<Option<Image>, StoreError> {
    let row = images::Entity::find_by_id(id).lock_exclusive().one(transaction).await?;
    Ok(row.map(Image::from))
}

/// The columns that change when revisions are added and settle.
pub(super) fn revision_state_columns(image: &Image) -> images::ActiveModel {
    images::ActiveModel {
        state: Set(Text(image.state)),
        access_version: Set(image.access_version),
        active_revision: Set(image.active_revision),
        latest_revision: Set(image.latest_revision),
        update_time: Set(image.update_time),
        ..Default::default()
    }
}

/// Writes the columns that change when revisions are added and settle. The caller holds the lock of
/// the row.
pub(super) async fn write_revision_state(
    transaction: &DatabaseTransaction,
    image: &Image,
) -> Result<(), StoreError> {
    images::Entity::update_many()
        .set(revision_state_columns(image))
        .filter(images::COLUMN.id.eq(image.id))
        .exec(transaction)
        .await?;
    Ok(())
}
