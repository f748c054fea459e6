//! Why a command failed, and the exit code for it.

use std::{error::Error as _, fmt, process::ExitCode};

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

pub(crate) enum Failure {
    /// The arguments, the profile file or a request file are wrong.
    Usage(String),
    /// A service returned an error, or could not be reached.
    Status(Box<Status>),
    /// The command did not succeed: the build failed, or a result could not be written.
    Failed(String),
    /// The reader of standard output closed it, as `head` does. Nothing is printed.
    BrokenPipe {
        /// Whether the command had more to do than to print; the exit code is then 1, else 0.
        is_incomplete: bool,
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

    /// Marks a broken pipe as incomplete work; other failures stay as they are.
    pub(crate) fn with_work_left(self) -> Self {
        match self {
            Self::BrokenPipe { .. } => Self::BrokenPipe { is_incomplete: true },
            failure => failure,
        }
    }

    pub(crate) fn is_quiet(&self) -> bool {
        matches!(self, Self::BrokenPipe { .. })
    }

    /// Whether the same call may succeed later: the service did not answer, or the connection
    /// broke. Only a status that tonic made from a transport error has a source.
    pub(crate) fn is_transient(&self) -> bool {
        let Self::Status(status) = self else { return false };

        matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded)
            || status.source().is_some()
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::Failed(_) => 1,
            Self::BrokenPipe { is_incomplete } => u8::from(*is_incomplete),
            Self::Status(_) if self.is_transient() => 5,
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
            Self::Usage(message) | Self::Failed(message) => write!(formatter, "slipway: {message}"),
            Self::BrokenPipe { .. } => Ok(()),
            Self::Status(status) => write_status(status, formatter),
        }
    }
}

/// Writes the message and its reason. The message covers one field violation; several violations
/// are listed below it.
fn write_status(status: &Status, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let details = status.get_error_details();
    let reason = details
        .error_info()
        .map_or_else(|| format!("{:?}", status.code()), |info| info.reason.clone());
    write!(formatter, "slipway: {} [{reason}]", status.message())?;

    let violations =
        details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
    if violations.len() > 1 {
        for violation in violations {
            write!(formatter, "\n  {}: {}", violation.field, violation.description)?;
        }
    }
    Ok(())
}
