//! What a database error means to a caller: away, in conflict, or our fault. By its code alone: texts come in the server's language.

use sea_orm::{DbErr, RuntimeErr, sqlx};

use crate::{Fault, Reason};

impl From<DbErr> for Fault {
    fn from(error: DbErr) -> Self {
        match reason(&error) {
            Reason::DatabaseUnavailable => Self::new(
                Reason::DatabaseUnavailable,
                "the service's database cannot be reached; try again",
            )
            .cause(error),
            Reason::Conflict => {
                Self::new(Reason::Conflict, "two changes met; try again").cause(error)
            }
            _ => Self::internal(error),
        }
    }
}

fn reason(error: &DbErr) -> Reason {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Reason::DatabaseUnavailable,
        DbErr::Exec(RuntimeErr::SqlxError(source))
        | DbErr::Query(RuntimeErr::SqlxError(source)) => of_driver(source),
        _ => Reason::Internal,
    }
}

fn of_driver(error: &sqlx::Error) -> Reason {
    match error {
        sqlx::Error::Database(error) => of_code(&error.code().unwrap_or_default()),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => Reason::DatabaseUnavailable,
        _ => Reason::Internal,
    }
}

/// A SQLSTATE of five characters (PostgreSQL, appendix A), or an extended result code of SQLite: a shorter number, its lowest byte the primary code.
fn of_code(code: &str) -> Reason {
    if code.len() < 5 {
        return of_sqlite(code.parse::<u32>().unwrap_or_default() & 0xff);
    }
    match (code.get(..2).unwrap_or_default(), code) {
        // Serialization failure, deadlock.
        (_, "40001" | "40P01") => Reason::Conflict,
        // Lock not to be had in time, statement cancelled, server stopping, crashed or starting, sessions ended for idling.
        (_, "55P03" | "57014" | "57P01" | "57P02" | "57P03" | "57P05" | "25P03") => {
            Reason::DatabaseUnavailable
        }
        // Connection exceptions, insufficient resources.
        ("08" | "53", _) => Reason::DatabaseUnavailable,
        _ => Reason::Internal,
    }
}

fn of_sqlite(primary: u32) -> Reason {
    const BUSY: u32 = 5;
    const LOCKED: u32 = 6;
    const IOERR: u32 = 10;
    const FULL: u32 = 13;
    const CANTOPEN: u32 = 14;
    match primary {
        BUSY | LOCKED => Reason::Conflict,
        IOERR | FULL | CANTOPEN => Reason::DatabaseUnavailable,
        _ => Reason::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_decide() {
        let check = |codes: &[&str], want: Reason| {
            for code in codes {
                assert_eq!(of_code(code), want, "{code}");
            }
        };
        check(&["40001", "40P01"], Reason::Conflict);
        check(
            &["55P03", "57014", "57P01", "57P02", "57P03", "57P05", "25P03"],
            Reason::DatabaseUnavailable,
        );
        check(
            &["53000", "53100", "53200", "53300", "08000", "08003", "08006", "08P01"],
            Reason::DatabaseUnavailable,
        );
        check(
            &["23505", "42P01", "22021", "40002", "57000", "XX000", "", "words"],
            Reason::Internal,
        );
        // SQLITE_BUSY, _BUSY_RECOVERY, _BUSY_SNAPSHOT, _BUSY_TIMEOUT, _LOCKED, _LOCKED_SHAREDCACHE.
        check(&["5", "261", "517", "773", "6", "262"], Reason::Conflict);
        // SQLITE_IOERR, _IOERR_READ, _FULL, _CANTOPEN.
        check(&["10", "266", "13", "14"], Reason::DatabaseUnavailable);
        // SQLITE_ERROR, _CONSTRAINT_UNIQUE, _CORRUPT.
        check(&["1", "2067", "11"], Reason::Internal);
    }

    #[test]
    fn a_driver_without_a_connection_is_away() {
        let of = |error: sqlx::Error| {
            Fault::from(DbErr::Query(RuntimeErr::SqlxError(error.into()))).reason()
        };
        assert_eq!(
            of(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into())),
            Reason::DatabaseUnavailable
        );
        assert_eq!(of(sqlx::Error::PoolClosed), Reason::DatabaseUnavailable);
        assert_eq!(of(sqlx::Error::RowNotFound), Reason::Internal);
        assert_eq!(
            Fault::from(DbErr::Custom("connection closed, database is locked".to_owned())).reason(),
            Reason::Internal
        );
    }
}
