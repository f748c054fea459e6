//! Statements name their columns and parameters, so that a column can be added while an older
//! replica runs, and no parameter is counted by hand.

use crate::tidy::source::{Source, Text};

/// Statements do not select all columns, and related rows are not read by a method that hides
/// decoding errors.
pub(super) fn columns_are_named(source: &Source) -> Vec<String> {
    let texts = source.texts();
    let stars = texts.iter().filter(|text| !text.is_test && selects_all_columns(&text.value));
    let mut complaints: Vec<String> = stars
        .map(|text| at(text, "selects all columns; a cached one fails when a column is added"))
        .collect();

    if calls_find_also_related(source) {
        complaints.push(
            "`find_also_related` returns None for a row that cannot be decoded; select a nested \
             Option"
                .to_owned(),
        );
    }
    complaints
}

/// Statements have no positional parameters.
pub(super) fn parameters_are_named(source: &Source) -> Vec<String> {
    let texts = source.texts();
    let positional = texts.iter().filter(|text| !text.is_test && has_position(&text.value));

    positional
        .map(|text| at(text, "has positional parameters; use `raw_sql!` or entities"))
        .collect()
}

fn at(text: &Text, complaint: &str) -> String {
    format!("line {}: the statement {complaint}", text.lines.0)
}

fn selects_all_columns(text: &str) -> bool {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    words.windows(2).any(|pair| {
        let is_list = matches!(pair[0].as_str(), "select" | "returning");
        let column = pair[1].trim_end_matches(',');
        is_list && (column == "*" || column.ends_with(".*"))
    })
}

fn has_position(text: &str) -> bool {
    let is_query = super::form::is_query(text);
    is_query && text.split('$').skip(1).any(|rest| rest.starts_with(|it: char| it.is_ascii_digit()))
}

fn calls_find_also_related(source: &Source) -> bool {
    let method = [".find_also", "_related("].concat();
    !source.is_test() && source.text.contains(&method)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: fn(&Source) -> Vec<String>, text: &str, complaints: usize) {
        let text = format!("const A: &str = \"{text}\";\n");
        let source = Source::parse("crates/x/src/lib.rs", &text).expect("Rust");
        assert_eq!(rule(&source).len(), complaints, "{text}");
    }

    #[test]
    fn statement_with_all_columns_is_rejected() {
        check(columns_are_named, "select * from images", 1);
        check(columns_are_named, "select i.*, n.name from images i", 1);
        check(columns_are_named, "update images set a = 1 returning *", 1);
        check(columns_are_named, "select count(*) from images", 0);

        let method = ["find_also", "_related"].concat();
        let call = format!("fn a() {{ images.{method}(revisions) }}");
        let source = Source::parse("crates/x/src/lib.rs", &call).expect("Rust");
        assert_eq!(columns_are_named(&source).len(), 1);
    }

    #[test]
    fn statement_with_positional_parameters_is_rejected() {
        check(parameters_are_named, "select id from images where id = $1", 1);
        check(parameters_are_named, "select id from images where id = {id}", 0);
        check(parameters_are_named, "costs $5", 0);
    }
}
