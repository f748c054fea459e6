//! Runs one command of an attempt: writes its output to the log, and kills it when its future is
//! dropped.

use std::{fmt::Display, io, path::Path, process::Stdio, time::Duration};

use tokio::{
    io::AsyncReadExt as _,
    net::unix::pipe,
    process::{Child, Command},
    time::timeout,
};

use super::{
    attempt::{Attempt, CONTAINERS_CONF},
    cgroup::Cgroup,
    command::CommandLine,
    namespaces,
};
use crate::{
    domain::{
        failure::{Failure, FailureReason},
        step::Step,
    },
    worker::{log_sink::LogSink, ports::CoordinatorError},
};

/// Longest run of a command that is not a part of a build: probes, measuring, clean-up.
pub(super) const HELPER_TIMEOUT: Duration = Duration::from_secs(60);

const READ_BUFFER_BYTES: usize = 64 * 1024;
/// While a command is silent, the log is flushed and the idle time is counted this often.
const READ_TIMEOUT: Duration = Duration::from_millis(150);

/// Delays before the tries to remove an attempt. Killed processes may hold mounts for a moment.
const REMOVE_DELAYS: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(50), Duration::from_millis(200), Duration::from_secs(1)];

const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The process to start, without the builder's environment. Dropping its child kills it and all
/// its descendants.
pub(super) fn tokio_command(command: &CommandLine, folder: &Path) -> Command {
    let words = command.words();
    let mut process = Command::new(&words[0]);
    process
        .args(&words[1..])
        .env_clear()
        .env("PATH", SEARCH_PATH)
        .env("HOME", folder)
        .env("XDG_RUNTIME_DIR", folder.join("run"))
        .env("TMPDIR", folder.join("tmp"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true);

    process
}

/// Runs the command until it ends. Returns the exit code, or `None` when a signal ended the
/// command.
///
/// `storage_conf` is the name of a file in `folder`: `BASES_STORAGE` or `ATTEMPT_STORAGE`.
///
/// `step_of_line` recognizes the output lines that begin a step.
pub(super) async fn run(
    command: &CommandLine,
    folder: &Path,
    storage_conf: &str,
    log: &mut LogSink,
    step_of_line: impl Fn(&[u8]) -> Option<Step> + Send + Copy,
    idle_timeout: Duration,
) -> Result<Option<i32>, Failure> {
    let (mut child, mut output) =
        spawn(command, folder, storage_conf).map_err(|error| tool_failure(log.step(), &error))?;

    copy_output(&mut output, log, step_of_line, idle_timeout).await?;

    let status = child.wait().await.map_err(|error| tool_failure(log.step(), &error))?;
    Ok(status.code())
}

/// Starts the command. Its standard output and standard error share one pipe, which keeps their
/// order.
fn spawn(
    command: &CommandLine,
    folder: &Path,
    storage_conf: &str,
) -> io::Result<(Child, pipe::Receiver)> {
    let (reader, writer) = io::pipe()?;

    // The pipe ends only when all writers are closed, `process`'s as well: it must not outlive
    // this function.
    let mut process = tokio_command(command, folder);
    process
        .env("CONTAINERS_CONF", folder.join(CONTAINERS_CONF))
        .env("CONTAINERS_STORAGE_CONF", folder.join(storage_conf))
        .stdout(writer.try_clone()?)
        .stderr(writer);

    Ok((process.spawn()?, pipe::Receiver::from_owned_fd(reader.into())?))
}

async fn copy_output(
    output: &mut pipe::Receiver,
    log: &mut LogSink,
    step_of_line: impl Fn(&[u8]) -> Option<Step> + Send + Copy,
    idle_timeout: Duration,
) -> Result<(), Failure> {
    let mut buffer = vec![0; READ_BUFFER_BYTES];
    let mut idle = Duration::ZERO;

    loop {
        let stored = match timeout(READ_TIMEOUT, output.read(&mut buffer)).await {
            Ok(Ok(0)) => return Ok(()),
            Ok(Ok(count)) => {
                idle = Duration::ZERO;
                log.write(&buffer[..count], step_of_line).await
            }
            Ok(Err(error)) => return Err(tool_failure(log.step(), &error)),
            Err(_) => {
                idle += READ_TIMEOUT;
                log.flush_if_due().await
            }
        };
        stored.map_err(|error| log_failure(log.step(), &error))?;

        if idle > idle_timeout {
            return Err(idle_failure(log.step(), idle_timeout));
        }
    }
}

/// Kills the processes of the attempt's cgroup, and removes the attempt's files. The files belong
/// to users of the user namespace, so the command runs in one.
pub(super) async fn remove(attempt: &Attempt) {
    let folder = &attempt.folder;
    let parent = folder.parent().unwrap_or(folder);
    let remove_files = namespaces::with_host_network(
        &Cgroup::NONE,
        CommandLine::new("rm").switch("-rf").argument("--").argument(folder.display().to_string()),
    );

    for delay in REMOVE_DELAYS {
        tokio::time::sleep(delay).await;
        let is_cgroup_removed = attempt.cgroup.remove();

        let mut process = tokio_command(&remove_files, parent);
        process.stdout(Stdio::null()).stderr(Stdio::null());
        let _ = timeout(HELPER_TIMEOUT, process.status()).await;

        if is_cgroup_removed && !folder.exists() {
            return;
        }
    }

    tracing::warn!(
        attempt.folder = %folder.display(),
        "could not remove the files of an attempt; retrying at the next start"
    );
}

fn tool_failure(step: Step, error: &dyn Display) -> Failure {
    let message = format!("The builder could not run its tools: {error}");
    Failure::new(FailureReason::ExecutorFailed, step, message)
}

fn log_failure(step: Step, error: &CoordinatorError) -> Failure {
    let message = format!("The builder could not store the log: {error}");
    Failure::new(FailureReason::ExecutorFailed, step, message)
}

fn idle_failure(step: Step, idle_timeout: Duration) -> Failure {
    let message = format!(
        "The step printed nothing for {} s, the maximum. Retry, or ask the operators to raise the \
         limit.",
        idle_timeout.as_secs()
    );
    Failure::new(FailureReason::IdleTooLong, step, message)
}
