//! `slipway revision …`

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde::Serialize;
use slipway_wire::catalog::v1::{
    Artifact, CreateRevisionRequest, ListRevisionsRequest, ListRevisionsResponse,
    RetryRevisionRequest, Revision, create_revision_request,
};

use crate::{
    build,
    failure::Failure,
    image::settle,
    output::{Output, moment, word},
    pages, request_file, request_id,
    session::Session,
    source::{Source, SourceFlags},
    watch,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// A new reference, or an edited spec that is built again.
    Create(Box<Create>),
    /// The same again, after a failure or a cancel.
    Retry {
        /// Id or `<owner>/<name>`.
        image: String,
        /// Instead of the latest.
        #[arg(long, default_value_t = 0)]
        revision: i32,
        /// Stay until the build has ended, showing its steps.
        #[arg(long)]
        watch: bool,
    },
    /// Show one revision, with its spec.
    Get {
        /// Id or `<owner>/<name>`.
        image: String,
        /// Its number.
        #[arg(value_parser = clap::value_parser!(i32).range(1..))]
        number: i32,
    },
    /// Newest first.
    List {
        /// Id or `<owner>/<name>`.
        image: String,
    },
}

#[derive(Args)]
pub(crate) struct Create {
    /// Id or `<owner>/<name>`; may be left away where the file names the image.
    #[arg(required_unless_present = "file")]
    image: Option<String>,
    /// A YAML or JSON file with the whole request (CreateRevisionRequest of proto/), instead of flags.
    #[arg(long, short, conflicts_with_all = ["reference", "gpu_reference", "skip_verification", "base", "apt", "conda", "pip"])]
    file: Option<PathBuf>,
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
    fn into_request(self) -> Result<CreateRevisionRequest, Failure> {
        let image = self.image.unwrap_or_default();
        if let Some(file) = self.file {
            let mut request: CreateRevisionRequest = request_file::read(&file)?;
            if request.image.is_empty() {
                request.image = image;
            } else if !image.is_empty() && image != request.image {
                return Err(Failure::usage(format!(
                    "{} is about `{}`, not `{image}`; leave one of them away",
                    file.display(),
                    request.image
                )));
            }
            request.request_id = request_id::choose_over_file(
                self.request_id,
                std::mem::take(&mut request.request_id),
            );
            return Ok(request);
        }
        let source = match self.source.source()? {
            Source::Existing(existing) => create_revision_request::Source::Existing(existing),
            Source::Custom(custom) => create_revision_request::Source::Custom(custom),
        };
        Ok(CreateRevisionRequest {
            request_id: request_id::choose(self.request_id),
            image,
            source: Some(source),
            consistency_token: String::new(),
        })
    }
}

/// As a GetRevision would answer; there is none.
#[derive(Serialize)]
struct Found {
    revision: Revision,
}

pub(crate) async fn run(
    command: Command,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    match command {
        Command::Create(create) => {
            let stay = create.watch;
            let request = create.into_request()?;
            let image = request.image.clone();
            let response = session.images().create_revision(request).await?.into_inner();
            settle(session, &image, &response.consistency_token).await;
            let revision = response.revision.clone().unwrap_or_default();
            show(&response, &revision, output)?;
            if stay { follow(&revision, session, output).await } else { Ok(()) }
        }
        Command::Retry { image, revision, watch } => {
            let request = RetryRevisionRequest {
                request_id: request_id::fresh(),
                image: image.clone(),
                revision,
                consistency_token: String::new(),
            };
            let response = session.images().retry_revision(request).await?.into_inner();
            settle(session, &image, &response.consistency_token).await;
            let revision = response.revision.clone().unwrap_or_default();
            show(&response, &revision, output)?;
            if watch { follow(&revision, session, output).await } else { Ok(()) }
        }
        Command::Get { image, number } => {
            let revision = revisions(session, &image)
                .await?
                .into_iter()
                .find(|revision| revision.number == number);
            let revision = revision.ok_or_else(|| {
                Failure::not_found(format!("image `{image}` has no revision {number}"))
            })?;
            let fields = all_fields(&revision);
            output.one(&Found { revision }, &fields)
        }
        Command::List { image } => {
            let response = ListRevisionsResponse {
                revisions: revisions(session, &image).await?,
                next_page_token: String::new(),
            };
            let rows = response.revisions.iter().map(|revision| {
                vec![
                    revision.number.to_string(),
                    state_of(revision),
                    reference_of(revision.artifact.as_ref()),
                    revision.build_id.clone(),
                ]
            });
            output.many(&response, &["REVISION", "STATE", "REFERENCE", "BUILD"], rows.collect())
        }
    }
}

/// All of them: there is no RPC for one.
async fn revisions(session: &Session, image: &str) -> Result<Vec<Revision>, Failure> {
    pages::all(async |page_token: String| -> Result<_, Failure> {
        let request =
            ListRevisionsRequest { image: image.to_owned(), page_size: pages::SMALL, page_token };
        let response = session.images().list_revisions(request).await?.into_inner();
        Ok((response.revisions, response.next_page_token))
    })
    .await
}

async fn follow(revision: &Revision, session: &Session, output: &Output) -> Result<(), Failure> {
    match revision.build_id.as_str() {
        "" => Ok(()),
        build_id => watch::to_the_end(session, build_id, output).await,
    }
}

fn show<T: Serialize>(message: &T, revision: &Revision, output: &Output) -> Result<(), Failure> {
    output.one(message, &fields(revision))
}

fn fields(revision: &Revision) -> Vec<(&'static str, String)> {
    vec![
        ("revision", revision.number.to_string()),
        ("state", state_of(revision)),
        ("reference", reference_of(revision.artifact.as_ref())),
        ("build", revision.build_id.clone()),
    ]
}

fn all_fields(revision: &Revision) -> Vec<(&'static str, String)> {
    let artifact = revision.artifact.clone().unwrap_or_default();
    let spec = revision.spec.clone().unwrap_or_default();
    let is_built = !revision.build_id.is_empty();
    let create_time = revision.create_time.and_then(|time| DateTime::<Utc>::try_from(time).ok());
    let mut fields = fields(revision);
    fields.extend([
        ("digest", artifact.digest),
        ("platforms", artifact.platforms.join(", ")),
        (
            "bytes",
            if artifact.size_bytes > 0 { artifact.size_bytes.to_string() } else { String::new() },
        ),
        ("gpu reference", reference_of(revision.gpu_artifact.as_ref())),
        ("base", spec.base_reference),
        ("gpu base", spec.gpu_base_reference),
        ("apt", spec.apt.join(", ")),
        ("conda", spec.conda.join(", ")),
        ("pip", spec.pip.join(", ")),
        (
            "build state",
            if is_built {
                word(revision.build_state().as_str_name(), "BUILD_STATE_")
            } else {
                String::new()
            },
        ),
        ("build step", revision.build_step.clone()),
        ("failure", build::failure_of(revision.failure.as_ref())),
        ("created", create_time.map(moment).unwrap_or_default()),
        ("creator", revision.creator.clone()),
    ]);
    fields
}

fn state_of(revision: &Revision) -> String {
    word(revision.state().as_str_name(), "REVISION_STATE_")
}

fn reference_of(artifact: Option<&Artifact>) -> String {
    artifact.map(|artifact| artifact.reference.clone()).unwrap_or_default()
}
