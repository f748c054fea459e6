//! `slipway image …`

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use slipway_wire::catalog::v1::{
    Accelerator, GetImageRequest, Image, ImageSource, ImageState, ImageType, ResolveImageRequest,
    SetImageAccessRequest,
};

use crate::{
    access::Access,
    build,
    failure::Failure,
    image_create, image_list,
    output::{Output, word},
    session::Session,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Add an existing image, or have a custom one built.
    Create(Box<image_create::Create>),
    /// Show one image.
    Get {
        /// Id or `<owner>/<name>`.
        image: String,
    },
    /// List what you may see.
    List(image_list::List),
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

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Kind {
    Cpu,
    Gpu,
    Universal,
}

impl Kind {
    pub(crate) fn to_wire(self) -> ImageType {
        match self {
            Self::Cpu => ImageType::Cpu,
            Self::Gpu => ImageType::Gpu,
            Self::Universal => ImageType::Universal,
        }
    }
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

pub(crate) async fn run(
    command: Command,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    match command {
        Command::Create(create) => image_create::run(*create, session, output).await,
        Command::Get { image } => {
            let response = session
                .images()
                .get_image(GetImageRequest { image, consistency_token: String::new() })
                .await?
                .into_inner();
            let reference = response
                .active_revision
                .as_ref()
                .and_then(|revision| revision.artifact.as_ref())
                .map(|artifact| artifact.reference.clone())
                .unwrap_or_default();
            show(&response, &response.image.clone().unwrap_or_default(), &reference, output)
        }
        Command::List(list) => image_list::run(list, session, output).await,
        Command::Share { image, access, etag } => {
            let request = SetImageAccessRequest {
                image,
                access: Some(access.into_wire()),
                etag,
                consistency_token: String::new(),
            };
            let response = session.images().set_image_access(request).await?.into_inner();
            settle(
                session,
                response.image.as_ref().map_or("", |image| &image.id),
                &response.consistency_token,
            )
            .await;
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
            output.one(
                &response,
                &[("reference", response.reference.clone()), ("note", response.note.clone())],
            )
        }
    }
}

pub(crate) fn kind_of(image: &Image) -> String {
    word(image.r#type().as_str_name(), "IMAGE_TYPE_")
}

/// The image's state, and what its newest build does beside it.
pub(crate) fn state_of(image: &Image) -> String {
    let state = word(image.state().as_str_name(), "IMAGE_STATE_");
    match &image.latest_build {
        Some(latest)
            if image.state() == ImageState::Ready && latest.revision != image.active_revision =>
        {
            format!(
                "{state} (revision {} {})",
                latest.revision,
                word(latest.state().as_str_name(), "BUILD_STATE_")
            )
        }
        _ => state,
    }
}

/// Waits until reads see the write, so that the next command does; where that takes too long, it is the next command's to say so.
pub(crate) async fn settle(session: &Session, image: &str, consistency_token: &str) {
    let request = GetImageRequest {
        image: image.to_owned(),
        consistency_token: consistency_token.to_owned(),
    };
    let _ = session.images().get_image(request).await;
}

pub(crate) fn show<T: Serialize>(
    message: &T,
    image: &Image,
    reference: &str,
    output: &Output,
) -> Result<(), Failure> {
    let access = image.access.clone().unwrap_or_default();
    let mut who: Vec<String> = access.groups;
    who.extend(access.users);
    if access.global {
        who.push("everyone".to_owned());
    }
    let latest = image.latest_build.clone().unwrap_or_default();
    let fields = [
        ("name", image.name.clone()),
        ("id", image.id.clone()),
        ("display name", image.display_name.clone()),
        ("type", kind_of(image)),
        (
            "source",
            word(
                ImageSource::try_from(image.source).unwrap_or_default().as_str_name(),
                "IMAGE_SOURCE_",
            ),
        ),
        ("state", state_of(image)),
        ("access", who.join(", ")),
        (
            "revision",
            if image.active_revision > 0 {
                image.active_revision.to_string()
            } else {
                String::new()
            },
        ),
        ("reference", reference.to_owned()),
        ("build", latest.build_id.clone()),
        (
            "build state",
            if latest.build_id.is_empty() {
                String::new()
            } else {
                word(latest.state().as_str_name(), "BUILD_STATE_")
            },
        ),
        ("build step", latest.step.clone()),
        ("failure", build::failure_of(latest.failure.as_ref())),
    ];
    output.one(message, &fields)
}
