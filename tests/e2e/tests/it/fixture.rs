//! A Slipway stack for one test, and calls to it.

use std::{
    ops::Deref,
    path::PathBuf,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use slipway_testrig::{
    base_image,
    call::{channel, with_token},
    database::{create_on_server, sqlite_url},
    env,
    identity::TestKeys,
    postgres::Postgres,
    rabbitmq::RabbitMq,
    stack::{Backends, SERVICES, Stack, StackConfig},
    user::UnprivilegedUser,
};
use slipway_wire::{
    builder::v1::{Build, BuildSpec, BuildState, build_service_client::BuildServiceClient},
    catalog::v1::{
        CreateImageRequest, CreateImageResponse, CustomSource, ExistingSource, GetImageRequest,
        Image, ImageAccess, ImageType, ListImagesRequest, ListImagesResponse, ResolveImageRequest,
        ResolveImageResponse, create_image_request::Source,
        image_service_client::ImageServiceClient,
    },
    permission::v1::{
        AddMemberRequest, CreateGroupRequest, GetSelfRequest,
        group_service_client::GroupServiceClient, user_service_client::UserServiceClient,
    },
};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};
use tonic::{Request, Response, Status, transport::Channel};
use uuid::Uuid;

/// Time for a build that installs one package.
pub(crate) const BUILD_TIMEOUT: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Full stacks share the broker's queues, so only one runs at a time.
static FULL_STACK: Mutex<()> = Mutex::const_new(());

/// The stack of [`shared`] while a test holds it.
static SHARED: Mutex<Weak<Fixture>> = Mutex::const_new(Weak::new());

pub(crate) struct Fixture {
    /// Part of each package name of [`Self::fake_apt_image`], and so of the command lines of build
    /// processes.
    pub(crate) id: String,
    pub(crate) stack: Stack,
    /// The keys of the development issuer and of the services.
    pub(crate) keys: TestKeys,
    /// `host:port`
    pub(crate) registry: String,
    /// Reference of the base image.
    pub(crate) base: String,
    /// Addresses of the databases, in the order of [`SERVICES`].
    pub(crate) databases: Vec<String>,
    /// Folder of the stack's data.
    pub(crate) data: PathBuf,
    _folder: TempDir,
    _full_stack: Option<MutexGuard<'static, ()>>,
}

/// A stack in one process. `None` if a server is missing: the test must return.
pub(crate) async fn standalone() -> Option<Fixture> {
    let (config, folder) = stack_config()?;
    let registry = config.registry.clone();
    let data = config.data.clone();
    let databases = SERVICES.map(|service| sqlite_url(&data.join(format!("{service}.sqlite"))));

    let stack = Stack::standalone(config).unwrap();

    Some(Fixture::new(stack, registry, databases.to_vec(), data, folder))
}

/// A stack in one process that this test shares with others. They use names of their own, restart
/// nothing, and do not depend on the number of images, events or waiting builds. `None` if a server
/// is missing: the test must return.
pub(crate) async fn shared() -> Option<SharedFixture> {
    let mut shared = SHARED.lock().await;
    if let Some(fixture) = shared.upgrade() {
        return Some(SharedFixture(fixture));
    }

    let fixture = Arc::new(standalone().await?);
    *shared = Arc::downgrade(&fixture);
    Some(SharedFixture(fixture))
}

/// Ends the stack with its last test.
pub(crate) struct SharedFixture(Arc<Fixture>);

impl Deref for SharedFixture {
    type Target = Fixture;

    fn deref(&self) -> &Fixture {
        &self.0
    }
}

impl Drop for SharedFixture {
    fn drop(&mut self) {
        let is_last = Arc::strong_count(&self.0) == 1;
        if std::thread::panicking() && !is_last {
            self.0.print_logs();
        }
    }
}

/// A stack of three processes. `None` if a server is missing: the test must return.
pub(crate) async fn full() -> Option<Fixture> {
    full_with_traces("").await
}

/// A full stack that sends its traces to an OTLP endpoint.
pub(crate) async fn full_with_traces(otlp_endpoint: &str) -> Option<Fixture> {
    let server = env::server(env::POSTGRES)?;
    let (config, folder) = stack_config()?;
    let config = StackConfig { otlp_endpoint: otlp_endpoint.to_owned(), ..config };
    let registry = config.registry.clone();
    let data = config.data.clone();
    let guard = FULL_STACK.lock().await;

    let mut databases = [const { String::new() }; 3];
    for database in &mut databases {
        *database = create_on_server(&server).await;
    }
    let variables = [env::RABBITMQ_PERMISSION, env::RABBITMQ_CATALOG, env::RABBITMQ];
    let brokers = variables.map(|variable| std::env::var(variable).expect(variable));

    let backends = Backends { databases: databases.clone(), brokers };
    let stack = Stack::full(config, &backends).unwrap();

    let mut fixture = Fixture::new(stack, registry, databases.to_vec(), data, folder);
    fixture._full_stack = Some(guard);
    Some(fixture)
}

/// A full stack with servers of its own, which the test may stop.
pub(crate) async fn full_on_own_servers() -> Option<(Fixture, Postgres, RabbitMq)> {
    env::server(env::POSTGRES)?;
    let (config, folder) = stack_config()?;
    let registry = config.registry.clone();
    let data = config.data.clone();

    let postgres = Postgres::start(&config.user, &config.records).unwrap();
    let rabbitmq = RabbitMq::start(&config.user, &config.records).unwrap();
    let databases = SERVICES.map(|service| postgres.database(service).unwrap());
    let brokers = SERVICES.map(|service| rabbitmq.url(service));

    let backends = Backends { databases: databases.clone(), brokers };
    let stack = Stack::full(config, &backends).unwrap();

    let fixture = Fixture::new(stack, registry, databases.to_vec(), data, folder);
    Some((fixture, postgres, rabbitmq))
}

/// The configuration of a stack in a new folder, which is deleted when it is dropped.
pub(crate) fn stack_config() -> Option<(StackConfig, TempDir)> {
    let registry = env::server(env::REGISTRY)?;
    let user = UnprivilegedUser::find().unwrap();
    let folder = TempDir::new_in(user.folder("e2e").unwrap()).unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();

    let config = StackConfig {
        user,
        bin: PathBuf::from(std::env::var(env::BIN).unwrap()),
        data,
        records: folder.path().join("run"),
        registry,
        otlp_endpoint: String::new(),
    };
    Some((config, folder))
}

/// Clients.
impl Fixture {
    fn new(
        stack: Stack,
        registry: String,
        databases: Vec<String>,
        data: PathBuf,
        folder: TempDir,
    ) -> Self {
        Self {
            id: Uuid::now_v7().simple().to_string(),
            stack,
            keys: TestKeys::of_stack(&data),
            base: format!("{registry}/{}", base_image::REPOSITORY),
            registry,
            databases,
            data,
            _folder: folder,
            _full_stack: None,
        }
    }

    pub(crate) fn channel(&self, service: &str) -> Channel {
        let (_, address) = &self.stack.environment()[service_index(service)];
        channel(address)
    }

    pub(crate) fn images(&self) -> ImageServiceClient<Channel> {
        ImageServiceClient::new(self.channel("catalog"))
    }

    pub(crate) fn builds(&self) -> BuildServiceClient<Channel> {
        BuildServiceClient::new(self.channel("builder"))
    }

    pub(crate) fn groups(&self) -> GroupServiceClient<Channel> {
        GroupServiceClient::new(self.channel("permission"))
    }

    pub(crate) fn users(&self) -> UserServiceClient<Channel> {
        UserServiceClient::new(self.channel("permission"))
    }

    pub(crate) fn token(&self, subject: &str) -> String {
        self.keys.user_token(subject)
    }

    /// A request with the token of a subject.
    pub(crate) fn request<T>(&self, subject: &str, message: T) -> Request<T> {
        with_token(&self.token(subject), message)
    }
}

/// Users and groups.
impl Fixture {
    /// Signs a user in. Returns the user's id.
    pub(crate) async fn user(&self, subject: &str) -> String {
        let response =
            self.users().get_self(self.request(subject, GetSelfRequest {})).await.unwrap();

        response.into_inner().user.unwrap().id
    }

    /// Creates a group with one member.
    pub(crate) async fn group(&self, name: &str, member: &str) {
        let request = CreateGroupRequest { name: name.to_owned(), ..Default::default() };
        self.groups().create_group(self.request("admin", request)).await.unwrap();

        self.add_member(name, member, false).await;
    }

    pub(crate) async fn add_group_admin(&self, group: &str, subject: &str) {
        self.add_member(group, subject, true).await;
    }

    async fn add_member(&self, group: &str, subject: &str, admin: bool) {
        let user_id = self.user(subject).await;
        let request = AddMemberRequest { group: group.to_owned(), user_id, admin };
        self.groups().add_member(self.request("admin", request)).await.unwrap();
    }
}

/// Images.
impl Fixture {
    /// A request for an image with the base's reference.
    pub(crate) fn existing_image(&self, owner: &str, name: &str) -> CreateImageRequest {
        create_image_request(owner, name, Source::Existing(existing_source(&self.base)))
    }

    /// A request for an image with packages installed by the base's apt-get.
    pub(crate) fn custom_image(&self, owner: &str, name: &str, apt: &[&str]) -> CreateImageRequest {
        let source = custom_source(build_spec(&self.base, apt));
        create_image_request(owner, name, Source::Custom(source))
    }

    /// A request for an image on the base with the fake apt-get; see `fake_apt_get.py` for the
    /// behaviours.
    pub(crate) fn fake_apt_image(
        &self,
        owner: &str,
        name: &str,
        behaviour: &str,
    ) -> CreateImageRequest {
        let user = UnprivilegedUser::find().unwrap();
        let base = base_image::ensure_fake_apt_base(&user, &self.registry).unwrap();
        let package = format!("{behaviour}-{}", self.id);

        let source = custom_source(build_spec(&base, &[&package]));
        create_image_request(owner, name, Source::Custom(source))
    }

    /// Creates an image as the admin.
    pub(crate) async fn create(&self, request: CreateImageRequest) -> CreateImageResponse {
        self.images().create_image(self.request("admin", request)).await.unwrap().into_inner()
    }

    /// Creates an image as the admin. Returns the id of its build.
    pub(crate) async fn create_build(&self, request: CreateImageRequest) -> String {
        build_id(&self.create(request).await.image.unwrap())
    }

    pub(crate) async fn try_create(
        &self,
        subject: &str,
        request: CreateImageRequest,
    ) -> Result<Image, Status> {
        let response = self.images().create_image(self.request(subject, request)).await?;
        Ok(response.into_inner().image.unwrap())
    }

    pub(crate) async fn get_image(
        &self,
        subject: &str,
        image: &str,
        consistency_token: &str,
    ) -> Result<Image, Status> {
        let request = GetImageRequest {
            image: image.to_owned(),
            consistency_token: consistency_token.to_owned(),
        };

        let response = self.images().get_image(self.request(subject, request)).await?;
        Ok(response.into_inner().image.unwrap())
    }

    pub(crate) async fn list_images(
        &self,
        subject: &str,
        request: ListImagesRequest,
    ) -> Result<ListImagesResponse, Status> {
        self.images().list_images(self.request(subject, request)).await.map(Response::into_inner)
    }

    pub(crate) async fn resolve(
        &self,
        subject: &str,
        request: ResolveImageRequest,
    ) -> Result<ResolveImageResponse, Status> {
        let response = self.images().resolve_image(self.request(subject, request)).await?;
        Ok(response.into_inner())
    }

    /// Tags of an image's repository in the registry; empty if there is no repository.
    pub(crate) fn tags(&self, image: &Image) -> Vec<String> {
        let short_id = &image.id[image.id.len() - 8..];
        let repository = format!("docker://{}/{}-{short_id}", self.registry, image.name);

        let output = UnprivilegedUser::find()
            .unwrap()
            .command("skopeo")
            .args(["list-tags", "--tls-verify=false", &repository])
            .output()
            .unwrap();

        let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let tags = listed["Tags"].as_array().into_iter().flatten();
        tags.filter_map(|tag| tag.as_str().map(str::to_owned)).collect()
    }
}

impl Fixture {
    fn print_logs(&self) {
        for (name, service) in &self.stack.services {
            let log = service.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(40)..];
            eprintln!("── the last lines of {name}\n{}", last.join("\n"));
        }
    }
}

impl Drop for Fixture {
    /// Shows the logs of a failed test, ends the services and deletes the files of builds, which
    /// belong to the user namespace.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.print_logs();
        }

        self.stack.services.clear();
        if let Ok(user) = UnprivilegedUser::find() {
            let builds = self.data.join("builds");
            let _ = user.command_in_user_namespace("rm").arg("-rf").arg(builds).status();
        }
    }
}

pub(crate) fn service_index(service: &str) -> usize {
    SERVICES.iter().position(|name| *name == service).unwrap()
}

/// A request for a CPU image with a new request id, shared with nobody.
pub(crate) fn create_image_request(owner: &str, name: &str, source: Source) -> CreateImageRequest {
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

pub(crate) fn existing_source(reference: &str) -> ExistingSource {
    ExistingSource { reference: reference.to_owned(), ..ExistingSource::default() }
}

pub(crate) fn custom_source(spec: BuildSpec) -> CustomSource {
    CustomSource { spec: Some(spec), pull_secret: String::new() }
}

pub(crate) fn build_spec(base: &str, apt: &[&str]) -> BuildSpec {
    BuildSpec {
        base_reference: base.to_owned(),
        apt: apt.iter().map(ToString::to_string).collect(),
        ..BuildSpec::default()
    }
}

/// Id of the latest build of an image.
pub(crate) fn build_id(image: &Image) -> String {
    image.latest_build.as_ref().unwrap().build_id.clone()
}

pub(crate) fn has_ended(build: &Build) -> bool {
    use BuildState::{Cancelled, Expired, Failed, Succeeded, TimedOut};
    matches!(build.state(), Succeeded | Failed | Cancelled | TimedOut | Expired)
}

/// Polls until the result is `Ok`. Panics with the last `Err` when the timeout has passed.
pub(crate) async fn wait_until<T>(
    timeout: Duration,
    mut poll: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let began = Instant::now();
    loop {
        let pending = match poll().await {
            Ok(value) => return value,
            Err(pending) => pending,
        };

        assert!(began.elapsed() < timeout, "not within {timeout:?}: {pending}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Polls until the condition holds. `what` names the condition in the panic message.
pub(crate) async fn eventually(what: &str, timeout: Duration, is_true: impl Fn() -> bool) {
    wait_until(timeout, async || if is_true() { Ok(()) } else { Err(what.to_owned()) }).await;
}
