//! `slipway build …`

use std::io::Write as _;

use clap::Subcommand;
use slipway_wire::builder::v1::{
    Build, BuildState, CancelBuildRequest, GetBuildRequest, ListBuildsRequest, StreamBuildLogsRequest, WatchBuildRequest,
};

use crate::{
    failure::Failure,
    output::{Output, escape, word},
    session::Session,
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
    /// Stay until it has ended, showing its steps.
    Watch {
        /// Its id.
        build: String,
    },
    /// Print its log.
    Logs {
        /// Its id.
        build: String,
        /// Stay until it has ended.
        #[arg(long, short)]
        follow: bool,
        /// Go on where an earlier call stopped.
        #[arg(long, default_value = "", allow_hyphen_values = true)]
        cursor: String,
    },
    /// Cancel it; a cancelled build publishes nothing.
    Cancel {
        /// Its id.
        build: String,
    },
}

pub(crate) async fn run(command: Command, session: &Session, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Get { build, containerfile } => {
            let response = session.builds().get_build(GetBuildRequest { build_id: build }).await?.into_inner();
            let build = response.build.clone().unwrap_or_default();
            if containerfile {
                print!("{}", escape(&build.containerfile));
                return Ok(());
            }
            show(&response, &build, output)
        }
        Command::List { image } => {
            let response =
                session.builds().list_builds(ListBuildsRequest { image_id: image, page_size: 0, page_token: String::new() }).await?.into_inner();
            let rows = response
                .builds
                .iter()
                .map(|build| vec![build.id.clone(), build.image_name.clone(), build.revision.to_string(), state_of(build), build.step.clone()]);
            output.many(&response, &["BUILD", "IMAGE", "REVISION", "STATE", "STEP"], rows.collect())
        }
        Command::Watch { build } => watch(session, build).await,
        Command::Logs { build, follow, cursor } => logs(session, build, follow, cursor).await,
        Command::Cancel { build } => {
            let response = session.builds().cancel_build(CancelBuildRequest { build_id: build }).await?.into_inner();
            show(&response, &response.build.clone().unwrap_or_default(), output)
        }
    }
}

/// One plain line a change; fails unless it succeeds.
pub(crate) async fn watch(session: &Session, build_id: String) -> Result<(), Failure> {
    let mut stream = session.builds().watch_build(WatchBuildRequest { build_id }).await?.into_inner();
    let mut last = Build::default();
    while let Some(response) = stream.message().await? {
        last = response.build.unwrap_or_default();
        let step = if last.step.is_empty() { String::new() } else { format!("  {}", last.step) };
        println!("{:<10}{step}", state_of(&last));
        let _ = std::io::stdout().flush();
    }
    match (last.state(), last.failure) {
        (BuildState::Succeeded, _) => {
            println!("{}", last.reference);
            Ok(())
        }
        (_, Some(failure)) => {
            Err(Failure::Ended(format!("the build failed in step {}: {} [{}]", failure.step, escape(&failure.message), failure.reason)))
        }
        (state, None) => Err(Failure::Ended(format!("the build is {}", word(state.as_str_name(), "BUILD_STATE_")))),
    }
}

async fn logs(session: &Session, build_id: String, follow: bool, cursor: String) -> Result<(), Failure> {
    let mut stream = session.builds().stream_build_logs(StreamBuildLogsRequest { build_id, cursor, follow }).await?.into_inner();
    let mut out = std::io::stdout().lock();
    let mut attempt = 0;
    while let Some(piece) = stream.message().await? {
        if piece.attempt != attempt && attempt != 0 {
            let _ = writeln!(out, "── attempt {}", piece.attempt);
        }
        attempt = piece.attempt;
        let _ = out.write_all(escape(&String::from_utf8_lossy(&piece.data).replace("\r\n", "\n")).as_bytes());
        let _ = out.flush();
    }
    Ok(())
}

fn state_of(build: &Build) -> String {
    word(build.state().as_str_name(), "BUILD_STATE_")
}

fn show<T: serde::Serialize>(message: &T, build: &Build, output: &Output) -> Result<(), Failure> {
    let failure =
        build.failure.clone().map(|failure| format!("{} in step {}: {}", failure.reason, failure.step, failure.message)).unwrap_or_default();
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
        ("failure", failure),
    ];
    output.one(message, &fields)
}
