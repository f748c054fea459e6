//! One attempt at a build, from its claim to its end. The coordinator refuses writes of an attempt
//! that no longer holds the build.

use std::{error::Error as _, sync::Arc, time::Duration};

use nix::time::{ClockId, clock_gettime};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::{
    domain::{
        attempt::ATTEMPT_LEASE_TTL,
        build::Build,
        failure::{Failure, FailureReason},
        step::Step,
        transition::{Refused, Transition},
    },
    worker::{
        executor::Executor,
        log_sink::LogSink,
        ports::{AdvanceError, AttemptStatus, Coordinator, CoordinatorError},
    },
};

const STATUS_INTERVAL: Duration = Duration::from_millis(500);

/// A query that takes longer counts as failed, so that the attempt still checks its time limits
/// when the database does not answer.
const STATUS_TIMEOUT: Duration = Duration::from_secs(5);

const RETRY_DELAY: Duration = Duration::from_millis(500);

const CLOSING_LINE_TIMEOUT: Duration = Duration::from_secs(5);

/// Limits the retries of the final transition. Shorter than the lease, which is no longer renewed.
const RECORD_TIMEOUT: Duration = Duration::from_secs(30);

/// The time limit of an attempt, and the intervals of its lease.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Longest duration of one attempt.
    pub attempt_limit: Duration,
    /// Time between two renewals of the lease.
    pub heartbeat: Duration,
    /// The attempt ends itself when its lease was not renewed for this long. Shorter than
    /// [`ATTEMPT_LEASE_TTL`], after which another worker may claim the build.
    pub self_fence: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            attempt_limit: Duration::from_secs(3_600),
            heartbeat: Duration::from_secs(15),
            self_fence: ATTEMPT_LEASE_TTL * 3 / 4,
        }
    }
}

/// How an attempt ended.
enum Outcome {
    Succeeded,
    Failed(Failure),
    /// A user requested a cancel.
    Cancelled,
    /// The attempt no longer holds the build, or could not renew its lease.
    Fenced,
    /// The attempt reached its time limit.
    TimedOut(Duration),
    /// The worker is stopping.
    Draining,
}

impl Outcome {
    /// The last line of the attempt's log.
    fn closing_line(&self) -> Option<String> {
        match self {
            Self::Succeeded => None,
            Self::Failed(failure) => Some(format!("── failed: {failure}")),
            Self::Cancelled => Some("── cancelled".to_owned()),
            Self::Fenced => Some("── stopped: this attempt no longer holds the build".to_owned()),
            Self::TimedOut(limit) => Some(format!("── timed out after {} s", limit.as_secs())),
            Self::Draining => {
                Some("── stopped with its worker; another worker retries the build".to_owned())
            }
        }
    }
}

/// Why the steps of an attempt ended early.
enum Interruption {
    Failed(Failure),
    /// The coordinator refused a transition of this attempt.
    Refused,
}

impl From<Failure> for Interruption {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Runs the attempt, records how it ended, and removes what it left.
pub(super) async fn run(
    coordinator: Arc<dyn Coordinator>,
    executor: Arc<dyn Executor>,
    build: Build,
    timing: Timing,
    stop: CancellationToken,
) {
    let span = tracing::info_span!(
        "build",
        build.id = %build.request.id,
        build.attempt = build.attempt.0,
        image.name = build.request.image_name
    );
    slipway_telemetry::set_parent(&span, &build.traceparent);

    run_and_record(coordinator, executor, build, timing, stop).instrument(span).await;
}

async fn run_and_record(
    coordinator: Arc<dyn Coordinator>,
    executor: Arc<dyn Executor>,
    build: Build,
    timing: Timing,
    stop: CancellationToken,
) {
    tracing::info!("attempt begins");
    let id = build.request.id;
    let mut log = LogSink::new(coordinator.clone(), id, build.attempt);

    let outcome = tokio::select! {
        outcome = run_steps(coordinator.as_ref(), executor.as_ref(), &build, &mut log) => outcome,
        outcome = hold_lease(coordinator.as_ref(), &build, timing, stop) => outcome,
    };

    // The future of the steps is dropped by now, and with it every process that it started.
    let _ = timeout(CLOSING_LINE_TIMEOUT, log.end(outcome.closing_line().as_deref())).await;
    if let Err(error) = record(coordinator.as_ref(), &build, outcome).await {
        tracing::error!(
            %error,
            cause = ?error.source(),
            "could not record the end of the attempt; its lease will expire"
        );
    }

    // Last, because it may take long and the lease is no longer renewed.
    executor.remove_attempt(id, build.attempt).await;
}

/// Runs all steps. An attempt whose transition was refused reads the reason from the coordinator.
async fn run_steps(
    coordinator: &dyn Coordinator,
    executor: &dyn Executor,
    build: &Build,
    log: &mut LogSink,
) -> Outcome {
    let steps = build_and_push(coordinator, executor, build, log);

    match steps.instrument(tracing::info_span!("steps")).await {
        Ok(()) => Outcome::Succeeded,
        Err(Interruption::Failed(failure)) => Outcome::Failed(failure),
        Err(Interruption::Refused) => {
            match coordinator.attempt_status(build.request.id, build.attempt).await {
                Ok(AttemptStatus::CancelRequested) => Outcome::Cancelled,
                _ => Outcome::Fenced,
            }
        }
    }
}

async fn build_and_push(
    coordinator: &dyn Coordinator,
    executor: &dyn Executor,
    build: &Build,
    log: &mut LogSink,
) -> Result<(), Interruption> {
    log.begin_step(Step::Resolve).await.map_err(progress_failure)?;
    let base = executor.prepare(build, log).instrument(tracing::info_span!("prepare")).await?;

    let base_ready = Transition::BaseReady(base.resolved.clone());
    advance(coordinator, build, &base_ready).await?;
    executor.install(build, &base, log).instrument(tracing::info_span!("install")).await?;

    // The gate: refused if a cancel came first. Afterwards cancels are refused.
    advance(coordinator, build, &Transition::Installed).await?;
    log.begin_step(Step::Push).await.map_err(progress_failure)?;
    let pushed = executor.push(build, &base, log).instrument(tracing::info_span!("push")).await?;

    advance(coordinator, build, &Transition::Pushed(pushed)).await
}

/// Records progress. Retries while the coordinator is unavailable, without a limit of its own:
/// `hold_lease` ends the attempt when it loses its lease or reaches its time limit.
async fn advance(
    coordinator: &dyn Coordinator,
    build: &Build,
    transition: &Transition,
) -> Result<(), Interruption> {
    let mut is_retry = false;

    loop {
        match coordinator.advance_attempt(build.request.id, build.attempt, transition).await {
            Ok(_) => return Ok(()),
            // An earlier try was written, and its answer was lost.
            Err(AdvanceError::Refused(Refused::NotAllowed { state, .. }))
                if is_retry && transition.leads_to(state) =>
            {
                return Ok(());
            }
            Err(AdvanceError::Refused(_)) => return Err(Interruption::Refused),
            Err(AdvanceError::Coordinator(CoordinatorError::Unavailable(cause))) => {
                tracing::warn!(%cause, "could not record progress; retrying");
            }
            Err(AdvanceError::Coordinator(error)) => return Err(progress_failure(error).into()),
        }

        is_retry = true;
        tokio::time::sleep(RETRY_DELAY).await;
    }
}

/// Renews the lease of the attempt, and reads its status. Returns when the attempt has to end.
async fn hold_lease(
    coordinator: &dyn Coordinator,
    build: &Build,
    timing: Timing,
    stop: CancellationToken,
) -> Outcome {
    let began = boot_time();
    let mut renewed = began;

    loop {
        // Taken before the heartbeat is sent. The coordinator renews the lease later, so this
        // attempt never believes in its lease for longer than the coordinator does.
        let sent = boot_time();
        let is_renewal = sent.saturating_sub(renewed) >= timing.heartbeat;
        let status = query_status(coordinator, build, is_renewal).await;
        if is_renewal && status.is_ok() {
            renewed = sent;
        }

        match status {
            Ok(AttemptStatus::Active) => {}
            Ok(AttemptStatus::CancelRequested) => return Outcome::Cancelled,
            Ok(AttemptStatus::Fenced) => return Outcome::Fenced,
            Err(error) => tracing::warn!(
                %error,
                "could not read the status of the attempt; continuing while its lease is valid"
            ),
        }

        if let Some(outcome) = overdue(timing, boot_time(), began, renewed) {
            return outcome;
        }
        tokio::select! {
            () = stop.cancelled() => return Outcome::Draining,
            () = tokio::time::sleep(STATUS_INTERVAL) => {}
        }
    }
}

/// The end of an attempt that could not renew its lease in time, or that runs for too long.
fn overdue(timing: Timing, now: Duration, began: Duration, renewed: Duration) -> Option<Outcome> {
    if now.saturating_sub(renewed) > timing.self_fence {
        Some(Outcome::Fenced)
    } else if now.saturating_sub(began) > timing.attempt_limit {
        Some(Outcome::TimedOut(timing.attempt_limit))
    } else {
        None
    }
}

async fn query_status(
    coordinator: &dyn Coordinator,
    build: &Build,
    is_renewal: bool,
) -> Result<AttemptStatus, CoordinatorError> {
    let id = build.request.id;
    let status = if is_renewal {
        timeout(STATUS_TIMEOUT, coordinator.heartbeat(id, build.attempt)).await
    } else {
        timeout(STATUS_TIMEOUT, coordinator.attempt_status(id, build.attempt)).await
    };

    status.unwrap_or_else(|elapsed| Err(CoordinatorError::Unavailable(elapsed.into())))
}

/// Records the final transition. A success is already recorded, and a fenced attempt may not write.
async fn record(
    coordinator: &dyn Coordinator,
    build: &Build,
    outcome: Outcome,
) -> Result<(), CoordinatorError> {
    let transition = match outcome {
        Outcome::Succeeded => {
            tracing::info!("build succeeded");
            return Ok(());
        }
        Outcome::Fenced => {
            tracing::warn!("the attempt no longer holds the build; its end is not recorded");
            return Ok(());
        }
        Outcome::Failed(failure) => Transition::from_failure(failure),
        Outcome::Cancelled => Transition::Stopped,
        Outcome::TimedOut(limit) => Transition::Timeout(time_failure(limit)),
        Outcome::Draining => Transition::PlatformFault { failure: drain_failure(), counts: false },
    };

    match advance_to_end(coordinator, build, &transition).await {
        Ok(build) => {
            tracing::info!(
                build.state = %build.state,
                failure = transition.failure().map(ToString::to_string),
                "attempt ended"
            );
            Ok(())
        }
        Err(AdvanceError::Refused(refused)) => {
            tracing::warn!(%refused, "the attempt was already ended");
            Ok(())
        }
        Err(AdvanceError::Coordinator(error)) => Err(error),
    }
}

/// Records the final transition. Retries for at most [`RECORD_TIMEOUT`].
async fn advance_to_end(
    coordinator: &dyn Coordinator,
    build: &Build,
    transition: &Transition,
) -> Result<Build, AdvanceError> {
    let began = boot_time();

    loop {
        let recorded =
            coordinator.advance_attempt(build.request.id, build.attempt, transition).await;
        let is_in_time = boot_time().saturating_sub(began) < RECORD_TIMEOUT;

        match recorded {
            Err(AdvanceError::Coordinator(CoordinatorError::Unavailable(_))) if is_in_time => {
                tokio::time::sleep(RETRY_DELAY).await;
            }
            recorded => return recorded,
        }
    }
}

fn progress_failure(error: CoordinatorError) -> Failure {
    tracing::warn!(
        %error,
        cause = ?error.source(),
        "could not record the progress of the attempt"
    );
    Failure::new(
        FailureReason::ExecutorFailed,
        None,
        "The builder could not record its progress. Slipway tries a build at most three times.",
    )
}

fn time_failure(limit: Duration) -> Failure {
    let message = format!(
        "The attempt took longer than {} s, the maximum. Install fewer packages, or use a base \
         that already contains some of them.",
        limit.as_secs()
    );
    Failure::new(FailureReason::TimeExceeded, None, message)
}

fn drain_failure() -> Failure {
    Failure::new(
        FailureReason::WorkerLost,
        None,
        "The worker was stopped. Another worker retries the build automatically.",
    )
}

/// `CLOCK_BOOTTIME`: unlike `CLOCK_MONOTONIC` it also advances while the machine is suspended.
fn boot_time() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default()
}
