//! JSON without ambiguous keys: two keys of an object that differ at most in letter case are
//! refused.
//!
//! Container tools ignore the case of keys and merge repeated ones; serde_json does neither. The
//! inspected value must be the value that they use.

use std::{collections::HashSet, fmt};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// A value whose objects have no ambiguous keys.
pub(crate) struct StrictValue(pub(crate) Value);

impl<'de> Deserialize<'de> for StrictValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = StrictValue;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<StrictValue, E> {
        Ok(StrictValue(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<StrictValue, E> {
        Ok(StrictValue(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<StrictValue, E> {
        Ok(StrictValue(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<StrictValue, E> {
        Ok(StrictValue(value.into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<StrictValue, E> {
        Ok(StrictValue(value.into()))
    }

    fn visit_unit<E: Error>(self) -> Result<StrictValue, E> {
        Ok(StrictValue(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<StrictValue, A::Error> {
        let mut items = Vec::new();

        while let Some(StrictValue(item)) = access.next_element()? {
            items.push(item);
        }

        Ok(StrictValue(Value::Array(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<StrictValue, A::Error> {
        let mut object = Map::new();
        let mut folded_keys = HashSet::new();

        while let Some((key, StrictValue(value))) = access.next_entry::<String, StrictValue>()? {
            if !folded_keys.insert(fold(&key)) {
                let key = key.escape_debug();
                return Err(Error::custom(format!(
                    "the key `{key}` is given twice, perhaps in another letter case"
                )));
            }
            object.insert(key, value);
        }

        Ok(StrictValue(Value::Object(object)))
    }
}

/// Folds the case of a key as Go's encoding/json does: `ſ` becomes `s` and the Kelvin sign `k`.
pub(crate) fn fold(key: &str) -> String {
    key.to_uppercase().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambiguous_keys_are_refused() {
        let check = |text: &str, want: bool| {
            assert_eq!(serde_json::from_str::<StrictValue>(text).is_ok(), want, "{text}");
        };

        check(r#"{"config":{"User":"1"},"x":[1,-2,3.5,null,true,"a"]}"#, true);
        check(r#"{"config":{"OnBuild":["RUN id"]},"config":{}}"#, false);
        check(r#"{"config":{"a":1},"Config":{"a":2}}"#, false);
        check(r#"{"config":{"OnBuild":[],"ONBUILD":["RUN id"]}}"#, false);
        check(r#"{"digest":"a","dige\u017ft":"b"}"#, false);
        check(r#"{"token":"a","to\u212aen":"b"}"#, false);
    }
}
