//! `EventService`: the retained log as a stream, the same for every service. The service decides
//! who may watch.

use std::{
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{Stream, StreamExt as _, stream};
use slipway_broker::{
    Envelope,
    topology::{COMMANDS, Route},
};
use slipway_database::Database;
use slipway_fault::{Fault, Reason};
use slipway_identity::{Caller, caller};
use slipway_names::unit::LogPosition;
use slipway_outbox::{Entry, entries_after, last_position};
use slipway_wire::event::v1::{
    Event, WatchRequest, WatchResponse, event_service_server::EventService,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

/// Between two checks of a running stream: access can be revoked while it runs.
const AUTHORIZE_INTERVAL: Duration = Duration::from_secs(3);
const POLL_INTERVAL: Duration = Duration::from_millis(100);
const BATCH_SIZE: u64 = 500;

type ResponseStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;
type Authorization = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>;
type Authorize = Arc<dyn Fn(Caller) -> Authorization + Send + Sync>;

/// The RPC over one service's log.
#[derive(Clone)]
pub struct EventLog {
    database: Database,
    source: &'static str,
    authorize: Authorize,
    stop: CancellationToken,
}

impl EventLog {
    /// `authorize` fails for callers that may not see every event of the service. It is called
    /// before the first event and again every few seconds. Streams end at `stop`.
    pub fn new<F>(
        database: Database,
        source: &'static str,
        stop: CancellationToken,
        authorize: impl Fn(Caller) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        let authorize: Authorize = Arc::new(move |caller| Box::pin(authorize(caller)));
        Self { database, source, authorize, stop }
    }

    /// The retained events that match, then new ones as they are published.
    async fn stream(&self, caller: Caller, request: WatchRequest) -> Result<ResponseStream, Fault> {
        let after_position = LogPosition::try_from(request.after_position).map_err(|_| {
            Fault::field("after_position", "is negative; give 0 for all retained events")
        })?;
        let position = if request.latest {
            last_position(self.database.reader()).await?
        } else {
            after_position
        };

        let cursor =
            Cursor { log: self.clone(), caller, request, position, authorized_at: Instant::now() };
        let batches = stream::unfold(Some(cursor), next_batch);
        Ok(Box::pin(batches.flat_map(stream::iter)))
    }
}

#[tonic::async_trait]
impl EventService for EventLog {
    type WatchStream = ResponseStream;

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<ResponseStream>, Status> {
        let caller = caller(&request)?;
        (self.authorize)(caller.clone()).await?;

        Ok(Response::new(self.stream(caller, request.into_inner()).await?))
    }
}

/// The state of one stream.
struct Cursor {
    log: EventLog,
    caller: Caller,
    request: WatchRequest,
    position: LogPosition,
    authorized_at: Instant,
}

type Batch = Vec<Result<WatchResponse, Status>>;

/// A fault, or the process's stop, is the last item of the stream.
async fn next_batch(cursor: Option<Cursor>) -> Option<(Batch, Option<Cursor>)> {
    let mut cursor = cursor?;
    let stop = cursor.log.stop.clone();

    let outcome = tokio::select! {
        biased;
        () = stop.cancelled() => Err(shutting_down()),
        outcome = cursor.next() => outcome,
    };

    match outcome {
        Ok(events) => Some((events, Some(cursor))),
        Err(fault) => Some((vec![Err(Status::from(fault))], None)),
    }
}

impl Cursor {
    /// Waits for the next entries, and returns those that match.
    async fn next(&mut self) -> Result<Batch, Fault> {
        loop {
            self.authorize_again().await?;

            let entries =
                entries_after(&self.log.database, self.log.source, self.position, BATCH_SIZE)
                    .await?;
            let Some(last) = entries.last() else {
                sleep(POLL_INTERVAL).await;
                continue;
            };

            self.position = last.position;
            return Ok(entries
                .into_iter()
                .filter(|entry| matches(&self.request, entry))
                .map(|entry| Ok(WatchResponse { event: Some(to_wire(entry)) }))
                .collect());
        }
    }

    async fn authorize_again(&mut self) -> Result<(), Fault> {
        if self.authorized_at.elapsed() > AUTHORIZE_INTERVAL {
            (self.log.authorize)(self.caller.clone()).await?;
            self.authorized_at = Instant::now();
        }
        Ok(())
    }
}

fn shutting_down() -> Fault {
    Fault::new(
        Reason::ShuttingDown,
        "This replica is stopping. Watch again from the last position; another replica answers.",
    )
}

/// Commands never match.
fn matches(request: &WatchRequest, entry: &Entry) -> bool {
    let envelope = &entry.envelope;
    let is_command = Route::of(&envelope.event_type).exchange == COMMANDS;

    !is_command
        && (request.types.is_empty()
            || request.types.iter().any(|pattern| matches_type(pattern, &envelope.event_type)))
        && (request.subject.is_empty() || request.subject == envelope.subject)
}

/// `pattern` is a type, or a prefix followed by `*`.
fn matches_type(pattern: &str, event_type: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => event_type.starts_with(prefix),
        None => pattern == event_type,
    }
}

fn to_wire(entry: Entry) -> Event {
    let Entry { position, envelope } = entry;

    Event {
        position: position.get(),
        id: envelope.id.to_string(),
        r#type: envelope.event_type,
        source: envelope.source,
        subject: envelope.subject,
        time: Some(envelope.time.into()),
        sequence: envelope.sequence.get(),
        traceparent: envelope.traceparent,
        datacontenttype: Envelope::DATA_CONTENT_TYPE.to_owned(),
        dataschemaversion: Envelope::SCHEMA_VERSION,
        data: serde_json::from_value(envelope.data).ok(),
    }
}
