//! One attempt at a build, from its claim to its end. Every write is guarded by the attempt's number.

use std::{sync::Arc, time::Duration};

use nix::time::{ClockId, clock_gettime};
use slipway_fault::{Fault, Reason};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::{
    app::{LogSink, executor::Executor, worker::Limits},
    domain::{
        build::Build,
        failure::{Failure, FailureReason},
        state::Event,
    },
    store::{Arrow, Guard, Store, Verdict},
};

const HEARTBEAT: Duration = Duration::from_secs(15);
/// Ends the attempt by itself before anybody else may claim it.
const SELF_FENCE: Duration = Duration::from_secs(45);
const LOOK: Duration = Duration::from_millis(500);
/// A database that does not answer must not keep the attempt from its limits.
const ANSWER: Duration = Duration::from_secs(5);
const LAST_WORDS: Duration = Duration::from_secs(5);

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
pub(super) async fn run(store: Store, executor: Arc<dyn Executor>, build: Build, limits: Limits, draining: CancellationToken) {
    let (id, attempt) = (build.request.id, build.attempt);
    let span = tracing::info_span!("build", build.id = %id, build.attempt = attempt, image.name = build.request.image_name);
    slipway_telemetry::set_parent(&span, &build.traceparent);
    async {
        tracing::info!("attempt begins");
        let mut log = LogSink::new(Box::new(store.clone()), id, attempt);
        let outcome = tokio::select! {
            outcome = steps(&store, executor.as_ref(), &build, &mut log) => outcome,
            stop = watch(&store, &build, limits, draining) => Err(stop),
        };
        // The steps' futures are dropped by now, and with them every process they started.
        let last_words = match &outcome {
            Ok(Ok(())) => String::new(),
            Ok(Err(failure)) => format!("── failed: {failure}"),
            Err(stop) => format!("── {}", stop.describe()),
        };
        let _ = timeout(LAST_WORDS, log.end(&last_words)).await;
        if let Err(fault) = record(&store, &build, outcome).await {
            tracing::error!(error = %fault, cause = ?std::error::Error::source(&fault), "the end of the attempt could not be recorded; its lease will run out");
        }
        // Last: it may take long, and the lease is no longer renewed.
        executor.discard(id, attempt).await;
    }
    .instrument(span)
    .await;
}

/// Succeeds, fails, or notices that it is no longer the one to do it.
async fn steps(store: &Store, executor: &dyn Executor, build: &Build, log: &mut LogSink) -> Result<Result<(), Failure>, Stop> {
    let (id, attempt) = (build.request.id, build.attempt);
    let guard = Guard::Attempt(attempt);
    let result = async {
        log.begin_step("resolve").await.map_err(platform)?;
        let base = executor.prepare(build, log).instrument(tracing::info_span!("prepare")).await?;
        let ready = Arrow { base: Some((base.digest.clone(), base.containerfile.clone())), ..Arrow::plain(Event::BaseReady) };
        if store.arrow(id, guard, &ready).await.map_err(platform)?.is_err() {
            return Ok(None);
        }
        executor.install(build, &base, log).instrument(tracing::info_span!("install")).await?;
        // The gate: a cancel that came first makes this arrow impossible.
        if store.arrow(id, guard, &Arrow::plain(Event::Installed)).await.map_err(platform)?.is_err() {
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
            match store.arrow(id, guard, &pushed).await {
                Ok(Ok(_)) => Ok(Ok(())),
                Ok(Err(_)) => Err(Stop::Fenced),
                Err(fault) => Ok(Err(platform(fault))),
            }
        }
        Ok(None) => match store.verdict(id, attempt).await {
            Ok(Verdict::Cancel) => Err(Stop::Cancelled),
            _ => Err(Stop::Fenced),
        },
        Err(failure) => Ok(Err(failure)),
    }
}

/// Returns when the attempt must end.
async fn watch(store: &Store, build: &Build, limits: Limits, draining: CancellationToken) -> Stop {
    let (id, attempt) = (build.request.id, build.attempt);
    let began = boot_time();
    let mut renewed = began;
    loop {
        let sent = boot_time();
        let verdict = match sent.saturating_sub(renewed) >= HEARTBEAT {
            false => timeout(ANSWER, store.verdict(id, attempt)).await,
            true => timeout(ANSWER, store.heartbeat(id, attempt)).await.inspect(|answer| {
                if answer.is_ok() {
                    renewed = sent;
                }
            }),
        };
        let verdict = verdict.unwrap_or_else(|_| Err(Fault::new(Reason::DatabaseUnavailable, "no answer in time")));
        match verdict {
            Ok(Verdict::Continue) => {}
            Ok(Verdict::Cancel) => return Stop::Cancelled,
            Ok(Verdict::Fenced) => return Stop::Fenced,
            Err(fault) => tracing::warn!(error = %fault, "cannot reach the database; going on until the lease is in danger"),
        }
        if boot_time().saturating_sub(renewed) > SELF_FENCE {
            return Stop::Fenced;
        }
        if boot_time().saturating_sub(began) > limits.build {
            return Stop::Late;
        }
        tokio::select! {
            () = draining.cancelled() => return Stop::Draining,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn record(store: &Store, build: &Build, outcome: Result<Result<(), Failure>, Stop>) -> Result<(), Fault> {
    let (id, guard) = (build.request.id, Guard::Attempt(build.attempt));
    let arrow = match outcome {
        Ok(Ok(())) => {
            tracing::info!("build succeeded");
            return Ok(());
        }
        Ok(Err(failure)) => Arrow::failed(Event::from(failure.reason), failure),
        Err(Stop::Cancelled) => Arrow::plain(Event::UserFault),
        Err(Stop::Late) => Arrow::failed(
            Event::Timeout,
            Failure::new(FailureReason::TimeExceeded, "", "the build took longer than it may; split it, or build on a base that has more in it"),
        ),
        Err(Stop::Draining) => {
            let failure = Failure::new(FailureReason::WorkerLost, "", "the worker was stopped; another one takes over");
            Arrow { refunded: true, ..Arrow::failed(Event::PlatformFault, failure) }
        }
        Err(Stop::Fenced) => {
            tracing::warn!("the attempt is no longer ours; left it");
            return Ok(());
        }
    };
    match store.arrow(id, guard, &arrow).await? {
        Ok(build) => tracing::info!(build.state = build.state.as_str(), failure = arrow.failure.map(|failure| failure.to_string()), "attempt ended"),
        Err(refused) => tracing::warn!(%refused, "somebody else ended the attempt"),
    }
    Ok(())
}

fn platform(fault: Fault) -> Failure {
    tracing::warn!(error = %fault, cause = ?std::error::Error::source(&fault), "the attempt lost its database");
    Failure::new(FailureReason::ExecutorFailed, "", "the builder could not record its progress; it tries again")
}

/// Counts the time that the machine was suspended, unlike the monotonic clock.
fn boot_time() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default()
}
