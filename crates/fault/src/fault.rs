//! One failure: its reason, a sentence for people, details for programs, and a cause that stays inside.

use std::{error::Error, fmt, time::Duration};

use crate::{Kind, Reason};

/// One field that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, such as `custom.spec.apt[3]`.
    pub field: String,
    /// What is wrong and what would do.
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
    /// `message` says what happened, to what, and what to do. It is sent: no secret, no internal cause.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        let retry_after = (reason.kind() == Kind::Unavailable).then_some(Duration::from_secs(1));
        Self(Box::new(Inner {
            reason,
            message: message.into(),
            metadata: Vec::new(),
            violations: Vec::new(),
            retry_after,
            cause: None,
        }))
    }

    /// One field breaks its rule.
    pub fn field(field: impl Into<String>, description: impl fmt::Display) -> Self {
        let field = field.into();
        Self::new(Reason::FieldInvalid, format!("{field} {description}"))
            .violation(field, description)
    }

    /// Slipway's own fault; the cause is logged, not sent.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Reason::Internal, "something went wrong inside Slipway; the service's log tells what, under this call's request id").cause(cause)
    }

    /// Adds a field that is wrong.
    #[must_use]
    pub fn violation(mut self, field: impl Into<String>, description: impl fmt::Display) -> Self {
        self.0
            .violations
            .push(Violation { field: field.into(), description: description.to_string() });
        self
    }

    /// Adds a fact for programs.
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

    /// The reason.
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Facts for programs.
    pub fn all_metadata(&self) -> &[(String, String)] {
        &self.0.metadata
    }

    /// Fields that are wrong.
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// When trying again makes sense.
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
