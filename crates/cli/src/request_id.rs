//! The id that makes a request safe to repeat.

use uuid::Uuid;

/// What was typed, else a new one.
pub(crate) fn choose(typed: Option<String>) -> String {
    typed.unwrap_or_else(fresh)
}

/// What was typed, else what the file says, else a new one.
pub(crate) fn choose_over_file(typed: Option<String>, in_file: String) -> String {
    choose(typed.or(Some(in_file).filter(|id| !id.is_empty())))
}

pub(crate) fn fresh() -> String {
    Uuid::now_v7().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_comes_first() {
        assert_eq!(choose_over_file(Some("typed".to_owned()), "file".to_owned()), "typed");
        assert_eq!(choose_over_file(None, "file".to_owned()), "file");
        assert_eq!(choose_over_file(None, String::new()).len(), 36);
    }
}
