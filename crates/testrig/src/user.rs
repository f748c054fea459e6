//! The unprivileged user with subordinate ids that runs servers and rootless builds: the caller, or
//! a user created by root.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use anyhow::{Context as _, Result, ensure};
use nix::unistd::User;

use crate::cgroup::{self, DelegatedCgroups};

/// The user that root creates.
const NAME: &str = "slipway-lab";
const HOME: &str = "/var/lib/slipway-lab";
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[derive(Debug, Clone)]
pub struct UnprivilegedUser {
    /// The command that switches to the user; empty if the caller is the user.
    switch_command: Vec<String>,
    home: PathBuf,
    cgroups: Option<Arc<DelegatedCgroups>>,
}

impl UnprivilegedUser {
    /// The caller if it is not root, else the user `slipway-lab`, which is created if it does not
    /// exist.
    ///
    /// # Errors
    /// If the caller has no subordinate ids, or the user cannot be created.
    pub fn find() -> Result<Self> {
        if nix::unistd::geteuid().is_root() { Self::create() } else { Self::caller() }
    }

    fn caller() -> Result<Self> {
        let user = env::var("USER").unwrap_or_default();
        ensure!(
            has_range("/etc/subuid", &user),
            "the user `{user}` has no range in /etc/subuid; run: sudo usermod \
             --add-subuids 200000-265535 --add-subgids 200000-265535 {user}"
        );

        let cache = match env::var("XDG_CACHE_HOME") {
            Ok(cache) => PathBuf::from(cache),
            Err(_) => PathBuf::from(env::var("HOME").unwrap_or_default()).join(".cache"),
        };
        let home = cache.join("slipway");
        fs::create_dir_all(&home)?;

        Ok(Self { switch_command: Vec::new(), home, cgroups: None })
    }

    fn create() -> Result<Self> {
        if User::from_name(NAME)?.is_none() {
            add_user()?;
        }
        for file in ["/etc/subuid", "/etc/subgid"] {
            if !has_range(file, NAME) {
                let text = fs::read_to_string(file).unwrap_or_default();
                fs::write(file, format!("{text}{NAME}:524288:65536\n"))?;
            }
        }
        open_tun_device()?;

        let user = User::from_name(NAME)?.with_context(|| format!("there is no user `{NAME}`"))?;
        let cgroups = DelegatedCgroups::enter(user.uid, user.gid)
            .inspect_err(|error| eprintln!("`{NAME}` has no control group: {error:#}"))
            .ok()
            .map(Arc::new);

        let switch_command = ["setpriv", "--reuid", NAME, "--regid", NAME, "--init-groups"];
        Ok(Self {
            switch_command: switch_command.map(str::to_owned).to_vec(),
            home: PathBuf::from(HOME),
            cgroups,
        })
    }

    /// Whether builds of the user can have control groups.
    pub fn has_control_groups(&self) -> bool {
        self.cgroups.is_some() || cgroup::is_delegated()
    }

    /// The folder of the user's files, kept from run to run.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// A folder below the home, created if it does not exist.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.home.join(name);
        fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
        self.give_ownership(&path)?;

        Ok(path)
    }

    /// Creates an empty folder of the user. An existing one is deleted first, with its contents.
    ///
    /// # Errors
    /// If it cannot be deleted or created.
    pub fn recreate_folder(&self, path: &Path) -> Result<()> {
        if path.exists() {
            fs::remove_dir_all(path).with_context(|| path.display().to_string())?;
        }
        fs::create_dir_all(path).with_context(|| path.display().to_string())?;

        self.give_ownership(path)
    }

    /// Makes the user the owner of a file or folder.
    ///
    /// # Errors
    /// If it does not exist.
    pub fn give_ownership(&self, path: &Path) -> Result<()> {
        if !self.switch_command.is_empty()
            && let Some(user) = User::from_name(NAME)?
        {
            nix::unistd::chown(path, Some(user.uid), Some(user.gid))?;
        }

        Ok(())
    }

    /// A command that runs as the user with a clean environment.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut words = self.switch_command.clone();
        words.push(program.as_ref().display().to_string());
        let user = if self.switch_command.is_empty() {
            env::var("USER").unwrap_or_default()
        } else {
            NAME.to_owned()
        };

        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", &self.home)
            .env("USER", user)
            .env("LC_ALL", "C.UTF-8")
            .current_dir(&self.home);
        command
    }

    /// The same as [`Self::command`], inside a user namespace in which the user is root.
    pub fn command_in_user_namespace(&self, program: &str) -> Command {
        let mut command = self.command("unshare");
        command.args(["--user", "--map-root-user", "--map-auto"]);
        command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
        command.arg(program);

        command
    }
}

fn add_user() -> Result<()> {
    run(Command::new("useradd")
        .args(["--create-home", "--home-dir", HOME, "--shell", "/bin/sh"])
        .args(["--comment", "Slipway's test servers and builds", NAME]))
}

/// Whether `/etc/subuid` or `/etc/subgid` has a range for the user.
fn has_range(file: &str, user: &str) -> bool {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().any(|line| line.starts_with(&format!("{user}:")))
}

/// Creates `/dev/net/tun` and opens it to all users, as udev does outside containers.
fn open_tun_device() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let device = Path::new("/dev/net/tun");
    if !device.exists() {
        fs::create_dir_all("/dev/net")?;
        run(Command::new("mknod").args(["/dev/net/tun", "c", "10", "200"]))?;
    }

    fs::set_permissions(device, fs::Permissions::from_mode(0o666)).context("/dev/net/tun")
}

/// Runs a command. The error contains its output.
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
