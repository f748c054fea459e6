//! To `tonic::Status` with google.rpc details, and back. Both travel in headers, of which peers take 16 KiB in all.

use std::{collections::HashMap, error::Error as _};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{Fault, Kind, Reason, Violation};

/// `ErrorInfo.domain` of everything here.
pub const DOMAIN: &str = "slipway";
/// Encoded details at most. They hold the message once more, and base64 makes a third more of them.
const DETAILS_BYTES: usize = 6 * 1024;
/// Of a message, which is percent-encoded beside the details: up to three times as long.
const MESSAGE_BYTES: usize = 1_000;
/// Of one description or metadata value.
const TEXT_BYTES: usize = 500;
/// Of a field's path.
const FIELD_BYTES: usize = 200;
/// What the encoding adds to one violation, at most.
const FRAME_BYTES: usize = 16;
/// Characters of a caller's text that a message repeats.
const ECHO_CHARACTERS: usize = 100;

impl Fault {
    /// A caller's text as a message may repeat it: escaped, and at most 100 characters of it.
    pub fn echo(text: &str) -> String {
        let mut echo: String =
            text.chars().take(ECHO_CHARACTERS).flat_map(char::escape_default).collect();
        if text.chars().nth(ECHO_CHARACTERS).is_some() {
            echo.push('…');
        }
        echo
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
    /// Logs the cause chain, since here it ends.
    fn from(fault: Fault) -> Self {
        if let Some(cause) = fault.source() {
            tracing::warn!(
                error.reason = fault.reason().as_str(),
                error.cause = chain(cause),
                "call failed: {fault}"
            );
        }
        let (kind, reason) = (fault.reason().kind(), fault.reason().as_str());
        let message = within(fault.message(), MESSAGE_BYTES);
        let mut details = ErrorDetails::new();
        let metadata: HashMap<String, String> = fault
            .all_metadata()
            .iter()
            .map(|(key, value)| (key.clone(), within(value, TEXT_BYTES)))
            .collect();
        details.set_error_info(reason, DOMAIN, metadata);
        if let Some(delay) = fault.retry_after() {
            details.set_retry_info(Some(delay));
        }
        let taken = Self::with_error_details(kind.into(), message.as_str(), details.clone())
            .details()
            .len();
        for violation in fitting(&fault, DETAILS_BYTES.saturating_sub(taken)) {
            match kind {
                Kind::FailedPrecondition => details.add_precondition_failure_violation(
                    reason,
                    violation.field,
                    violation.description,
                ),
                Kind::ResourceExhausted => {
                    details.add_quota_failure_violation(violation.field, violation.description)
                }
                _ => details.add_bad_request_violation(violation.field, violation.description),
            };
        }
        if kind == Kind::ResourceExhausted && !details.has_quota_failure_violations() {
            details.add_quota_failure_violation(reason, message.as_str());
        }
        Self::with_error_details(kind.into(), message, details)
    }
}

/// The violations for which there is room; where some are left out, the last one says how many.
fn fitting(fault: &Fault, room: usize) -> Vec<Violation> {
    let all = fault.violations();
    let per_violation = FRAME_BYTES + fault.reason().as_str().len();
    // For the message that holds the violations, and for the last one.
    let mut room = room.saturating_sub(100 + per_violation + FIELD_BYTES);
    let mut kept = Vec::new();
    for violation in all {
        let violation = Violation {
            field: within(&violation.field, FIELD_BYTES),
            description: within(&violation.description, TEXT_BYTES),
        };
        let size = per_violation + violation.field.len() + violation.description.len();
        if size > room {
            let description = format!("and {} more", all.len() - kept.len());
            kept.push(Violation { field: violation.field, description });
            break;
        }
        room -= size;
        kept.push(violation);
    }
    kept
}

fn within(text: &str, bytes: usize) -> String {
    match text.len() <= bytes {
        true => text.to_owned(),
        false => format!("{}…", &text[..text.floor_char_boundary(bytes - '…'.len_utf8())]),
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
                Code::Unavailable | Code::Unknown => Self::new(
                    Reason::PermissionUnavailable,
                    "a service that this call needs cannot be reached; try again",
                )
                .cause(status),
                Code::DeadlineExceeded | Code::Cancelled => Self::new(
                    Reason::DeadlineExceeded,
                    "the call's time ran out; give it a longer deadline",
                )
                .cause(status),
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
            let sent = Fault::new(*reason, "what to do")
                .metadata("image", "a/b")
                .violation("name", "is empty");
            let status = Status::from(sent);
            assert_eq!(
                status.get_error_details().retry_info().is_some(),
                reason.kind() == Kind::Unavailable
            );
            let got = Fault::from(status);
            assert_eq!((got.reason(), got.message()), (*reason, "what to do"));
            assert_eq!(got.all_metadata(), [("image".to_owned(), "a/b".to_owned())]);
        }
    }

    /// As `(field or subject, description)`, of whichever kind.
    fn sent_violations(status: &Status) -> Vec<(String, String)> {
        let details = status.get_error_details();
        let fields = details.bad_request().into_iter().flat_map(|bad| &bad.field_violations);
        let preconditions =
            details.precondition_failure().into_iter().flat_map(|failure| &failure.violations);
        let quotas = details.quota_failure().into_iter().flat_map(|failure| &failure.violations);
        let mut sent: Vec<(String, String)> = fields
            .map(|violation| (violation.field.clone(), violation.description.clone()))
            .collect();
        sent.extend(
            preconditions
                .map(|violation| (violation.subject.clone(), violation.description.clone())),
        );
        sent.extend(
            quotas.map(|violation| (violation.subject.clone(), violation.description.clone())),
        );
        sent
    }

    #[test]
    fn a_thousand_violations_fit_into_the_headers() {
        for reason in
            [Reason::PackageLineRefused, Reason::PullSecretNotYetSupported, Reason::QueueFull]
        {
            for text in ["is refused", &"ä".repeat(5_000), ""] {
                let fault = Fault::new(reason, format!("1,000 lines are refused: {text}"))
                    .metadata("image", text)
                    .metadata("build", text);
                let fault = (0..1_000).fold(fault, |fault, line| {
                    fault.violation(format!("custom.spec.apt[{line}]"), text)
                });
                let status = Status::from(fault);
                assert!(status.details().len() <= DETAILS_BYTES, "{}", status.details().len());
                let sent = sent_violations(&status);
                let (last, shown) = sent.split_last().unwrap();
                assert!(shown.len() >= 3, "{shown:?}");
                assert_eq!(
                    last,
                    &(
                        format!("custom.spec.apt[{}]", shown.len()),
                        format!("and {} more", 1_000 - shown.len())
                    )
                );
                let response = status.into_http::<()>();
                let headers: usize = response
                    .headers()
                    .iter()
                    .map(|(name, value)| name.as_str().len() + value.len() + 32)
                    .sum();
                assert!(headers < 15 * 1024, "{headers} bytes of headers");
            }
        }
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
    fn echoes_are_short_and_plain() {
        let check = |text: &str, want: &str| assert_eq!(Fault::echo(text), want);
        check("vision/torch", "vision/torch");
        check("a\n\0\u{1b}[31m", "a\\n\\u{0}\\u{1b}[31m");
        check(&"x".repeat(100), &"x".repeat(100));
        check(&"x".repeat(101), &format!("{}…", "x".repeat(100)));
    }

    #[test]
    fn a_cause_is_never_sent() {
        let status = Status::from(Fault::internal("password=hunter2"));
        assert!(!format!("{status:?}").contains("hunter2"));
    }
}
