//! What is shown while somebody waits for a build: a list of its steps on a terminal, a plain line for each change in a pipe.
//!
//! Beside a document for programs it keeps to standard error.

use indicatif::ProgressDrawTarget;
use slipway_wire::builder::v1::{Build, BuildState};

use crate::{
    build::state_of,
    failure::Failure,
    output::{Output, escape},
    printer,
    steps::Steps,
};

pub(crate) struct Progress {
    is_aside: bool,
    steps: Option<Steps>,
}

impl Progress {
    pub(crate) fn new(output: &Output) -> Self {
        let is_aside = output.is_for_programs();
        let target =
            if is_aside { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::stdout() };
        Self { is_aside, steps: Steps::new(target) }
    }

    /// The build after a change.
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
        self.line(&format!("{:<10}{step}", state_of(build)))
    }

    /// What came out of it; a failure unless it succeeded. The list of steps has said why already.
    pub(crate) fn end(&self, build: &Build) -> Result<(), Failure> {
        match &build.failure {
            _ if build.state() == BuildState::Succeeded => self.line(&escape(&build.reference)),
            Some(failure) if self.steps.is_none() => Err(Failure::Ended(format!(
                "the build failed in step {}: {} [{}]",
                escape(&failure.step),
                escape(&failure.message),
                failure.reason
            ))),
            _ => Err(Failure::Ended(format!("the build is {}", state_of(build)))),
        }
    }

    fn line(&self, text: &str) -> Result<(), Failure> {
        match self.is_aside {
            true => {
                printer::tell(text);
                Ok(())
            }
            false => printer::line(text),
        }
    }
}
