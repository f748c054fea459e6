//! Processes that end with their holder, and that the next start finds when the holder was killed.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};

/// A server of ours, in a process group of its own.
#[derive(Debug)]
pub struct Server {
    child: Child,
    record: PathBuf,
    log: PathBuf,
    keep: bool,
}

impl Server {
    /// Starts it, its output in `<records>/<name>.log`.
    ///
    /// # Errors
    /// When it cannot be started.
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
        let record = records.join(format!("{name}.pid"));
        fs::write(&record, format!("{} {}", child.id(), started(child.id()).unwrap_or_default()))?;
        Ok(Self { child, record, log, keep: false })
    }

    /// Its process id, which is also its group's.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything it said.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until `ready` says so; fails with its log when it ends before, or takes too long.
    ///
    /// # Errors
    /// When it does not get ready.
    pub fn wait_until(
        &mut self,
        what: &str,
        patience: Duration,
        mut ready: impl FnMut() -> bool,
    ) -> Result<()> {
        let began = Instant::now();
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{what} ended with {status}:\n{}", self.log());
            }
            if began.elapsed() > patience {
                bail!("{what} was not ready in {} s:\n{}", patience.as_secs(), self.log());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Lets it run when the holder ends; `clean` ends it.
    pub fn keep(mut self) {
        self.keep = true;
    }

    /// SIGKILL to the process alone, as a crash: what it started has to notice by itself.
    pub fn crash(&mut self) {
        let _ = kill(pid(self.child.id()), Signal::SIGKILL);
        let _ = self.child.wait();
    }

    /// SIGKILL to the group.
    pub fn kill(&mut self) {
        let _ = killpg(pid(self.child.id()), Signal::SIGKILL);
        let _ = self.child.wait();
    }

    /// Sends a signal to the process alone.
    pub fn signal(&self, signal: Signal) {
        let _ = kill(pid(self.child.id()), signal);
    }

    /// Waits for its end.
    pub fn wait(&mut self, patience: Duration) -> bool {
        let began = Instant::now();
        while began.elapsed() < patience {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        let _ = killpg(pid(self.child.id()), Signal::SIGTERM);
        if !self.wait(Duration::from_secs(10)) {
            let _ = killpg(pid(self.child.id()), Signal::SIGKILL);
            let _ = self.child.wait();
        }
        let _ = killpg(pid(self.child.id()), Signal::SIGKILL);
        let _ = fs::remove_file(&self.record);
    }
}

/// Ends every recorded process that still is the one that was recorded. Returns their names.
///
/// # Errors
/// When the records cannot be read.
pub fn clean(records: &Path) -> Result<Vec<String>> {
    let mut ended = Vec::new();
    let Ok(entries) = fs::read_dir(records) else { return Ok(ended) };
    for path in entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pid"))
    {
        let text = fs::read_to_string(&path)?;
        if let Some((id, start)) = text.split_once(' ')
            && let Ok(id) = id.parse::<u32>()
            && started(id).as_deref() == Some(start)
        {
            let _ = killpg(pid(id), Signal::SIGTERM);
            let began = Instant::now();
            while started(id).as_deref() == Some(start) && began.elapsed() < Duration::from_secs(5)
            {
                std::thread::sleep(Duration::from_millis(50));
            }
            let _ = killpg(pid(id), Signal::SIGKILL);
            ended.push(path.file_stem().unwrap_or_default().to_string_lossy().into_owned());
        }
        fs::remove_file(&path)?;
    }
    Ok(ended)
}

/// Below the range from which outgoing connections take theirs, so that none of them can be in the way later.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// Given out so far by this process; none is given twice.
static GIVEN: AtomicU16 = AtomicU16::new(0);

/// A port that nobody listens on.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16> {
    free_ports(1)
}

/// The first of `count` ports in a row that nobody listens on.
///
/// # Errors
/// When there are none.
pub fn free_ports(count: u16) -> Result<u16> {
    let room = PORTS.end - PORTS.start - count;
    // Processes that run at the same time begin at different places.
    let offset = u16::try_from(std::process::id().wrapping_mul(37) % u32::from(room))?;
    for _ in 0..500 {
        let given = GIVEN.fetch_add(count, Ordering::Relaxed);
        let first =
            PORTS.start + u16::try_from((u32::from(offset) + u32::from(given)) % u32::from(room))?;
        if (first..first + count).all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
        {
            return Ok(first);
        }
    }
    bail!("no {count} free ports in a row")
}

/// Whether somebody listens there.
pub fn listens(port: u16) -> bool {
    TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), Duration::from_millis(200))
        .is_ok()
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).unwrap_or(i32::MAX))
}

/// When the process started, in clock ticks since boot (proc(5), stat, field 22); zombies do not count.
fn started(id: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}
