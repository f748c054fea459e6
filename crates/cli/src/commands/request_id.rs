//! The request id, which makes a request safe to repeat.

use uuid::Uuid;

/// The id of the flag, else a new one.
pub(crate) fn given_or_new(flag: Option<String>) -> String {
    flag.unwrap_or_else(generate)
}

/// The id of the flag, else the id in the request file, else a new one.
pub(crate) fn given_or_in_file(flag: Option<String>, in_file: String) -> String {
    given_or_new(flag.or(Some(in_file).filter(|id| !id.is_empty())))
}

pub(crate) fn generate() -> String {
    Uuid::now_v7().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flag_precedes_file_precedes_generated_id() {
        assert_eq!(given_or_in_file(Some("flag".to_owned()), "file".to_owned()), "flag");
        assert_eq!(given_or_in_file(None, "file".to_owned()), "file");
        assert_eq!(given_or_in_file(None, String::new()).len(), 36);
    }
}
