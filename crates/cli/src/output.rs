//! Tables for people, JSON and YAML (proto3 JSON names) for programs.

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::{arguments::Format, failure::Failure};

pub(crate) struct Output(Format);

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        Self(format)
    }

    /// One message: its fields one below the other.
    pub(crate) fn one<T: Serialize>(&self, message: &T, fields: &[(&str, String)]) -> Result<(), Failure> {
        match self.0 {
            Format::Table => {
                let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
                for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
                    println!("{name:width$}  {}", escape(value));
                }
                Ok(())
            }
            _ => self.machine(message),
        }
    }

    /// A list.
    pub(crate) fn many<T: Serialize>(&self, messages: &T, header: &[&str], rows: Vec<Vec<String>>) -> Result<(), Failure> {
        match self.0 {
            Format::Table => {
                let mut table = Table::new();
                table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(header.iter().copied());
                for row in rows {
                    table.add_row(row.iter().map(|cell| escape(cell)));
                }
                println!("{table}");
                Ok(())
            }
            _ => self.machine(messages),
        }
    }

    fn machine<T: Serialize>(&self, message: &T) -> Result<(), Failure> {
        let value = serde_json::to_value(message).map_err(|error| Failure::Ended(error.to_string()))?;
        match self.0 {
            Format::Yaml => print!("{}", serde_yaml_ng::to_string(&value).map_err(|error| Failure::Ended(error.to_string()))?),
            _ => println!("{value:#}"),
        }
        Ok(())
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
