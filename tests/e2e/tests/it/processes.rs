//! One service's program by itself, as operators meet it: configuration, migration, health, logs, limits, and how it ends.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use sea_orm::ConnectionTrait as _;
use slipway_database::{Database, Settings};
use slipway_testrig::{
    env,
    postgres::create_database,
    process::{free_ports, listens},
    stack::said,
    user::Ordinary,
};
use slipway_wire::{
    event::v1::{WatchRequest, WatchResponse, event_service_client::EventServiceClient},
    permission::v1::{GetSelfRequest, user_service_client::UserServiceClient},
};
use tempfile::TempDir;
use tonic::{Code, Response, Status, Streaming, transport::Channel};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::world::{reason, with_token};

const PATIENCE: Duration = Duration::from_secs(20);
/// Nobody listens there; the service starts all the same and is not ready.
const NO_BROKER: &str = "amqp://permission:hunter2@127.0.0.1:1/slipway";

/// The permission service with keys, on SQLite unless told otherwise.
struct Site {
    user: Ordinary,
    bin: PathBuf,
    port: u16,
    folder: TempDir,
}

fn site() -> Option<Site> {
    let bin = PathBuf::from(env::server("SLIPWAY_TEST_BIN")?);
    let user = Ordinary::find().unwrap();
    let folder = TempDir::new_in(user.folder("e2e").unwrap()).unwrap();
    let site = Site { user, bin, port: free_ports(2).unwrap(), folder };
    let (code, text) = said(site.standalone().arg("keys")).unwrap();
    assert_eq!(code, 0, "{text}");
    site.configure("");
    Some(site)
}

impl Site {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn standalone(&self) -> Command {
        let mut command = self.user.command(self.bin.join("slipway-standalone"));
        command.arg("--data-dir").arg(self.folder.path());
        command
    }

    /// Writes the file; `more` goes behind.
    fn configure(&self, more: &str) {
        let keys = self.folder.path().join("keys");
        let text = format!(
            "[listen]\ngrpc = \"127.0.0.1:{}\"\nhttp = \"127.0.0.1:{}\"\n[database]\nurl = \"sqlite://{}?mode=rwc\"\n[broker]\nurl = {NO_BROKER:?}\n\
             [identity]\nservice_key_file = {:?}\nservice_jwks_file = {:?}\n[[identity.issuers]]\nissuer = \"slipway-development\"\njwks_file = {:?}\n\
             [[bootstrap_admins]]\nissuer = \"slipway-development\"\nsubject = \"admin\"\n{more}",
            self.port,
            self.port + 1,
            self.path("permission.sqlite").display(),
            keys.join("permission.pem"),
            keys.join("services.json"),
            keys.join("development.json"),
        );
        fs::write(self.path("permission.toml"), text).unwrap();
    }

    fn permission(&self, subcommand: &str) -> Command {
        let mut command = self.user.command(self.bin.join("slipway-permission"));
        command.arg("--config").arg(self.path("permission.toml")).arg(subcommand);
        command
    }

    fn says(&self, subcommand: &str, variables: &[(&str, &str)]) -> (i32, String) {
        said(self.permission(subcommand).envs(variables.iter().copied())).unwrap()
    }

    /// Exit code and everything said by a subcommand that should end.
    async fn ends(&self, subcommand: &str) -> (Option<i32>, String) {
        let mut running = Running::start(&mut self.permission(subcommand), &self.path("log"));
        (running.exit_code(PATIENCE).await, running.log())
    }

    /// Migrated and listening.
    async fn serve(&self, variables: &[(&str, &str)]) -> Running {
        let (code, text) = self.says("migrate", variables);
        assert_eq!(code, 0, "{text}");
        let mut command = self.permission("serve");
        let running = Running::start(command.envs(variables.iter().copied()), &self.path("log"));
        eventually("it listens", || listens(self.port) && listens(self.port + 1)).await;
        running
    }

    fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://127.0.0.1:{}", self.port)).unwrap().connect_lazy()
    }

    fn request<T>(&self, subject: &str, message: T) -> tonic::Request<T> {
        let (code, token) = said(self.standalone().args(["token", subject])).unwrap();
        assert_eq!(code, 0, "{token}");
        with_token(token.trim(), message)
    }

    async fn get_self(&self, subject: &str) -> Result<(), Status> {
        UserServiceClient::new(self.channel())
            .get_self(self.request(subject, GetSelfRequest {}))
            .await
            .map(|_| ())
    }

    async fn watch(&self, subject: &str) -> Result<Streaming<WatchResponse>, Status> {
        EventServiceClient::new(self.channel())
            .watch(self.request(subject, WatchRequest::default()))
            .await
            .map(Response::into_inner)
    }
}

/// A program whose end has a code.
struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    fn start(command: &mut Command, log: &Path) -> Self {
        let output = File::create(log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Self { child, log: log.to_owned() }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    fn terminate(&self) {
        let (code, text) =
            said(Command::new("sh").args(["-c", &format!("kill -TERM {}", self.child.id())]))
                .unwrap();
        assert_eq!(code, 0, "{text}");
    }

    fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    async fn exit_code(&mut self, patience: Duration) -> Option<i32> {
        let began = Instant::now();
        while self.runs() {
            assert!(began.elapsed() < patience, "it does not end:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_unknown_key_is_refused_by_name() {
    let Some(site) = site() else { return };
    let (code, text) = site.says("config", &[("SLIPWAY_PERMISSION__DATABASE__NONSENSE", "3")]);
    assert!(code == 1 && text.contains("nonsense"), "{code} {text}");
    site.configure("[limits]\nnonsense = 1\n");
    for subcommand in ["config", "serve", "migrate", "health"] {
        let (code, text) = site.ends(subcommand).await;
        assert!(code == Some(1) && text.contains("nonsense"), "{subcommand}: {code:?} {text}");
    }
    site.configure("[limits]\ncalls = 0\n");
    assert_eq!(site.says("migrate", &[]).0, 0);
    let (code, text) = site.ends("serve").await;
    assert!(code == Some(1) && text.contains("limits.calls"), "{code:?} {text}");
}

#[tokio::test]
async fn the_environment_lies_over_the_file_over_the_defaults() {
    let Some(site) = site() else { return };
    let shows = |variables: &[(&str, &str)], line: &str| {
        let (code, text) = site.says("config", variables);
        assert!(code == 0 && text.lines().any(|shown| shown == line), "{line} is not in:\n{text}");
    };
    shows(&[], "calls = 2048");
    shows(&[], "connections = 8");
    site.configure("[limits]\ncalls = 7\n");
    shows(&[], "calls = 7");
    shows(&[], "calls_per_caller = 64");
    shows(&[("SLIPWAY_PERMISSION__LIMITS__CALLS", "9")], "calls = 9");
    shows(&[("SLIPWAY_CATALOG__LIMITS__CALLS", "9")], "calls = 7");
    shows(&[("SLIPWAY_PERMISSION__LISTEN__HTTP", "127.0.0.1:1")], "http = \"127.0.0.1:1\"");
    shows(
        &[("SLIPWAY_PERMISSION__LISTEN__HTTP", "127.0.0.1:1")],
        &format!("grpc = \"127.0.0.1:{}\"", site.port),
    );

    let secret = site.path("secret");
    fs::write(&secret, "postgres://me:hunter2@db/x\n").unwrap();
    let variable = [("SLIPWAY_PERMISSION__DATABASE__URL_FILE", secret.to_str().unwrap())];
    shows(&variable, "url = \"postgres://me:***@db/x\"");
    let (code, text) =
        site.says("config", &[("SLIPWAY_PERMISSION__DATABASE__URL_FILE", "/nowhere")]);
    assert!(code == 1 && text.contains("SLIPWAY_PERMISSION__DATABASE__URL_FILE"), "{code} {text}");
}

#[tokio::test]
async fn its_configuration_is_printed_without_secrets() {
    let Some(site) = site() else { return };
    let (code, text) = site.says(
        "config",
        &[("SLIPWAY_PERMISSION__DATABASE__URL", "postgres://hunter2@db/x?password=hunter2")],
    );
    assert!(code == 0 && !text.contains("hunter2"), "{code} {text}");
    for shown in [
        "amqp://permission:***@127.0.0.1:1/slipway",
        "postgres://***@db/x?password=***",
        "keys/permission.pem",
    ] {
        assert!(text.contains(shown), "{shown} is not in:\n{text}");
    }
}

#[tokio::test]
async fn a_database_that_is_not_migrated_is_refused() {
    let Some(site) = site() else { return };
    let (code, text) = site.ends("serve").await;
    assert!(
        code == Some(1)
            && text.contains("m0001_permission")
            && text.contains("run `slipway-permission migrate`"),
        "{code:?} {text}"
    );
    site.serve(&[]).await;
}

#[tokio::test]
async fn health_has_an_exit_code() {
    let Some(site) = site() else { return };
    let (code, text) = site.says("health", &[]);
    assert!(code == 1 && text.contains("does not answer"), "{code} {text}");
    let _running = site.serve(&[]).await;
    eventually("it is healthy, although its broker is away", || {
        site.says("health", &[]) == (0, "SERVING\n".to_owned())
    })
    .await;
}

#[tokio::test]
async fn a_caller_has_its_share() {
    let Some(site) = site() else { return };
    let _running = site.serve(&[("SLIPWAY_PERMISSION__LIMITS__CALLS_PER_CALLER", "2")]).await;
    let streams = (site.watch("admin").await.unwrap(), site.watch("admin").await.unwrap());
    let status = site.get_self("admin").await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::ResourceExhausted, "TOO_MANY_CALLS"),
        "{status:?}"
    );
    assert!(status.get_error_details().retry_info().is_some(), "{status:?}");
    site.get_self("alice").await.expect("others do not suffer");
    drop(streams.0);
    let began = Instant::now();
    while let Err(status) = site.get_self("admin").await {
        assert!(began.elapsed() < PATIENCE, "{status:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn each_line_of_the_log_is_json_and_a_call_is_found_by_its_id() {
    let Some(site) = site() else { return };
    let running = site.serve(&[]).await;
    let id = Uuid::now_v7().to_string();
    let mut request = site.request("admin", GetSelfRequest {});
    request.metadata_mut().insert("x-request-id", id.parse().unwrap());
    let response = UserServiceClient::new(site.channel()).get_self(request).await.unwrap();
    assert_eq!(response.metadata().get("x-request-id").unwrap(), id.as_str());
    let lines = || -> Vec<serde_json::Value> {
        // The last one may still be written.
        let log = running.log();
        let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
            })
            .collect()
    };
    let is_call = |line: &serde_json::Value| {
        line["message"] == "call answered" && line["span"]["request.id"] == id.as_str()
    };
    eventually("the call is in the log", || lines().iter().any(is_call)).await;
    let line = lines().into_iter().find(is_call).unwrap();
    assert_eq!(line["span"]["rpc.method"], "slipway.permission.v1.UserService/GetSelf", "{line}");
    assert_eq!(line["rpc.grpc_code"], "0", "{line}");
    assert!(
        line["rpc.took_ms"].is_u64() && line["timestamp"].is_string() && line["level"] == "INFO",
        "{line}"
    );
}

#[tokio::test]
async fn a_terminated_process_answers_what_it_has_begun() {
    let (Some(site), Some(server)) = (site(), env::server(env::POSTGRES)) else { return };
    let url =
        create_database(&site.user, &server, &format!("permission_{}", Uuid::now_v7().simple()))
            .unwrap();
    let mut running = site.serve(&[("SLIPWAY_PERMISSION__DATABASE__URL", url.as_str())]).await;
    site.get_self("admin").await.unwrap();
    let mut stream = site.watch("admin").await.unwrap();

    // A call that cannot go on before the test lets it.
    let database = Database::connect(&Settings { url, connections: 2 }).await.unwrap();
    let lock = database.begin().await.unwrap();
    lock.execute_unprepared("lock table person in access exclusive mode").await.unwrap();
    let request = site.request("admin", GetSelfRequest {});
    let mut users = UserServiceClient::new(site.channel());
    let begun = tokio::spawn(async move { users.get_self(request).await });
    let waits = "select count(*) as waiting from pg_locks where relation = 'person'::regclass and not granted
        and database = (select oid from pg_database where datname = current_database())";
    let began = Instant::now();
    loop {
        let row =
            database.reader().query_one_raw(database.statement(waits, [])).await.unwrap().unwrap();
        if row.try_get::<i64>("", "waiting").unwrap() > 0 {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "the call does not wait for the lock");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    running.terminate();
    eventually("it takes no connections", || !listens(site.port)).await;
    assert!(running.runs(), "it waits for the call");
    let refused = site.get_self("admin").await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    let ended = tokio::time::timeout(PATIENCE, async {
        loop {
            match stream.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended without a word"),
                Err(status) => return status,
            }
        }
    });
    let ended = ended.await.expect("a stream ends with its process");
    assert_eq!(
        (ended.code(), reason(&ended).as_str()),
        (Code::Unavailable, "SHUTTING_DOWN"),
        "{ended:?}"
    );
    lock.rollback().await.unwrap();
    begun.await.unwrap().expect("what has begun is answered");
    assert_eq!(running.exit_code(PATIENCE).await, Some(0), "{}", running.log());
    assert!(!running.log().contains("tasks did not stop in time"), "{}", running.log());
}
