//! Lists of images: one statement for a page, one for the capped total.

use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, ExprTrait as _, FromQueryResult, JoinType,
    Order, PaginatorTrait as _, PartialModelTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, QueryTrait as _, Select, Value,
    sea_query::{Expr, LikeExpr},
};
use slipway_authz::{projection::condition::Viewer, role::Role};
use slipway_database::{StoreError, column::Text};
use slipway_names::id::GroupId;
use uuid::Uuid;

use crate::{
    domain::{
        image::ListedImage,
        list::{ImageFilter, ImageOrder, OrderField, OrderKey, Position},
    },
    store::{
        Store,
        entities::{images, revisions},
        image::{LATEST, has_role, is_visible, revision_of, visible_part},
    },
};

/// Totals are exact up to this number, and capped above.
const TOTAL_CAP: u64 = 1_000;

/// An image as the viewer sees it, with its newest revision.
#[derive(Debug, FromQueryResult)]
struct ImageRow {
    #[sea_orm(nested(prefix = "image_"))]
    image: images::Model,
    #[sea_orm(nested(prefix = "latest_"))]
    latest: revisions::Model,
    manages: bool,
}

impl Store {
    /// At most `limit` of the images on which the viewer is a READER, each with the part of its
    /// access that the viewer may see; only those that follow `after`.
    pub async fn images(
        &self,
        viewer: Viewer,
        filter: &ImageFilter,
        order: ImageOrder,
        after: Option<&Position>,
        limit: u64,
    ) -> Result<Vec<ListedImage>, StoreError> {
        let column = order_column(order.field);
        let direction = if order.is_descending { Order::Desc } else { Order::Asc };

        let query = visible_images(viewer, filter)
            .apply_if(after, |query, position| query.filter(follows(position, order)))
            .join_as(JoinType::InnerJoin, revision_of(images::Column::LatestRevision), LATEST)
            .order_by(column, direction.clone())
            .order_by(images::Column::Id, direction)
            .limit(limit)
            .select_only();
        let query = images::Model::select_cols_nested(query, Some("image_"), None);
        let query = revisions::Model::select_cols_nested(query, Some("latest_"), Some(LATEST));

        let rows = query
            .expr_as(has_role(viewer, Role::Manager), "manages")
            .into_model::<ImageRow>()
            .all(self.database.reader())
            .await?;
        Ok(rows.into_iter().map(ListedImage::from).collect())
    }

    /// The number of images on which the viewer is a READER, capped at 1,000.
    pub async fn count_images(
        &self,
        viewer: Viewer,
        filter: &ImageFilter,
    ) -> Result<u64, StoreError> {
        let capped =
            visible_images(viewer, filter).select_only().expr(Expr::cust("1")).limit(TOTAL_CAP);

        Ok(capped.count(self.database.reader()).await?)
    }
}

impl From<ImageRow> for ListedImage {
    fn from(row: ImageRow) -> Self {
        Self { image: visible_part(row.image, row.manages), latest: row.latest.into() }
    }
}

fn order_column(field: OrderField) -> images::Column {
    match field {
        OrderField::Name => images::Column::QualifiedName,
        OrderField::DisplayName => images::Column::DisplayName,
        OrderField::CreateTime => images::Column::CreateTime,
        OrderField::UpdateTime => images::Column::UpdateTime,
    }
}

/// True for the images after this position.
fn follows(position: &Position, order: ImageOrder) -> Expr {
    let key: Value = match &position.key {
        OrderKey::Text(text) => text.clone().into(),
        OrderKey::Time(time) => (*time).into(),
    };

    let last = Expr::tuple([Expr::val(key), Expr::val(position.id)]);
    let columns = [order_column(order.field), images::Column::Id]
        .map(|column| Expr::col(column.as_column_ref()));
    let place = Expr::tuple(columns);

    if order.is_descending { place.lt(last) } else { place.gt(last) }
}

fn visible_images(viewer: Viewer, filter: &ImageFilter) -> Select<images::Entity> {
    images::Entity::find().filter(is_visible(viewer, Role::Reader)).filter(matches(filter))
}

fn matches(filter: &ImageFilter) -> Condition {
    Condition::all()
        .add_option(filter.image_type.map(|it| images::COLUMN.image_type.eq(Text(it))))
        .add_option(filter.state.map(|state| images::COLUMN.state.eq(Text(state))))
        .add_option(owned_by(&filter.owner))
        .add_option(containing(&filter.text))
}

/// `owner` is a name or a group id; `None` for an empty text.
fn owned_by(owner: &str) -> Option<Expr> {
    if owner.is_empty() {
        return None;
    }
    Some(match Uuid::try_parse(owner) {
        Ok(group) => images::COLUMN.owner_group.eq(GroupId(group)),
        Err(_) => images::COLUMN.owner_name.eq(owner),
    })
}

/// True for images whose name or display name contains the text literally, in any case; `None` for
/// an empty text. SQLite has no default escape character.
fn containing(text: &str) -> Option<Expr> {
    if text.is_empty() {
        return None;
    }
    let literal = text.to_lowercase().replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_");

    let pattern = LikeExpr::new(format!("%{literal}%")).escape('\\');
    Some(images::Column::SearchText.like(pattern))
}
