//! `slipway build …`

use clap::Subcommand;
use serde::Serialize;
use slipway_wire::builder::v1::{
    Build, CancelBuildRequest, GetBuildRequest, ListBuildsRequest, ListBuildsResponse,
    WatchBuildResponse,
};

use crate::{
    commands::pages,
    failure::Failure,
    output::{
        Output,
        labels::{build_state, escape, failure_summary},
        progress::Progress,
        stdout,
    },
    session::Session,
    stream::{build::watch_until_end, log::LogReader},
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show a build.
    Get {
        /// Build id.
        build: String,
        /// Print only the Containerfile of the build.
        #[arg(long)]
        containerfile: bool,
    },
    /// List the builds of images that you may see, newest first.
    List {
        /// List only the builds of this image (image id, not name).
        #[arg(long, value_name = "IMAGE_ID", default_value = "", hide_default_value = true)]
        image: String,
    },
    /// Show the steps of a build until it has ended; the exit code is 0 only if it succeeded.
    ///
    /// The command reconnects when the builder restarts.
    Watch {
        /// Build id.
        build: String,
    },
    /// Print the log of a build.
    Logs {
        /// Build id.
        build: String,
        /// Print new lines until the build has ended, and reconnect when the builder restarts.
        #[arg(long, short)]
        follow: bool,
        /// Continue after this position, which an interrupted `build logs` has printed.
        #[arg(long, default_value = "", hide_default_value = true, allow_hyphen_values = true)]
        cursor: String,
    },
    /// Cancel a build; its image is not published.
    Cancel {
        /// Build id.
        build: String,
    },
}

pub(crate) async fn run(
    command: Command,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    match command {
        Command::Get { build, containerfile } => get(build, containerfile, session, output).await,
        Command::List { image } => list(image, session, output).await,
        Command::Watch { build } => watch(&build, session, output).await,
        Command::Logs { build, follow, cursor } => logs(build, follow, cursor, session).await,
        Command::Cancel { build } => cancel(build, session, output).await,
    }
}

async fn get(
    build_id: String,
    is_containerfile_only: bool,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    let response = session.builds().get_build(GetBuildRequest { build_id }).await?.into_inner();
    let build = response.build.clone().unwrap_or_default();

    if is_containerfile_only {
        stdout::write(escape(&build.containerfile).as_bytes())
    } else {
        show(&response, &build, output)
    }
}

async fn list(image_id: String, session: &Session, output: &Output) -> Result<(), Failure> {
    let builds = pages::fetch_all(async |page_token: String| -> Result<_, Failure> {
        let request = ListBuildsRequest {
            image_id: image_id.clone(),
            page_size: pages::SMALL_SIZE,
            page_token,
        };
        let response = session.builds().list_builds(request).await?.into_inner();
        Ok((response.builds, response.next_page_token))
    })
    .await?;

    let response = ListBuildsResponse { builds, next_page_token: String::new() };
    let rows = response.builds.iter().map(|build| {
        vec![
            build.id.clone(),
            build.image_name.clone(),
            build.revision.to_string(),
            build_state(build),
            build.step.clone(),
        ]
    });
    output.write_list(&response, &["BUILD", "IMAGE", "REVISION", "STATE", "STEP"], rows.collect())
}

async fn watch(build_id: &str, session: &Session, output: &Output) -> Result<(), Failure> {
    let mut progress = Progress::new(output);
    let build = watch_until_end(session, build_id, &mut progress).await?;

    // A failed build is the more important failure, so the outcome of the write comes second.
    let written = output.write_document(&WatchBuildResponse { build: Some(build.clone()) });
    progress.finish(&build)?;
    written
}

async fn logs(
    build_id: String,
    follow: bool,
    cursor: String,
    session: &Session,
) -> Result<(), Failure> {
    let mut reader = LogReader::new(session, build_id, cursor);
    let outcome = if follow { reader.follow().await } else { reader.print().await };

    if outcome.as_ref().is_err_and(Failure::is_transient) {
        reader.notify_cursor();
    }
    outcome
}

async fn cancel(build_id: String, session: &Session, output: &Output) -> Result<(), Failure> {
    let response =
        session.builds().cancel_build(CancelBuildRequest { build_id }).await?.into_inner();
    show(&response, &response.build.clone().unwrap_or_default(), output)
}

fn show<T: Serialize>(message: &T, build: &Build, output: &Output) -> Result<(), Failure> {
    let fields = [
        ("build", build.id.clone()),
        ("image", build.image_name.clone()),
        ("revision", build.revision.to_string()),
        ("state", build_state(build)),
        ("step", build.step.clone()),
        ("attempt", build.attempt.to_string()),
        ("base digest", build.base_digest.clone()),
        ("reference", build.reference.clone()),
        ("digest", build.digest.clone()),
        ("failure", failure_summary(build.failure.as_ref())),
    ];

    output.write_message(message, &fields)
}
