//! Lists of images: what to list, in which order, and where a page begins.

use slipway_names::{id::ImageId, unit::Micros};

use crate::domain::{
    image::{Image, ImageState},
    image_type::ImageType,
};

/// The images to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageFilter {
    pub image_type: Option<ImageType>,
    /// By name or group id; empty for every owner.
    pub owner: String,
    pub state: Option<ImageState>,
    /// Part of the name or display name, in any case; empty for every image.
    pub text: String,
}

/// The fields that a list can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderField {
    /// `<owner>/<name>`
    Name,
    DisplayName,
    CreateTime,
    UpdateTime,
}

/// The order of a list. The id decides between equal values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageOrder {
    pub field: OrderField,
    /// Largest first.
    pub is_descending: bool,
}

impl ImageOrder {
    /// Parses `<field>`, `<field> asc` or `<field> desc`; an empty text means `name`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (name, direction) = text.split_once(' ').unwrap_or((text, "asc"));

        let is_descending = match direction {
            "asc" => false,
            "desc" => true,
            _ => return None,
        };
        let field = match name {
            "" | "name" => OrderField::Name,
            "display_name" => OrderField::DisplayName,
            "create_time" => OrderField::CreateTime,
            "update_time" => OrderField::UpdateTime,
            _ => return None,
        };

        Some(Self { field, is_descending })
    }
}

/// The value of an image's [`OrderField`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderKey {
    Text(String),
    Time(Micros),
}

/// The place of an image in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    pub key: OrderKey,
    pub id: ImageId,
}

impl Position {
    pub fn of(image: &Image, field: OrderField) -> Self {
        let key = match field {
            OrderField::Name => OrderKey::Text(image.qualified_name()),
            OrderField::DisplayName => OrderKey::Text(image.display_name.clone()),
            OrderField::CreateTime => OrderKey::Time(image.create_time),
            OrderField::UpdateTime => OrderKey::Time(image.update_time),
        };
        Self { key, id: image.id }
    }

    /// The inverse of [`Position::to_keys`]; `None` for other texts.
    pub fn parse(keys: &[String], field: OrderField) -> Option<Self> {
        let [key, id] = keys else { return None };

        let key = match field {
            OrderField::Name | OrderField::DisplayName => OrderKey::Text(key.clone()),
            OrderField::CreateTime | OrderField::UpdateTime => {
                OrderKey::Time(Micros(key.parse().ok()?))
            }
        };
        Some(Self { key, id: id.parse().ok()? })
    }

    /// The keys of a page token.
    pub fn to_keys(&self) -> Vec<String> {
        let key = match &self.key {
            OrderKey::Text(text) => text.clone(),
            OrderKey::Time(time) => time.to_string(),
        };
        vec![key, self.id.to_string()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_order(text: &str, want: Option<(OrderField, bool)>) {
        let order = ImageOrder::parse(text);
        assert_eq!(order.map(|order| (order.field, order.is_descending)), want, "{text}");
    }

    #[test]
    fn order_is_one_allowed_field_with_an_optional_direction() {
        check_order("", Some((OrderField::Name, false)));
        check_order("name desc", Some((OrderField::Name, true)));
        check_order("create_time asc", Some((OrderField::CreateTime, false)));
        check_order("id; drop table image", None);
        check_order("name sideways", None);
    }

    fn check_position(key: OrderKey, field: OrderField) {
        let position = Position { key, id: ImageId::new() };
        assert_eq!(Position::parse(&position.to_keys(), field), Some(position));
    }

    #[test]
    fn position_parses_from_its_keys_and_from_no_others() {
        check_position(OrderKey::Text("system/torch".to_owned()), OrderField::Name);
        check_position(OrderKey::Time(Micros(-7)), OrderField::UpdateTime);

        let id = ImageId::new().to_string();
        for keys in [vec![], vec!["a".to_owned(), "b".to_owned()], vec!["soon".to_owned(), id]] {
            assert_eq!(Position::parse(&keys, OrderField::CreateTime), None, "{keys:?}");
        }
    }
}
