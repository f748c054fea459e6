//! Values of messages as people read them.

use chrono::{DateTime, SecondsFormat, Utc};
use slipway_wire::builder::v1::{Build, BuildFailure};

/// Makes control characters visible, so that text from a service cannot control the terminal.
/// Line feeds and tabs stay.
pub(crate) fn escape(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() && character != '\n' && character != '\t' {
                character.escape_default().to_string()
            } else {
                character.to_string()
            }
        })
        .collect()
}

/// `IMAGE_TYPE_CPU` as `CPU`; empty for the unspecified value.
pub(crate) fn enum_label(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).replace("UNSPECIFIED", "")
}

/// RFC 3339 in UTC, to the second.
pub(crate) fn format_time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(crate) fn build_state(build: &Build) -> String {
    enum_label(build.state().as_str_name(), "BUILD_STATE_")
}

/// The failure in one line; empty if there is none.
pub(crate) fn failure_summary(failure: Option<&BuildFailure>) -> String {
    let Some(failure) = failure else { return String::new() };

    let reason = failure_reason(failure);
    let text = format!("{reason} in step {}: {}", failure.step, failure.message);
    text.trim_start().to_owned()
}

/// `The message. [REASON]`; the message alone if the reason is newer than the service.
pub(crate) fn failure_message(failure: &BuildFailure) -> String {
    let message = escape(&failure.message);
    let reason = failure_reason(failure);

    if reason.is_empty() { message } else { format!("{message} [{reason}]") }
}

fn failure_reason(failure: &BuildFailure) -> String {
    enum_label(failure.reason().as_str_name(), "FAILURE_REASON_")
}

#[cfg(test)]
mod tests {
    use slipway_wire::builder::v1::FailureReason;

    use super::*;

    #[test]
    fn failure_names_its_reason_unless_it_is_unknown() {
        let failure = |reason: FailureReason| BuildFailure {
            reason: reason.into(),
            step: "apt".to_owned(),
            message: "no jq".to_owned(),
            ..BuildFailure::default()
        };

        let known = failure(FailureReason::AptFailed);
        assert_eq!(failure_summary(Some(&known)), "APT_FAILED in step apt: no jq");
        assert_eq!(failure_message(&known), "no jq [APT_FAILED]");

        let unknown = failure(FailureReason::Unspecified);
        assert_eq!(failure_summary(Some(&unknown)), "in step apt: no jq");
        assert_eq!(failure_message(&unknown), "no jq");
        assert_eq!(failure_summary(None), "");
    }
}
