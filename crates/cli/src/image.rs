//! `slipway image …`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use slipway_wire::{
    builder::v1::BuildSpec,
    catalog::v1::{
        Accelerator, CreateImageRequest, CustomSource, ExistingSource, GetImageRequest, Image, ImageAccess, ImageSource, ImageState, ImageType,
        ListImagesRequest, ResolveImageRequest, SetImageAccessRequest, create_image_request::Source,
    },
};

use crate::{
    build,
    failure::Failure,
    output::{Output, word},
    session::Session,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Add an existing image, or have a custom one built.
    Create(Box<Create>),
    /// Show one image.
    Get {
        /// Id or `<owner>/<name>`.
        image: String,
    },
    /// List what you may see.
    List(List),
    /// Set who may use it, beside its owner's managers.
    Share {
        /// Id or `<owner>/<name>`.
        image: String,
        #[command(flatten)]
        access: Access,
        /// From a read, against lost updates.
        #[arg(long, default_value = "")]
        etag: String,
    },
    /// Print the exact reference to run on a node.
    Resolve(Resolve),
}

#[derive(Args)]
pub(crate) struct Access {
    /// Every signed-in user may use it.
    #[arg(long)]
    global: bool,
    /// A group that may use it; may be given again.
    #[arg(long = "group")]
    groups: Vec<String>,
    /// A user id that may use it; may be given again.
    #[arg(long = "user")]
    users: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Create {
    /// A YAML or JSON file with the whole request (CreateImageRequest of proto/); flags are not read then.
    #[arg(long, short)]
    file: Option<PathBuf>,
    /// `system` or a group.
    #[arg(long, default_value = "")]
    owner: String,
    /// Derived from the display name when not given.
    #[arg(long, default_value = "")]
    name: String,
    /// For people; the name when not given.
    #[arg(long, default_value = "")]
    display_name: String,
    /// For people.
    #[arg(long, default_value = "")]
    description: String,
    /// What it runs on.
    #[arg(long = "type", value_enum, default_value = "cpu")]
    kind: Kind,
    #[command(flatten)]
    access: Access,
    /// Existing image: its reference.
    #[arg(long, conflicts_with = "base")]
    reference: Option<String>,
    /// Existing UNIVERSAL image: its reference for GPU nodes.
    #[arg(long, default_value = "")]
    gpu_reference: String,
    /// Existing image: do not ask its registry.
    #[arg(long)]
    skip_verification: bool,
    #[command(flatten)]
    spec: Spec,
    /// Your id of this request (UUID), to repeat it safely.
    #[arg(long)]
    request_id: Option<String>,
    /// Stay until the build has ended, showing its steps.
    #[arg(long)]
    watch: bool,
}

#[derive(Args)]
pub(crate) struct Spec {
    /// Custom image: what to build on.
    #[arg(long)]
    pub(crate) base: Option<String>,
    /// Custom image: a Debian package; may be given again.
    #[arg(long, allow_hyphen_values = true)]
    apt: Vec<String>,
    /// Custom image: a conda MatchSpec; may be given again.
    #[arg(long, allow_hyphen_values = true)]
    conda: Vec<String>,
    /// Custom image: a Python requirement; may be given again.
    #[arg(long, allow_hyphen_values = true)]
    pip: Vec<String>,
}

impl Spec {
    pub(crate) fn source(self) -> Option<CustomSource> {
        let base_reference = self.base?;
        let spec = BuildSpec { base_reference, gpu_base_reference: String::new(), apt: self.apt, conda: self.conda, pip: self.pip };
        Some(CustomSource { spec: Some(spec), pull_secret: String::new() })
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Cpu,
    Gpu,
    Universal,
}

impl Kind {
    fn to_wire(self) -> ImageType {
        match self {
            Self::Cpu => ImageType::Cpu,
            Self::Gpu => ImageType::Gpu,
            Self::Universal => ImageType::Universal,
        }
    }
}

#[derive(Args)]
pub(crate) struct List {
    /// `system` or a group.
    #[arg(long, default_value = "")]
    owner: String,
    /// Only this type.
    #[arg(long = "type", value_enum)]
    kind: Option<Kind>,
    /// Only this state: building, ready, failed or cancelled.
    #[arg(long)]
    state: Option<String>,
    /// Part of the name or display name.
    #[arg(long, default_value = "")]
    text: String,
    /// name, display_name, create_time or update_time, with ` desc` or not.
    #[arg(long, default_value = "")]
    order_by: String,
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    page_size: i32,
    /// From the page before.
    #[arg(long, default_value = "")]
    page_token: String,
}

#[derive(Args)]
pub(crate) struct Resolve {
    /// Id or `<owner>/<name>`.
    image: String,
    /// What the node has.
    #[arg(long, value_enum, default_value = "cpu")]
    accelerator: Node,
    /// `os/architecture` of the node.
    #[arg(long, default_value = "")]
    platform: String,
    /// Who will run it.
    #[arg(long, default_value = "")]
    consumer: String,
    /// Instead of the active one.
    #[arg(long, default_value_t = 0)]
    revision: i32,
}

#[derive(Clone, Copy, ValueEnum)]
enum Node {
    Cpu,
    Gpu,
}

pub(crate) async fn run(command: Command, session: &Session, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Create(create) => run_create(*create, session, output).await,
        Command::Get { image } => {
            let response = session.images().get_image(GetImageRequest { image, consistency_token: String::new() }).await?.into_inner();
            let reference = response
                .active_revision
                .as_ref()
                .and_then(|revision| revision.artifact.as_ref())
                .map(|artifact| artifact.reference.clone())
                .unwrap_or_default();
            show(&response, &response.image.clone().unwrap_or_default(), &reference, output)
        }
        Command::List(list) => run_list(list, session, output).await,
        Command::Share { image, access, etag } => {
            let request = SetImageAccessRequest { image, access: Some(to_wire(access)), etag };
            let response = session.images().set_image_access(request).await?.into_inner();
            show(&response, &response.image.clone().unwrap_or_default(), "", output)
        }
        Command::Resolve(resolve) => {
            let accelerator = match resolve.accelerator {
                Node::Cpu => Accelerator::Cpu,
                Node::Gpu => Accelerator::Gpu,
            };
            let request = ResolveImageRequest {
                image: resolve.image,
                accelerator: accelerator.into(),
                platform: resolve.platform,
                consumer: resolve.consumer,
                revision: resolve.revision,
                consistency_token: String::new(),
            };
            let response = session.images().resolve_image(request).await?.into_inner();
            output.one(&response, &[("reference", response.reference.clone()), ("note", response.note.clone())])
        }
    }
}

async fn run_create(create: Create, session: &Session, output: &Output) -> Result<(), Failure> {
    let watch = create.watch;
    let request = request(create)?;
    let response = session.images().create_image(request).await?.into_inner();
    let image = response.image.clone().unwrap_or_default();
    show(&response, &image, "", output)?;
    match image.latest_build.filter(|_| watch) {
        Some(latest) => build::watch(session, latest.build_id).await,
        None => Ok(()),
    }
}

fn request(create: Create) -> Result<CreateImageRequest, Failure> {
    if let Some(file) = create.file {
        let text = std::fs::read_to_string(&file).map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))?;
        let value: serde_json::Value = serde_yaml_ng::from_str(&text).map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
        let mut request: CreateImageRequest =
            serde_json::from_value(value).map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
        if request.request_id.is_empty() {
            request.request_id = uuid::Uuid::now_v7().to_string();
        }
        return Ok(request);
    }
    let source = match create.reference {
        Some(reference) => Source::Existing(ExistingSource {
            reference,
            gpu_reference: create.gpu_reference,
            pull_secret: String::new(),
            skip_verification: create.skip_verification,
        }),
        None => Source::Custom(
            create.spec.source().ok_or_else(|| Failure::usage("give --reference for an existing image, or --base and packages for a custom one"))?,
        ),
    };
    let display_name = if create.display_name.is_empty() { create.name.clone() } else { create.display_name };
    Ok(CreateImageRequest {
        request_id: create.request_id.unwrap_or_else(|| uuid::Uuid::now_v7().to_string()),
        owner: create.owner,
        name: create.name,
        display_name,
        description: create.description,
        r#type: create.kind.to_wire().into(),
        access: Some(to_wire(create.access)),
        source: Some(source),
    })
}

async fn run_list(list: List, session: &Session, output: &Output) -> Result<(), Failure> {
    let state = match list.state {
        None => ImageState::Unspecified,
        Some(text) => {
            let name = format!("IMAGE_STATE_{}", text.to_uppercase());
            ImageState::from_str_name(&name)
                .ok_or_else(|| Failure::usage(format!("`{text}` is no state; give building, ready, failed or cancelled")))?
        }
    };
    let request = ListImagesRequest {
        page_size: list.page_size,
        page_token: list.page_token,
        order_by: list.order_by,
        r#type: list.kind.map_or(ImageType::Unspecified, Kind::to_wire).into(),
        owner: list.owner,
        state: state.into(),
        text: list.text,
        consistency_token: String::new(),
    };
    let response = session.images().list_images(request).await?.into_inner();
    let rows = response
        .images
        .iter()
        .map(|image| vec![image.name.clone(), kind_of(image), state_of(image), image.display_name.clone(), image.active_revision.to_string()]);
    output.many(&response, &["NAME", "TYPE", "STATE", "DISPLAY NAME", "REVISION"], rows.collect())?;
    if !response.next_page_token.is_empty() {
        eprintln!("{} in all; the next page: --page-token {}", response.total_size, response.next_page_token);
    }
    Ok(())
}

fn to_wire(access: Access) -> ImageAccess {
    ImageAccess { global: access.global, groups: access.groups, users: access.users }
}

fn kind_of(image: &Image) -> String {
    word(image.r#type().as_str_name(), "IMAGE_TYPE_")
}

/// The image's state, and what its newest build does beside it.
fn state_of(image: &Image) -> String {
    let state = word(image.state().as_str_name(), "IMAGE_STATE_");
    match &image.latest_build {
        Some(latest) if image.state() == ImageState::Ready && latest.revision != image.active_revision => {
            format!("{state} (revision {} {})", latest.revision, word(latest.state().as_str_name(), "BUILD_STATE_"))
        }
        _ => state,
    }
}

fn show<T: serde::Serialize>(message: &T, image: &Image, reference: &str, output: &Output) -> Result<(), Failure> {
    let access = image.access.clone().unwrap_or_default();
    let mut who: Vec<String> = access.groups;
    who.extend(access.users);
    if access.global {
        who.push("everyone".to_owned());
    }
    let latest = image.latest_build.clone().unwrap_or_default();
    let failure =
        latest.failure.clone().map(|failure| format!("{} in step {}: {}", failure.reason, failure.step, failure.message)).unwrap_or_default();
    let fields = [
        ("name", image.name.clone()),
        ("id", image.id.clone()),
        ("display name", image.display_name.clone()),
        ("type", kind_of(image)),
        ("source", word(ImageSource::try_from(image.source).unwrap_or_default().as_str_name(), "IMAGE_SOURCE_")),
        ("state", state_of(image)),
        ("access", who.join(", ")),
        ("revision", if image.active_revision > 0 { image.active_revision.to_string() } else { String::new() }),
        ("reference", reference.to_owned()),
        ("build", latest.build_id.clone()),
        ("build state", if latest.build_id.is_empty() { String::new() } else { word(latest.state().as_str_name(), "BUILD_STATE_") }),
        ("build step", latest.step.clone()),
        ("failure", failure),
    ];
    output.one(message, &fields)
}
