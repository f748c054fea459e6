//! The demonstration: everything through the command line, each step with what it must show.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use slipway_testrig::{
    base, packages,
    postgres::Postgres,
    process,
    rabbitmq::RabbitMq,
    registry::Registry,
    stack::{Backends, Place, SERVICES, Stack},
    user::Ordinary,
};

use crate::{
    narrator::{Aside, Expected, Narrator},
    workspace::programs,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// One process, SQLite, in-process broker.
    Standalone,
    /// Three processes, PostgreSQL, RabbitMQ.
    Full,
}

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to start.
    #[arg(long, value_enum, default_value = "standalone")]
    stack: Kind,
    /// Leave it running, and say what to try.
    #[arg(long)]
    keep: bool,
}

const STEPS: usize = 13;

struct Demo {
    user: Ordinary,
    bin: PathBuf,
    stack: Stack,
    tokens: Vec<(&'static str, String)>,
    narrator: Narrator,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    packages::ensure_installed(packages::BUILD)?;
    let user = Ordinary::find()?;
    let records = user.home().join("run/demo");
    process::clean(&records)?;
    let bin = programs(&user)?;
    let registry = Registry::start(&user, &records)?;
    let base = base::ensure_base(&user, &registry.address)?;
    let place = Place {
        user: user.clone(),
        bin: bin.clone(),
        data: empty_data(&user)?,
        records: records.clone(),
        registry: registry.address.clone(),
        otlp_endpoint: String::new(),
    };
    let mut servers = None;
    let stack = match arguments.stack {
        Kind::Standalone => Stack::standalone(place)?,
        Kind::Full => {
            packages::ensure_installed(packages::SERVERS)?;
            let (postgres, rabbitmq) =
                (Postgres::start(&user, &records)?, RabbitMq::start(&user, &records)?);
            let [permission, catalog, builder] = SERVICES.map(|service| postgres.database(service));
            let backends = Backends {
                databases: [permission?, catalog?, builder?],
                brokers: SERVICES.map(|service| rabbitmq.url(service)),
            };
            servers = Some((postgres, rabbitmq));
            Stack::full(place, &backends)?
        }
    };
    let tokens = ["admin", "member", "stranger"]
        .into_iter()
        .map(|name| Ok((name, stack.token(name, &[])?)))
        .collect::<Result<_>>()?;
    let mut demo = Demo { user, bin, stack, tokens, narrator: Narrator::new(STEPS) };
    let outcome = demo.story(&base);
    demo.narrator.table();
    outcome.with_context(|| format!("the services' logs are in {}", records.display()))?;
    println!("\nall {STEPS} steps held");
    if arguments.keep {
        demo.say_what_to_try();
        demo.stack.keep();
        registry.server.keep();
        if let Some((postgres, rabbitmq)) = servers {
            postgres.server.keep();
            rabbitmq.keep();
        }
    }
    Ok(())
}

/// The last demo's builds belong to the user namespace.
fn empty_data(user: &Ordinary) -> Result<PathBuf> {
    let data = user.home().join("demo-data");
    if data.exists() {
        let removed = user.mapped("rm").arg("-rf").arg(&data).status()?;
        ensure!(removed.success(), "the last demo's data could not be removed");
    }
    user.folder("demo-data")
}

impl Demo {
    fn story(&mut self, base: &str) -> Result<()> {
        self.step(
            "the platform admin is known by its token",
            "admin",
            &["user", "whoami"],
            0,
            "platform admin  true",
        )?;
        let member = self.step(
            "a colleague signs in for the first time",
            "member",
            &["user", "whoami"],
            0,
            "slipway-development",
        )?;
        let member = field(&member, "user")?;
        self.step("the admin makes a group", "admin", &["group", "create", "vision"], 0, "vision")?;
        self.step(
            "and adds the colleague",
            "admin",
            &["group", "add", "vision", &member],
            0,
            &member,
        )?;
        let events = self.follow_events()?;
        let what = ["--base", base, "--apt", "jq", "--pip", "humanize>=4"];
        let whose = [
            "image",
            "create",
            "--owner",
            "vision",
            "--group",
            "vision",
            "--display-name",
            "Vision tools",
        ];
        let created = self.step(
            "the admin asks for a custom image for the group",
            "admin",
            &[&whose[..], &what[..]].concat(),
            0,
            "vision/vision-tools",
        )?;
        let build = field(&created, "build")?;
        self.step("the build's steps, live", "admin", &["build", "watch", &build], 0, "SUCCEEDED")?;
        self.step("its log is kept", "admin", &["build", "logs", &build], 0, "Setting up jq")?;
        let activated = "catalog.revision.activated";
        self.narrator.wait_for(
            "its events came all the while (◂)",
            "[admin] slipway events tail",
            &format!("`{activated}` among them"),
            || events.has_shown(activated),
        )?;
        self.step("the member sees it", "member", &["image", "list"], 0, "vision/vision-tools")?;
        let resolved = self.step(
            "and resolves it to a digest",
            "member",
            &["image", "resolve", "vision/vision-tools"],
            0,
            "@sha256:",
        )?;
        self.run_image(&field(&resolved, "reference")?)?;
        self.step(
            "a stranger is told that it does not exist",
            "stranger",
            &["image", "get", "vision/vision-tools"],
            3,
            "IMAGE_NOT_FOUND",
        )?;
        self.step(
            "and cannot resolve it either",
            "stranger",
            &["image", "resolve", "vision/vision-tools"],
            3,
            "IMAGE_NOT_FOUND",
        )?;
        Ok(())
    }

    fn slipway(&self, who: &str, arguments: &[&str]) -> Command {
        let token = self
            .tokens
            .iter()
            .find(|(name, _)| *name == who)
            .map(|(_, token)| token.clone())
            .unwrap_or_default();
        let mut command = self.stack.program("slipway");
        command.args(arguments).envs(self.stack.environment()).env("SLIPWAY_TOKEN", token);
        command
    }

    fn follow_events(&self) -> Result<Aside> {
        Aside::start(&mut self.slipway("admin", &["events", "tail"]), |line| {
            let event: serde_json::Value = serde_json::from_str(line).ok()?;
            let word = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
            Some(format!("{} {}", word("type"), word("subject")))
        })
    }

    fn step(
        &mut self,
        title: &str,
        who: &str,
        arguments: &[&str],
        code: i32,
        expected: &str,
    ) -> Result<String> {
        let quoted: Vec<String> =
            arguments
                .iter()
                .map(|word| {
                    if word.contains([' ', '>']) { format!("'{word}'") } else { (*word).to_owned() }
                })
                .collect();
        let mut command = self.slipway(who, arguments);
        self.narrator.step(
            title,
            &format!("[{who}] slipway {}", quoted.join(" ")),
            &mut command,
            &Expected { code, text: &[expected] },
        )
    }

    /// Pulled fresh into an empty storage, as a node would.
    fn run_image(&mut self, reference: &str) -> Result<()> {
        let storage = self.user.folder("demo-data/node")?;
        fs::write(
            storage.join("policy.json"),
            r#"{"default":[{"type":"insecureAcceptAnything"}]}"#,
        )?;
        fs::write(
            storage.join("storage.conf"),
            format!(
                "[storage]\ndriver = \"overlay\"\ngraphroot = {0:?}\nrunroot = {0:?}\n",
                storage.join("images")
            ),
        )?;
        let node = storage.display();
        let script = format!(
            "export XDG_RUNTIME_DIR={node} CONTAINERS_STORAGE_CONF={node}/storage.conf\n\
             buildah from --quiet --name node --pull-always --tls-verify=false --signature-policy {node}/policy.json docker://{reference}\n\
             buildah run --isolation oci --runtime runc --network none node -- dpkg-query --show jq\n\
             buildah run --isolation oci --runtime runc --network none node -- python3 -c 'import humanize; print(humanize.naturalsize(10**9))'"
        );
        let mut command = self.user.mapped("sh");
        command.args(["-e", "-c", &script]);
        let title = "the member runs it by that digest, pulled fresh";
        self.narrator.step(
            title,
            &script.replace('\n', "\n$ "),
            &mut command,
            &Expected { code: 0, text: &["jq\t", "1.0 GB"] },
        )?;
        Ok(())
    }

    fn say_what_to_try(&self) {
        println!("\nIt keeps running; `cargo xtask clean` ends it. Try:");
        for (name, value) in self.stack.environment() {
            println!("  export {name}={value}");
        }
        println!("  export SLIPWAY_TOKEN={}", self.tokens[0].1);
        println!("  {}/slipway image list", self.bin.display());
    }
}

/// The value of a line `name  value`.
fn field(text: &str, name: &str) -> Result<String> {
    let line =
        text.lines().find_map(|line| line.strip_prefix(name).filter(|rest| rest.starts_with(' ')));
    Ok(line.with_context(|| format!("no `{name}` in the output"))?.trim().to_owned())
}
