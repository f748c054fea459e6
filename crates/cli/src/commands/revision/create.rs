//! `slipway revision create`

use std::path::{Path, PathBuf};

use clap::Args;
use slipway_wire::catalog::v1::{CreateRevisionRequest, Revision, create_revision_request};

use crate::{
    commands::{
        request_file, request_id,
        revision::fields::short_fields,
        source::{Source, SourceFlags},
    },
    failure::Failure,
    output::Output,
    session::Session,
};

#[derive(Args)]
pub(crate) struct Create {
    /// Image: its id or `<owner>/<name>`. Can be omitted if the file names the image.
    #[arg(required_unless_present = "file")]
    image: Option<String>,
    #[command(flatten)]
    source: SourceFlags,
    /// Read the whole request (CreateRevisionRequest of proto/) from a YAML or JSON file.
    #[arg(
        long,
        short,
        conflicts_with_all = [
            "reference", "gpu_reference", "skip_verification", "base", "apt", "conda", "pip",
        ]
    )]
    file: Option<PathBuf>,
    /// Request id (UUID). Repeating the command with the same id within 24 hours is safe. Replaces
    /// the id in the file.
    #[arg(long, value_name = "UUID")]
    request_id: Option<String>,
    /// Show the steps until the build has ended; the exit code is 0 only if it succeeded.
    #[arg(long)]
    pub(super) watch: bool,
}

impl Create {
    pub(super) async fn run(self, session: &Session, output: &Output) -> Result<Revision, Failure> {
        let request = self.into_request()?;
        let image = request.image.clone();
        let response = session.images().create_revision(request).await?.into_inner();
        session.wait_until_readable(&image, &response.consistency_token).await;

        let revision = response.revision.clone().unwrap_or_default();
        output.write_message(&response, &short_fields(&revision))?;
        Ok(revision)
    }

    fn into_request(self) -> Result<CreateRevisionRequest, Failure> {
        if let Some(file) = self.file {
            return request_from_file(&file, self.image.unwrap_or_default(), self.request_id);
        }

        let source = match self.source.into_source()? {
            Source::Existing(existing) => create_revision_request::Source::Existing(existing),
            Source::Custom(custom) => create_revision_request::Source::Custom(custom),
        };
        Ok(CreateRevisionRequest {
            request_id: request_id::given_or_new(self.request_id),
            image: self.image.unwrap_or_default(),
            source: Some(source),
            consistency_token: String::new(),
        })
    }
}

fn request_from_file(
    file: &Path,
    image: String,
    request_id: Option<String>,
) -> Result<CreateRevisionRequest, Failure> {
    let mut request: CreateRevisionRequest = request_file::read(file)?;

    if request.image.is_empty() {
        request.image = image;
    } else if !image.is_empty() && image != request.image {
        return Err(Failure::usage(format!(
            "The file {} names the image `{}`, but the command names `{image}`. \
             Remove one of them.",
            file.display(),
            request.image
        )));
    }

    let id_in_file = std::mem::take(&mut request.request_id);
    request.request_id = request_id::given_or_in_file(request_id, id_in_file);
    Ok(request)
}
