//! The list of all messages in the source, kept in `tests/messages.txt` so that a review sees every
//! change of wording in one place.

use std::{collections::BTreeSet, fs, path::PathBuf};

use anyhow::Result;

use crate::{
    tidy::{form::is_query, source::Source},
    workspace::root,
};

const HEADER: &str = "\
# Every message of errors, logs and programs, as it stands in the source. A change here is a change
# of wording that users see. `cargo xtask messages` writes this file anew.
";

/// A text with fewer words is a name or a key.
const FEWEST_WORDS: usize = 3;

fn file() -> PathBuf {
    root().join("tests/messages.txt")
}

/// One complaint for each message that the list lacks or has too much.
pub(super) fn changed(sources: &[Source]) -> Result<Vec<String>> {
    let recorded = fs::read_to_string(file()).unwrap_or_default();
    Ok(differences(&recorded, &listing(sources)))
}

pub(super) fn write(sources: &[Source]) -> Result<()> {
    Ok(fs::write(file(), listing(sources))?)
}

fn differences(recorded: &str, current: &str) -> Vec<String> {
    let recorded: BTreeSet<&str> = recorded.lines().collect();
    let current: BTreeSet<&str> = current.lines().collect();

    let added = current.difference(&recorded).map(|line| ("is not listed", line));
    let removed = recorded.difference(&current).map(|line| ("is no longer in the source", line));
    added
        .chain(removed)
        .map(|(state, line)| {
            format!("tests/messages.txt: `{line}` {state}; run `cargo xtask messages`")
        })
        .collect()
}

/// One line for each message, behind the folder that it belongs to.
fn listing(sources: &[Source]) -> String {
    let mut lines = BTreeSet::new();
    for source in sources.iter().filter(|source| is_product(source)) {
        let package = source.path.split("/src/").next().unwrap_or_default();
        let texts = source.texts().into_iter().filter(|text| !text.is_test);
        let messages = texts.filter(|text| is_message(&text.value));
        lines.extend(messages.map(|text| format!("{package}: {}", text.value.escape_debug())));
    }

    let mut listing = HEADER.to_owned();
    for line in lines {
        listing.push_str(&line.replace("\\'", "'").replace("\\\"", "\""));
        listing.push('\n');
    }
    listing
}

/// What users and operators run; the tools of developers are left out.
fn is_product(source: &Source) -> bool {
    let tools = ["crates/xtask/", "crates/testrig/", "crates/wire/"];
    !source.is_test() && !tools.iter().any(|tool| source.path.starts_with(tool))
}

fn is_message(text: &str) -> bool {
    let words = text.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic));
    words.count() >= FEWEST_WORDS && !is_query(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages_of(text: &str) -> Vec<String> {
        let source = Source::parse("crates/x/src/lib.rs", text).expect("Rust");
        let listing = listing(&[source]);
        listing.lines().skip(HEADER.lines().count()).map(str::to_owned).collect()
    }

    #[test]
    fn messages_are_listed_and_keys_queries_and_tests_are_not() {
        let text = r#"
            //! A module about many things.
            #[error("is not a UUID")]
            struct InvalidId;
            fn a() {
                fault("the image is \
                       gone");
                row("select id from image");
                row("(select extract(epoch from now()))");
                key("build.id");
            }
            #[cfg(test)]
            mod tests { const A: &str = "text of a test"; }
        "#;

        let expected = ["crates/x: is not a UUID", "crates/x: the image is gone"];
        assert_eq!(messages_of(text), expected);
    }

    #[test]
    fn changed_message_is_reported_on_both_sides() {
        assert_eq!(differences("a b c\n", "a b c\n"), Vec::<String>::new());
        assert_eq!(differences("a b c\n", "a b d\n").len(), 2);
    }
}
