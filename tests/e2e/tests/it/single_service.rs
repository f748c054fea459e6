//! One service's program without a stack: the permission service with keys, on SQLite by default,
//! without a broker.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use slipway_testrig::{
    call::{channel, with_token},
    env,
    identity::TestKeys,
    ports::{free_ports, listens},
    stack::output_of,
    user::UnprivilegedUser,
};
use slipway_wire::{
    event::v1::{WatchRequest, WatchResponse, event_service_client::EventServiceClient},
    permission::v1::{GetSelfRequest, user_service_client::UserServiceClient},
};
use tempfile::TempDir;
use tonic::{Request, Response, Status, Streaming, transport::Channel};

use crate::fixture::{eventually, wait_until};

pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

/// No broker listens there; the service starts without one and reports that it is not ready.
const NO_BROKER: &str = "amqp://permission:hunter2@127.0.0.1:1/slipway";

pub(crate) struct SingleService {
    user: UnprivilegedUser,
    bin: PathBuf,
    /// The gRPC port. The next one is the HTTP port.
    pub(crate) port: u16,
    keys: TestKeys,
    folder: TempDir,
}

impl SingleService {
    /// Creates keys and a configuration, and starts nothing. `None` if the programs are not built:
    /// the test must return.
    pub(crate) fn new() -> Option<Self> {
        let bin = PathBuf::from(env::server(env::BIN)?);
        let user = UnprivilegedUser::find().unwrap();
        let folder = TempDir::new_in(user.folder("e2e").unwrap()).unwrap();
        let keys = TestKeys::of_stack(folder.path());
        let service = Self { user, bin, port: free_ports(2).unwrap(), keys, folder };

        service.create_keys();
        service.configure("");

        Some(service)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the configuration file. `more` is appended.
    pub(crate) fn configure(&self, more: &str) {
        let database = format!("sqlite://{}?mode=rwc", self.path("permission.sqlite").display());
        let keys = self.folder.path().join("keys");

        let text = format!(
            r#"
            [listen]
            grpc = "127.0.0.1:{grpc_port}"
            http = "127.0.0.1:{http_port}"
            [database]
            url = {database:?}
            [broker]
            url = {NO_BROKER:?}
            [identity]
            service_key_file = {service_key:?}
            service_jwks_file = {service_jwks:?}
            [[identity.issuers]]
            issuer = "slipway-development"
            jwks_file = {development_jwks:?}
            [[bootstrap_admins]]
            issuer = "slipway-development"
            subject = "admin"
            {more}
            "#,
            grpc_port = self.port,
            http_port = self.port + 1,
            service_key = keys.join("permission.pem"),
            service_jwks = keys.join("services.json"),
            development_jwks = keys.join("development.json"),
        );
        fs::write(self.path("permission.toml"), text).unwrap();
    }

    fn create_keys(&self) {
        let mut command = self.user.command(self.bin.join("slipway-standalone"));
        command.arg("--data-dir").arg(self.folder.path()).arg("keys");

        let (code, text) = output_of(&mut command).unwrap();
        assert_eq!(code, 0, "{text}");
    }

    fn program(&self, subcommand: &str) -> Command {
        let mut command = self.user.command(self.bin.join("slipway-permission"));
        command.arg("--config").arg(self.path("permission.toml")).arg(subcommand);
        command
    }

    /// Runs a subcommand to its end. Returns its exit code and output.
    pub(crate) fn run(&self, subcommand: &str, variables: &[(&str, &str)]) -> (i32, String) {
        output_of(self.program(subcommand).envs(variables.iter().copied())).unwrap()
    }

    /// Runs a subcommand that should end, and fails if it does not. Returns its exit code and
    /// output.
    pub(crate) async fn run_with_timeout(&self, subcommand: &str) -> (Option<i32>, String) {
        let mut process = ServiceProcess::start(&mut self.program(subcommand), &self.path("log"));
        (process.exit_code().await, process.log())
    }

    /// Migrates the database, starts the service and waits until it listens.
    pub(crate) async fn serve(&self, variables: &[(&str, &str)]) -> ServiceProcess {
        let (code, text) = self.run("migrate", variables);
        assert_eq!(code, 0, "{text}");

        let mut command = self.program("serve");
        command.envs(variables.iter().copied());
        let process = ServiceProcess::start(&mut command, &self.path("log"));
        eventually("the service listens", TIMEOUT, || listens(self.port) && listens(self.port + 1))
            .await;

        process
    }

    fn channel(&self) -> Channel {
        channel(&format!("http://127.0.0.1:{}", self.port))
    }

    pub(crate) fn users(&self) -> UserServiceClient<Channel> {
        UserServiceClient::new(self.channel())
    }

    pub(crate) fn request<T>(&self, subject: &str, message: T) -> Request<T> {
        with_token(&self.keys.user_token(subject), message)
    }

    pub(crate) async fn get_self(&self, subject: &str) -> Result<(), Status> {
        self.users().get_self(self.request(subject, GetSelfRequest {})).await.map(|_| ())
    }

    pub(crate) async fn watch(&self, subject: &str) -> Result<Streaming<WatchResponse>, Status> {
        EventServiceClient::new(self.channel())
            .watch(self.request(subject, WatchRequest::default()))
            .await
            .map(Response::into_inner)
    }
}

/// A started subcommand, whose exit code can be read.
pub(crate) struct ServiceProcess {
    child: Child,
    log: PathBuf,
}

impl ServiceProcess {
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

    /// The output up to now.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("kill -TERM {}", self.child.id())]);

        let (code, text) = output_of(&mut command).unwrap();
        assert_eq!(code, 0, "{text}");
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the end of the process. `None` if a signal ended it.
    pub(crate) async fn exit_code(&mut self) -> Option<i32> {
        wait_until(TIMEOUT, async || {
            if self.is_running() {
                return Err(format!("the process still runs:\n{}", self.log()));
            }
            Ok(())
        })
        .await;

        self.child.wait().unwrap().code()
    }
}

impl Drop for ServiceProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
