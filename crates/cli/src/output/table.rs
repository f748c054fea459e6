//! Text for people: the fields of one message, and lists as tables.

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table, presets};

use crate::output::labels::escape;

/// A line for each field that is not empty.
pub(super) fn fields(fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();

    let mut text = String::new();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "{name:width$}  {}", escape(value));
    }
    text
}

/// One row for each item, below the header.
pub(super) fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header.iter().copied());

    for row in rows {
        table.add_row(row.iter().map(|cell| escape(cell)));
    }
    table.to_string()
}
