//! `slipway revision …`

use clap::Subcommand;
use slipway_wire::catalog::v1::{
    CreateRevisionRequest, ExistingSource, ListRevisionsRequest, RetryRevisionRequest, Revision, create_revision_request::Source,
};

use crate::{
    build,
    failure::Failure,
    image::Spec,
    output::{Output, word},
    session::Session,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// A new reference, or an edited spec that is built again.
    Create {
        /// Id or `<owner>/<name>`.
        image: String,
        /// Existing image: the new reference.
        #[arg(long, conflicts_with = "base")]
        reference: Option<String>,
        /// Existing UNIVERSAL image: its reference for GPU nodes.
        #[arg(long, default_value = "")]
        gpu_reference: String,
        #[command(flatten)]
        spec: Spec,
        /// Stay until the build has ended, showing its steps.
        #[arg(long)]
        watch: bool,
    },
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
    /// Newest first.
    List {
        /// Id or `<owner>/<name>`.
        image: String,
    },
}

pub(crate) async fn run(command: Command, session: &Session, output: &Output) -> Result<(), Failure> {
    let request_id = uuid::Uuid::now_v7().to_string();
    let (response, revision, watch) = match command {
        Command::Create { image, reference, gpu_reference, spec, watch } => {
            let source = match reference {
                Some(reference) => {
                    Source::Existing(ExistingSource { reference, gpu_reference, pull_secret: String::new(), skip_verification: false })
                }
                None => Source::Custom(spec.source().ok_or_else(|| Failure::usage("give --reference, or --base and packages"))?),
            };
            let response = session.images().create_revision(CreateRevisionRequest { request_id, image, source: Some(source) }).await?.into_inner();
            (serde_json::to_value(&response), response.revision, watch)
        }
        Command::Retry { image, revision, watch } => {
            let response = session.images().retry_revision(RetryRevisionRequest { request_id, image, revision }).await?.into_inner();
            (serde_json::to_value(&response), response.revision, watch)
        }
        Command::List { image } => {
            let response =
                session.images().list_revisions(ListRevisionsRequest { image, page_size: 1_000, page_token: String::new() }).await?.into_inner();
            let rows = response
                .revisions
                .iter()
                .map(|revision| vec![revision.number.to_string(), state_of(revision), reference_of(revision), revision.build_id.clone()]);
            return output.many(&response, &["REVISION", "STATE", "REFERENCE", "BUILD"], rows.collect());
        }
    };
    let revision = revision.unwrap_or_default();
    let response = response.map_err(|error| Failure::Ended(error.to_string()))?;
    output.one(
        &response,
        &[
            ("revision", revision.number.to_string()),
            ("state", state_of(&revision)),
            ("reference", reference_of(&revision)),
            ("build", revision.build_id.clone()),
        ],
    )?;
    match watch && !revision.build_id.is_empty() {
        true => build::watch(session, revision.build_id).await,
        false => Ok(()),
    }
}

fn state_of(revision: &Revision) -> String {
    word(revision.state().as_str_name(), "REVISION_STATE_")
}

fn reference_of(revision: &Revision) -> String {
    revision.artifact.as_ref().map(|artifact| artifact.reference.clone()).unwrap_or_default()
}
