//! Running one command of an attempt: its output into the log, its end with the future.

use std::{io, path::Path, process::Stdio, time::Duration};

use slipway_fault::Fault;
use tokio::{io::AsyncReadExt as _, net::unix::pipe, process::Command, time::timeout};

use super::{Attempt, HELPER_PATIENCE, cgroup::Group, namespaces};
use crate::{
    app::LogSink,
    domain::failure::{Failure, FailureReason},
};

const BUFFER: usize = 64 * 1024;
const TICK: Duration = Duration::from_millis(150);

/// A command with nothing of our environment; dropping its child ends the whole tree.
pub(super) fn command(arguments: &[String], attempt: &Path) -> Command {
    let mut command = Command::new(&arguments[0]);
    command
        .args(&arguments[1..])
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", attempt)
        .env("XDG_RUNTIME_DIR", attempt.join("run"))
        .env("TMPDIR", attempt.join("tmp"))
        .current_dir(attempt)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs to the end over one of the attempt's storage files; the exit code, `None` when a signal ended it.
pub(super) async fn run(
    arguments: Vec<String>,
    attempt: &Path,
    storage: &str,
    log: &mut LogSink,
    on_line: impl Fn(&[u8]) -> Option<&'static str> + Send + Copy,
    idle: Duration,
) -> Result<Option<i32>, Failure> {
    let broken = |step: &str, error: &dyn std::fmt::Display| {
        Failure::new(
            FailureReason::ExecutorFailed,
            step,
            format!("the builder could not run its tools: {error}"),
        )
    };
    let spawned = (|| {
        let (reader, writer) = std::io::pipe()?;
        let mut command = command(&arguments, attempt);
        command
            .env("CONTAINERS_STORAGE_CONF", attempt.join(storage))
            .stdout(writer.try_clone()?)
            .stderr(writer);
        Ok::<_, std::io::Error>((command.spawn()?, pipe::Receiver::from_owned_fd(reader.into())?))
    })();
    let (mut child, mut output) = spawned.map_err(|error| broken(log.step(), &error))?;
    let mut buffer = vec![0; BUFFER];
    let mut silent = Duration::ZERO;
    let lost = |step: &str, fault: &Fault| {
        Failure::new(
            FailureReason::ExecutorFailed,
            step,
            format!("the log could not be stored: {fault}"),
        )
    };
    loop {
        match timeout(TICK, output.read(&mut buffer)).await {
            Ok(Ok(0)) => break,
            Ok(Ok(count)) => {
                silent = Duration::ZERO;
                let written = log.write(&buffer[..count], on_line).await;
                written.map_err(|fault| lost(log.step(), &fault))?;
            }
            Ok(Err(error)) => return Err(broken(log.step(), &error)),
            Err(_) => {
                silent += TICK;
                let ticked = log.tick().await;
                ticked.map_err(|fault| lost(log.step(), &fault))?;
                if silent > idle {
                    return Err(Failure::new(
                        FailureReason::IdleTooLong,
                        log.step(),
                        format!("the step printed nothing for {} s", idle.as_secs()),
                    ));
                }
            }
        }
    }
    let status = child.wait().await.map_err(|error| broken(log.step(), &error))?;
    Ok(status.code())
}

/// Ends what still runs in the attempt's group, and removes its files, which belong to the user namespace.
pub(super) async fn remove(Attempt { folder, group }: &Attempt) {
    let arguments = namespaces::outside(
        &Group::NONE,
        &["rm", "-rf", "--", &folder.display().to_string()].map(str::to_owned),
    );
    // Processes that were killed a moment ago may still hold mounts.
    for pause in [0, 50, 200, 1_000] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let ended = group.remove();
        let parent = folder.parent().unwrap_or(folder);
        let _ = timeout(
            HELPER_PATIENCE,
            command(&arguments, parent).stdout(Stdio::null()).stderr(Stdio::null()).status(),
        )
        .await;
        if ended && !folder.exists() {
            return;
        }
    }
    tracing::warn!(attempt.folder = %folder.display(), "could not be cleared; the reaper tries again at the next start");
}

/// Bytes below a folder; `None` when they are too many files to be counted in time.
pub(super) async fn disk_usage(folder: &Path) -> io::Result<Option<u64>> {
    let arguments = namespaces::outside(
        &Group::NONE,
        &["du", "-s", "--block-size=1", &folder.display().to_string()].map(str::to_owned),
    );
    let Ok(output) = timeout(HELPER_PATIENCE, command(&arguments, folder).output()).await else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&output?.stdout).into_owned();
    let bytes = text.split_whitespace().next().and_then(|bytes| bytes.parse().ok());
    bytes.map(Some).ok_or_else(|| io::Error::other("du said nothing"))
}
