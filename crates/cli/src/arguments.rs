//! What can be typed; each noun's verbs live with the noun.

use clap::{Parser, Subcommand, ValueEnum};

use crate::{build, events, grant, group, image, revision, user};

#[derive(Parser)]
#[command(
    name = "slipway",
    version,
    about = "The image platform: which container images exist, who may use them, and how a new one is made.",
    after_help = "Addresses and token come from flags, SLIPWAY_*, or the profile file ~/.config/slipway/profile.yaml (keys: permission, catalog, builder, token).\n\nExit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 denied, 5 unavailable."
)]
pub(crate) struct Arguments {
    /// How to show the result.
    #[arg(long, short, global = true, value_enum, default_value = "table")]
    pub(crate) output: Format,
    /// Your token, from your company's issuer.
    #[arg(long, global = true, env = "SLIPWAY_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Address of the permission service; http://127.0.0.1:50051 when nothing names one.
    #[arg(long, global = true, env = "SLIPWAY_PERMISSION")]
    pub(crate) permission: Option<String>,
    /// Address of the catalog service; http://127.0.0.1:50052 when nothing names one.
    #[arg(long, global = true, env = "SLIPWAY_CATALOG")]
    pub(crate) catalog: Option<String>,
    /// Address of the builder service; http://127.0.0.1:50053 when nothing names one.
    #[arg(long, global = true, env = "SLIPWAY_BUILDER")]
    pub(crate) builder: Option<String>,
    #[command(subcommand)]
    pub(crate) noun: Noun,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
    Yaml,
}

#[derive(Subcommand)]
pub(crate) enum Noun {
    /// Images: create, get, list, share, resolve.
    #[command(subcommand)]
    Image(image::Command),
    /// Revisions of an image: create, retry, list.
    #[command(subcommand)]
    Revision(revision::Command),
    /// Builds: get, list, watch, logs, cancel.
    #[command(subcommand)]
    Build(build::Command),
    /// Groups and their members.
    #[command(subcommand)]
    Group(group::Command),
    /// Users: who am I, invite, list.
    #[command(subcommand)]
    User(user::Command),
    /// Grants on an object.
    #[command(subcommand)]
    Grant(grant::Command),
    /// Print the completion script of a shell.
    Completions {
        /// bash, zsh, fish, …
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
    /// What happens, as it happens.
    #[command(subcommand)]
    Events(events::Command),
}
