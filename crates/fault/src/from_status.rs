//! gRPC status to fault: the fault that another service sent, or the fault of not reaching it.

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{DOMAIN, Fault, Reason, Violation};

impl From<Status> for Fault {
    /// The fault that another service sent. `DEPENDENCY_FAILED`, `DEADLINE_EXCEEDED` or `INTERNAL`
    /// for a status without a reason of ours.
    fn from(status: Status) -> Self {
        let Some(reason) = sent_reason(&status) else { return fault_without_reason(status) };
        let details = status.get_error_details();

        let mut fault = Self::new(reason, status.message());
        for (key, value) in details.error_info().into_iter().flat_map(|info| &info.metadata) {
            fault = fault.metadata(key, value);
        }
        for violation in received_violations(&details, reason) {
            fault = fault.violation(violation.field, violation.description);
        }
        fault
    }
}

/// The reason that a service of ours sent. `None` for a status of a proxy or of the connection, and
/// for a reason of a later version.
pub fn sent_reason(status: &Status) -> Option<Reason> {
    let details = status.get_error_details();
    let info = details.error_info().filter(|info| info.domain == DOMAIN)?;

    info.reason.parse().ok()
}

/// The violations of every kind. A fault has only those of its reason's kind.
fn received_violations(details: &ErrorDetails, reason: Reason) -> Vec<Violation> {
    let fields = details.bad_request().into_iter().flat_map(|bad| &bad.field_violations);
    let preconditions =
        details.precondition_failure().into_iter().flat_map(|failure| &failure.violations);
    // A quota failure that names only the reason stands for the whole fault.
    let quotas = details
        .quota_failure()
        .into_iter()
        .flat_map(|failure| &failure.violations)
        .filter(|violation| violation.subject != reason.as_str());

    let fields = fields.map(|violation| (&violation.field, &violation.description));
    let preconditions = preconditions.map(|violation| (&violation.subject, &violation.description));
    let quotas = quotas.map(|violation| (&violation.subject, &violation.description));

    fields
        .chain(preconditions)
        .chain(quotas)
        .map(|(field, description)| Violation {
            field: field.clone(),
            description: description.clone(),
        })
        .collect()
}

fn fault_without_reason(status: Status) -> Fault {
    match status.code() {
        Code::Unavailable | Code::Unknown => Fault::new(
            Reason::DependencyFailed,
            "A service that this call needs cannot be reached. Try again.",
        )
        .cause(status),
        Code::DeadlineExceeded | Code::Cancelled => Fault::new(
            Reason::DeadlineExceeded,
            "The call's deadline passed. Repeat the call with a longer deadline.",
        )
        .cause(status),
        _ => Fault::internal(status),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use strum::VariantArray as _;

    use super::*;
    use crate::Kind;

    #[test]
    fn every_reason_survives_the_conversion_to_status_and_back() {
        for reason in Reason::VARIANTS {
            let sent = Fault::new(*reason, "what to do")
                .metadata("image", "a/b")
                .violation("name", "is empty")
                .violation("spec.apt[1]", "is refused");
            let violations = sent.violations().to_vec();

            let status = Status::from(sent);
            assert_eq!(
                status.get_error_details().retry_info().is_some(),
                reason.kind() == Kind::Unavailable
            );

            let received = Fault::from(status);
            assert_eq!((received.reason(), received.message()), (*reason, "what to do"));
            assert_eq!(received.all_metadata(), [("image".to_owned(), "a/b".to_owned())]);
            assert_eq!(received.violations(), violations, "{reason:?}");
        }
    }

    #[test]
    fn fault_without_violations_is_received_without_violations() {
        for reason in Reason::VARIANTS {
            let received = Fault::from(Status::from(Fault::new(*reason, "what to do")));
            assert_eq!(received.violations(), [], "{reason:?}");
        }
    }

    #[test]
    fn status_without_a_reason_of_ours_is_a_failed_dependency() {
        check_without_reason(Code::Unavailable, Reason::DependencyFailed);
        check_without_reason(Code::Unknown, Reason::DependencyFailed);
        check_without_reason(Code::DeadlineExceeded, Reason::DeadlineExceeded);
        check_without_reason(Code::Cancelled, Reason::DeadlineExceeded);
        check_without_reason(Code::NotFound, Reason::Internal);
    }

    fn check_without_reason(code: Code, want: Reason) {
        let plain = Status::new(code, "no details");
        let foreign = with_reason(code, "NAME_TAKEN", "example.com");
        let unknown = with_reason(code, "REASON_OF_A_LATER_VERSION", DOMAIN);

        for status in [plain, foreign, unknown] {
            let message = status.message().to_owned();
            assert_eq!(Fault::from(status).reason(), want, "{code:?} {message}");
        }
    }

    fn with_reason(code: Code, reason: &str, domain: &str) -> Status {
        let details = ErrorDetails::with_error_info(reason, domain, HashMap::new());
        Status::with_error_details(code, format!("{domain}: {reason}"), details)
    }
}
