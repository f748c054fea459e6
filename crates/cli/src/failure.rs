//! What went wrong, as the service said it, and the exit code that goes with it.

use std::{error::Error as _, fmt, process::ExitCode};

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

pub(crate) enum Failure {
    /// What was typed.
    Usage(String),
    /// What a service answered, or that it did not.
    Status(Box<Status>),
    /// What was waited for ended badly.
    Ended(String),
    /// Whoever read the output has left; there is nobody to tell.
    Unread {
        /// 0 where nothing was left undone.
        code: u8,
    },
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Status::unavailable(message).into()
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Status::not_found(message).into()
    }

    /// The same, with something left undone where only the reader is missing.
    pub(crate) fn undone(self) -> Self {
        match self {
            Self::Unread { .. } => Self::Unread { code: 1 },
            failure => failure,
        }
    }

    pub(crate) fn is_quiet(&self) -> bool {
        matches!(self, Self::Unread { .. })
    }

    /// The same call may work in a moment: nobody answered, or the connection broke. A status that no service sent has a source.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Status(status) => {
                matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded)
                    || status.source().is_some()
            }
            _ => false,
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::Ended(_) => 1,
            Self::Unread { code } => *code,
            Self::Status(_) if self.is_passing() => 5,
            Self::Status(status) => match status.code() {
                Code::NotFound => 3,
                Code::PermissionDenied | Code::Unauthenticated => 4,
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
            Self::Unread { .. } => Ok(()),
            Self::Status(status) => {
                let details = status.get_error_details();
                let reason = details
                    .error_info()
                    .map_or_else(|| format!("{:?}", status.code()), |info| info.reason.clone());
                write!(formatter, "slipway: {} [{reason}]", status.message())?;
                let violations = details
                    .bad_request()
                    .map(|bad| bad.field_violations.as_slice())
                    .unwrap_or_default();
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
