//! Lists of images: one statement a page, one for the capped total.

use sea_orm::{ConnectionTrait as _, Value};
use slipway_access::{Reader, sees};
use slipway_fault::{Fault, Reason};
use slipway_names::{
    grant::Role,
    id::{ImageId, UserId},
};
use slipway_paging::Page;

use crate::{
    domain::image::{Image, ImageState, ImageType},
    store::{
        Store,
        image::{image_as_seen, manages},
    },
};

/// Totals are exact up to this.
const TOTAL_CAP: i64 = 1_000;

/// What to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this type.
    pub kind: Option<ImageType>,
    /// Of this owner, by name or group id.
    pub owner: String,
    /// In this state.
    pub state: Option<ImageState>,
    /// Part of the name or display name.
    pub text: String,
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// A column of the closed list.
    pub column: &'static str,
    /// Largest first.
    pub descending: bool,
}

impl Order {
    /// By the words of the API.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, direction) = text.trim().split_once(' ').unwrap_or((text.trim(), "asc"));
        let descending = match direction {
            "asc" => false,
            "desc" => true,
            _ => return None,
        };
        let column = match name {
            "" | "name" => "qualified_name",
            "display_name" => "display_name",
            "create_time" => "create_time",
            "update_time" => "update_time",
            _ => return None,
        };
        Some(Self { column, descending })
    }
}

impl Store {
    /// A page of the images that the user may read, as that user sees them.
    pub async fn images(
        &self,
        user: UserId,
        filter: &Filter,
        order: Order,
        page: &Page,
    ) -> Result<Vec<Image>, Fault> {
        let (condition, mut values) = self.condition(user, filter).await?;
        let (beyond, direction) = if order.descending { ("<", "desc") } else { (">", "asc") };
        let column = order.column;
        let mut sql = format!("select i.*, {} from image i where {condition}", manages());
        if let [key, id] = page.after.as_slice() {
            let id: ImageId = id.parse().map_err(|_| {
                Fault::new(
                    Reason::PageTokenInvalid,
                    "page_token is damaged; begin again without one",
                )
            })?;
            let key: Value = if column.ends_with("_time") {
                key.parse::<i64>().unwrap_or_default().into()
            } else {
                key.clone().into()
            };
            sql.push_str(&format!(
                " and (i.{column}, i.id) {beyond} (${}, ${})",
                values.len() + 1,
                values.len() + 2
            ));
            values.extend([key, id.0.into()]);
        }
        sql.push_str(&format!(
            " order by i.{column} {direction}, i.id {direction} limit ${}",
            values.len() + 1
        ));
        values.push(page.limit().into());
        let rows =
            self.database.reader().query_all_raw(self.database.statement(sql, values)).await?;
        rows.iter().map(image_as_seen).collect()
    }

    /// How many there are, counted no further than the cap.
    pub async fn count_images(&self, user: UserId, filter: &Filter) -> Result<i32, Fault> {
        let (condition, values) = self.condition(user, filter).await?;
        let sql = format!(
            "select count(*) as total from (select 1 from image i where {condition} limit {TOTAL_CAP}) capped"
        );
        let row =
            self.database.reader().query_one_raw(self.database.statement(sql, values)).await?;
        let total: i64 = row.map(|row| row.try_get("", "total")).transpose()?.unwrap_or_default();
        Ok(i32::try_from(total).unwrap_or(i32::MAX))
    }

    async fn condition(
        &self,
        user: UserId,
        filter: &Filter,
    ) -> Result<(String, Vec<Value>), Fault> {
        let reader = Reader::now(&self.database, user).await?;
        let mut values = reader.values().to_vec();
        let mut condition = format!(
            "i.state <> 'creating' and {}",
            sees("i.id", "i.access_revision", Role::Reader)
        );
        let mut add = |clause: &str, value: Value| {
            values.push(value);
            condition
                .push_str(&format!(" and {}", clause.replace('?', &format!("${}", values.len()))));
        };
        if let Some(kind) = filter.kind {
            add("i.kind = ?", kind.as_str().into());
        }
        if let Some(state) = filter.state {
            add("i.state = ?", state.as_str().into());
        }
        match uuid::Uuid::try_parse(&filter.owner) {
            Ok(group) => add("i.owner_group = ?", group.into()),
            Err(_) if !filter.owner.is_empty() => {
                add("i.owner_name = ?", filter.owner.clone().into())
            }
            Err(_) => {}
        }
        if !filter.text.is_empty() {
            let literal = filter
                .text
                .to_lowercase()
                .replace('\\', "\\\\")
                .replace('%', "\\%")
                .replace('_', "\\_");
            add("i.search_text like ? escape '\\'", format!("%{literal}%").into());
        }
        Ok((condition, values))
    }
}

/// The keys of a page token.
pub fn keys(image: &Image, order: Order) -> Vec<String> {
    let key = match order.column {
        "display_name" => image.display_name.clone(),
        "create_time" => image.create_time.to_string(),
        "update_time" => image.update_time.to_string(),
        _ => image.qualified_name(),
    };
    vec![key, image.id.to_string()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders() {
        let check = |text: &str, want: Option<(&'static str, bool)>| {
            assert_eq!(
                Order::parse(text).map(|order| (order.column, order.descending)),
                want,
                "{text}"
            );
        };
        check("", Some(("qualified_name", false)));
        check("name desc", Some(("qualified_name", true)));
        check("create_time asc", Some(("create_time", false)));
        check("id; drop table image", None);
        check("name sideways", None);
    }
}
