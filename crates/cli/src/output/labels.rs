//! Values of messages as people read them.

use chrono::{DateTime, SecondsFormat, Utc};
use slipway_names::text::hidden_kind;
use slipway_wire::builder::v1::{Build, BuildFailure};

/// Makes hidden characters visible, so that text from a service can neither control the terminal
/// nor look like another text. Line feeds and tabs stay.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());

    for character in text.chars() {
        if hidden_kind(character).is_some() && !matches!(character, '\n' | '\t') {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
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

    #[test]
    fn hidden_characters_are_escaped() {
        for (text, want) in [
            ("a\nb\tc ü", "a\nb\tc ü"),
            ("\u{1b}[31m", "\\u{1b}[31m"),
            ("user\u{202e}txt.exe", "user\\u{202e}txt.exe"),
            ("vision\u{200b}", "vision\\u{200b}"),
            ("a\rb", "a\\rb"),
        ] {
            assert_eq!(escape(text), want);
        }
    }
}
