//! Column types: how domain types are stored, the same on both databases. Ids and units are column
//! types themselves.

use std::{fmt::Display, str::FromStr};

use sea_orm::{
    ColIdx, DbErr, QueryResult, TryGetError, TryGetable, Value,
    sea_query::{ArrayType, ColumnType, Expr, Nullable, ValueType, ValueTypeErr},
};
use serde::{Serialize, de::DeserializeOwned};

/// A value that is written into the statement's text, for values that the program fixes. The
/// planner of PostgreSQL knows it, unlike a parameter.
pub fn constant(value: impl Into<Value>) -> Expr {
    Expr::Constant(value.into())
}

/// A domain type that is stored by its `Display` text and read back by its `FromStr`. A text that
/// does not parse is an error of the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text<T>(pub T);

/// A domain type that is stored as JSON. Its maps must have keys that are strings, numbers or
/// unit variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonText<T>(pub T);

impl<T: Display> Text<T> {
    fn encode(&self) -> String {
        self.0.to_string()
    }
}

impl<T: FromStr<Err: Display>> Text<T> {
    fn decode(text: &str) -> Result<Self, DbErr> {
        let value = text.parse();
        value.map(Self).map_err(|error| DbErr::Type(format!("`{text}`: {error}")))
    }
}

impl<T: Serialize> JsonText<T> {
    fn encode(&self) -> String {
        serde_json::to_string(&self.0).expect("the keys of maps are strings")
    }
}

impl<T: DeserializeOwned> JsonText<T> {
    fn decode(text: &str) -> Result<Self, DbErr> {
        serde_json::from_str(text).map(Self).map_err(|error| DbErr::Json(error.to_string()))
    }
}

macro_rules! stored_as_text {
    ($name:ident, $encode:path, $($decode:tt)*) => {
        impl<T: $encode> From<$name<T>> for Value {
            fn from(column: $name<T>) -> Self {
                column.encode().into()
            }
        }

        impl<T: $($decode)*> TryGetable for $name<T> {
            fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
                Ok(Self::decode(&String::try_get_by(row, index)?)?)
            }
        }

        impl<T: $($decode)*> ValueType for $name<T> {
            fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
                Self::decode(&<String as ValueType>::try_from(value)?).map_err(|_| ValueTypeErr)
            }

            fn type_name() -> String {
                stringify!($name).to_owned()
            }

            fn array_type() -> ArrayType {
                ArrayType::String
            }

            fn column_type() -> ColumnType {
                ColumnType::Text
            }
        }

        impl<T> Nullable for $name<T> {
            fn null() -> Value {
                Value::String(None)
            }
        }
    };
}

stored_as_text!(Text, Display, FromStr<Err: Display>);
stored_as_text!(JsonText, Serialize, DeserializeOwned);
