//! One attempt at a build, from its claim to its end. Every write is guarded by the attempt's number.

use std::{sync::Arc, time::Duration};

use nix::time::{ClockId, clock_gettime};
use slipway_fault::{Fault, Reason};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::{
    app::{
        LogSink,
        executor::Executor,
        queue::{Queue, Verdict},
        worker::Timing,
    },
    domain::{
        arrow::Arrow,
        build::Build,
        failure::{Failure, FailureReason},
        state::{Event, Refused, State},
    },
};

const LOOK: Duration = Duration::from_millis(500);
/// A database that does not answer must not keep the attempt from its limits.
const ANSWER: Duration = Duration::from_secs(5);
const LAST_WORDS: Duration = Duration::from_secs(5);
const RECORDING: Duration = Duration::from_secs(30);

/// Why an attempt ended without its own result.
enum Stop {
    Cancelled,
    Fenced,
    Late,
    Draining,
}

impl Stop {
    fn describe(&self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Fenced => "this attempt is no longer the build's",
            Self::Late => "out of time",
            Self::Draining => "the worker was stopped; another one takes over",
        }
    }
}

/// Runs the attempt and records how it ended.
pub(super) async fn run(
    queue: Arc<dyn Queue>,
    executor: Arc<dyn Executor>,
    build: Build,
    timing: Timing,
    draining: CancellationToken,
) {
    let (id, attempt) = (build.request.id, build.attempt);
    let span = tracing::info_span!("build", build.id = %id, build.attempt = attempt, image.name = build.request.image_name);
    slipway_telemetry::set_parent(&span, &build.traceparent);
    async {
        tracing::info!("attempt begins");
        let mut log = LogSink::new(queue.clone(), id, attempt);
        let outcome = tokio::select! {
            outcome = steps(queue.as_ref(), executor.as_ref(), &build, &mut log) => outcome,
            stop = watch(queue.as_ref(), &build, timing, draining) => Err(stop),
        };
        // The steps' futures are dropped by now, and with them every process they started.
        let last_words = match &outcome {
            Ok(Ok(())) => String::new(),
            Ok(Err(failure)) => format!("── failed: {failure}"),
            Err(stop) => format!("── {}", stop.describe()),
        };
        let _ = timeout(LAST_WORDS, log.end(&last_words)).await;
        if let Err(fault) = record(queue.as_ref(), &build, outcome).await {
            tracing::error!(error = %fault, cause = ?std::error::Error::source(&fault), "the end of the attempt could not be recorded; its lease will run out");
        }
        // Last: it may take long, and the lease is no longer renewed.
        executor.discard(id, attempt).await;
    }
    .instrument(span)
    .await;
}

/// Succeeds, fails, or notices that it is no longer the one to do it.
async fn steps(
    queue: &dyn Queue,
    executor: &dyn Executor,
    build: &Build,
    log: &mut LogSink,
) -> Result<Result<(), Failure>, Stop> {
    let result = async {
        log.begin_step("resolve").await.map_err(platform)?;
        let base = executor.prepare(build, log).instrument(tracing::info_span!("prepare")).await?;
        let ready = Arrow {
            base: Some((base.digest.clone(), base.containerfile.clone())),
            ..Arrow::plain(Event::BaseReady)
        };
        if advance(queue, build, &ready, State::Building).await?.is_err() {
            return Ok(None);
        }
        executor.install(build, &base, log).instrument(tracing::info_span!("install")).await?;
        // The gate: a cancel that came first makes this arrow impossible.
        if advance(queue, build, &Arrow::plain(Event::Installed), State::Pushing).await?.is_err() {
            return Ok(None);
        }
        log.begin_step("push").await.map_err(platform)?;
        executor.push(build, &base, log).instrument(tracing::info_span!("push")).await.map(Some)
    }
    .instrument(tracing::info_span!("steps"))
    .await;
    match result {
        Ok(Some(pushed)) => {
            let pushed = Arrow { pushed: Some(pushed), ..Arrow::plain(Event::Pushed) };
            match advance(queue, build, &pushed, State::Succeeded).await {
                Ok(Ok(())) => Ok(Ok(())),
                Ok(Err(_)) => Err(Stop::Fenced),
                Err(failure) => Ok(Err(failure)),
            }
        }
        Ok(None) => match queue.verdict(build.request.id, build.attempt).await {
            Ok(Verdict::Cancel) => Err(Stop::Cancelled),
            _ => Err(Stop::Fenced),
        },
        Err(failure) => Ok(Err(failure)),
    }
}

/// Tries for as long as the attempt lives: a database that is away for a moment costs nothing but time. An arrow that was written although
/// its answer got lost has been taken.
async fn advance(
    queue: &dyn Queue,
    build: &Build,
    arrow: &Arrow,
    wanted: State,
) -> Result<Result<(), Refused>, Failure> {
    let mut is_repeated = false;
    loop {
        match queue.advance(build.request.id, build.attempt, arrow).await {
            Ok(Ok(_)) => return Ok(Ok(())),
            Ok(Err(refused)) if is_repeated && refused.state == wanted => return Ok(Ok(())),
            Ok(Err(refused)) => return Ok(Err(refused)),
            Err(fault) if passes(&fault) => {
                tracing::warn!(error = %fault, "progress could not be recorded; trying again")
            }
            Err(fault) => return Err(platform(fault)),
        }
        is_repeated = true;
        tokio::time::sleep(LOOK).await;
    }
}

/// The database is away, or others were quicker.
fn passes(fault: &Fault) -> bool {
    matches!(fault.reason(), Reason::DatabaseUnavailable | Reason::Conflict)
}

/// Returns when the attempt must end.
async fn watch(
    queue: &dyn Queue,
    build: &Build,
    timing: Timing,
    draining: CancellationToken,
) -> Stop {
    let (id, attempt) = (build.request.id, build.attempt);
    let began = boot_time();
    let mut renewed = began;
    loop {
        let sent = boot_time();
        let verdict = match sent.saturating_sub(renewed) >= timing.heartbeat {
            false => timeout(ANSWER, queue.verdict(id, attempt)).await,
            true => timeout(ANSWER, queue.heartbeat(id, attempt)).await.inspect(|answer| {
                if answer.is_ok() {
                    renewed = sent;
                }
            }),
        };
        let verdict = verdict
            .unwrap_or_else(|_| Err(Fault::new(Reason::DatabaseUnavailable, "no answer in time")));
        match verdict {
            Ok(Verdict::Continue) => {}
            Ok(Verdict::Cancel) => return Stop::Cancelled,
            Ok(Verdict::Fenced) => return Stop::Fenced,
            Err(fault) => {
                tracing::warn!(error = %fault, "cannot reach the database; going on until the lease is in danger")
            }
        }
        if boot_time().saturating_sub(renewed) > timing.self_fence {
            return Stop::Fenced;
        }
        if boot_time().saturating_sub(began) > timing.attempt {
            return Stop::Late;
        }
        tokio::select! {
            () = draining.cancelled() => return Stop::Draining,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn record(
    queue: &dyn Queue,
    build: &Build,
    outcome: Result<Result<(), Failure>, Stop>,
) -> Result<(), Fault> {
    let arrow = match outcome {
        Ok(Ok(())) => {
            tracing::info!("build succeeded");
            return Ok(());
        }
        Ok(Err(failure)) => Arrow::failed(Event::from(failure.reason), failure),
        Err(Stop::Cancelled) => Arrow::plain(Event::UserFault),
        Err(Stop::Late) => Arrow::failed(
            Event::Timeout,
            Failure::new(
                FailureReason::TimeExceeded,
                "",
                "the build took longer than it may; split it, or build on a base that has more in it",
            ),
        ),
        Err(Stop::Draining) => {
            let failure = Failure::new(
                FailureReason::WorkerLost,
                "",
                "the worker was stopped; another one takes over",
            );
            Arrow { refunded: true, ..Arrow::failed(Event::PlatformFault, failure) }
        }
        Err(Stop::Fenced) => {
            tracing::warn!("the attempt is no longer ours; left it");
            return Ok(());
        }
    };
    match with_patience(queue, build, &arrow).await? {
        Ok(build) => tracing::info!(
            build.state = build.state.as_str(),
            failure = arrow.failure.map(|failure| failure.to_string()),
            "attempt ended"
        ),
        Err(refused) => tracing::warn!(%refused, "somebody else ended the attempt"),
    }
    Ok(())
}

/// The lease is no longer renewed, so not for longer than that lasts.
async fn with_patience(
    queue: &dyn Queue,
    build: &Build,
    arrow: &Arrow,
) -> Result<Result<Build, Refused>, Fault> {
    let began = boot_time();
    loop {
        match queue.advance(build.request.id, build.attempt, arrow).await {
            Err(fault) if passes(&fault) && boot_time().saturating_sub(began) < RECORDING => {
                tokio::time::sleep(LOOK).await;
            }
            outcome => return outcome,
        }
    }
}

fn platform(fault: Fault) -> Failure {
    tracing::warn!(error = %fault, cause = ?std::error::Error::source(&fault), "the attempt lost its database");
    Failure::new(
        FailureReason::ExecutorFailed,
        "",
        "the builder could not record its progress; it tries again",
    )
}

/// Counts the time that the machine was suspended, unlike the monotonic clock.
fn boot_time() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default()
}
