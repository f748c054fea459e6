//! Commands inside and outside a step's namespaces. All text here is fixed; arguments are passed, never pasted.

use super::{cgroup::Group, settings::NetworkMode};

/// A kill of the first process ends every process behind it; the first dies with its parent.
const TREE: &[&str] = &[
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

/// Enters the control groups named before `--`, then becomes the rest.
const ENTER: &str = include_str!("enter-group.sh");

/// Closes the control groups to writing, then becomes its arguments.
const SEAL: &str = include_str!("seal-groups.sh");

/// Gives the step a network of its own; `$1` lists ranges to allow, the rest is the command.
const PRIVATE: &str = include_str!("private-network.sh");

/// For pull, push and cleaning: the user namespace, the host's network.
pub(super) fn outside(group: &Group, command: &[String]) -> Vec<String> {
    let mut words = script(ENTER, "slipway-enter");
    words.extend(group.entrances());
    words.push("--".to_owned());
    words.extend(TREE.iter().map(ToString::to_string));
    words.extend(command.iter().cloned());
    words
}

/// For steps.
pub(super) fn inside(
    group: &Group,
    mode: NetworkMode,
    allowed: &[String],
    command: &[String],
) -> Vec<String> {
    let mut words = outside(group, &[]);
    if mode == NetworkMode::None {
        words.push("--net".to_owned());
    }
    words.extend(script(SEAL, "slipway-seal"));
    if mode == NetworkMode::Private {
        words.extend(script(PRIVATE, "slipway-network"));
        words.push(allowed.join(" "));
    }
    words.extend(command.iter().cloned());
    words
}

fn script(text: &str, name: &str) -> Vec<String> {
    ["/bin/sh", "-c", text, name].map(str::to_owned).to_vec()
}

/// slirp4netns answers names at this address.
pub(super) fn dns(mode: NetworkMode) -> impl Iterator<Item = &'static str> {
    let arguments: &[&str] =
        if mode == NetworkMode::Private { &["--dns", "10.0.2.3"] } else { &[] };
    arguments.iter().copied()
}
