//! The clock of a database, which all replicas share.

use chrono::Utc;
use sea_orm::sea_query::Expr;
use slipway_names::unit::Micros;

/// Where the time of a statement comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// PostgreSQL.
    Server,
    /// This process: a SQLite database has no clock of its own.
    Process,
}

impl Clock {
    /// The current time in microseconds, as a part of a statement. PostgreSQL computes it when the
    /// statement arrives, so that no statement has to ask for it before.
    pub fn now(self) -> Expr {
        match self {
            Self::Server => {
                Expr::cust("(select (extract(epoch from statement_timestamp()) * 1000000)::bigint)")
            }
            Self::Process => Expr::val(process_time()),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock of a SQLite database")]
pub(crate) fn process_time() -> Micros {
    Utc::now().into()
}
