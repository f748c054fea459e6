//! The request of a build, for a builder that has not received it from the broker.

use sea_orm::{
    ColumnTrait as _, EntityTrait as _, FromQueryResult, JoinType, PartialModelTrait as _,
    QueryFilter as _, QuerySelect as _, RelationDef,
};
use slipway_database::{StoreError, column::Text};
use slipway_names::id::BuildId;

use crate::{
    domain::{
        build_request::BuildRequest,
        image::{Image, ImageState},
        revision::{Revision, RevisionState},
    },
    store::{
        Store,
        entities::{images, revisions},
    },
};

#[derive(Debug, FromQueryResult)]
struct RequestedBuild {
    #[sea_orm(nested(prefix = "revision_"))]
    revision: revisions::Model,
    #[sea_orm(nested(prefix = "image_"))]
    image: images::Model,
}

impl Store {
    /// The request of a build whose revision is BUILDING and whose image is not CREATING. Builds
    /// are pushed to `registry`.
    pub async fn build_request(
        &self,
        build: BuildId,
        registry: &str,
    ) -> Result<Option<BuildRequest>, StoreError> {
        let query = revisions::Entity::find()
            .join(JoinType::InnerJoin, image_of_revision())
            .filter(revisions::COLUMN.build_id.eq(build))
            .filter(revisions::COLUMN.state.eq(Text(RevisionState::Building)))
            .filter(images::COLUMN.state.ne(Text(ImageState::Creating)))
            .select_only();
        let query = revisions::Model::select_cols_nested(query, Some("revision_"), None);
        let query = images::Model::select_cols_nested(query, Some("image_"), None);

        let row = query.into_model::<RequestedBuild>().one(self.database.writer()).await?;

        Ok(row.and_then(|row| {
            BuildRequest::new(&Image::from(row.image), &Revision::from(row.revision), registry)
        }))
    }
}

pub(super) fn image_of_revision() -> RelationDef {
    revisions::Entity::belongs_to(images::Entity)
        .from(revisions::Column::ImageId)
        .to(images::Column::Id)
        .into()
}
