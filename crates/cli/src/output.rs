//! Tables for people, JSON and YAML (proto3 JSON names) for programs.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::{arguments::Format, failure::Failure, printer};

pub(crate) struct Output(Format);

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        Self(format)
    }

    /// Standard output belongs to one document.
    pub(crate) fn is_for_programs(&self) -> bool {
        self.0 != Format::Table
    }

    /// One message: its fields one below the other.
    pub(crate) fn one<T: Serialize>(
        &self,
        message: &T,
        fields: &[(&str, String)],
    ) -> Result<(), Failure> {
        match self.0 {
            Format::Table => {
                let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
                let mut text = String::new();
                for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
                    let _ = writeln!(text, "{name:width$}  {}", escape(value));
                }
                printer::write(text.as_bytes())
            }
            _ => self.document(message),
        }
    }

    /// A list.
    pub(crate) fn many<T: Serialize>(
        &self,
        messages: &T,
        header: &[&str],
        rows: Vec<Vec<String>>,
    ) -> Result<(), Failure> {
        match self.0 {
            Format::Table => {
                let mut table = Table::new();
                table
                    .load_style(presets::NOTHING)
                    .set_content_arrangement(ContentArrangement::Disabled)
                    .set_header(header.iter().copied());
                for row in rows {
                    table.add_row(row.iter().map(|cell| escape(cell)));
                }
                printer::line(&table.to_string())
            }
            _ => self.document(messages),
        }
    }

    /// A message for programs; people have seen it in another form.
    pub(crate) fn document<T: Serialize>(&self, message: &T) -> Result<(), Failure> {
        if self.0 == Format::Table {
            return Ok(());
        }
        let value =
            serde_json::to_value(message).map_err(|error| Failure::Ended(error.to_string()))?;
        match self.0 {
            Format::Yaml => printer::write(
                serde_yaml_ng::to_string(&value)
                    .map_err(|error| Failure::Ended(error.to_string()))?
                    .as_bytes(),
            ),
            _ => printer::line(&format!("{value:#}")),
        }
    }
}

/// What a terminal would obey is shown instead.
pub(crate) fn escape(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() && character != '\n' && character != '\t' {
                character.escape_default().to_string()
            } else {
                character.to_string()
            }
        })
        .collect()
}

/// `IMAGE_TYPE_CPU` as `CPU`.
pub(crate) fn word(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).replace("UNSPECIFIED", "")
}

/// RFC 3339, to the second.
pub(crate) fn moment(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
