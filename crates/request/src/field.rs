//! Fields of requests and messages, refused with the path of the field.

use std::{fmt::Display, str::FromStr};

use chrono::{DateTime, Utc};
use pbjson_types::Timestamp;
use slipway_fault::Fault;
use slipway_names::unit::Micros;

/// The path of a field, such as `grants[2].subject.id`. Each method refuses by `FIELD_INVALID`.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a>(pub &'a str);

impl Field<'_> {
    /// An id, or another value that is parsed from a text.
    ///
    /// # Errors
    /// `FIELD_INVALID`
    pub fn parse<T: FromStr<Err: Display>>(self, text: &str) -> Result<T, Fault> {
        text.parse().map_err(|error| Fault::field(self.0, error))
    }

    /// `None` for an empty text.
    ///
    /// # Errors
    /// `FIELD_INVALID`
    pub fn parse_optional<T: FromStr<Err: Display>>(self, text: &str) -> Result<Option<T>, Fault> {
        if text.is_empty() {
            return Ok(None);
        }
        self.parse(text).map(Some)
    }

    /// A value with a checked conversion: a number such as a policy version, or a word such as a
    /// role.
    ///
    /// # Errors
    /// `FIELD_INVALID`
    pub fn convert<T: TryFrom<V, Error: Display>, V>(self, value: V) -> Result<T, Fault> {
        T::try_from(value).map_err(|error| Fault::field(self.0, error))
    }

    /// # Errors
    /// `FIELD_INVALID` for a time that cannot be represented.
    pub fn time(self, time: Timestamp) -> Result<Micros, Fault> {
        let time = DateTime::<Utc>::try_from(time);
        time.map(Micros::from).map_err(|_| Fault::field(self.0, "is not a valid time"))
    }

    /// # Errors
    /// `FIELD_INVALID` when the message is missing.
    pub fn require<T>(self, message: Option<T>) -> Result<T, Fault> {
        message.ok_or_else(|| Fault::field(self.0, "is missing"))
    }

    /// The value of an enum. `value` is `None` when its number is not one of the `accepted` words.
    ///
    /// # Errors
    /// `FIELD_INVALID`, with the accepted words.
    pub fn require_word<T>(self, value: Option<T>, accepted: &[&str]) -> Result<T, Fault> {
        value.ok_or_else(|| Fault::field(self.0, format!("must be {}", alternatives(accepted))))
    }
}

/// `A`, `A or B`, `A, B or C`.
fn alternatives(words: &[&str]) -> String {
    match words {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => words.concat(),
    }
}

#[cfg(test)]
mod tests {
    use slipway_fault::Reason;
    use slipway_names::{id::ImageId, unit::PolicyVersion};

    use super::*;

    const FIELD: Field<'_> = Field("grant.id");

    fn check<T>(result: Result<T, Fault>, want: &str) {
        let fault = result.err().expect("a fault");
        let [violation] = fault.violations() else { panic!("{fault:?}") };

        assert_eq!((fault.reason(), violation.field.as_str()), (Reason::FieldInvalid, "grant.id"));
        assert_eq!(violation.description, want);
    }

    #[test]
    fn missing_or_malformed_field_is_refused_with_its_path() {
        check(FIELD.parse::<ImageId>("x"), "`x` is not a UUID");
        check(FIELD.parse_optional::<ImageId>("x"), "`x` is not a UUID");
        check(FIELD.parse::<ImageId>(""), "`` is not a UUID");
        check(FIELD.convert::<PolicyVersion, i64>(-1), "`-1` is negative");
        check(FIELD.time(Timestamp { seconds: i64::MAX, nanos: 0 }), "is not a valid time");
        check(FIELD.require(None::<()>), "is missing");
        check(FIELD.require_word(None::<()>, &["A"]), "must be A");
        check(FIELD.require_word(None::<()>, &["A", "B"]), "must be A or B");
        check(FIELD.require_word(None::<()>, &["A", "B", "C"]), "must be A, B or C");
    }

    #[test]
    fn given_field_is_parsed() {
        let id = ImageId::new();

        assert_eq!(FIELD.parse::<ImageId>(&id.to_string()).unwrap(), id);
        assert_eq!(FIELD.parse_optional::<ImageId>(&id.to_string()).unwrap(), Some(id));
        assert_eq!(FIELD.parse_optional::<ImageId>("").unwrap(), None);
        assert_eq!(FIELD.convert::<PolicyVersion, i64>(7).unwrap().get(), 7);
        let time = Timestamp { seconds: 1, nanos: 2_000 };
        assert_eq!(FIELD.time(time).unwrap(), Micros(1_000_002));
        assert_eq!(FIELD.require(Some(7)).unwrap(), 7);
        assert_eq!(FIELD.require_word(Some(7), &["A"]).unwrap(), 7);
    }
}
