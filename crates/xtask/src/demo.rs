//! The demonstration: a sequence of commands, each with the output and exit code that it must have.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use slipway_testrig::{
    base_image, debian_packages, process,
    registry::Registry,
    stack::{Stack, StackConfig},
    user::UnprivilegedUser,
};

use crate::{
    full_stack::{empty_data_folder, start_full_stack},
    transcript::{BackgroundOutput, Expected, Transcript},
    workspace::{Profile, build_programs},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StackKind {
    /// One process with SQLite and the in-process broker.
    Standalone,
    /// Three processes with PostgreSQL and RabbitMQ.
    Full,
}

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Services to start.
    #[arg(long, value_enum, default_value = "standalone")]
    stack: StackKind,
    /// Leave the services running at the end, and print commands to try.
    #[arg(long)]
    keep: bool,
}

const NOT_FOUND: i32 = 3;

struct Demo {
    user: UnprivilegedUser,
    bin: PathBuf,
    stack: Stack,
    tokens: Vec<(&'static str, String)>,
    transcript: Transcript,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    debian_packages::ensure_installed(debian_packages::BUILD)?;
    let user = UnprivilegedUser::find()?;
    let records = user.home().join("run/demo");
    process::clean(&records)?;
    let bin = build_programs(&user, Profile::Debug)?;

    let registry = Registry::start(&user, &records)?;
    let base = base_image::ensure_base(&user, &registry.address)?;
    let config = StackConfig {
        user: user.clone(),
        bin: bin.clone(),
        data: empty_data_folder(&user, "demo-data")?,
        records: records.clone(),
        registry: registry.address.clone(),
        otlp_endpoint: String::new(),
    };
    let (servers, stack) = match arguments.stack {
        StackKind::Standalone => (None, Stack::standalone(config)?),
        StackKind::Full => {
            let (servers, stack) = start_full_stack(config)?;
            (Some(servers), stack)
        }
    };

    let mut demo =
        Demo { tokens: issue_tokens(&stack)?, user, bin, stack, transcript: Transcript::default() };
    let outcome = demo.run_steps(&base);
    demo.transcript.print_table();
    outcome.with_context(|| format!("the logs of the services are in {}", records.display()))?;
    println!("\nall {} steps succeeded", demo.transcript.step_count());

    if arguments.keep {
        demo.print_commands_to_try();
        demo.stack.keep();
        registry.server.keep();
        if let Some(servers) = servers {
            servers.keep();
        }
    }
    Ok(())
}

fn issue_tokens(stack: &Stack) -> Result<Vec<(&'static str, String)>> {
    let mut tokens = Vec::new();
    for name in ["admin", "member", "stranger"] {
        tokens.push((name, stack.token(name, &[])?));
    }
    Ok(tokens)
}

impl Demo {
    fn run_steps(&mut self, base: &str) -> Result<()> {
        self.create_group_with_member()?;
        let _events = self.build_image(base)?;
        self.use_image()?;
        self.refuse_stranger()
    }

    fn create_group_with_member(&mut self) -> Result<()> {
        self.run_slipway(
            "the platform admin signs in",
            "admin",
            &["user", "whoami"],
            "platform admin  true",
        )?;
        let whoami = self.run_slipway(
            "a colleague signs in for the first time",
            "member",
            &["user", "whoami"],
            "slipway-development",
        )?;
        let member = field(&whoami, "user")?;

        self.run_slipway(
            "the admin creates a group",
            "admin",
            &["group", "create", "vision"],
            "vision",
        )?;
        self.run_slipway(
            "the admin adds the colleague to the group",
            "admin",
            &["group", "add", "vision", &member],
            &member,
        )?;
        Ok(())
    }

    /// Returns the events that are printed in the background, so that they stay visible.
    fn build_image(&mut self, base: &str) -> Result<BackgroundOutput> {
        let events = self.follow_events()?;

        let names = ["--owner", "vision", "--group", "vision", "--display-name", "Vision tools"];
        let spec = ["--base", base, "--apt", "jq", "--pip", "humanize>=4"];
        let created = self.run_slipway(
            "the admin creates a custom image for the group",
            "admin",
            &[&["image", "create"], &names[..], &spec[..]].concat(),
            "vision/vision-tools",
        )?;
        let build = field(&created, "build")?;

        self.run_slipway(
            "the build shows its steps live",
            "admin",
            &["build", "watch", &build],
            "SUCCEEDED",
        )?;
        self.run_slipway(
            "the build's log is kept",
            "admin",
            &["build", "logs", &build],
            "Setting up jq",
        )?;

        let activated = "catalog.revision.activated";
        self.transcript.wait_for(
            "events of the build have arrived in the background (◂)",
            "[admin] slipway events tail",
            &format!("an event `{activated}`"),
            || events.has_printed(activated),
        )?;
        Ok(events)
    }

    fn use_image(&mut self) -> Result<()> {
        self.run_slipway(
            "the member sees the image",
            "member",
            &["image", "list"],
            "vision/vision-tools",
        )?;
        let resolved = self.run_slipway(
            "the member resolves the image to a digest",
            "member",
            &["image", "resolve", "vision/vision-tools"],
            "@sha256:",
        )?;

        self.run_image(&field(&resolved, "reference")?)
    }

    fn refuse_stranger(&mut self) -> Result<()> {
        for (title, verb) in [
            ("a stranger cannot see that the image exists", "get"),
            ("a stranger cannot resolve the image", "resolve"),
        ] {
            let expected = Expected { code: NOT_FOUND, text: &["IMAGE_NOT_FOUND"] };
            self.run_step(title, "stranger", &["image", verb, "vision/vision-tools"], &expected)?;
        }
        Ok(())
    }

    /// Runs a command that must succeed and print `expected`. Returns its output.
    fn run_slipway(
        &mut self,
        title: &str,
        who: &str,
        arguments: &[&str],
        expected: &str,
    ) -> Result<String> {
        self.run_step(title, who, arguments, &Expected { code: 0, text: &[expected] })
    }

    fn run_step(
        &mut self,
        title: &str,
        who: &str,
        arguments: &[&str],
        expected: &Expected<'_>,
    ) -> Result<String> {
        let quoted: Vec<String> = arguments.iter().map(|argument| quote(argument)).collect();
        let command_line = format!("[{who}] slipway {}", quoted.join(" "));
        let mut command = self.slipway(who, arguments);

        self.transcript.run_step(title, &command_line, &mut command, expected)
    }

    fn follow_events(&self) -> Result<BackgroundOutput> {
        BackgroundOutput::start(&mut self.slipway("admin", &["events", "tail"]), summarize_event)
    }

    fn slipway(&self, who: &str, arguments: &[&str]) -> Command {
        let token = self.tokens.iter().find(|(name, _)| *name == who);
        let token = token.map(|(_, token)| token.clone()).unwrap_or_default();

        let mut command = self.stack.program("slipway");
        command.args(arguments).envs(self.stack.environment()).env("SLIPWAY_TOKEN", token);
        command
    }

    /// Pulls the image into an empty storage, as a node would, and runs the installed packages.
    fn run_image(&mut self, reference: &str) -> Result<()> {
        let storage = self.user.folder("demo-data/node")?;
        let policy = r#"{"default":[{"type":"insecureAcceptAnything"}]}"#;
        fs::write(storage.join("policy.json"), policy)?;
        let configuration = format!(
            "[storage]\ndriver = \"overlay\"\ngraphroot = {0:?}\nrunroot = {0:?}\n",
            storage.join("images")
        );
        fs::write(storage.join("storage.conf"), configuration)?;

        let node = storage.display();
        let buildah_run = "buildah run --isolation oci --runtime runc --network none node --";
        let script = format!(
            "export XDG_RUNTIME_DIR={node} CONTAINERS_STORAGE_CONF={node}/storage.conf\n\
             buildah from --quiet --name node --pull-always --tls-verify=false \
             --signature-policy {node}/policy.json docker://{reference}\n\
             {buildah_run} dpkg-query --show jq\n\
             {buildah_run} python3 -c 'import humanize; print(humanize.naturalsize(10**9))'"
        );
        let mut command = self.user.command_in_user_namespace("sh");
        command.args(["-e", "-c", &script]);

        self.transcript.run_step(
            "the member pulls the image by that digest and runs it",
            &script.replace('\n', "\n$ "),
            &mut command,
            &Expected { code: 0, text: &["jq\t", "1.0 GB"] },
        )?;
        Ok(())
    }

    fn print_commands_to_try(&self) {
        println!("\nThe services keep running; `cargo xtask clean` stops them. Try:");
        for (name, value) in self.stack.environment() {
            println!("  export {name}={value}");
        }
        println!("  export SLIPWAY_TOKEN={}", self.tokens[0].1);
        println!("  {}/slipway image list", self.bin.display());
    }
}

fn quote(argument: &str) -> String {
    if argument.contains([' ', '>']) { format!("'{argument}'") } else { argument.to_owned() }
}

/// The type and subject of an event that is a line of JSON.
fn summarize_event(line: &str) -> Option<String> {
    let event: serde_json::Value = serde_json::from_str(line).ok()?;
    let kind = event["type"].as_str().unwrap_or_default();
    let subject = event["subject"].as_str().unwrap_or_default();

    Some(format!("{kind} {subject}"))
}

/// The value in the line `name  value`.
fn field(text: &str, name: &str) -> Result<String> {
    let mut values = text.lines().filter_map(|line| line.strip_prefix(name));
    let value = values.find(|value| value.starts_with(' '));

    Ok(value.with_context(|| format!("the output has no field `{name}`"))?.trim().to_owned())
}
