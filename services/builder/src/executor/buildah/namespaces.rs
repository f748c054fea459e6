//! Commands with and without a step's own network. Scripts are fixed texts; values reach them as
//! arguments only.

use std::path::Path;

use super::{
    cgroup::Cgroup,
    command::CommandLine,
    settings::{NetworkMode, Settings},
};

/// Starts a user and PID namespace. The first process dies with its parent, and its death kills
/// every other process of the namespace.
const NAMESPACES: &[&str] = &[
    "setpriv",
    "--pdeathsig",
    "KILL",
    "unshare",
    "--user",
    "--map-root-user",
    "--map-auto",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
];

/// Enters the control groups of the `cgroup.procs` files before `--`, then executes the rest.
const ENTER_CGROUP: &str = include_str!("enter-cgroup.sh");

/// Hides the folders before `--`, then executes the rest.
const COVER_HOST: &str = include_str!("cover-host.sh");

/// Makes the control groups read-only, then executes its arguments.
const SEAL_CGROUPS: &str = include_str!("seal-cgroups.sh");

/// Gives the step a network of its own. `$1` lists the allowed ranges, the rest is the command.
const PRIVATE_NETWORK: &str = include_str!("private-network.sh");

/// The host's container configuration: its registries, mirrors, policies, certificates and mounts
/// must not change a build.
const COVERED: [&str; 4] =
    ["/etc/containers", "/etc/docker", "/usr/share/containers", "/var/lib/containers"];

/// Whether commands do not see this folder.
pub(super) fn is_covered(folder: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let covered = COVERED.map(|covered| real(Path::new(covered)));

    // The folder may not exist yet, and links may lead to it or to a covered folder.
    folder.ancestors().any(|ancestor| {
        let ancestor = real(ancestor);
        covered.iter().any(|covered| ancestor.starts_with(covered))
    })
}

/// The command in a user and PID namespace, with the host's network: for pull, push and clean-up.
pub(super) fn with_host_network(cgroup: &Cgroup, command: CommandLine) -> CommandLine {
    enter(cgroup).then(cover_host()).then(command)
}

/// The command in a step's namespaces, with the configured network.
pub(super) fn with_step_network(
    cgroup: &Cgroup,
    settings: &Settings,
    command: CommandLine,
) -> CommandLine {
    let seal = cover_host().then(CommandLine::script(SEAL_CGROUPS, "slipway-seal"));

    match settings.network {
        NetworkMode::Host => enter(cgroup).then(seal).then(command),
        // `--net` is a flag of `unshare`, with which `enter` ends: a network without interfaces.
        NetworkMode::None => enter(cgroup).switch("--net").then(seal).then(command),
        NetworkMode::Private => {
            let network = CommandLine::script(PRIVATE_NETWORK, "slipway-network")
                .argument(settings.allowed_networks.join(" "));

            enter(cgroup).then(seal).then(network).then(command)
        }
    }
}

fn enter(cgroup: &Cgroup) -> CommandLine {
    CommandLine::script(ENTER_CGROUP, "slipway-enter")
        .arguments(cgroup.procs_files())
        .argument("--")
        .arguments(NAMESPACES.iter().copied())
}

fn cover_host() -> CommandLine {
    CommandLine::script(COVER_HOST, "slipway-cover").arguments(COVERED).argument("--")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::buildah::process::tokio_command;

    #[tokio::test]
    async fn commands_do_not_see_the_hosts_container_configuration() {
        let existing: Vec<_> =
            COVERED.into_iter().filter(|folder| Path::new(folder).is_dir()).collect();
        if existing.is_empty() {
            return;
        }
        let list = CommandLine::new("find").arguments(existing).arguments(["-type", "f"]);

        let command = with_host_network(&Cgroup::NONE, list);
        let output = tokio_command(&command, Path::new("/")).output().await.unwrap();

        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    }
}
