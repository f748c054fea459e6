//! `slipway image create`

use std::path::PathBuf;

use clap::Args;
use slipway_wire::catalog::v1::{CreateImageRequest, create_image_request};

use crate::{
    commands::{
        image::{access::AccessFlags, image_type::ImageTypeFlag, show::show},
        request_file, request_id,
        source::{Source, SourceFlags},
    },
    failure::Failure,
    output::Output,
    session::Session,
    stream::build::watch_until_success,
};

#[derive(Args)]
pub(crate) struct Create {
    /// Owner of the image: `system`, or a group's name or id.
    #[arg(long, default_value = "", hide_default_value = true)]
    owner: String,
    /// Name within the owner; derived from the display name if omitted.
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
    /// Name shown to people, 1 to 64 characters; the name if omitted.
    #[arg(long, default_value = "", hide_default_value = true)]
    display_name: String,
    /// Description shown to people.
    #[arg(long, default_value = "", hide_default_value = true)]
    description: String,
    /// Kind of nodes that the image is made for.
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value = "cpu")]
    image_type: ImageTypeFlag,
    #[command(flatten)]
    source: SourceFlags,
    #[command(flatten)]
    access: AccessFlags,
    /// Read the whole request (CreateImageRequest of proto/) from a YAML or JSON file.
    #[arg(
        long,
        short,
        conflicts_with_all = [
            "owner", "name", "display_name", "description", "image_type", "global", "groups",
            "users", "reference", "gpu_reference", "skip_verification", "base", "apt", "conda",
            "pip",
        ]
    )]
    file: Option<PathBuf>,
    /// Request id (UUID). Repeating the command with the same id within 24 hours is safe. Replaces
    /// the id in the file.
    #[arg(long, value_name = "UUID")]
    request_id: Option<String>,
    /// Show the steps until the build has ended; the exit code is 0 only if it succeeded.
    #[arg(long)]
    watch: bool,
}

impl Create {
    pub(super) async fn run(self, session: &Session, output: &Output) -> Result<(), Failure> {
        let is_watched = self.watch;
        let response = session.images().create_image(self.into_request()?).await?.into_inner();

        let image = response.image.clone().unwrap_or_default();
        session.wait_until_readable(&image.id, &response.consistency_token).await;
        show(&response, &image, "", output)?;

        match image.latest_build {
            Some(latest) if is_watched => {
                watch_until_success(session, &latest.build_id, output).await
            }
            _ => Ok(()),
        }
    }

    fn into_request(self) -> Result<CreateImageRequest, Failure> {
        if let Some(file) = self.file {
            let mut request: CreateImageRequest = request_file::read(&file)?;
            let id_in_file = std::mem::take(&mut request.request_id);
            request.request_id = request_id::given_or_in_file(self.request_id, id_in_file);
            return Ok(request);
        }

        let source = match self.source.into_source()? {
            Source::Existing(existing) => create_image_request::Source::Existing(existing),
            Source::Custom(custom) => create_image_request::Source::Custom(custom),
        };
        let display_name =
            if self.display_name.is_empty() { self.name.clone() } else { self.display_name };

        Ok(CreateImageRequest {
            request_id: request_id::given_or_new(self.request_id),
            owner: self.owner,
            name: self.name,
            display_name,
            description: self.description,
            r#type: self.image_type.to_wire().into(),
            access: Some(self.access.into_wire()),
            source: Some(source),
        })
    }
}
