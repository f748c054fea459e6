//! A stack of its own for a test, and calling it.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use sea_orm::ConnectionTrait as _;
use slipway_database::{Database, Settings};
use slipway_testrig::{
    base, env,
    postgres::{Postgres, create_database},
    rabbitmq::RabbitMq,
    stack::{Backends, Place, SERVICES, Stack},
    user::Ordinary,
};
use slipway_wire::{
    builder::v1::{
        Build, BuildSpec, BuildState, GetBuildRequest, build_service_client::BuildServiceClient,
    },
    catalog::v1::{
        CreateImageRequest, CreateImageResponse, CustomSource, ExistingSource, Image, ImageAccess,
        ImageType, create_image_request::Source, image_service_client::ImageServiceClient,
    },
    permission::v1::{
        AddMemberRequest, CreateGroupRequest, GetSelfRequest,
        group_service_client::GroupServiceClient, user_service_client::UserServiceClient,
    },
};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};
use tonic::{Request, Status, transport::Channel};
use tonic_types::StatusExt as _;
use uuid::Uuid;

/// Queues of the broker are shared by all full stacks: one at a time.
static FULL: Mutex<()> = Mutex::const_new(());

pub(crate) struct World {
    /// In the name of every deed of this world's puppets, and so in the command lines of their processes.
    pub(crate) id: String,
    pub(crate) stack: Stack,
    pub(crate) registry: String,
    pub(crate) base: String,
    pub(crate) databases: Vec<String>,
    pub(crate) data: PathBuf,
    _folder: TempDir,
    _alone: Option<MutexGuard<'static, ()>>,
}

pub(crate) async fn standalone() -> Option<World> {
    let (place, folder) = place()?;
    let (registry, data) = (place.registry.clone(), place.data.clone());
    let stack = Stack::standalone(place).unwrap();
    let databases = SERVICES
        .iter()
        .map(|service| format!("sqlite://{}", data.join(format!("{service}.sqlite")).display()))
        .collect();
    Some(World {
        id: new_id(),
        stack,
        base: format!("{registry}/{}", base::REPOSITORY),
        registry,
        databases,
        data,
        _folder: folder,
        _alone: None,
    })
}

fn new_id() -> String {
    Uuid::now_v7().simple().to_string()
}

pub(crate) async fn full() -> Option<World> {
    traced_full("").await
}

/// With the services' traces sent there.
pub(crate) async fn traced_full(otlp_endpoint: &str) -> Option<World> {
    let server = env::server(env::POSTGRES)?;
    let (place, folder) = place()?;
    let place = Place { otlp_endpoint: otlp_endpoint.to_owned(), ..place };
    let alone = FULL.lock().await;
    let (registry, data) = (place.registry.clone(), place.data.clone());
    let id = new_id();
    let databases = SERVICES
        .map(|service| create_database(&place.user, &server, &format!("{service}_{id}")).unwrap());
    let variables =
        ["SLIPWAY_TEST_RABBITMQ_PERMISSION", "SLIPWAY_TEST_RABBITMQ_CATALOG", env::RABBITMQ];
    let brokers = variables.map(|variable| std::env::var(variable).expect("set with the others"));
    let stack = Stack::full(place, &Backends { databases: databases.clone(), brokers }).unwrap();
    Some(World {
        id,
        stack,
        base: format!("{registry}/{}", base::REPOSITORY),
        registry,
        databases: databases.to_vec(),
        data,
        _folder: folder,
        _alone: Some(alone),
    })
}

/// A full stack on servers of its own, which the test may stop.
pub(crate) async fn full_on_own_servers() -> Option<(World, Postgres, RabbitMq)> {
    env::server(env::POSTGRES)?;
    let (place, folder) = place()?;
    let (registry, data, records) =
        (place.registry.clone(), place.data.clone(), place.records.clone());
    let (postgres, rabbitmq) = (
        Postgres::start(&place.user, &records).unwrap(),
        RabbitMq::start(&place.user, &records).unwrap(),
    );
    let databases = SERVICES.map(|service| postgres.database(service).unwrap());
    let stack = Stack::full(
        place,
        &Backends {
            databases: databases.clone(),
            brokers: SERVICES.map(|service| rabbitmq.url(service)),
        },
    )
    .unwrap();
    let base = format!("{registry}/{}", base::REPOSITORY);
    Some((
        World {
            id: new_id(),
            stack,
            base,
            registry,
            databases: databases.to_vec(),
            data,
            _folder: folder,
            _alone: None,
        },
        postgres,
        rabbitmq,
    ))
}

fn place() -> Option<(Place, TempDir)> {
    let registry = env::server(env::REGISTRY)?;
    let user = Ordinary::find().unwrap();
    let folder = TempDir::new_in(user.folder("e2e").unwrap()).unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let bin = PathBuf::from(std::env::var("SLIPWAY_TEST_BIN").unwrap());
    Some((
        Place {
            user,
            bin,
            data,
            records: folder.path().join("run"),
            registry,
            otlp_endpoint: String::new(),
        },
        folder,
    ))
}

impl World {
    pub(crate) fn token(&self, subject: &str) -> String {
        self.stack.token(subject, &[]).unwrap()
    }

    fn channel(&self, number: usize) -> Channel {
        Channel::from_shared(self.stack.environment()[number].1.clone()).unwrap().connect_lazy()
    }

    pub(crate) fn images(&self) -> ImageServiceClient<Channel> {
        ImageServiceClient::new(self.channel(1))
    }

    pub(crate) fn builds(&self) -> BuildServiceClient<Channel> {
        BuildServiceClient::new(self.channel(2))
    }

    pub(crate) fn groups(&self) -> GroupServiceClient<Channel> {
        GroupServiceClient::new(self.channel(0))
    }

    /// The user's id, known from now on.
    pub(crate) async fn user(&self, subject: &str) -> String {
        let mut users = UserServiceClient::new(self.channel(0));
        users
            .get_self(self.call(subject, GetSelfRequest {}))
            .await
            .unwrap()
            .into_inner()
            .user
            .unwrap()
            .id
    }

    pub(crate) fn call<T>(&self, subject: &str, message: T) -> Request<T> {
        with_token(&self.token(subject), message)
    }

    /// A group with one member.
    pub(crate) async fn group(&self, name: &str, member: &str) {
        let user_id = self.user(member).await;
        self.groups()
            .create_group(
                self.call(
                    "admin",
                    CreateGroupRequest { name: name.to_owned(), ..Default::default() },
                ),
            )
            .await
            .unwrap();
        self.groups()
            .add_member(
                self.call(
                    "admin",
                    AddMemberRequest { group: name.to_owned(), user_id, admin: false },
                ),
            )
            .await
            .unwrap();
    }

    pub(crate) fn custom(&self, owner: &str, name: &str, apt: &[&str]) -> CreateImageRequest {
        let spec = BuildSpec {
            base_reference: self.base.clone(),
            apt: apt.iter().map(ToString::to_string).collect(),
            ..BuildSpec::default()
        };
        image(
            owner,
            name,
            Source::Custom(CustomSource { spec: Some(spec), pull_secret: String::new() }),
        )
    }

    /// A custom image on the base whose apt-get does what it is told; see `puppet.py`.
    pub(crate) fn puppet(&self, owner: &str, name: &str, deed: &str) -> CreateImageRequest {
        let base_reference = base::puppet(&Ordinary::find().unwrap(), &self.registry).unwrap();
        let spec = BuildSpec {
            base_reference,
            apt: vec![format!("{deed}-{}", self.id)],
            ..BuildSpec::default()
        };
        image(
            owner,
            name,
            Source::Custom(CustomSource { spec: Some(spec), pull_secret: String::new() }),
        )
    }

    pub(crate) fn existing(&self, owner: &str, name: &str) -> CreateImageRequest {
        image(
            owner,
            name,
            Source::Existing(ExistingSource {
                reference: self.base.clone(),
                ..ExistingSource::default()
            }),
        )
    }

    pub(crate) async fn create(&self, request: CreateImageRequest) -> CreateImageResponse {
        self.images().create_image(self.call("admin", request)).await.unwrap().into_inner()
    }

    /// Polls the build until it is as wanted.
    pub(crate) async fn wait_for_build(
        &self,
        id: &str,
        patience: Duration,
        is_wanted: impl Fn(&Build) -> bool,
    ) -> Build {
        let began = Instant::now();
        let mut last = None;
        while began.elapsed() < patience {
            if let Ok(response) = self
                .builds()
                .get_build(self.call("admin", GetBuildRequest { build_id: id.to_owned() }))
                .await
            {
                let build = response.into_inner().build.unwrap();
                if is_wanted(&build) {
                    return build;
                }
                last = Some(build);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the build did not get there in {patience:?}; it is {last:?}");
    }

    /// Polls a statement until its rows are as wanted. Unlike a call, it makes nobody fetch anything.
    pub(crate) async fn wait_for_rows(
        &self,
        service: &str,
        sql: &str,
        patience: Duration,
        is_wanted: impl Fn(&[String]) -> bool,
    ) -> Vec<String> {
        let began = Instant::now();
        loop {
            let rows = self.rows(service, sql).await;
            if is_wanted(&rows) {
                return rows;
            }
            assert!(began.elapsed() < patience, "{service}: {sql}: {rows:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Tags of an image's repository in the registry; none where there is no repository.
    pub(crate) fn tags(&self, image: &Image) -> Vec<String> {
        let short = &image.id[image.id.len() - 8..];
        let repository = format!("docker://{}/{}-{short}", self.registry, image.name);
        let output = Ordinary::find()
            .unwrap()
            .command("skopeo")
            .args(["list-tags", "--tls-verify=false", &repository])
            .output()
            .unwrap();
        let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        listed["Tags"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|tag| tag.as_str().map(str::to_owned))
            .collect()
    }

    /// One column of a statement on a service's database, as text.
    pub(crate) async fn rows(&self, service: &str, sql: &str) -> Vec<String> {
        let database = self.database(service).await;
        let rows = database.reader().query_all_raw(database.statement(sql, [])).await.unwrap();
        rows.iter().map(|row| row.try_get::<String>("", "row").unwrap()).collect()
    }

    pub(crate) async fn execute(&self, service: &str, sql: &str) {
        self.database(service).await.writer().execute_unprepared(sql).await.unwrap();
    }

    async fn database(&self, service: &str) -> Database {
        let number = SERVICES.iter().position(|name| *name == service).unwrap();
        Database::connect(&Settings { url: self.databases[number].clone(), connections: 2 })
            .await
            .unwrap()
    }

    /// Processes of builds of this world.
    pub(crate) fn build_processes(&self) -> Vec<String> {
        let marker = self.data.join("builds").display().to_string();
        let entries = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let mut found = Vec::new();
        for path in entries {
            let read = |file: &str| {
                std::fs::read(path.join(file))
                    .map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "))
                    .unwrap_or_default()
            };
            let (command, environment) = (read("cmdline"), read("environ"));
            let program = command
                .split(' ')
                .next()
                .and_then(|program| program.rsplit('/').next())
                .unwrap_or_default();
            let is_of_a_build = command.contains(&self.id)
                || command.contains(&marker)
                || environment.contains(&marker);
            if is_of_a_build && !program.starts_with("slipway-") && !program.starts_with("postgres")
            {
                found.push(command);
            }
        }
        found
    }

    pub(crate) async fn no_build_processes(&self, patience: Duration) {
        let began = Instant::now();
        while !self.build_processes().is_empty() {
            assert!(began.elapsed() < patience, "left: {:#?}", self.build_processes());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for World {
    /// Builds' files belong to the user namespace.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (name, service) in &self.stack.services {
                let log = service.log();
                let last: Vec<&str> = log.lines().rev().take(40).collect();
                eprintln!(
                    "── {name}'s last lines\n{}",
                    last.into_iter().rev().collect::<Vec<_>>().join("\n")
                );
            }
        }
        self.stack.services.clear();
        if let Ok(user) = Ordinary::find() {
            let _ = user.mapped("rm").arg("-rf").arg(self.data.join("builds")).status();
        }
    }
}

pub(crate) fn image(owner: &str, name: &str, source: Source) -> CreateImageRequest {
    CreateImageRequest {
        request_id: Uuid::now_v7().to_string(),
        owner: owner.to_owned(),
        name: name.to_owned(),
        display_name: name.to_owned(),
        description: String::new(),
        r#type: ImageType::Cpu.into(),
        access: Some(ImageAccess::default()),
        source: Some(source),
    }
}

pub(crate) fn with_token<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

/// `ErrorInfo.reason`
pub(crate) fn reason(status: &Status) -> String {
    status
        .get_error_details()
        .error_info()
        .map_or_else(|| format!("{status:?}"), |info| info.reason.clone())
}

pub(crate) fn ended(build: &Build) -> bool {
    use BuildState::{Cancelled, Expired, Failed, Succeeded, TimedOut};
    matches!(build.state(), Succeeded | Failed | Cancelled | TimedOut | Expired)
}
