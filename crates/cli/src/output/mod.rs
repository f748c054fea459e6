//! What a command shows: tables for people, documents for programs, and notifications.

pub(crate) mod document;
pub(crate) mod labels;
pub(crate) mod notifications;
pub(crate) mod progress;
pub(crate) mod stdout;
mod steps;
mod table;

use clap::ValueEnum;
use serde::Serialize;

use crate::failure::Failure;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
    Yaml,
}

/// Writes results in one format.
pub(crate) struct Output(Format);

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        Self(format)
    }

    /// Whether standard output holds one JSON or YAML document and nothing else.
    pub(crate) fn is_for_programs(&self) -> bool {
        self.0 != Format::Table
    }

    /// Writes one message: a line for each field that is not empty, or the whole document.
    pub(crate) fn write_message<T: Serialize>(
        &self,
        message: &T,
        fields: &[(&str, String)],
    ) -> Result<(), Failure> {
        if self.is_for_programs() {
            self.write_document(message)
        } else {
            stdout::write(table::fields(fields).as_bytes())
        }
    }

    /// Writes a list: a table with one row for each item, or the whole document.
    pub(crate) fn write_list<T: Serialize>(
        &self,
        messages: &T,
        header: &[&str],
        rows: Vec<Vec<String>>,
    ) -> Result<(), Failure> {
        if self.is_for_programs() {
            self.write_document(messages)
        } else {
            stdout::write_line(&table::table(header, rows))
        }
    }

    /// Writes a message as JSON or YAML. Writes nothing for the table format, where the caller
    /// shows the message in another form.
    pub(crate) fn write_document<T: Serialize>(&self, message: &T) -> Result<(), Failure> {
        match self.0 {
            Format::Table => Ok(()),
            Format::Json => stdout::write(document::json(message)?.as_bytes()),
            Format::Yaml => stdout::write(document::yaml(message)?.as_bytes()),
        }
    }
}
