//! BuildService.

use std::{
    pin::Pin,
    time::{Duration, Instant, SystemTime},
};

use futures_util::{Stream, StreamExt as _, stream};
use slipway_fault::{Fault, Reason};
use slipway_identity::{Caller, caller};
use slipway_names::{
    grant::Role,
    id::{BuildId, ImageId},
};
use slipway_paging::Page;
use slipway_wire::builder::v1::{self as wire, build_service_server::BuildService};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::{
    api::Api,
    app::App,
    domain::{
        build::Build,
        log::{Cursor, LogChunk},
    },
    outbound::build_to_wire,
    store::Store,
};

const POLL: Duration = Duration::from_millis(100);
/// Access may be taken away while a stream runs.
const DECIDE_AGAIN: Duration = Duration::from_secs(2);
const LOG_BATCH: i64 = 16;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl BuildService for Api {
    type WatchBuildStream = Answers<wire::WatchBuildResponse>;
    type StreamBuildLogsStream = Answers<wire::StreamBuildLogsResponse>;

    async fn get_build(
        &self,
        request: Request<wire::GetBuildRequest>,
    ) -> Result<Response<wire::GetBuildResponse>, Status> {
        let caller = caller(&request)?;
        let build = self
            .app
            .build(&caller, build_id(&request.into_inner().build_id)?, Role::Reader)
            .await?;
        Ok(Response::new(wire::GetBuildResponse { build: Some(build_to_wire(build)) }))
    }

    async fn list_builds(
        &self,
        request: Request<wire::ListBuildsRequest>,
    ) -> Result<Response<wire::ListBuildsResponse>, Status> {
        let caller = caller(&request)?;
        let user = caller.require_user()?.id.to_string();
        let request = request.into_inner();
        let image: Option<ImageId> = match request.image_id.as_str() {
            "" => None,
            id => Some(id.parse().map_err(|error| Fault::field("image_id", error))?),
        };
        let page = Page::parse(
            request.page_size,
            &request.page_token,
            &[&user, "builds", &request.image_id],
            1,
        )?;
        let mut builds = self.app.builds(&caller, image, &page).await?;
        let next_page_token = page.cut(&mut builds, |build| vec![build.request.id.to_string()]);
        Ok(Response::new(wire::ListBuildsResponse {
            builds: builds.into_iter().map(build_to_wire).collect(),
            next_page_token,
        }))
    }

    async fn watch_build(
        &self,
        request: Request<wire::WatchBuildRequest>,
    ) -> Result<Response<Self::WatchBuildStream>, Status> {
        let caller = caller(&request)?;
        let id = build_id(&request.into_inner().build_id)?;
        self.app.build(&caller, id, Role::Reader).await?;
        let watch = Watch {
            app: self.app.clone(),
            caller,
            id,
            seen: 0,
            ended: false,
            stop: self.stop.clone(),
        };
        Ok(Response::new(Box::pin(stream::unfold(watch, Watch::next))))
    }

    async fn cancel_build(
        &self,
        request: Request<wire::CancelBuildRequest>,
    ) -> Result<Response<wire::CancelBuildResponse>, Status> {
        let caller = caller(&request)?;
        let build = self.app.cancel(&caller, build_id(&request.into_inner().build_id)?).await?;
        Ok(Response::new(wire::CancelBuildResponse { build: Some(build_to_wire(build)) }))
    }

    async fn stream_build_logs(
        &self,
        request: Request<wire::StreamBuildLogsRequest>,
    ) -> Result<Response<Self::StreamBuildLogsStream>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let id = build_id(&request.build_id)?;
        let cursor: Cursor =
            request.cursor.parse().map_err(|error: crate::domain::log::InvalidCursor| {
                Fault::new(Reason::CursorInvalid, format!("cursor {error}"))
                    .violation("cursor", error)
            })?;
        self.app.build(&caller, id, Role::Writer).await?;
        let logs = Logs {
            app: self.app.clone(),
            caller,
            decided: Instant::now(),
            store: self.app.store().clone(),
            id,
            cursor,
            follow: request.follow,
            ended: false,
            stop: self.stop.clone(),
        };
        Ok(Response::new(Box::pin(stream::unfold(logs, Logs::next).flat_map(stream::iter))))
    }
}

struct Watch {
    app: App,
    caller: Caller,
    id: BuildId,
    seen: i64,
    ended: bool,
    stop: CancellationToken,
}

impl Watch {
    /// The build after its next change. Access is decided again each time.
    async fn next(mut self) -> Option<(Result<wire::WatchBuildResponse, Status>, Self)> {
        while !self.ended {
            match decide(&self.app, &self.caller, self.id, Role::Reader, &self.stop).await {
                Ok(build) if build.sequence > self.seen => {
                    self.seen = build.sequence;
                    self.ended = build.state.is_terminal();
                    return Some((
                        Ok(wire::WatchBuildResponse { build: Some(build_to_wire(build)) }),
                        self,
                    ));
                }
                Ok(_) => tokio::time::sleep(POLL).await,
                Err(fault) => {
                    self.ended = true;
                    return Some((Err(fault.into()), self));
                }
            }
        }
        None
    }
}

struct Logs {
    app: App,
    caller: Caller,
    decided: Instant,
    store: Store,
    id: BuildId,
    cursor: Cursor,
    follow: bool,
    ended: bool,
    stop: CancellationToken,
}

impl Logs {
    /// The next pieces; waits for them while following a build that has not ended.
    async fn next(mut self) -> Option<(Vec<Result<wire::StreamBuildLogsResponse, Status>>, Self)> {
        while !self.ended {
            if self.stop.is_cancelled() || self.decided.elapsed() > DECIDE_AGAIN {
                if let Err(fault) =
                    decide(&self.app, &self.caller, self.id, Role::Writer, &self.stop).await
                {
                    self.ended = true;
                    return Some((vec![Err(fault.into())], self));
                }
                self.decided = Instant::now();
            }
            // Read before the log, so that nothing written before the end is missed.
            let outcome = async {
                Ok::<_, Fault>((
                    self.store.build(self.id).await?.is_none_or(|build| build.state.is_terminal()),
                    self.store.log_from(self.id, self.cursor, LOG_BATCH).await?,
                ))
            };
            match outcome.await {
                Err(fault) => {
                    self.ended = true;
                    return Some((vec![Err(fault.into())], self));
                }
                Ok((_, chunks)) if !chunks.is_empty() => {
                    self.cursor = chunks.last().map_or(self.cursor, LogChunk::end);
                    return Some((
                        chunks.into_iter().map(|chunk| Ok(to_wire(chunk))).collect(),
                        self,
                    ));
                }
                Ok((over, _)) if over || !self.follow => self.ended = true,
                Ok(_) => tokio::time::sleep(POLL).await,
            }
        }
        None
    }
}

/// For a stream that is open: the replica still answers, the token still counts, and the role is still there.
async fn decide(
    app: &App,
    caller: &Caller,
    id: BuildId,
    role: Role,
    stop: &CancellationToken,
) -> Result<Build, Fault> {
    if stop.is_cancelled() {
        return Err(Fault::new(
            Reason::ShuttingDown,
            "this replica is stopping; ask again from the last place, another one answers",
        ));
    }
    caller.require_unexpired(SystemTime::now())?;
    app.build(caller, id, role).await
}

fn to_wire(chunk: LogChunk) -> wire::StreamBuildLogsResponse {
    wire::StreamBuildLogsResponse {
        cursor: chunk.end().to_string(),
        attempt: chunk.start.attempt,
        step: chunk.step,
        data: chunk.data,
    }
}

fn build_id(text: &str) -> Result<BuildId, Fault> {
    text.parse().map_err(|error| Fault::field("build_id", error))
}
