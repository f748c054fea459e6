//! What this host can isolate and limit, found by one try of each at start.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use tokio::{net::TcpListener, time::timeout};
use uuid::Uuid;

use super::{
    attempt::Attempt,
    cgroup::{Cgroup, CgroupRoot},
    command::CommandLine,
    limits::{Limits, Resource},
    namespaces,
    process::{self, HELPER_TIMEOUT},
    settings::{NetworkMode, Settings},
};

/// What the host isolates and limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IsolationReport {
    /// The network of steps.
    pub network: NetworkMode,
    /// A step could not connect to a listener on the host's loopback.
    pub loopback_closed: bool,
    /// Limits that this host does not enforce, accepted by the settings.
    pub unenforced: Vec<Resource>,
}

impl fmt::Display for IsolationReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let loopback = if self.loopback_closed { "closed" } else { "OPEN" };
        let unenforced =
            if self.unenforced.is_empty() { "none".to_owned() } else { list(&self.unenforced, "") };

        write!(
            formatter,
            "isolation: user and PID namespace yes, network {:?}, \
             host loopback {loopback}, unenforced limits: {unenforced}",
            self.network,
        )
    }
}

/// Why the builder cannot run builds on this host.
#[derive(Debug, thiserror::Error)]
pub enum UnsupportedHost {
    /// The data directory cannot be created or written.
    #[error("`executor.data_dir`: {path}: {error}")]
    Directory {
        /// The path of the data directory.
        path: String,
        /// The cause.
        error: io::Error,
    },
    /// The data directory would be hidden from buildah.
    #[error(
        "`executor.data_dir`: {0} lies below a folder of the host's container tools, which \
         builds do not see; choose a folder elsewhere, such as /var/lib/slipway"
    )]
    HiddenDirectory(String),
    /// A user namespace with subordinate ids cannot be created.
    #[error(
        "this host cannot create a user namespace with subordinate ids ({0}); install uidmap, and \
         give the service's user a range in /etc/subuid and /etc/subgid"
    )]
    NoUserNamespace(String),
    /// The configured network cannot be created, or it reaches the host's loopback.
    #[error(
        "this host cannot provide `executor.network = \"private\"` ({0}); install slirp4netns and \
         iproute2, and let the service's user open /dev/net/tun; or set `executor.network` to \
         `none`, or to `host` to accept less isolation"
    )]
    NoPrivateNetwork(String),
    /// Another builder has locked the data directory.
    #[error(
        "`executor.data_dir`: {0} is in use by another builder; give each builder a directory of \
         its own"
    )]
    DirectoryInUse(String),
    /// A limit is out of range.
    #[error("`executor.limits.{0}` is out of range")]
    InvalidLimit(&'static str),
    /// Limits that this host cannot enforce, and that the settings do not accept.
    #[error(
        "this host cannot enforce the limits of {}; start the builder in a control group that is \
         delegated to it (systemd: `Delegate=cpu memory pids`), or accept that these limits are \
         not enforced: \
         `executor.accept_unenforced = [{}]`",
        list(.0, ""), list(.0, "\"")
    )]
    Unenforced(Vec<Resource>),
    /// A command could not run in a cgroup with the configured limits.
    #[error(
        "a command could not run with the configured limits ({0}); raise `executor.limits`, or \
         start the builder in a control group that is delegated to it"
    )]
    CannotApplyLimits(String),
}

/// Prints the script's network namespace, then `open` or `closed`: whether it can connect to the
/// address `$1` and port `$2`, which the inner bash gets as `$0` and `$1`.
const CONNECT_SCRIPT: &str = r#"readlink /proc/self/ns/net
timeout 2 bash -c ': <>"/dev/tcp/$0/$1"' "$1" "$2" 2>/dev/null && echo open || echo closed"#;

const LOOPBACK: &str = "127.0.0.1";

/// The address under which slirp4netns can make the host's loopback reachable.
const SLIRP_HOST: &str = "10.0.2.2";

fn list(resources: &[Resource], quote: &str) -> String {
    resources
        .iter()
        .map(|resource| format!("{quote}{resource}{quote}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Tries everything that the settings demand.
pub(super) async fn probe(
    settings: &Settings,
    cgroup_root: &CgroupRoot,
) -> Result<IsolationReport, UnsupportedHost> {
    settings.limits.check().map_err(UnsupportedHost::InvalidLimit)?;

    let folder = settings.data_dir.join("attempts").join("probe");
    create_folder(&folder)?;

    probe_user_namespace(&folder).await?;
    let loopback_closed = probe_loopback(settings, &folder).await?;
    let unenforced = unenforced_limits(settings, cgroup_root)?;
    probe_cgroup(&settings.limits, cgroup_root, folder).await?;

    Ok(IsolationReport { network: settings.network, loopback_closed, unenforced })
}

fn create_folder(folder: &Path) -> Result<(), UnsupportedHost> {
    for name in ["run", "tmp"] {
        fs::create_dir_all(folder.join(name)).map_err(|error| UnsupportedHost::Directory {
            path: folder.display().to_string(),
            error,
        })?;
    }
    Ok(())
}

/// Checks that a command can be root in a user namespace.
async fn probe_user_namespace(folder: &Path) -> Result<(), UnsupportedHost> {
    let command = namespaces::with_host_network(&Cgroup::NONE, user_id_command());
    let user_id = output_of(&command, folder).await.map_err(UnsupportedHost::NoUserNamespace)?;

    if user_id.trim() == "0" { Ok(()) } else { Err(UnsupportedHost::NoUserNamespace(user_id)) }
}

/// Whether the host's loopback is closed to steps. With the host's network it may be open.
async fn probe_loopback(settings: &Settings, folder: &Path) -> Result<bool, UnsupportedHost> {
    let is_closed =
        is_loopback_closed(settings, folder).await.map_err(UnsupportedHost::NoPrivateNetwork)?;

    if is_closed || settings.network == NetworkMode::Host {
        Ok(is_closed)
    } else {
        Err(UnsupportedHost::NoPrivateNetwork(
            "a step could connect to the host's loopback".to_owned(),
        ))
    }
}

/// Connects to a listener on the host's loopback from a step, by the loopback address and by
/// slirp4netns's address of the host.
///
/// The same connection from outside has to succeed, otherwise the result proves nothing.
async fn is_loopback_closed(settings: &Settings, folder: &Path) -> Result<bool, String> {
    let listener = TcpListener::bind((LOOPBACK, 0)).await.map_err(|error| error.to_string())?;
    let port = listener.local_addr().map(|address| address.port()).unwrap_or_default();

    let command = namespaces::with_host_network(&Cgroup::NONE, connect_command(LOOPBACK, port));
    let outside = Connection::parse(&output_of(&command, folder).await?)?;
    if !outside.is_open {
        return Err("bash could not connect to a listener on the host's own loopback".to_owned());
    }

    for address in [LOOPBACK, SLIRP_HOST] {
        let command =
            namespaces::with_step_network(&Cgroup::NONE, settings, connect_command(address, port));
        let inside = Connection::parse(&output_of(&command, folder).await?)?;

        // In the host's namespace the step is not isolated, whatever this connection says.
        if inside.is_open || inside.namespace == outside.namespace {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The output of [`CONNECT_SCRIPT`].
struct Connection {
    /// The network namespace in which the script ran.
    namespace: String,
    is_open: bool,
}

impl Connection {
    fn parse(output: &str) -> Result<Self, String> {
        let (namespace, is_open) = match output.lines().collect::<Vec<_>>().as_slice() {
            [namespace, "open"] => (*namespace, true),
            [namespace, "closed"] => (*namespace, false),
            _ => return Err(format!("the connection test printed `{}`", output.trim())),
        };

        Ok(Self { namespace: namespace.to_owned(), is_open })
    }
}

/// The limits that this host does not enforce. Fails when the settings do not accept all of them.
fn unenforced_limits(
    settings: &Settings,
    cgroup_root: &CgroupRoot,
) -> Result<Vec<Resource>, UnsupportedHost> {
    let enforced = cgroup_root.resources();
    let unenforced: Vec<Resource> =
        Resource::ALL.into_iter().filter(|resource| !enforced.contains(resource)).collect();

    let refused: Vec<Resource> = unenforced
        .iter()
        .copied()
        .filter(|resource| !settings.accept_unenforced.contains(resource))
        .collect();
    if refused.is_empty() { Ok(unenforced) } else { Err(UnsupportedHost::Unenforced(refused)) }
}

/// Runs a command in a cgroup with the configured limits, and removes the probe's folder.
async fn probe_cgroup(
    limits: &Limits,
    cgroup_root: &CgroupRoot,
    folder: PathBuf,
) -> Result<(), UnsupportedHost> {
    let cgroup = cgroup_root.cgroup(&format!("probe-{}", Uuid::now_v7()));
    let attempt = Attempt { folder, cgroup };
    attempt
        .cgroup
        .create(limits)
        .map_err(|error| UnsupportedHost::CannotApplyLimits(error.to_string()))?;

    let command = namespaces::with_host_network(&attempt.cgroup, user_id_command());
    let output = output_of(&command, &attempt.folder).await;
    process::remove(&attempt).await;

    output.map_err(UnsupportedHost::CannotApplyLimits)?;
    Ok(())
}

fn user_id_command() -> CommandLine {
    CommandLine::new("id").switch("-u")
}

fn connect_command(address: &str, port: u16) -> CommandLine {
    CommandLine::script(CONNECT_SCRIPT, "probe").argument(address).argument(port.to_string())
}

/// The standard output of a successful command; the error output of a failed one.
async fn output_of(command: &CommandLine, folder: &Path) -> Result<String, String> {
    let output = timeout(HELPER_TIMEOUT, process::tokio_command(command, folder).output())
        .await
        .map_err(|_| format!("no result within {} s", HELPER_TIMEOUT.as_secs()))?
        .map_err(|error| error.to_string())?;

    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}
