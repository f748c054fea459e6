//! Fault to gRPC status, with google.rpc details.
//!
//! The message and the details travel in HTTP headers; peers accept 16 KiB of headers in all.

use std::{collections::HashMap, error::Error as _};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{Fault, Kind, Reason, Violation};

/// `ErrorInfo.domain` of every fault.
pub const DOMAIN: &str = "slipway";

/// The largest size of the encoded details. They contain the message a second time, and base64 adds
/// a third to their size. Violations are left out to keep it; metadata never is, so a fault has few
/// keys.
const MAX_DETAILS_BYTES: usize = 6 * 1024;
/// The largest size of a message. It is percent-encoded beside the details, which can triple its
/// size.
const MAX_MESSAGE_BYTES: usize = 1_000;
/// The largest size of one description or metadata value.
const MAX_TEXT_BYTES: usize = 500;
/// The largest size of a field's path.
const MAX_FIELD_BYTES: usize = 200;
/// The largest overhead of the encoding for one violation.
const VIOLATION_OVERHEAD_BYTES: usize = 16;
/// The largest overhead of the encoding for the list of violations.
const LIST_OVERHEAD_BYTES: usize = 100;
/// The number of characters of the caller's text that a message quotes.
const MAX_QUOTE_CHARACTERS: usize = 100;

impl Fault {
    /// The caller's text in a form that is safe in a message: escaped, and at most 100 characters
    /// of it.
    pub fn quote_input(text: &str) -> String {
        let mut quote: String =
            text.chars().take(MAX_QUOTE_CHARACTERS).flat_map(char::escape_default).collect();

        if text.chars().nth(MAX_QUOTE_CHARACTERS).is_some() {
            quote.push('…');
        }
        quote
    }
}

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
    /// Logs the cause chain: the conversion is where a fault is handled.
    fn from(fault: Fault) -> Self {
        log_cause(&fault);

        let kind = fault.reason().kind();
        let reason = fault.reason().as_str();
        let message = truncate(fault.message(), MAX_MESSAGE_BYTES);

        let mut details = ErrorDetails::new();
        details.set_error_info(reason, DOMAIN, metadata_of(&fault));
        if let Some(delay) = fault.retry_after() {
            details.set_retry_info(Some(delay));
        }

        let used_bytes = Self::with_error_details(kind.into(), message.as_str(), details.clone())
            .details()
            .len();
        for violation in violations_within(&fault, MAX_DETAILS_BYTES.saturating_sub(used_bytes)) {
            add_violation(&mut details, fault.reason(), violation);
        }

        if kind == Kind::ResourceExhausted && !details.has_quota_failure_violations() {
            details.add_quota_failure_violation(reason, message.as_str());
        }

        Self::with_error_details(kind.into(), message, details)
    }
}

fn log_cause(fault: &Fault) {
    let Some(cause) = fault.source() else { return };

    tracing::warn!(
        error.reason = fault.reason().as_str(),
        error.cause = cause_chain(cause),
        "call failed: {fault}"
    );
}

fn metadata_of(fault: &Fault) -> HashMap<String, String> {
    fault
        .all_metadata()
        .iter()
        .map(|(key, value)| (key.clone(), truncate(value, MAX_TEXT_BYTES)))
        .collect()
}

fn add_violation(details: &mut ErrorDetails, reason: Reason, violation: Violation) {
    let Violation { field, description } = violation;

    match reason.kind() {
        Kind::FailedPrecondition => {
            details.add_precondition_failure_violation(reason.as_str(), field, description)
        }
        Kind::ResourceExhausted => details.add_quota_failure_violation(field, description),
        _ => details.add_bad_request_violation(field, description),
    };
}

/// The violations that fit into `room` bytes. When some are left out, one more violation has their
/// number.
fn violations_within(fault: &Fault, room: usize) -> Vec<Violation> {
    let all = fault.violations();
    let overhead = VIOLATION_OVERHEAD_BYTES + fault.reason().as_str().len();
    // Room for a last violation `and N more`, also when it is not needed.
    let reserve = LIST_OVERHEAD_BYTES + overhead + MAX_FIELD_BYTES;
    let mut budget = room.saturating_sub(reserve);

    let mut kept = Vec::new();
    for violation in all.iter().map(shortened) {
        let size = overhead + violation.field.len() + violation.description.len();
        if size > budget {
            let description = format!("and {} more", all.len() - kept.len());
            kept.push(Violation { description, ..violation });
            break;
        }

        budget -= size;
        kept.push(violation);
    }
    kept
}

fn shortened(violation: &Violation) -> Violation {
    Violation {
        field: truncate(&violation.field, MAX_FIELD_BYTES),
        description: truncate(&violation.description, MAX_TEXT_BYTES),
    }
}

fn truncate(text: &str, max_bytes: usize) -> String {
    if text.len() <= max_bytes {
        return text.to_owned();
    }

    let end = text.floor_char_boundary(max_bytes - '…'.len_utf8());
    format!("{}…", &text[..end])
}

/// The messages of an error and its causes, the outermost first.
fn cause_chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();

    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousand_violations_fit_into_the_headers() {
        for reason in
            [Reason::PackageLineRefused, Reason::PullSecretNotYetSupported, Reason::QueueFull]
        {
            for text in ["is refused", &"ä".repeat(5_000), ""] {
                check_thousand_violations(reason, text);
            }
        }
    }

    fn check_thousand_violations(reason: Reason, text: &str) {
        let fault = Fault::new(reason, format!("1,000 lines are refused: {text}"))
            .metadata("image", text)
            .metadata("build", text);
        let fault = (0..1_000)
            .fold(fault, |fault, line| fault.violation(format!("custom.spec.apt[{line}]"), text));

        let status = Status::from(fault);
        assert!(status.details().len() <= MAX_DETAILS_BYTES, "{}", status.details().len());

        let sent = sent_violations(&status);
        let (last, shown) = sent.split_last().unwrap();
        assert!(shown.len() >= 3, "{shown:?}");
        assert_eq!(last.0, format!("custom.spec.apt[{}]", shown.len()));
        assert_eq!(last.1, format!("and {} more", 1_000 - shown.len()));

        let response = status.into_http::<()>();
        let header_bytes: usize = response
            .headers()
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 32)
            .sum();
        assert!(header_bytes < 15 * 1024, "{header_bytes} bytes of headers");
    }

    #[test]
    fn few_violations_are_all_sent() {
        let fault = (0..3).fold(Fault::new(Reason::FieldInvalid, "x"), |fault, number| {
            fault.violation(format!("f[{number}]"), number)
        });
        let want: Vec<_> =
            (0..3).map(|number| (format!("f[{number}]"), number.to_string())).collect();
        assert_eq!(sent_violations(&Status::from(fault)), want);

        let status = Status::from(Fault::new(Reason::TooManyCalls, "at most 10 calls at once"));
        assert_eq!(
            sent_violations(&status),
            [("TOO_MANY_CALLS".to_owned(), "at most 10 calls at once".to_owned())]
        );
    }

    #[test]
    fn quoted_input_is_short_and_escaped() {
        check_quote("vision/torch", "vision/torch");
        check_quote("a\n\0\u{1b}[31m", "a\\n\\u{0}\\u{1b}[31m");
        check_quote(&"x".repeat(100), &"x".repeat(100));
        check_quote(&"x".repeat(101), &format!("{}…", "x".repeat(100)));
    }

    fn check_quote(text: &str, want: &str) {
        assert_eq!(Fault::quote_input(text), want);
    }

    #[test]
    fn a_cause_is_never_sent() {
        let status = Status::from(Fault::internal("password=hunter2"));
        assert!(!format!("{status:?}").contains("hunter2"));
    }

    /// `(field or subject, description)` of every violation, of whichever kind.
    fn sent_violations(status: &Status) -> Vec<(String, String)> {
        let details = status.get_error_details();
        let fields = details.bad_request().into_iter().flat_map(|bad| &bad.field_violations);
        let preconditions =
            details.precondition_failure().into_iter().flat_map(|failure| &failure.violations);
        let quotas = details.quota_failure().into_iter().flat_map(|failure| &failure.violations);

        let fields =
            fields.map(|violation| (violation.field.clone(), violation.description.clone()));
        let preconditions = preconditions
            .map(|violation| (violation.subject.clone(), violation.description.clone()));
        let quotas =
            quotas.map(|violation| (violation.subject.clone(), violation.description.clone()));

        fields.chain(preconditions).chain(quotas).collect()
    }
}
