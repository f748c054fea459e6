//! Runs the steps of a demonstration and prints each with its title, command, output and outcome.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::workspace::run_by_line;

const BACKGROUND_TIMEOUT: Duration = Duration::from_secs(10);
const BACKGROUND_POLL_INTERVAL: Duration = Duration::from_millis(50);

#[derive(Default)]
pub(crate) struct Transcript {
    steps: Vec<(String, Duration)>,
}

/// What a command must show.
pub(crate) struct Expected<'a> {
    pub(crate) code: i32,
    pub(crate) text: &'a [&'a str],
}

impl Transcript {
    /// The number of the steps that have run.
    pub(crate) fn step_count(&self) -> usize {
        self.steps.len()
    }

    /// Runs the command, prints its output while it runs, and returns the output.
    pub(crate) fn run_step(
        &mut self,
        title: &str,
        command_line: &str,
        command: &mut Command,
        expected: &Expected<'_>,
    ) -> Result<String> {
        let start = Instant::now();
        self.print_start(title, command_line);
        let (code, text) = run_and_print(command)?;

        let is_expected =
            code == expected.code && expected.text.iter().all(|part| text.contains(part));
        let description = format!("`{}`, exit code {}", expected.text.join("`, `"), expected.code);
        self.finish_step(title, is_expected, &description, start)?;
        Ok(text)
    }

    /// Waits until `has_happened` is true, for at most [`BACKGROUND_TIMEOUT`].
    pub(crate) fn wait_for(
        &mut self,
        title: &str,
        command_line: &str,
        expected: &str,
        mut has_happened: impl FnMut() -> bool,
    ) -> Result<()> {
        let start = Instant::now();
        self.print_start(title, command_line);

        let mut is_expected = has_happened();
        #[expect(clippy::disallowed_methods, reason = "waits for a condition with a deadline")]
        while !is_expected && start.elapsed() < BACKGROUND_TIMEOUT {
            thread::sleep(BACKGROUND_POLL_INTERVAL);
            is_expected = has_happened();
        }

        self.finish_step(title, is_expected, expected, start)
    }

    /// Prints the duration of each finished step.
    pub(crate) fn print_table(&self) {
        println!("\n{:>4}  {:>8}  step", "", "seconds");
        for (number, (title, duration)) in self.steps.iter().enumerate() {
            println!("{:>4}  {:>8.1}  {title}", number + 1, duration.as_secs_f32());
        }
    }

    fn print_start(&self, title: &str, command_line: &str) {
        println!("\n── {} {title}\n$ {command_line}", self.steps.len() + 1);
    }

    fn finish_step(
        &mut self,
        title: &str,
        is_expected: bool,
        expected: &str,
        start: Instant,
    ) -> Result<()> {
        self.steps.push((title.to_owned(), start.elapsed()));
        if !is_expected {
            bail!("step {} `{title}` did not show {expected}", self.steps.len());
        }

        println!("✓ expected {expected}");
        Ok(())
    }
}

/// Prints standard output and standard error line by line. Returns the exit code, which is -1
/// after a signal, and the output.
fn run_and_print(command: &mut Command) -> Result<(i32, String)> {
    let mut text = String::new();
    let status = run_by_line(command, |line| {
        println!("{line}");
        text.push_str(line);
        text.push('\n');
    })?;

    Ok((status.code().unwrap_or(-1), text))
}

/// A command in the background. Its lines are printed between those of the steps.
pub(crate) struct BackgroundOutput {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl BackgroundOutput {
    /// Starts the command. `format_line` turns a line of its output into the line to print, or
    /// drops it.
    pub(crate) fn start(
        command: &mut Command,
        format_line: impl Fn(&str) -> Option<String> + Send + 'static,
    ) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let stdout = child.stdout.take().context("the child has no standard output")?;

        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = lines.clone();
        thread::spawn(move || {
            let output = BufReader::new(stdout).lines().map_while(Result::ok);
            for line in output.filter_map(|line| format_line(&line)) {
                println!("    ◂ {line}");
                sink.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });

        Ok(Self { child, lines })
    }

    /// Whether a line with this text has been printed.
    pub(crate) fn has_printed(&self, text: &str) -> bool {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().any(|line| line.contains(text))
    }
}

impl Drop for BackgroundOutput {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
