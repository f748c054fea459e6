//! The ordinary user with sub-ids that servers and rootless builds run as. Root makes one; anybody else is one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use anyhow::{Context as _, Result, ensure};
use nix::unistd::User;

use crate::cgroup::{self, Delegated};

const NAME: &str = "slipway-lab";
const ROOT_HOME: &str = "/var/lib/slipway-lab";
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Who runs things, and where they may lie.
#[derive(Debug, Clone)]
pub struct Ordinary {
    prefix: Vec<String>,
    home: PathBuf,
    delegated: Option<Arc<Delegated>>,
}

impl Ordinary {
    /// The caller, or a user made for it.
    ///
    /// # Errors
    /// When there is no user with sub-ids and none can be made.
    pub fn find() -> Result<Self> {
        if !nix::unistd::geteuid().is_root() {
            let user = std::env::var("USER").unwrap_or_default();
            let has_sub_ids = fs::read_to_string("/etc/subuid")
                .unwrap_or_default()
                .lines()
                .any(|line| line.starts_with(&format!("{user}:")));
            ensure!(
                has_sub_ids,
                "user `{user}` has no range in /etc/subuid; run: sudo usermod --add-subuids 200000-265535 --add-subgids 200000-265535 {user}"
            );
            let cache = std::env::var("XDG_CACHE_HOME").map_or_else(
                |_| PathBuf::from(std::env::var("HOME").unwrap_or_default()).join(".cache"),
                PathBuf::from,
            );
            let home = cache.join("slipway");
            fs::create_dir_all(&home)?;
            return Ok(Self { prefix: Vec::new(), home, delegated: None });
        }
        if User::from_name(NAME)?.is_none() {
            run(Command::new("useradd").args([
                "--create-home",
                "--home-dir",
                ROOT_HOME,
                "--shell",
                "/bin/sh",
                "--comment",
                "Slipway's test servers and builds",
                NAME,
            ]))?;
        }
        for file in ["/etc/subuid", "/etc/subgid"] {
            let text = fs::read_to_string(file).unwrap_or_default();
            if !text.lines().any(|line| line.starts_with(&format!("{NAME}:"))) {
                fs::write(file, format!("{text}{NAME}:524288:65536\n"))?;
            }
        }
        open_tun_device()?;
        let prefix = ["setpriv", "--reuid", NAME, "--regid", NAME, "--init-groups"]
            .map(str::to_owned)
            .to_vec();
        let user = User::from_name(NAME)?.with_context(|| format!("user `{NAME}` is gone"))?;
        let delegated = Delegated::enter(user.uid, user.gid)
            .inspect_err(|error| eprintln!("no control group for `{NAME}`: {error:#}"))
            .ok();
        Ok(Self { prefix, home: PathBuf::from(ROOT_HOME), delegated: delegated.map(Arc::new) })
    }

    /// Whether its builds can have control groups.
    pub fn has_control_groups(&self) -> bool {
        self.delegated.is_some() || cgroup::is_delegated()
    }

    /// Where its files lie; kept from run to run.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// A folder of the user's own below its home.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.home.join(name);
        fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
        self.own(&path)?;
        Ok(path)
    }

    /// An empty folder of the user's own; what was there is gone.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn empty_folder(&self, path: &Path) -> Result<()> {
        if path.exists() {
            fs::remove_dir_all(path).with_context(|| path.display().to_string())?;
        }
        fs::create_dir_all(path).with_context(|| path.display().to_string())?;
        self.own(path)
    }

    /// Gives a file or folder to the user.
    ///
    /// # Errors
    /// When it is not there.
    pub fn own(&self, path: &Path) -> Result<()> {
        if !self.prefix.is_empty()
            && let Some(user) = User::from_name(NAME)?
        {
            nix::unistd::chown(path, Some(user.uid), Some(user.gid))?;
        }
        Ok(())
    }

    /// A command as the user, with a clean environment.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut words: Vec<String> = self.prefix.clone();
        words.push(program.as_ref().display().to_string());
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", &self.home)
            .env(
                "USER",
                if self.prefix.is_empty() {
                    std::env::var("USER").unwrap_or_default()
                } else {
                    NAME.to_owned()
                },
            )
            .env("LC_ALL", "C.UTF-8")
            .current_dir(&self.home);
        command
    }

    /// The same inside a user namespace in which the user is root.
    pub fn mapped(&self, program: &str) -> Command {
        let mut command = self.command("unshare");
        command.args([
            "--user",
            "--map-root-user",
            "--map-auto",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            program,
        ]);
        command
    }
}

/// What udev does on an ordinary machine.
fn open_tun_device() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let device = Path::new("/dev/net/tun");
    if !device.exists() {
        fs::create_dir_all("/dev/net")?;
        run(Command::new("mknod").args(["/dev/net/tun", "c", "10", "200"]))?;
    }
    fs::set_permissions(device, fs::Permissions::from_mode(0o666)).context("/dev/net/tun")
}

pub(crate) fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
