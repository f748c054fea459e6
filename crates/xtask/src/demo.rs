//! The demonstration: everything through the command line, each step with what it must show.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum;
use slipway_testrig::{
    base, packages,
    postgres::Postgres,
    process,
    process::Server,
    rabbitmq::RabbitMq,
    registry::Registry,
    stack::{Backends, Place, SERVICES, Stack, said},
    user::Ordinary,
};

use crate::workspace::programs;

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
    results: Vec<(String, f32)>,
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
            let (postgres, rabbitmq) = (Postgres::start(&user, &records)?, RabbitMq::start(&user, &records)?);
            let [permission, catalog, builder] = SERVICES.map(|service| postgres.database(service));
            let backends = Backends { databases: [permission?, catalog?, builder?], brokers: SERVICES.map(|service| rabbitmq.url(service)) };
            servers = Some((postgres, rabbitmq));
            Stack::full(place, &backends)?
        }
    };
    let tokens = ["admin", "member", "stranger"].into_iter().map(|name| Ok((name, stack.token(name, &[])?))).collect::<Result<_>>()?;
    let mut demo = Demo { user, bin, stack, tokens, results: Vec::new() };

    let events = demo.follow_events(&records)?;
    let outcome = demo.story(&base, &records);
    drop(events);
    demo.table();
    outcome?;
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
    fn story(&mut self, base: &str, records: &Path) -> Result<()> {
        self.step("the platform admin is known by its token", "admin", &["user", "whoami"], 0, "platform admin  true")?;
        let member = self.step("a colleague signs in for the first time", "member", &["user", "whoami"], 0, "slipway-development")?;
        let member = field(&member, "user")?;
        self.step("the admin makes a group", "admin", &["group", "create", "vision"], 0, "vision")?;
        self.step("and adds the colleague", "admin", &["group", "add", "vision", &member], 0, &member)?;
        let created = self.step(
            "the admin asks for a custom image for the group",
            "admin",
            &[
                "image",
                "create",
                "--owner",
                "vision",
                "--display-name",
                "Vision tools",
                "--base",
                base,
                "--apt",
                "jq",
                "--pip",
                "humanize>=4",
                "--group",
                "vision",
            ],
            0,
            "vision/vision-tools",
        )?;
        let build = field(&created, "build")?;
        self.step("the build's steps, live", "admin", &["build", "watch", &build], 0, "SUCCEEDED")?;
        self.step("its log is kept", "admin", &["build", "logs", &build], 0, "Setting up jq")?;
        let began = Instant::now();
        let mut events = String::new();
        while !events.contains("catalog.revision.activated") && began.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(50));
            events = fs::read_to_string(records.join("events.log"))?;
        }
        let types: Vec<&str> = events.lines().filter_map(|line| line.split("\"type\":\"").nth(1)?.split('"').next()).collect();
        self.show(
            "the events, as they came",
            "slipway events tail",
            &types.join("\n"),
            types.contains(&"catalog.revision.activated"),
            "catalog.revision.activated among them",
            began,
        )?;
        self.step("the member sees it", "member", &["image", "list"], 0, "vision/vision-tools")?;
        let resolved = self.step("and resolves it to a digest", "member", &["image", "resolve", "vision/vision-tools"], 0, "@sha256:")?;
        let reference = field(&resolved, "reference")?;
        self.run_image(&reference)?;
        self.step("a stranger is told that it does not exist", "stranger", &["image", "get", "vision/vision-tools"], 3, "IMAGE_NOT_FOUND")?;
        self.step("and cannot resolve it either", "stranger", &["image", "resolve", "vision/vision-tools"], 3, "IMAGE_NOT_FOUND")?;
        Ok(())
    }

    fn slipway(&self, who: &str, arguments: &[&str]) -> Command {
        let token = self.tokens.iter().find(|(name, _)| *name == who).map(|(_, token)| token.clone()).unwrap_or_default();
        let mut command = self.stack.program("slipway");
        command.args(arguments).envs(self.stack.environment()).env("SLIPWAY_TOKEN", token);
        command
    }

    fn follow_events(&self, records: &Path) -> Result<Server> {
        Server::start("events", self.slipway("admin", &["events", "tail"]), records)
    }

    fn step(&mut self, title: &str, who: &str, arguments: &[&str], code: i32, expected: &str) -> Result<String> {
        let began = Instant::now();
        let (got, text) = said(&mut self.slipway(who, arguments))?;
        let quoted: Vec<String> =
            arguments.iter().map(|word| if word.contains([' ', '>']) { format!("'{word}'") } else { (*word).to_owned() }).collect();
        let held = got == code && text.contains(expected);
        let command = format!("[{who}] slipway {}", quoted.join(" "));
        self.show(title, &command, &text, held, &format!("`{expected}`, exit code {code}"), began)?;
        Ok(text)
    }

    fn show(&mut self, title: &str, command: &str, text: &str, held: bool, expected: &str, began: Instant) -> Result<()> {
        let number = self.results.len() + 1;
        println!("\n── {number}/{STEPS} {title}\n$ {command}");
        let lines: Vec<&str> = text.lines().collect();
        let cut = lines.len().saturating_sub(24);
        if cut > 0 {
            println!("… {cut} lines before");
        }
        lines[cut..].iter().for_each(|line| println!("{line}"));
        self.results.push((title.to_owned(), began.elapsed().as_secs_f32()));
        match held {
            true => println!("✓ expected {expected}"),
            false => {
                bail!("step {number} `{title}` did not show {expected}; the services' logs are in {}", self.user.home().join("run/demo").display())
            }
        }
        Ok(())
    }

    /// Pulled fresh into an empty storage, as a node would.
    fn run_image(&mut self, reference: &str) -> Result<()> {
        let began = Instant::now();
        let storage = self.user.folder("demo-data/node")?;
        fs::write(storage.join("policy.json"), r#"{"default":[{"type":"insecureAcceptAnything"}]}"#)?;
        let script = "set -e; export XDG_RUNTIME_DIR=$1; b=\"buildah --root $1/root --runroot $1/run --storage-driver overlay\"; \
             c=$($b from --quiet --signature-policy $1/policy.json --pull-always --tls-verify=false docker://$2); \
             $b run --isolation oci --runtime runc --network none $c -- dpkg-query --show jq; \
             $b run --isolation oci --runtime runc --network none $c -- python3 -c 'import humanize; print(humanize.naturalsize(10**9))'; $b rm $c >/dev/null";
        let (code, text) = said(self.user.mapped("sh").args(["-c", script, "node"]).arg(&storage).arg(reference))?;
        let command = format!(
            "buildah from --pull-always docker://{reference}; buildah run … dpkg-query --show jq; buildah run … python3 -c 'import humanize; …'"
        );
        self.show(
            "the member runs it by that digest, pulled fresh",
            &command,
            &text,
            code == 0 && text.contains("jq") && text.contains("1.0 GB"),
            "jq's version and `1.0 GB`",
            began,
        )
    }

    fn table(&self) {
        println!("\n{:>4}  {:>8}  step", "", "seconds");
        for (number, (title, seconds)) in self.results.iter().enumerate() {
            println!("{:>4}  {seconds:>8.1}  {title}", number + 1);
        }
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
    let line = text.lines().find_map(|line| line.strip_prefix(name).filter(|rest| rest.starts_with(' ')));
    Ok(line.with_context(|| format!("no `{name}` in the output"))?.trim().to_owned())
}
