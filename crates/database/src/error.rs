//! Why a store failed. Stores return it, and services turn it into a fault where they answer.

use std::error::Error;

use sea_orm::{DbErr, RuntimeErr, sqlx};
use slipway_fault::{Fault, Reason};

/// A failure that says nothing about the request. What a store decides about the request itself,
/// such as that a name is taken, is a value of the store's own type.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer, or cannot work now. The same call can succeed later.
    #[error("the database is unavailable")]
    Unavailable(#[source] DbErr),
    /// Another transaction was faster. The same call can succeed at once.
    #[error("another transaction was faster")]
    Conflict(#[source] DbErr),
    /// A defect: a wrong statement, or a row that this version cannot read.
    #[error("a statement is wrong, or a row cannot be read")]
    Defect(#[source] Box<dyn Error + Send + Sync>),
}

impl StoreError {
    pub fn defect(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Defect(cause.into())
    }
}

/// The error's code alone decides, because its text is in the server's language.
impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        match kind_of_error(&error) {
            Kind::Unavailable => Self::Unavailable(error),
            Kind::Conflict => Self::Conflict(error),
            Kind::Defect => Self::defect(error),
        }
    }
}

/// `DATABASE_UNAVAILABLE`, `CONFLICT` or `INTERNAL`.
impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => Self::new(
                Reason::DatabaseUnavailable,
                "The service's database cannot be reached. Try again.",
            )
            .cause(cause),
            StoreError::Conflict(cause) => {
                Self::new(Reason::Conflict, "Another change happened at the same time. Try again.")
                    .cause(cause)
            }
            StoreError::Defect(cause) => Self::internal(cause),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unavailable,
    Conflict,
    Defect,
}

fn kind_of_error(error: &DbErr) -> Kind {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Kind::Unavailable,
        DbErr::Exec(RuntimeErr::SqlxError(source))
        | DbErr::Query(RuntimeErr::SqlxError(source)) => kind_of_driver_error(source),
        _ => Kind::Defect,
    }
}

fn kind_of_driver_error(error: &sqlx::Error) -> Kind {
    match error {
        sqlx::Error::Database(error) => kind_of_code(&error.code().unwrap_or_default()),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => Kind::Unavailable,
        _ => Kind::Defect,
    }
}

/// `code` is a SQLSTATE of five characters (PostgreSQL, appendix A), or an extended result code of
/// SQLite: a shorter number whose lowest byte is the primary code.
fn kind_of_code(code: &str) -> Kind {
    if code.len() < 5 {
        return kind_of_sqlite_code(code.parse::<u32>().unwrap_or_default() & 0xff);
    }

    match (code.get(..2).unwrap_or_default(), code) {
        // Serialization failure, deadlock.
        (_, "40001" | "40P01") => Kind::Conflict,
        // Lock not available in time, statement cancelled, server stopping, crashed or starting,
        // session ended because it was idle.
        (_, "55P03" | "57014" | "57P01" | "57P02" | "57P03" | "57P05" | "25P03") => {
            Kind::Unavailable
        }
        // Connection exceptions, insufficient resources.
        ("08" | "53", _) => Kind::Unavailable,
        _ => Kind::Defect,
    }
}

fn kind_of_sqlite_code(primary: u32) -> Kind {
    const BUSY: u32 = 5;
    const LOCKED: u32 = 6;
    const IOERR: u32 = 10;
    const FULL: u32 = 13;
    const CANTOPEN: u32 = 14;

    match primary {
        BUSY | LOCKED => Kind::Conflict,
        IOERR | FULL | CANTOPEN => Kind::Unavailable,
        _ => Kind::Defect,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_code_decides_the_kind() {
        check_codes(&["40001", "40P01"], Kind::Conflict);
        check_codes(
            &["55P03", "57014", "57P01", "57P02", "57P03", "57P05", "25P03"],
            Kind::Unavailable,
        );
        check_codes(
            &["53000", "53100", "53200", "53300", "08000", "08003", "08006", "08P01"],
            Kind::Unavailable,
        );
        check_codes(
            &["23505", "42P01", "22021", "40002", "57000", "XX000", "", "words"],
            Kind::Defect,
        );

        // SQLITE_BUSY, _BUSY_RECOVERY, _BUSY_SNAPSHOT, _BUSY_TIMEOUT, _LOCKED, _LOCKED_SHAREDCACHE.
        check_codes(&["5", "261", "517", "773", "6", "262"], Kind::Conflict);
        // SQLITE_IOERR, _IOERR_READ, _FULL, _CANTOPEN.
        check_codes(&["10", "266", "13", "14"], Kind::Unavailable);
        // SQLITE_ERROR, _CONSTRAINT_UNIQUE, _CORRUPT.
        check_codes(&["1", "2067", "11"], Kind::Defect);
    }

    #[test]
    fn lost_connection_is_database_unavailable() {
        check_driver_error(
            sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()),
            Reason::DatabaseUnavailable,
        );
        check_driver_error(sqlx::Error::PoolClosed, Reason::DatabaseUnavailable);
        check_driver_error(sqlx::Error::RowNotFound, Reason::Internal);

        let only_text = DbErr::Custom("connection closed, database is locked".to_owned());
        assert_eq!(Fault::from(StoreError::from(only_text)).reason(), Reason::Internal);
    }

    fn check_codes(codes: &[&str], want: Kind) {
        for code in codes {
            assert_eq!(kind_of_code(code), want, "{code}");
        }
    }

    fn check_driver_error(error: sqlx::Error, want: Reason) {
        let error = StoreError::from(DbErr::Query(RuntimeErr::SqlxError(error.into())));
        assert_eq!(Fault::from(error).reason(), want);
    }
}
