//! What this host can isolate and limit, found by trying it once at start.

use std::{fmt, io, path::Path};

use tokio::{net::TcpListener, time::timeout};
use uuid::Uuid;

use super::{
    Attempt, HELPER_PATIENCE,
    cgroup::{Delegation, Group},
    limits::Resource,
    namespaces, process,
    settings::{NetworkMode, Settings},
};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Isolation {
    /// What steps have.
    pub network: NetworkMode,
    /// Steps are root only in a user namespace, with processes of their own.
    pub user_and_pid_namespace: bool,
    /// A listener on the host's loopback could not be reached from inside.
    pub loopback_closed: bool,
    /// Limits that nothing enforces here, accepted by name.
    pub unenforced: Vec<Resource>,
}

impl fmt::Display for Isolation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "isolation: user and PID namespace {}, network {:?}, host loopback {}, unenforced limits: {}",
            if self.user_and_pid_namespace { "yes" } else { "NO" },
            self.network,
            if self.loopback_closed { "closed" } else { "OPEN" },
            if self.unenforced.is_empty() { "none".to_owned() } else { list(&self.unenforced, "") },
        )
    }
}

/// Why the builder does not start here.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// The data directory cannot be used.
    #[error("`executor.data_dir`: {path}: {error}")]
    Directory {
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// No user namespace with sub-ids.
    #[error(
        "this host gives no user namespace with sub-ids ({0}); install uidmap, give the service's user a range in /etc/subuid and /etc/subgid"
    )]
    NoUserNamespace(String),
    /// The configured network cannot be made, or is not closed.
    #[error(
        "`executor.network = \"private\"` cannot be had here ({0}); install slirp4netns and iproute2 and let the service's user open /dev/net/tun, or accept less by name: `none` or `host`"
    )]
    NoPrivateNetwork(String),
    /// Another builder lives there.
    #[error("`executor.data_dir`: {0} is in use by another builder; give each its own")]
    Shared(String),
    /// A limit of no use.
    #[error("`executor.limits.{0}` is out of range")]
    Limit(&'static str),
    /// A limit without anything that enforces it.
    #[error(
        "nothing here enforces the limits of {}; start the builder in a control group that is delegated to it (systemd: `Delegate=yes`), or accept it by name: `executor.accept_unenforced = [{}]`",
        list(.0, ""), list(.0, "\"")
    )]
    Unenforced(Vec<Resource>),
    /// The limits hold no process.
    #[error(
        "a process could not be put under its limits ({0}); raise `executor.limits`, or give the builder a control group that is delegated to it"
    )]
    NoGroup(String),
}

/// Prints which network namespace it is in, and whether a connection to the address `$1` `$2` is taken.
const INSIDE: &str = r#"readlink /proc/self/ns/net; timeout 2 bash -c ': <>"/dev/tcp/$0/$1"' "$1" "$2" 2>/dev/null && echo open || echo closed"#;

fn list(resources: &[Resource], quote: &str) -> String {
    resources
        .iter()
        .map(|resource| format!("{quote}{resource}{quote}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Tries it.
pub(super) async fn probe(
    settings: &Settings,
    delegation: &Delegation,
) -> Result<Isolation, Unfit> {
    settings.limits.check().map_err(Unfit::Limit)?;
    let folder = settings.data_dir.join("attempts").join("probe");
    let make = |name: &str| {
        std::fs::create_dir_all(folder.join(name))
            .map_err(|error| Unfit::Directory { path: folder.display().to_string(), error })
    };
    make("run")?;
    make("tmp")?;
    let outside =
        said(&namespaces::outside(&Group::NONE, &["id", "-u"].map(str::to_owned)), &folder)
            .await
            .map_err(Unfit::NoUserNamespace)?;
    let user_and_pid_namespace = outside.trim() == "0";
    if !user_and_pid_namespace {
        return Err(Unfit::NoUserNamespace(outside));
    }
    let loopback_closed = loopback_is_closed(settings, &folder).await?;
    if settings.network != NetworkMode::Host && !loopback_closed {
        return Err(Unfit::NoPrivateNetwork("the host's loopback answered from inside".to_owned()));
    }
    let enforced = delegation.resources();
    let unenforced: Vec<Resource> =
        Resource::ALL.into_iter().filter(|resource| !enforced.contains(resource)).collect();
    let refused: Vec<Resource> = unenforced
        .iter()
        .copied()
        .filter(|resource| !settings.accept_unenforced.contains(resource))
        .collect();
    if !refused.is_empty() {
        return Err(Unfit::Unenforced(refused));
    }
    let probed = Attempt { group: delegation.group(&format!("probe-{}", Uuid::now_v7())), folder };
    probed.group.make(&settings.limits).map_err(|error| Unfit::NoGroup(error.to_string()))?;
    let limited =
        said(&namespaces::outside(&probed.group, &["id", "-u"].map(str::to_owned)), &probed.folder)
            .await;
    process::remove(&probed).await;
    limited.map_err(Unfit::NoGroup)?;
    Ok(Isolation { network: settings.network, user_and_pid_namespace, loopback_closed, unenforced })
}

/// Listens on the host's loopback and tries to reach it from inside, by its own name and by slirp's name for the host; from outside it must
/// be reached, or the attempt says nothing.
async fn loopback_is_closed(settings: &Settings, folder: &Path) -> Result<bool, Unfit> {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .map_err(|error| Unfit::NoPrivateNetwork(error.to_string()))?;
    let port = listener.local_addr().map(|address| address.port()).unwrap_or_default().to_string();
    let attempt =
        |address: &str| ["/bin/sh", "-c", INSIDE, "probe", address, &port].map(str::to_owned);
    let outside = said(&namespaces::outside(&Group::NONE, &attempt("127.0.0.1")), folder)
        .await
        .map_err(Unfit::NoPrivateNetwork)?;
    if !outside.ends_with("open\n") {
        return Err(Unfit::NoPrivateNetwork(
            "bash cannot reach a listener on the host's own loopback".to_owned(),
        ));
    }
    for address in ["127.0.0.1", "10.0.2.2"] {
        let command = namespaces::inside(
            &Group::NONE,
            settings.network,
            &settings.allowed_networks,
            &attempt(address),
        );
        let inside = said(&command, folder).await.map_err(Unfit::NoPrivateNetwork)?;
        if inside.lines().next() == outside.lines().next() || !inside.ends_with("closed\n") {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn said(arguments: &[String], folder: &Path) -> Result<String, String> {
    let output = timeout(HELPER_PATIENCE, process::command(arguments, folder).output()).await;
    let output =
        output.map_err(|_| "no answer in time".to_owned())?.map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}
