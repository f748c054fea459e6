//! To `tonic::Status` with google.rpc details, and back.

use std::{collections::HashMap, error::Error as _};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{Fault, Kind, Reason};

/// `ErrorInfo.domain` of everything here.
pub const DOMAIN: &str = "slipway";

impl From<Kind> for Code {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::InvalidArgument => Self::InvalidArgument,
            Kind::Unauthenticated => Self::Unauthenticated,
            Kind::PermissionDenied => Self::PermissionDenied,
            Kind::NotFound => Self::NotFound,
            Kind::AlreadyExists => Self::AlreadyExists,
            Kind::FailedPrecondition => Self::FailedPrecondition,
            Kind::Aborted => Self::Aborted,
            Kind::ResourceExhausted => Self::ResourceExhausted,
            Kind::Unavailable => Self::Unavailable,
            Kind::DeadlineExceeded => Self::DeadlineExceeded,
            Kind::Internal => Self::Internal,
        }
    }
}

impl From<Fault> for Status {
    /// Logs the cause chain, since here it ends.
    fn from(fault: Fault) -> Self {
        if let Some(cause) = fault.source() {
            tracing::warn!(error.reason = fault.reason().as_str(), error.cause = chain(cause), "call failed: {fault}");
        }
        let mut details = ErrorDetails::new();
        let metadata: HashMap<String, String> = fault.all_metadata().iter().cloned().collect();
        details.set_error_info(fault.reason().as_str(), DOMAIN, metadata);
        for violation in fault.violations() {
            match fault.reason().kind() {
                Kind::FailedPrecondition => {
                    details.add_precondition_failure_violation(fault.reason().as_str(), &violation.field, &violation.description)
                }
                _ => details.add_bad_request_violation(&violation.field, &violation.description),
            };
        }
        if let Some(delay) = fault.retry_after() {
            details.set_retry_info(Some(delay));
        }
        if fault.reason().kind() == Kind::ResourceExhausted {
            details.add_quota_failure_violation(fault.reason().as_str(), fault.message());
        }
        Self::with_error_details(fault.reason().kind().into(), fault.message(), details)
    }
}

/// An error and its causes, the outermost first.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// What the other side of a call said, or why it could not be asked.
impl From<Status> for Fault {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().filter(|info| info.domain == DOMAIN);
        let Some(reason) = info.and_then(|info| Reason::parse(&info.reason)) else {
            return match status.code() {
                Code::Unavailable | Code::Unknown => {
                    Self::new(Reason::PermissionUnavailable, "a service that this call needs cannot be reached; try again").cause(status)
                }
                Code::DeadlineExceeded | Code::Cancelled => {
                    Self::new(Reason::DeadlineExceeded, "the call's time ran out; give it a longer deadline").cause(status)
                }
                _ => Self::internal(status),
            };
        };
        let mut fault = Self::new(reason, status.message());
        for (key, value) in info.into_iter().flat_map(|info| &info.metadata) {
            fault = fault.metadata(key, value);
        }
        for violation in details.bad_request().into_iter().flat_map(|bad| &bad.field_violations) {
            fault = fault.violation(&violation.field, &violation.description);
        }
        fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_from_the_wire() {
        for reason in Reason::ALL {
            let sent = Fault::new(*reason, "what to do").metadata("image", "a/b").violation("name", "is empty");
            let status = Status::from(sent);
            assert_eq!(status.get_error_details().retry_info().is_some(), reason.kind() == Kind::Unavailable);
            let got = Fault::from(status);
            assert_eq!((got.reason(), got.message()), (*reason, "what to do"));
            assert_eq!(got.all_metadata(), [("image".to_owned(), "a/b".to_owned())]);
        }
    }

    #[test]
    fn a_cause_is_never_sent() {
        let status = Status::from(Fault::internal("password=hunter2"));
        assert!(!format!("{status:?}").contains("hunter2"));
    }
}
