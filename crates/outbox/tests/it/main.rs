//! Outbox, relay, leases and idempotency, on SQLite and PostgreSQL.

mod idempotency;
mod lease;
mod relay;
mod worlds;
