//! `slipway image create`

use std::path::PathBuf;

use clap::Args;
use slipway_wire::catalog::v1::{CreateImageRequest, create_image_request};

use crate::{
    access::Access,
    failure::Failure,
    image::{self, Kind},
    output::Output,
    request_file, request_id,
    session::Session,
    source::{Source, SourceFlags},
    watch,
};

#[derive(Args)]
pub(crate) struct Create {
    /// A YAML or JSON file with the whole request (CreateImageRequest of proto/), instead of flags.
    #[arg(
        long,
        short,
        conflicts_with_all = [
            "owner", "name", "display_name", "description", "kind", "global", "groups", "users", "reference", "gpu_reference",
            "skip_verification", "base", "apt", "conda", "pip",
        ]
    )]
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
    #[command(flatten)]
    source: SourceFlags,
    /// Your id of this request (UUID), to repeat it safely; also instead of the file's.
    #[arg(long)]
    request_id: Option<String>,
    /// Stay until the build has ended, showing its steps.
    #[arg(long)]
    watch: bool,
}

impl Create {
    fn into_request(self) -> Result<CreateImageRequest, Failure> {
        if let Some(file) = self.file {
            let mut request: CreateImageRequest = request_file::read(&file)?;
            request.request_id = request_id::choose_over_file(
                self.request_id,
                std::mem::take(&mut request.request_id),
            );
            return Ok(request);
        }
        let source = match self.source.source()? {
            Source::Existing(existing) => create_image_request::Source::Existing(existing),
            Source::Custom(custom) => create_image_request::Source::Custom(custom),
        };
        let display_name =
            if self.display_name.is_empty() { self.name.clone() } else { self.display_name };
        Ok(CreateImageRequest {
            request_id: request_id::choose(self.request_id),
            owner: self.owner,
            name: self.name,
            display_name,
            description: self.description,
            r#type: self.kind.to_wire().into(),
            access: Some(self.access.into_wire()),
            source: Some(source),
        })
    }
}

pub(crate) async fn run(create: Create, session: &Session, output: &Output) -> Result<(), Failure> {
    let stay = create.watch;
    let response = session.images().create_image(create.into_request()?).await?.into_inner();
    let image = response.image.clone().unwrap_or_default();
    image::settle(session, &image.id, &response.consistency_token).await;
    image::show(&response, &image, "", output)?;
    match image.latest_build.filter(|_| stay) {
        Some(latest) => watch::to_the_end(session, &latest.build_id, output).await,
        None => Ok(()),
    }
}
