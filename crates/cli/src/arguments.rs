//! What can be typed; each noun's verbs live with the noun.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{build, events, grant, group, image, revision, user};

#[derive(Parser)]
#[command(
    name = "slipway",
    version,
    about = "The image platform: which container images exist, who may use them, and how a new one is made.",
    after_help = "Addresses and token come from flags, SLIPWAY_*, or the profile file ~/.config/slipway/profile.yaml (keys: permission, catalog, builder, token).\n\nExit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 denied, 5 unavailable."
)]
pub(crate) struct Arguments {
    /// How to show the result; with json and yaml, progress goes to standard error.
    #[arg(long, short, global = true, value_enum, default_value = "table")]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) services: Services,
    #[command(subcommand)]
    pub(crate) noun: Noun,
}

#[derive(Args)]
pub(crate) struct Services {
    /// Your token, from your company's issuer.
    #[arg(long, global = true, env = "SLIPWAY_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Address of the permission service, http:// or https://; http://127.0.0.1:50051 when nothing names one.
    #[arg(long, global = true, env = "SLIPWAY_PERMISSION")]
    pub(crate) permission: Option<String>,
    /// Address of the catalog service, http:// or https://; http://127.0.0.1:50052 when nothing names one.
    #[arg(long, global = true, env = "SLIPWAY_CATALOG")]
    pub(crate) catalog: Option<String>,
    /// Address of the builder service, http:// or https://; http://127.0.0.1:50053 when nothing names one.
    #[arg(long, global = true, env = "SLIPWAY_BUILDER")]
    pub(crate) builder: Option<String>,
    /// How long one call may take; watching and following have no limit.
    #[arg(
        long,
        global = true,
        env = "SLIPWAY_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(1..=300)
    )]
    pub(crate) timeout: u64,
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
    /// Revisions of an image: create, retry, get, list.
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
    /// Print the top manual page, or write the pages of all commands into a directory.
    Man {
        /// Where to write a page for each command, such as slipway-image-create.1; made if it is not there.
        #[arg(long, value_name = "DIR")]
        directory: Option<PathBuf>,
    },
    /// What happens, as it happens.
    #[command(subcommand)]
    Events(events::Command),
}

#[cfg(test)]
mod tests {
    use clap::{
        CommandFactory as _,
        error::ErrorKind::{
            self, ArgumentConflict as Conflict, MissingRequiredArgument as Missing,
        },
    };

    use super::*;

    fn refusal(line: &str) -> Option<ErrorKind> {
        Arguments::try_parse_from(line.split_whitespace()).err().map(|error| error.kind())
    }

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_would_be_dropped_is_refused() {
        for (line, want) in [
            ("slipway image create --reference r --base b", Conflict),
            ("slipway image create --reference r --apt jq", Conflict),
            ("slipway image create --reference r --conda jq", Conflict),
            ("slipway image create --reference r --pip jq", Conflict),
            ("slipway image create --gpu-reference g", Missing),
            ("slipway image create --gpu-reference g --base b", Conflict),
            ("slipway image create --skip-verification", Missing),
            ("slipway image create --skip-verification --base b", Conflict),
            ("slipway image create --apt jq", Missing),
            ("slipway image create --conda jq", Missing),
            ("slipway image create --pip jq", Missing),
            ("slipway image create --file f --owner system", Conflict),
            ("slipway image create --file f --name n", Conflict),
            ("slipway image create --file f --display-name n", Conflict),
            ("slipway image create --file f --description d", Conflict),
            ("slipway image create --file f --type cpu", Conflict),
            ("slipway image create --file f --global", Conflict),
            ("slipway image create --file f --group g", Conflict),
            ("slipway image create --file f --user u", Conflict),
            ("slipway image create --file f --reference r", Conflict),
            ("slipway image create --file f --gpu-reference g", Conflict),
            ("slipway image create --file f --skip-verification", Conflict),
            ("slipway image create --file f --base b", Conflict),
            ("slipway image create --file f --apt jq", Conflict),
            ("slipway image create --file f --conda jq", Conflict),
            ("slipway image create --file f --pip jq", Conflict),
            ("slipway revision create", Missing),
            ("slipway revision create i --reference r --base b", Conflict),
            ("slipway revision create i --reference r --pip jq", Conflict),
            ("slipway revision create i --gpu-reference g", Missing),
            ("slipway revision create i --skip-verification --base b", Conflict),
            ("slipway revision create i --apt jq", Missing),
            ("slipway revision create i -f f --reference r", Conflict),
            ("slipway revision create i -f f --base b", Conflict),
            ("slipway grant create --role reader --everyone", Missing),
            ("slipway grant create --role reader --everyone --on group", Missing),
            ("slipway grant create --role reader --everyone --on image", Missing),
            ("slipway grant list --on group", Missing),
            (
                "slipway grant create --role reader --everyone --on platform --expires tomorrow",
                ErrorKind::ValueValidation,
            ),
            ("slipway group add g u --admin --no-admin", Conflict),
            ("slipway --timeout 0 user whoami", ErrorKind::ValueValidation),
        ] {
            assert_eq!(refusal(line), Some(want), "{line}");
        }
    }

    #[test]
    fn what_is_used_is_taken() {
        for line in [
            "slipway image create --file f --watch --request-id i -o json",
            "slipway image create --owner system --name n --type universal --reference r --gpu-reference g --skip-verification",
            "slipway image create --owner g --name n --base b --apt jq- --conda numpy --pip humanize>=4 --group g --user u --global",
            "slipway revision create i --reference r --gpu-reference g --skip-verification --request-id i",
            "slipway revision create i --base b --pip humanize --watch",
            "slipway revision create -f f --watch --request-id i",
            "slipway revision create i --file f",
            "slipway revision get i 3",
            "slipway grant create --on platform --role manager --user u --expires 2027-01-31T18:00:00+01:00",
            "slipway grant create --on group --id g --role reader --group-admins g",
            "slipway grant list",
            "slipway group add g u",
            "slipway group add g u --no-admin",
            "slipway man --directory d",
            "slipway --timeout 300 events tail",
        ] {
            assert_eq!(refusal(line), None, "{line}");
        }
    }
}
