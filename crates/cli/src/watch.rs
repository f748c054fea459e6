//! Staying with a build until it has ended, however often its stream ends before.

use slipway_wire::builder::v1::{Build, WatchBuildRequest};

use crate::{
    build::has_ended, failure::Failure, output::Output, patience::Patience, progress::Progress,
    session::Session,
};

/// Fails unless the build succeeded.
pub(crate) async fn to_the_end(
    session: &Session,
    build_id: &str,
    output: &Output,
) -> Result<(), Failure> {
    let mut progress = Progress::new(output);
    let build = watch(session, build_id, &mut progress).await?;
    progress.end(&build)
}

/// The build once it has ended, whichever way.
pub(crate) async fn watch(
    session: &Session,
    build_id: &str,
    progress: &mut Progress,
) -> Result<Build, Failure> {
    let mut watch = Watch {
        session,
        build_id,
        progress,
        last: Build::default(),
        patience: Patience::default(),
    };
    loop {
        let failure = match watch.read().await {
            Ok(()) if has_ended(&watch.last) => return Ok(watch.last),
            Ok(()) => Failure::unavailable(
                "the builder ends the watch again and again before the build has ended; watch it again in a while",
            ),
            Err(failure) => failure.undone(),
        };
        watch.patience.wait(failure).await?;
    }
}

struct Watch<'a> {
    session: &'a Session,
    build_id: &'a str,
    progress: &'a mut Progress,
    last: Build,
    patience: Patience,
}

impl Watch<'_> {
    /// One stream, to its end or the build's.
    async fn read(&mut self) -> Result<(), Failure> {
        let request = WatchBuildRequest { build_id: self.build_id.to_owned() };
        let mut stream = self.session.builds().watch_build(request).await?.into_inner();
        self.patience.opened();
        while !has_ended(&self.last)
            && let Some(response) = stream.message().await?
        {
            let build = response.build.unwrap_or_default();
            // Each stream begins with the build as it is, seen or not.
            if build.sequence > self.last.sequence {
                self.patience.heard();
                self.progress.show(&build)?;
                self.last = build;
            }
        }
        Ok(())
    }
}
