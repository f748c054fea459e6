//! Commands inside and outside a step's namespaces. All text here is fixed; arguments are passed, never pasted.

use super::settings::NetworkMode;

/// A kill of the first process ends every process behind it; the first dies with its parent.
const TREE: &[&str] =
    &["setpriv", "--pdeathsig", "KILL", "unshare", "--user", "--map-root-user", "--map-auto", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// Gives the step a network of its own; `$1` lists ranges to allow, the rest is the command.
const PRIVATE: &str = include_str!("private-network.sh");

/// For pull, push and cleaning: the user namespace, the host's network.
pub(super) fn outside(command: &[String]) -> Vec<String> {
    TREE.iter().map(ToString::to_string).chain(command.iter().cloned()).collect()
}

/// For steps.
pub(super) fn inside(mode: NetworkMode, allowed: &[String], command: &[String]) -> Vec<String> {
    let mut tree: Vec<String> = TREE.iter().map(ToString::to_string).collect();
    match mode {
        NetworkMode::Host => {}
        NetworkMode::None => tree.push("--net".to_owned()),
        NetworkMode::Private => {
            tree.extend(["/bin/sh".to_owned(), "-c".to_owned(), PRIVATE.to_owned(), "slipway-network".to_owned(), allowed.join(" ")]);
        }
    }
    tree.extend(command.iter().cloned());
    tree
}

/// slirp4netns answers names at this address.
pub(super) fn dns(mode: NetworkMode) -> impl Iterator<Item = &'static str> {
    let arguments: &[&str] = if mode == NetworkMode::Private { &["--dns", "10.0.2.3"] } else { &[] };
    arguments.iter().copied()
}
