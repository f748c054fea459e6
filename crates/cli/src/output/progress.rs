//! Progress of a build: a list of its steps on a terminal, a plain line for each change elsewhere.
//!
//! With JSON or YAML output, progress goes to standard error.

use indicatif::ProgressDrawTarget;
use slipway_wire::builder::v1::{Build, BuildState};

use crate::{
    failure::Failure,
    output::{
        Output,
        labels::{build_state, escape, failure_message},
        notifications::notify,
        stdout,
        steps::StepList,
    },
};

pub(crate) struct Progress {
    is_on_stderr: bool,
    steps: Option<StepList>,
}

impl Progress {
    pub(crate) fn new(output: &Output) -> Self {
        let is_on_stderr = output.is_for_programs();
        let target =
            if is_on_stderr { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::stdout() };

        Self { is_on_stderr, steps: StepList::new(target) }
    }

    /// Shows the build after a change.
    pub(crate) fn show(&mut self, build: &Build) -> Result<(), Failure> {
        if let Some(steps) = &mut self.steps {
            steps.show(build);
            return Ok(());
        }

        let step = if build.step.is_empty() {
            String::new()
        } else {
            format!("  {}", escape(&build.step))
        };
        self.write_line(&format!("{:<10}{step}", build_state(build)))
    }

    /// Shows the result of a build that has ended. Fails unless the build succeeded.
    pub(crate) fn finish(&self, build: &Build) -> Result<(), Failure> {
        if build.state() == BuildState::Succeeded {
            return self.write_line(&escape(&build.reference));
        }

        // The list of steps has shown the cause already.
        let Some(failure) = build.failure.as_ref().filter(|_| self.steps.is_none()) else {
            return Err(Failure::Failed(format!(
                "The build did not succeed; its state is {}.",
                build_state(build)
            )));
        };
        let step = if failure.step.is_empty() {
            String::new()
        } else {
            format!(" in step {}", escape(&failure.step))
        };
        Err(Failure::Failed(format!("The build failed{step}: {}", failure_message(failure))))
    }

    fn write_line(&self, text: &str) -> Result<(), Failure> {
        if self.is_on_stderr {
            notify(text);
            Ok(())
        } else {
            stdout::write_line(text)
        }
    }
}
