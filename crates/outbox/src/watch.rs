//! `EventService`: the retained log as a stream, the same for every service. Who may watch is for the service to decide.

use std::{
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{Stream, stream};
use slipway_broker::{
    Envelope,
    topology::{COMMANDS, exchange_of},
};
use slipway_database::Database;
use slipway_fault::{Fault, Reason};
use slipway_identity::{Caller, caller};
use slipway_wire::event::v1::{
    Event, WatchRequest, WatchResponse, event_service_server::EventService,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::log::{Entry, after, last_position};

type Answers = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;
type Decision = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>;
/// May this caller see everything that happens here?
type Decide = Arc<dyn Fn(Caller) -> Decision + Send + Sync>;

/// The RPC over one service's log.
#[derive(Clone)]
pub struct EventLog {
    database: Database,
    source: &'static str,
    decide: Decide,
    stop: CancellationToken,
}

impl EventLog {
    /// `decide` is asked before the first event and again every few seconds: access may be taken away while a stream runs.
    pub fn new<F>(
        database: Database,
        source: &'static str,
        stop: CancellationToken,
        decide: impl Fn(Caller) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        Self { database, source, decide: Arc::new(move |caller| Box::pin(decide(caller))), stop }
    }
}

#[tonic::async_trait]
impl EventService for EventLog {
    type WatchStream = Answers;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Answers>, Status> {
        let caller = caller(&request)?;
        (self.decide)(caller.clone()).await?;
        Ok(Response::new(self.stream(caller, request.into_inner()).await?))
    }
}

const DECIDE_AGAIN: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(100);
const BATCH: u64 = 500;

struct Cursor {
    log: EventLog,
    caller: Caller,
    request: WatchRequest,
    position: i64,
    decided: Instant,
}

impl EventLog {
    /// Entries that match, then new ones as they are published, until access is taken away or the process stops.
    async fn stream(&self, caller: Caller, request: WatchRequest) -> Result<Answers, Fault> {
        if request.after_position < 0 {
            return Err(Fault::field(
                "after_position",
                "is negative; give 0 for all retained events",
            ));
        }
        let position = if request.latest {
            last_position(&self.database).await?
        } else {
            request.after_position
        };
        let cursor =
            Cursor { log: self.clone(), caller, request, position, decided: Instant::now() };
        let batches = stream::unfold(Some(cursor), |cursor| async move {
            let mut cursor = cursor?;
            let stop = cursor.log.stop.clone();
            let outcome = tokio::select! {
                biased;
                () = stop.cancelled() => Err(stopping()),
                outcome = cursor.next() => outcome,
            };
            match outcome {
                Ok(events) => Some((events, Some(cursor))),
                Err(fault) => Some((vec![Err(Status::from(fault))], None)),
            }
        });
        Ok(Box::pin(futures_util::StreamExt::flat_map(batches, stream::iter)))
    }
}

impl Cursor {
    /// Those of the next entries that match; waits for entries.
    async fn next(&mut self) -> Result<Vec<Result<WatchResponse, Status>>, Fault> {
        loop {
            if self.decided.elapsed() > DECIDE_AGAIN {
                (self.log.decide)(self.caller.clone()).await?;
                self.decided = Instant::now();
            }
            let entries = after(&self.log.database, self.log.source, self.position, BATCH).await?;
            if let Some(last) = entries.last() {
                self.position = last.position;
                let matching = entries.into_iter().filter(|entry| matches(&self.request, entry));
                return Ok(matching
                    .map(|entry| Ok(WatchResponse { event: Some(to_wire(entry)) }))
                    .collect());
            }
            sleep(POLL).await;
        }
    }
}

fn stopping() -> Fault {
    Fault::new(
        Reason::ShuttingDown,
        "this replica is stopping; watch again from the last position, another one answers",
    )
}

fn matches(request: &WatchRequest, entry: &Entry) -> bool {
    let fits = |wanted: &String| match wanted.strip_suffix('*') {
        Some(prefix) => entry.envelope.kind.starts_with(prefix),
        None => *wanted == entry.envelope.kind,
    };
    let is_command = exchange_of(&entry.envelope.kind).0 == COMMANDS;
    !is_command
        && (request.types.is_empty() || request.types.iter().any(fits))
        && (request.subject.is_empty() || request.subject == entry.envelope.subject)
}

fn to_wire(entry: Entry) -> Event {
    let Entry { position, envelope } = entry;
    Event {
        position,
        id: envelope.id.to_string(),
        r#type: envelope.kind,
        source: envelope.source,
        subject: envelope.subject,
        time: Some(envelope.time.into()),
        sequence: envelope.sequence,
        traceparent: envelope.traceparent,
        datacontenttype: Envelope::DATA_CONTENT_TYPE.to_owned(),
        dataschemaversion: Envelope::SCHEMA_VERSION,
        data: serde_json::from_value(envelope.data).ok(),
    }
}
