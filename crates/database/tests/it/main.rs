//! Column types, errors, leases and idempotency, on SQLite and PostgreSQL.

mod columns;
mod errors;
mod fixtures;
mod idempotency;
mod lease;
