//! What a database error means to a caller: gone, in conflict, or our fault.

use sea_orm::{DbErr, RuntimeErr};

use crate::{Fault, Reason};

impl From<DbErr> for Fault {
    fn from(error: DbErr) -> Self {
        if is_unavailable(&error) {
            return Self::new(Reason::DatabaseUnavailable, "the service's database cannot be reached; try again").cause(error);
        }
        let text = error.to_string();
        // PostgreSQL: serialization failure, deadlock. SQLite: busy past the timeout.
        if text.contains("could not serialize") || text.contains("deadlock detected") || text.contains("database is locked") {
            return Self::new(Reason::Conflict, "two changes met; try again").cause(error);
        }
        Self::internal(error)
    }
}

fn is_unavailable(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(source)) | DbErr::Query(RuntimeErr::SqlxError(source)) => {
            let text = source.to_string();
            ["error communicating", "terminating connection", "connection refused", "Connection refused", "closed", "shutting down", "starting up"]
                .iter()
                .any(|sign| text.contains(sign))
        }
        _ => false,
    }
}
