//! `slipway build …`

use clap::Subcommand;
use serde::Serialize;
use slipway_wire::builder::v1::{
    Build, BuildFailure, BuildState, CancelBuildRequest, GetBuildRequest, ListBuildsRequest,
    ListBuildsResponse, WatchBuildResponse,
};

use crate::{
    failure::Failure,
    logs::Logs,
    output::{Output, escape, word},
    pages, printer,
    progress::Progress,
    session::Session,
    watch::watch,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show one build.
    Get {
        /// Its id.
        build: String,
        /// Print the Containerfile only.
        #[arg(long)]
        containerfile: bool,
    },
    /// Builds of images that you may see, newest first.
    List {
        /// Only of this image id.
        #[arg(long, default_value = "")]
        image: String,
    },
    /// Stay until it has ended, showing its steps; exit code 0 only if it succeeded. A builder that restarts is waited for.
    Watch {
        /// Its id.
        build: String,
    },
    /// Print its log.
    Logs {
        /// Its id.
        build: String,
        /// Stay until it has ended. A builder that restarts is waited for.
        #[arg(long, short)]
        follow: bool,
        /// Go on where an earlier call broke off; it says with which cursor.
        #[arg(long, default_value = "", allow_hyphen_values = true)]
        cursor: String,
    },
    /// Cancel it; a cancelled build publishes nothing.
    Cancel {
        /// Its id.
        build: String,
    },
}

pub(crate) async fn run(
    command: Command,
    session: &Session,
    output: &Output,
) -> Result<(), Failure> {
    match command {
        Command::Get { build, containerfile } => {
            let response =
                session.builds().get_build(GetBuildRequest { build_id: build }).await?.into_inner();
            let build = response.build.clone().unwrap_or_default();
            match containerfile {
                true => printer::write(escape(&build.containerfile).as_bytes()),
                false => show(&response, &build, output),
            }
        }
        Command::List { image } => {
            let builds = pages::all(async |page_token: String| -> Result<_, Failure> {
                let request = ListBuildsRequest {
                    image_id: image.clone(),
                    page_size: pages::SMALL,
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
                    state_of(build),
                    build.step.clone(),
                ]
            });
            output.many(&response, &["BUILD", "IMAGE", "REVISION", "STATE", "STEP"], rows.collect())
        }
        Command::Watch { build } => {
            let mut progress = Progress::new(output);
            let build = watch(session, &build, &mut progress).await?;
            let written = output.document(&WatchBuildResponse { build: Some(build.clone()) });
            progress.end(&build)?;
            written
        }
        Command::Logs { build, follow, cursor } => {
            let mut logs = Logs::new(session, build, cursor);
            let outcome = match follow {
                true => logs.follow().await,
                false => logs.print().await,
            };
            if outcome.as_ref().is_err_and(Failure::is_passing) {
                logs.tell_where_to_go_on();
            }
            outcome
        }
        Command::Cancel { build } => {
            let response = session
                .builds()
                .cancel_build(CancelBuildRequest { build_id: build })
                .await?
                .into_inner();
            show(&response, &response.build.clone().unwrap_or_default(), output)
        }
    }
}

/// Never moves again.
pub(crate) fn has_ended(build: &Build) -> bool {
    matches!(
        build.state(),
        BuildState::Succeeded
            | BuildState::Failed
            | BuildState::Cancelled
            | BuildState::TimedOut
            | BuildState::Expired
    )
}

pub(crate) fn state_of(build: &Build) -> String {
    word(build.state().as_str_name(), "BUILD_STATE_")
}

/// Empty where nothing failed.
pub(crate) fn failure_of(failure: Option<&BuildFailure>) -> String {
    failure
        .map(|failure| format!("{} in step {}: {}", failure.reason, failure.step, failure.message))
        .unwrap_or_default()
}

fn show<T: Serialize>(message: &T, build: &Build, output: &Output) -> Result<(), Failure> {
    let fields = [
        ("build", build.id.clone()),
        ("image", build.image_name.clone()),
        ("revision", build.revision.to_string()),
        ("state", state_of(build)),
        ("step", build.step.clone()),
        ("attempt", build.attempt.to_string()),
        ("base digest", build.base_digest.clone()),
        ("reference", build.reference.clone()),
        ("digest", build.digest.clone()),
        ("failure", failure_of(build.failure.as_ref())),
    ];
    output.one(message, &fields)
}
