//! `slipway image …`

mod access;
mod create;
mod image_type;
mod list;
mod resolve;
mod show;

use clap::Subcommand;
use slipway_wire::catalog::v1::{GetImageRequest, SetImageAccessRequest};

use crate::{
    commands::image::{
        access::AccessFlags, create::Create, list::List, resolve::Resolve, show::show,
    },
    failure::Failure,
    output::Output,
    session::Session,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Add an existing image, or build a custom one.
    Create(Box<Create>),
    /// Show an image.
    Get {
        /// Image: its id or `<owner>/<name>`.
        image: String,
    },
    /// List the images that you may see.
    List(List),
    /// Set who may use an image, in addition to the managers of its owner.
    ///
    /// The flags replace the whole access list. Without flags, only the managers may use the
    /// image.
    Share {
        /// Image: its id or `<owner>/<name>`.
        image: String,
        #[command(flatten)]
        access: AccessFlags,
        /// Refuse if the image has changed since `image get --output json` showed this etag.
        #[arg(long, default_value = "", hide_default_value = true)]
        etag: String,
    },
    /// Print the exact reference to run on a node.
    Resolve(Resolve),
}

pub(crate) async fn run(
    command: Command,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    match command {
        Command::Create(create) => create.run(session, output).await,
        Command::Get { image } => get(image, session, output).await,
        Command::List(list) => list.run(session, output).await,
        Command::Share { image, access, etag } => {
            let request = SetImageAccessRequest {
                image,
                access: Some(access.into_wire()),
                etag,
                consistency_token: String::new(),
            };
            share(request, session, output).await
        }
        Command::Resolve(resolve) => resolve.run(session, output).await,
    }
}

async fn get(image: String, session: &Session, output: &Output) -> Result<(), Failure> {
    let request = GetImageRequest { image, consistency_token: String::new() };
    let response = session.images().get_image(request).await?.into_inner();

    let reference = response
        .active_revision
        .as_ref()
        .and_then(|revision| revision.artifact.as_ref())
        .map(|artifact| artifact.reference.clone())
        .unwrap_or_default();
    show(&response, &response.image.clone().unwrap_or_default(), &reference, output)
}

async fn share(
    request: SetImageAccessRequest,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    let response = session.images().set_image_access(request).await?.into_inner();
    let image = response.image.clone().unwrap_or_default();
    session.wait_until_readable(&image.id, &response.consistency_token).await;

    show(&response, &image, "", output)
}
