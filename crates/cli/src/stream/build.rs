//! Watches a build until it has ended, reopening the stream when it ends earlier.

use std::time::{Duration, Instant};

use slipway_wire::builder::v1::{Build, GetBuildRequest, WatchBuildRequest};
use tokio::time::sleep;
use tonic::Code;

use crate::{
    build_state::has_ended,
    failure::Failure,
    output::{Output, progress::Progress},
    session::Session,
    stream::retry_policy::RetryPolicy,
};

const VISIBLE_TIMEOUT: Duration = Duration::from_secs(5);
const VISIBLE_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Watches a new build and shows its result. Fails unless the build succeeded.
pub(crate) async fn watch_until_success(
    session: &Session,
    build_id: &str,
    output: &Output,
) -> Result<(), Failure> {
    wait_until_visible(session, build_id).await;

    let mut progress = Progress::new(output);
    let build = watch_until_end(session, build_id, &mut progress).await?;
    progress.finish(&build)
}

/// Waits until the builder shows a new build: the grants of a new image reach the builder after the
/// catalog has answered. A failure is ignored, because watching reports it if it lasts.
async fn wait_until_visible(session: &Session, build_id: &str) {
    let began = Instant::now();

    while began.elapsed() < VISIBLE_TIMEOUT {
        let request = GetBuildRequest { build_id: build_id.to_owned() };
        match session.builds().get_build(request).await {
            Err(status) if status.code() == Code::NotFound => sleep(VISIBLE_POLL_INTERVAL).await,
            _ => return,
        }
    }
}

/// Watches the build and returns it once it has ended, whether it succeeded or not.
pub(crate) async fn watch_until_end(
    session: &Session,
    build_id: &str,
    progress: &mut Progress,
) -> Result<Build, Failure> {
    let mut watch = Watch {
        session,
        build_id,
        progress,
        last: Build::default(),
        retry_policy: RetryPolicy::default(),
    };

    loop {
        let failure = match watch.read_stream().await {
            Ok(()) if has_ended(&watch.last) => return Ok(watch.last),
            Ok(()) => Failure::unavailable(format!(
                "The connection to the builder keeps closing. The build continues; \
                 try `slipway build watch {build_id}` again later."
            )),
            Err(failure) => failure.with_work_left(),
        };
        watch.retry_policy.wait_before_retry(failure).await?;
    }
}

struct Watch<'a> {
    session: &'a Session,
    build_id: &'a str,
    progress: &'a mut Progress,
    last: Build,
    retry_policy: RetryPolicy,
}

impl Watch<'_> {
    /// Reads one stream until the stream or the build ends.
    async fn read_stream(&mut self) -> Result<(), Failure> {
        let request = WatchBuildRequest { build_id: self.build_id.to_owned() };
        let mut stream = self.session.builds().watch_build(request).await?.into_inner();
        self.retry_policy.record_opened();

        while !has_ended(&self.last)
            && let Some(response) = stream.message().await?
        {
            let build = response.build.unwrap_or_default();
            // Each stream starts with the current build, which may have been shown already.
            if build.sequence > self.last.sequence {
                self.retry_policy.record_progress();
                self.progress.show(&build)?;
                self.last = build;
            }
        }
        Ok(())
    }
}
