//! One failure: a reason, a message for people, details for programs, and a cause for the log.

use std::{error::Error, fmt, time::Duration};

use crate::{Kind, Reason};

const DEFAULT_RETRY_DELAY: Duration = Duration::from_secs(1);

/// One field that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, such as `custom.spec.apt[3]`.
    pub field: String,
    /// What is wrong, and what is accepted. It reads as the predicate of the field: "is empty".
    pub description: String,
}

/// A failure on its way to a caller or a queue.
#[derive(Debug)]
pub struct Fault(Box<Inner>);

#[derive(Debug)]
struct Inner {
    reason: Reason,
    message: String,
    metadata: Vec<(String, String)>,
    violations: Vec<Violation>,
    retry_after: Option<Duration>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    /// `message` says what happened, to which thing, and what to do next. It is sent to the caller:
    /// no secrets and no internal causes.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        let is_transient = reason.kind() == Kind::Unavailable;

        Self(Box::new(Inner {
            reason,
            message: message.into(),
            metadata: Vec::new(),
            violations: Vec::new(),
            retry_after: is_transient.then_some(DEFAULT_RETRY_DELAY),
            cause: None,
        }))
    }

    /// `FIELD_INVALID` for one field. The message is `<field> <description>`.
    pub fn field(field: impl Into<String>, description: impl fmt::Display) -> Self {
        let field = field.into();
        Self::new(Reason::FieldInvalid, format!("{field} {description}"))
            .violation(field, description)
    }

    /// A defect of Slipway; the cause is logged, not sent.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(
            Reason::Internal,
            "Slipway failed because of an internal error. The service's log has the cause under \
             this call's request id.",
        )
        .cause(cause)
    }

    /// Adds a field that breaks its rule.
    #[must_use]
    pub fn violation(mut self, field: impl Into<String>, description: impl fmt::Display) -> Self {
        self.0
            .violations
            .push(Violation { field: field.into(), description: description.to_string() });
        self
    }

    /// Adds an entry to `ErrorInfo.metadata`.
    #[must_use]
    pub fn metadata(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.0.metadata.push((key.to_owned(), value.to_string()));
        self
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub fn all_metadata(&self) -> &[(String, String)] {
        &self.0.metadata
    }

    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// How long to wait before repeating the call; set for `Kind::Unavailable` only.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.message)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}
