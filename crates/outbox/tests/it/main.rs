//! Event numbers and the relay, on SQLite and PostgreSQL.

mod append;
mod fixtures;
mod relay;
