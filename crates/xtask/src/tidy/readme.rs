//! `services/README.md` names files and tests; each of them exists.

use std::{collections::BTreeSet, fs};

use anyhow::Result;

use crate::{tidy::source::Source, workspace::root};

/// A name with this many words is the name of a test; shorter ones are fields and modules.
const FEWEST_WORDS: usize = 4;

/// One complaint for each file or test that the README names and that does not exist.
pub(super) fn missing_items(sources: &[Source]) -> Result<Vec<String>> {
    let readme = fs::read_to_string(root().join("services/README.md"))?;
    Ok(missing(&readme, sources))
}

fn missing(readme: &str, sources: &[Source]) -> Vec<String> {
    let quoted: BTreeSet<&str> = readme.split('`').skip(1).step_by(2).collect();

    let missing = quoted.into_iter().filter(|item| !exists(sources, item));
    missing.map(|item| format!("services/README.md: `{item}` does not exist")).collect()
}

/// True also for words that are neither files nor tests.
fn exists(sources: &[Source], item: &str) -> bool {
    if item.ends_with(".rs") && item.contains("/src/") {
        let end = format!("/{item}");
        return sources.iter().any(|source| format!("/{}", source.path).ends_with(&end));
    }

    !is_test_name(item) || has_function(sources, item)
}

/// Searches the text, because functions inside of macros are not in the syntax tree.
fn has_function(sources: &[Source], name: &str) -> bool {
    let head = format!("fn {name}(");
    sources.iter().any(|source| source.text.contains(&head))
}

fn is_test_name(item: &str) -> bool {
    let is_identifier =
        item.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_');
    is_identifier && item.split('_').count() >= FEWEST_WORDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_file_and_missing_test_are_rejected() {
        let readme = "`x/src/a.rs` `x/src/gone.rs` `test_that_is_there` `test_that_is_gone` `a_b`";
        let text = "fn test_that_is_there() {}";
        let source = Source::parse("services/x/src/a.rs", text).expect("Rust");

        let complaints = missing(readme, &[source]);
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(complaints[0].contains("test_that_is_gone"), "{complaints:?}");
        assert!(complaints[1].contains("x/src/gone.rs"), "{complaints:?}");
    }
}
