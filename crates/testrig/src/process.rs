//! Server processes. Each ends when its owner is dropped, and is recorded in a file, so that the
//! next start can end it if the owner was killed.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};

const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Between SIGTERM and SIGKILL when the owner is dropped.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// Between SIGTERM and SIGKILL when a recorded process is cleaned.
const CLEAN_TIMEOUT: Duration = Duration::from_secs(5);

/// A server in a process group of its own.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// The file of the record. The next server of the same name overwrites it.
    record_file: PathBuf,
    record: String,
    log: PathBuf,
    is_kept: bool,
}

impl Server {
    /// Starts a server with its output in `<records>/<name>.log`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(name: &str, mut command: Command, records: &Path) -> Result<Self> {
        fs::create_dir_all(records)?;
        let log = records.join(format!("{name}.log"));
        let output = fs::File::create(&log)?;

        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("{command:?}"))?;

        let record_file = records.join(format!("{name}.pid"));
        let start_time = start_time(child.id()).unwrap_or_default();
        let record = format!("{} {start_time}", child.id());
        fs::write(&record_file, &record)?;

        Ok(Self { child, record_file, record, log, is_kept: false })
    }

    /// The process id, which is also the id of the process group.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The output up to now.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until `is_ready` returns true. `what` names the server in the error.
    ///
    /// # Errors
    /// If the process ends first or the timeout passes; the error contains the log.
    pub fn wait_until(
        &mut self,
        what: &str,
        timeout: Duration,
        mut is_ready: impl FnMut() -> bool,
    ) -> Result<()> {
        let began = Instant::now();

        while !is_ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{what} ended with {status}:\n{}", self.log());
            }
            if began.elapsed() > timeout {
                bail!("{what} was not ready within {} s:\n{}", timeout.as_secs(), self.log());
            }
            pause();
        }

        Ok(())
    }

    /// Leaves the process running after its owner ends; `clean` ends it.
    pub fn keep(mut self) {
        self.is_kept = true;
    }

    /// Sends SIGKILL to the process alone, as in a crash: its children must notice by themselves.
    pub fn crash(&mut self) {
        let _ = kill(pid(self.child.id()), Signal::SIGKILL);
        let _ = self.child.wait();
    }

    /// Sends SIGKILL to the process group.
    pub fn kill(&mut self) {
        let _ = killpg(pid(self.child.id()), Signal::SIGKILL);
        let _ = self.child.wait();
    }

    /// Sends a signal to the process alone.
    pub fn signal(&self, signal: Signal) {
        let _ = kill(pid(self.child.id()), signal);
    }

    /// Waits for the end of the process. Returns whether it ended within the timeout.
    pub fn wait(&mut self, timeout: Duration) -> bool {
        let began = Instant::now();

        while began.elapsed() < timeout {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return true;
            }
            pause();
        }

        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }

        let _ = killpg(pid(self.child.id()), Signal::SIGTERM);
        if !self.wait(STOP_TIMEOUT) {
            let _ = killpg(pid(self.child.id()), Signal::SIGKILL);
            let _ = self.child.wait();
        }

        // Ends the rest of the group.
        let _ = killpg(pid(self.child.id()), Signal::SIGKILL);

        // A restarted server has its own record in the file already.
        if fs::read_to_string(&self.record_file).is_ok_and(|record| record == self.record) {
            let _ = fs::remove_file(&self.record_file);
        }
    }
}

/// Ends every recorded process that still runs and removes its record. Returns the names of the
/// ended ones.
///
/// # Errors
/// If a record cannot be read or removed.
pub fn clean(records: &Path) -> Result<Vec<String>> {
    let mut ended = Vec::new();
    let Ok(entries) = fs::read_dir(records) else { return Ok(ended) };

    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_none_or(|extension| extension != "pid") {
            continue;
        }

        if end_recorded(&fs::read_to_string(&path)?) {
            ended.push(path.file_stem().unwrap_or_default().to_string_lossy().into_owned());
        }
        fs::remove_file(&path)?;
    }

    Ok(ended)
}

/// Ends the process of a record, `<id> <start time>`. Returns whether it was still running. The
/// start time protects another process that has the same id now.
fn end_recorded(record: &str) -> bool {
    let Some((id, recorded_start)) = record.split_once(' ') else { return false };
    let Ok(id) = id.parse::<u32>() else { return false };
    let is_running = || start_time(id).as_deref() == Some(recorded_start);
    if !is_running() {
        return false;
    }

    let _ = killpg(pid(id), Signal::SIGTERM);
    let began = Instant::now();
    while is_running() && began.elapsed() < CLEAN_TIMEOUT {
        pause();
    }
    let _ = killpg(pid(id), Signal::SIGKILL);

    true
}

/// Between two polls of a process.
#[expect(clippy::disallowed_methods, reason = "the caller polls a process with a deadline")]
fn pause() {
    sleep(POLL_INTERVAL);
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).unwrap_or(i32::MAX))
}

/// Start time of a process in clock ticks since boot (proc(5), stat, field 22). `None` if it has
/// ended or is a zombie.
fn start_time(id: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }

    fields.nth(18).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_of_a_restarted_server_outlives_the_killed_one() {
        let records = tempfile::TempDir::new().unwrap();
        let start = || {
            let mut command = Command::new("sleep");
            command.arg("60");
            Server::start("server", command, records.path()).unwrap()
        };
        let mut killed = start();
        killed.kill();

        let mut restarted = start();
        drop(killed);

        assert_eq!(clean(records.path()).unwrap(), ["server"]);
        assert!(restarted.wait(STOP_TIMEOUT));
    }
}
