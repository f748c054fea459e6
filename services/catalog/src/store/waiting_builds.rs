//! Requests a build (`event.rs` appends it to the outbox), within the limit on its owner's waiting
//! builds.

use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, JoinType, PaginatorTrait as _,
    QueryFilter as _, QuerySelect as _, sea_query::Expr,
};
use slipway_database::{Database, StoreError, column::Text};

use crate::{
    domain::{
        build::BuildState,
        build_request::BuildRequest,
        image::{Image, ImageState},
        revision::{Revision, RevisionState},
    },
    store::{
        build_request::image_of_revision,
        entities::{images, revisions},
        event::append_build_request,
    },
};

/// Where builds are pushed, and how many of them may wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSettings {
    /// `host[:port]` of the registry.
    pub registry: String,
    /// Builds of all images of one owner that may wait at the same time.
    pub max_waiting: u32,
}

/// Requests the build of the revision, which this transaction has added. A revision without a build
/// needs none.
///
/// Returns `false` if the build would exceed the owner's limit on waiting builds. The caller then
/// rolls back.
pub(super) async fn request_build(
    database: &Database,
    transaction: &DatabaseTransaction,
    image: &Image,
    revision: &Revision,
    settings: &BuildSettings,
) -> Result<bool, StoreError> {
    let Some(request) = BuildRequest::new(image, revision, &settings.registry) else {
        return Ok(true);
    };

    database.take_advisory_lock(transaction, owner_lock(image)).await?;
    // The number includes this build: the caller has made its image BUILDING.
    if waiting_builds(transaction, image).await? > u64::from(settings.max_waiting) {
        return Ok(false);
    }
    append_build_request(transaction, &request, image.update_time).await?;
    Ok(true)
}

/// The number of waiting builds of the image's owner, without those of unfinished creates. None is
/// missed, because transactions of the same owner are serialized.
async fn waiting_builds(
    transaction: &DatabaseTransaction,
    image: &Image,
) -> Result<u64, StoreError> {
    let waiting = revisions::Entity::find()
        .join(JoinType::InnerJoin, image_of_revision())
        .filter(images::COLUMN.owner_name.eq(&image.owner_name))
        .filter(images::COLUMN.state.ne(Text(ImageState::Creating)))
        .filter(revisions::COLUMN.state.eq(Text(RevisionState::Building)))
        .filter(revisions::COLUMN.build_state.eq(Text(BuildState::Queued)))
        .select_only()
        .expr(Expr::cust("1"));

    Ok(waiting.count(transaction).await?)
}

/// The last 64 bits of the owner's id; 0 for the system. Owners with the same number only wait for
/// each other.
fn owner_lock(image: &Image) -> i64 {
    let Some(owner) = image.owner else { return 0 };
    let (_, last_64_bits) = owner.0.as_u64_pair();

    last_64_bits.cast_signed()
}
