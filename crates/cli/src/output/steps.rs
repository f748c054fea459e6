//! The steps of a build on a terminal: finished, running and failed ones, with their times.

use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use slipway_wire::builder::v1::{Build, BuildState};

use crate::{
    build_state::has_ended,
    output::labels::{build_state, escape, failure_message},
};

const TICK_INTERVAL: Duration = Duration::from_millis(100);

pub(crate) struct StepList {
    spinner: ProgressBar,
    running: Option<Step>,
}

struct Step {
    state: BuildState,
    label: String,
}

impl StepList {
    /// `None` if nothing can be drawn: the target is not a terminal, or one for plain text only.
    pub(crate) fn new(target: ProgressDrawTarget) -> Option<Self> {
        let spinner = ProgressBar::with_draw_target(None, target);
        if spinner.is_hidden() {
            return None;
        }

        let style = ProgressStyle::with_template("{spinner} {msg}  {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        spinner.set_style(style);
        spinner.enable_steady_tick(TICK_INTERVAL);

        Some(Self { spinner, running: None })
    }

    /// Shows the build after a change.
    pub(crate) fn show(&mut self, build: &Build) {
        let next = (!has_ended(build)).then(|| Step::of(build));

        if next.is_none() || label(self.running.as_ref()) != label(next.as_ref()) {
            let outcome = outcome_line(self.running.as_ref(), build, self.spinner.elapsed());
            if let Some(line) = outcome {
                self.spinner.println(line);
            }

            match &next {
                Some(step) => {
                    self.spinner.set_message(step.label.clone());
                    self.spinner.reset_elapsed();
                }
                None => self.spinner.finish_and_clear(),
            }
        }

        self.running = next;
    }
}

impl Step {
    /// The current step of a build, or its state while it is in no step.
    fn of(build: &Build) -> Self {
        let state = build.state();
        let is_in_step =
            matches!(state, BuildState::Preparing | BuildState::Building | BuildState::Pushing)
                && !build.step.is_empty();

        let name = if is_in_step { escape(&build.step) } else { build_state(build).to_lowercase() };
        let label =
            if build.attempt > 1 { format!("{name} (attempt {})", build.attempt) } else { name };
        Self { state, label }
    }
}

fn label(step: Option<&Step>) -> Option<&str> {
    step.map(|step| step.label.as_str())
}

/// The line for the step that ran until this change of the build.
fn outcome_line(running: Option<&Step>, build: &Build, elapsed: Duration) -> Option<String> {
    let elapsed = HumanDuration(elapsed);

    match (running, stop_cause(running, build)) {
        (Some(step), None) => Some(format!("✓ {}  {elapsed:#}", step.label)),
        (Some(step), Some(cause)) => Some(format!("✗ {}  {elapsed:#}  {cause}", step.label)),
        (None, Some(cause)) => Some(format!("✗ {cause}")),
        (None, None) => None,
    }
}

/// Why the step did not finish; `None` if it finished.
fn stop_cause(running: Option<&Step>, build: &Build) -> Option<String> {
    let state = build.state();
    if matches!(state, BuildState::Failed | BuildState::TimedOut | BuildState::Expired) {
        return Some(failure_cause(build));
    }

    match (running?.state, state) {
        (BuildState::Cancelling, _) => None,
        (_, BuildState::Cancelling | BuildState::Cancelled) => Some("cancelled".to_owned()),
        (BuildState::Queued, _) => None,
        (_, BuildState::Queued) => Some(failure_cause(build)),
        _ => None,
    }
}

fn failure_cause(build: &Build) -> String {
    match &build.failure {
        Some(failure) => failure_message(failure),
        None => build_state(build).to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use slipway_wire::builder::v1::{BuildFailure, FailureReason};

    use super::*;

    fn build(state: BuildState, step: &str) -> Build {
        Build { state: state.into(), step: step.to_owned(), attempt: 1, ..Build::default() }
    }

    fn failed(state: BuildState) -> Build {
        let failure = BuildFailure {
            reason: FailureReason::AptFailed.into(),
            message: "no jq".to_owned(),
            ..BuildFailure::default()
        };
        Build { failure: Some(failure), ..build(state, "apt") }
    }

    fn check(before: Option<&Build>, after: &Build, want: Option<&str>) {
        let running = before.map(Step::of);
        let line = outcome_line(running.as_ref(), after, Duration::from_secs(3));
        assert_eq!(line.as_deref(), want);
    }

    #[test]
    fn finished_step_has_one_line() {
        let queued = build(BuildState::Queued, "");
        let apt = build(BuildState::Building, "apt");
        let pip = build(BuildState::Building, "pip");
        let pushing = build(BuildState::Pushing, "push");
        let succeeded = build(BuildState::Succeeded, "push");

        check(None, &queued, None);
        check(Some(&queued), &apt, Some("✓ queued  3s"));
        check(Some(&apt), &pip, Some("✓ apt  3s"));
        check(Some(&pushing), &succeeded, Some("✓ push  3s"));
        check(None, &succeeded, None);
    }

    #[test]
    fn stopped_step_has_one_line_with_the_cause() {
        let apt = build(BuildState::Building, "apt");
        let cancelling = build(BuildState::Cancelling, "apt");
        let cancelled = build(BuildState::Cancelled, "apt");
        let message = "✗ apt  3s  no jq [APT_FAILED]";

        check(Some(&apt), &failed(BuildState::Failed), Some(message));
        check(Some(&apt), &failed(BuildState::Queued), Some(message));
        check(None, &failed(BuildState::Failed), Some("✗ no jq [APT_FAILED]"));
        check(Some(&apt), &cancelling, Some("✗ apt  3s  cancelled"));
        check(Some(&cancelling), &cancelled, Some("✓ cancelling  3s"));
    }

    #[test]
    fn second_attempt_is_labelled() {
        let second = Build { attempt: 2, ..build(BuildState::Building, "apt") };
        assert_eq!(Step::of(&second).label, "apt (attempt 2)");
    }
}
