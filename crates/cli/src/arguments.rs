//! The arguments of the whole command line, composed of the commands' own.

use clap::{Parser, Subcommand};

use crate::{
    commands::{build, events, grant, group, image, manual, revision, user},
    output::Format,
    session::ServiceFlags,
};

const AFTER_HELP: &str = "\
Service addresses and the token come from flags, else from SLIPWAY_* environment variables, else
from the profile file ~/.config/slipway/profile.yaml (keys: permission, catalog, builder, token).

Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 denied, 5 unavailable.";

#[derive(Parser)]
#[command(
    name = "slipway",
    version,
    about = "List, share, resolve and build container images.",
    after_help = AFTER_HELP,
    next_help_heading = "Connection and output"
)]
pub(crate) struct Arguments {
    /// Format of the result. With json and yaml, progress goes to standard error.
    #[arg(long, short, global = true, value_enum, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) services: ServiceFlags,
    #[command(subcommand)]
    pub(crate) noun: Noun,
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
    /// Groups and their members: create, get, list, add, remove, members.
    #[command(subcommand)]
    Group(group::Command),
    /// Users: whoami, invite, get, list.
    #[command(subcommand)]
    User(user::Command),
    /// Grants of roles: create, delete, list.
    #[command(subcommand)]
    Grant(grant::Command),
    /// Events of all services: tail.
    #[command(subcommand)]
    Events(events::Command),
    /// Print a completion script for a shell.
    Completions(manual::Completions),
    /// Print the top manual page, or write the pages of all commands into a directory.
    Man(manual::Manual),
}

#[cfg(test)]
mod tests {
    use clap::{
        Command, CommandFactory as _,
        error::ErrorKind::{
            self, ArgumentConflict as Conflict, MissingRequiredArgument as Missing,
        },
    };

    use super::*;

    fn parse_error(line: &str) -> Option<ErrorKind> {
        Arguments::try_parse_from(line.split_whitespace()).err().map(|error| error.kind())
    }

    #[test]
    fn argument_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    /// The long help of the command and of every command below it. The options of the connection
    /// are listed by the first command only.
    fn help_of(command: Command, is_first: bool) -> String {
        let mut command = command.mut_args(|argument| {
            let is_hidden = argument.is_hide_set() || argument.is_global_set() && !is_first;
            argument.hide(is_hidden).hide_env_values(true)
        });
        let name = command.get_bin_name().unwrap_or("slipway").to_owned();
        let mut text = format!("$ {name} --help\n{}\n", command.render_long_help());

        for subcommand in command.get_subcommands().filter(|it| it.get_name() != "help") {
            text.push_str(&help_of(subcommand.clone(), false));
        }
        text
    }

    #[test]
    fn help_is_the_recorded_one() {
        let mut command = Arguments::command();
        command.build();
        let help = help_of(command, true);
        let help: String = help.lines().map(|line| format!("{}\n", line.trim_end())).collect();

        // Cargo runs tests in the folder of their package.
        if std::env::var_os("UPDATE_HELP").is_some() {
            std::fs::write("tests/help.txt", &help).unwrap();
        }
        let recorded = include_str!("../tests/help.txt");
        let changed = help.lines().zip(recorded.lines()).find(|(new, old)| new != old);
        assert!(
            help == recorded,
            "the help of the commands has changed, first at {changed:?}. If that is intended, run \
             `UPDATE_HELP=1 cargo test --package slipway-cli help` twice: the first run writes \
             crates/cli/tests/help.txt, the second one compiles it in"
        );
    }

    #[test]
    fn flags_without_effect_are_refused() {
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
            assert_eq!(parse_error(line), Some(want), "{line}");
        }
    }

    #[test]
    fn documented_combinations_are_accepted() {
        for line in [
            "slipway image create --file f --watch --request-id i -o json",
            "slipway image create --owner system --name n --type universal --reference r \
             --gpu-reference g --skip-verification",
            "slipway image create --owner g --name n --base b --apt jq- --conda numpy \
             --pip humanize>=4 --group g --user u --global",
            "slipway revision create i --reference r --gpu-reference g --skip-verification \
             --request-id i",
            "slipway revision create i --base b --pip humanize --watch",
            "slipway revision create -f f --watch --request-id i",
            "slipway revision create i --file f",
            "slipway revision get i 3",
            "slipway grant create --on platform --role manager --user u \
             --expires 2027-01-31T18:00:00+01:00",
            "slipway grant create --on group --id g --role reader --group-admins g",
            "slipway grant list",
            "slipway group add g u",
            "slipway group add g u --no-admin",
            "slipway man --directory d",
            "slipway --timeout 300 events tail",
        ] {
            assert_eq!(parse_error(line), None, "{line}");
        }
    }
}
