//! What went wrong, as the service said it, and the exit code that goes with it.

use std::{fmt, process::ExitCode};

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

pub(crate) enum Failure {
    /// What was typed.
    Usage(String),
    /// What a service answered.
    Status(Box<Status>),
    /// What was waited for ended badly.
    Ended(String),
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::Ended(_) => 1,
            Self::Status(status) => match status.code() {
                Code::NotFound => 3,
                Code::PermissionDenied | Code::Unauthenticated => 4,
                Code::Unavailable | Code::DeadlineExceeded => 5,
                _ => 1,
            },
        })
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Status(Box::new(status))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Ended(message) => write!(formatter, "slipway: {message}"),
            Self::Status(status) => {
                let details = status.get_error_details();
                let reason = details.error_info().map_or_else(|| format!("{:?}", status.code()), |info| info.reason.clone());
                write!(formatter, "slipway: {} [{reason}]", status.message())?;
                let violations = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
                if violations.len() > 1 {
                    for violation in violations {
                        write!(formatter, "\n  {}: {}", violation.field, violation.description)?;
                    }
                }
                Ok(())
            }
        }
    }
}
