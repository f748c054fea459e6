//! The steps of a build on a terminal: what is done, what runs and for how long, what failed and why.

use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use slipway_wire::builder::v1::{Build, BuildState};

use crate::{
    build::{has_ended, state_of},
    output::escape,
};

const TICK: Duration = Duration::from_millis(100);

pub(crate) struct Steps {
    spinner: ProgressBar,
    running: Option<Step>,
}

struct Step {
    state: BuildState,
    label: String,
}

impl Steps {
    /// `None` where nothing can be drawn: in a pipe, or on a terminal that asks for plain text.
    pub(crate) fn new(target: ProgressDrawTarget) -> Option<Self> {
        let spinner = ProgressBar::with_draw_target(None, target);
        if spinner.is_hidden() {
            return None;
        }
        spinner.set_style(
            ProgressStyle::with_template("{spinner} {msg}  {elapsed}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        spinner.enable_steady_tick(TICK);
        Some(Self { spinner, running: None })
    }

    /// The build after a change.
    pub(crate) fn show(&mut self, build: &Build) {
        let next = (!has_ended(build)).then(|| Step::of(build));
        if label(self.running.as_ref()) != label(next.as_ref()) || next.is_none() {
            if let Some(line) = outcome(self.running.as_ref(), build, self.spinner.elapsed()) {
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
    fn of(build: &Build) -> Self {
        let state = build.state();
        let is_in_step =
            matches!(state, BuildState::Preparing | BuildState::Building | BuildState::Pushing)
                && !build.step.is_empty();
        let name = if is_in_step { escape(&build.step) } else { state_of(build).to_lowercase() };
        let label =
            if build.attempt > 1 { format!("{name} (attempt {})", build.attempt) } else { name };
        Self { state, label }
    }
}

fn label(step: Option<&Step>) -> Option<&str> {
    step.map(|step| step.label.as_str())
}

/// The line of the step that ran until this change of the build.
fn outcome(running: Option<&Step>, build: &Build, took: Duration) -> Option<String> {
    let took = HumanDuration(took);
    match (running, broken(running, build)) {
        (Some(step), None) => Some(format!("✓ {}  {took:#}", step.label)),
        (Some(step), Some(why)) => Some(format!("✗ {}  {took:#}  {why}", step.label)),
        (None, Some(why)) => Some(format!("✗ {why}")),
        (None, None) => None,
    }
}

/// Why the step that ran did not come to its end.
fn broken(running: Option<&Step>, build: &Build) -> Option<String> {
    let why = || match &build.failure {
        Some(failure) => format!("{} [{}]", escape(&failure.message), failure.reason),
        None => state_of(build).to_lowercase(),
    };
    match (running.map(|step| step.state), build.state()) {
        (_, BuildState::Failed | BuildState::TimedOut | BuildState::Expired) => Some(why()),
        (None | Some(BuildState::Cancelling), _) => None,
        (Some(_), BuildState::Cancelling | BuildState::Cancelled) => Some("cancelled".to_owned()),
        (Some(state), BuildState::Queued) if state != BuildState::Queued => Some(why()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use slipway_wire::builder::v1::BuildFailure;

    use super::*;

    fn build(state: BuildState, step: &str) -> Build {
        Build { state: state.into(), step: step.to_owned(), attempt: 1, ..Build::default() }
    }

    fn failed(state: BuildState) -> Build {
        let failure = BuildFailure {
            reason: "PACKAGE_NOT_FOUND".to_owned(),
            message: "no jq".to_owned(),
            ..BuildFailure::default()
        };
        Build { failure: Some(failure), ..build(state, "apt") }
    }

    fn check(before: Option<&Build>, after: &Build, want: Option<&str>) {
        let running = before.map(Step::of);
        assert_eq!(outcome(running.as_ref(), after, Duration::from_secs(3)).as_deref(), want);
    }

    #[test]
    fn each_step_has_its_line() {
        let apt = build(BuildState::Building, "apt");
        check(None, &build(BuildState::Queued, ""), None);
        check(Some(&build(BuildState::Queued, "")), &apt, Some("✓ queued  3s"));
        check(Some(&apt), &build(BuildState::Building, "pip"), Some("✓ apt  3s"));
        check(
            Some(&build(BuildState::Pushing, "push")),
            &build(BuildState::Succeeded, "push"),
            Some("✓ push  3s"),
        );
        check(
            Some(&apt),
            &failed(BuildState::Failed),
            Some("✗ apt  3s  no jq [PACKAGE_NOT_FOUND]"),
        );
        check(
            Some(&apt),
            &failed(BuildState::Queued),
            Some("✗ apt  3s  no jq [PACKAGE_NOT_FOUND]"),
        );
        check(Some(&apt), &build(BuildState::Cancelling, "apt"), Some("✗ apt  3s  cancelled"));
        check(
            Some(&build(BuildState::Cancelling, "apt")),
            &build(BuildState::Cancelled, "apt"),
            Some("✓ cancelling  3s"),
        );
        check(None, &failed(BuildState::Failed), Some("✗ no jq [PACKAGE_NOT_FOUND]"));
        check(None, &build(BuildState::Succeeded, "push"), None);
    }

    #[test]
    fn a_later_attempt_says_so() {
        let again = Build { attempt: 2, ..build(BuildState::Building, "apt") };
        assert_eq!(Step::of(&again).label, "apt (attempt 2)");
    }
}
