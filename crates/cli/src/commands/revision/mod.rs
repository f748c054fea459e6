//! `slipway revision …`

mod create;
mod fields;

use clap::Subcommand;
use serde::Serialize;
use slipway_wire::catalog::v1::{
    ListRevisionsRequest, ListRevisionsResponse, RetryRevisionRequest, Revision,
};

use crate::{
    commands::{
        pages, request_id,
        revision::{
            create::Create,
            fields::{all_fields, reference_of, short_fields, state_label},
        },
    },
    failure::Failure,
    output::Output,
    session::Session,
    stream::build::watch_until_success,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a new revision of an image: another reference, or an edited spec to build.
    Create(Box<Create>),
    /// Repeat a revision whose build failed or was cancelled, as a new revision.
    Retry {
        /// Image: its id or `<owner>/<name>`.
        image: String,
        /// Repeat this revision instead of the latest (0).
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        revision: i32,
        /// Show the steps until the build has ended; the exit code is 0 only if it succeeded.
        #[arg(long)]
        watch: bool,
    },
    /// Show a revision and its spec.
    Get {
        /// Image: its id or `<owner>/<name>`.
        image: String,
        /// Number of the revision.
        #[arg(value_parser = clap::value_parser!(i32).range(1..))]
        number: i32,
    },
    /// List the revisions of an image, newest first.
    List {
        /// Image: its id or `<owner>/<name>`.
        image: String,
    },
}

/// The document of `revision get`. It has the shape that a GetRevision RPC would return; there is
/// no such RPC.
#[derive(Serialize)]
struct RevisionDocument {
    revision: Revision,
}

pub(crate) async fn run(
    command: Command,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    match command {
        Command::Create(create) => {
            let is_watched = create.watch;
            let revision = create.run(session, output).await?;
            if is_watched { watch_build(&revision, session, output).await } else { Ok(()) }
        }
        Command::Retry { image, revision, watch: is_watched } => {
            let revision = retry(image, revision, session, output).await?;
            if is_watched { watch_build(&revision, session, output).await } else { Ok(()) }
        }
        Command::Get { image, number } => get(&image, number, session, output).await,
        Command::List { image } => list(&image, session, output).await,
    }
}

async fn retry(
    image: String,
    revision: i32,
    session: &Session,
    output: &Output,
) -> Result<Revision, Failure> {
    let request = RetryRevisionRequest {
        request_id: request_id::generate(),
        image: image.clone(),
        revision,
        consistency_token: String::new(),
    };
    let response = session.images().retry_revision(request).await?.into_inner();
    session.wait_until_readable(&image, &response.consistency_token).await;

    let revision = response.revision.clone().unwrap_or_default();
    output.write_message(&response, &short_fields(&revision))?;
    Ok(revision)
}

async fn get(image: &str, number: i32, session: &Session, output: &Output) -> Result<(), Failure> {
    let revisions = fetch_revisions(session, image).await?;
    let Some(revision) = revisions.into_iter().find(|revision| revision.number == number) else {
        return Err(Failure::not_found(format!(
            "Image `{image}` has no revision {number}. \
             `slipway revision list {image}` shows its revisions."
        )));
    };

    let fields = all_fields(&revision);
    output.write_message(&RevisionDocument { revision }, &fields)
}

async fn list(image: &str, session: &Session, output: &Output) -> Result<(), Failure> {
    let response = ListRevisionsResponse {
        revisions: fetch_revisions(session, image).await?,
        next_page_token: String::new(),
    };

    let rows = response.revisions.iter().map(|revision| {
        vec![
            revision.number.to_string(),
            state_label(revision),
            reference_of(revision.artifact.as_ref()),
            revision.build_id.clone(),
        ]
    });
    output.write_list(&response, &["REVISION", "STATE", "REFERENCE", "BUILD"], rows.collect())
}

async fn fetch_revisions(session: &Session, image: &str) -> Result<Vec<Revision>, Failure> {
    pages::fetch_all(async |page_token: String| -> Result<_, Failure> {
        let request = ListRevisionsRequest {
            image: image.to_owned(),
            page_size: pages::SMALL_SIZE,
            page_token,
        };
        let response = session.images().list_revisions(request).await?.into_inner();
        Ok((response.revisions, response.next_page_token))
    })
    .await
}

/// Watches the build of a revision. A revision of an existing image has none.
async fn watch_build(
    revision: &Revision,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    if revision.build_id.is_empty() {
        return Ok(());
    }

    watch_until_success(session, &revision.build_id, output).await
}
