//! `EventService.Watch`: the retained log as a stream. Who may watch is for the service to decide before.

use std::{
    pin::Pin,
    time::{Duration, Instant},
};

use futures_util::{Stream, stream};
use slipway_broker::topology::{COMMANDS, exchange_of};
use slipway_database::Database;
use slipway_fault::Fault;
use slipway_wire::event::v1::{Event, WatchRequest, WatchResponse};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::log::{Entry, after, last_position};

/// What the RPC answers with.
pub type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

/// May the caller watch?
pub type Decide = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>> + Send + Sync>;

const DECIDE_AGAIN: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(100);
const BATCH: u64 = 500;

struct Cursor {
    database: Database,
    source: &'static str,
    request: WatchRequest,
    position: i64,
    decide: Decide,
    decided: Instant,
    stop: CancellationToken,
}

/// Entries that match, then new ones as they are published, until the process stops.
///
/// `decide` is asked before the first event and again every few seconds: access may be taken away while a stream runs.
pub async fn watch(
    database: Database,
    source: &'static str,
    request: WatchRequest,
    decide: Decide,
    stop: CancellationToken,
) -> Result<WatchStream, Fault> {
    decide().await?;
    if request.after_position < 0 {
        return Err(Fault::field("after_position", "is negative; give 0 for all retained events"));
    }
    let position = if request.latest { last_position(&database).await? } else { request.after_position };
    let cursor = Cursor { database, source, request, position, decide, decided: Instant::now(), stop };
    let batches = stream::unfold(cursor, |mut cursor| async move {
        loop {
            if cursor.stop.is_cancelled() {
                return None;
            }
            if cursor.decided.elapsed() > DECIDE_AGAIN {
                if let Err(fault) = (cursor.decide)().await {
                    return Some((vec![Err(Status::from(fault))], Cursor { stop: ended(), ..cursor }));
                }
                cursor.decided = Instant::now();
            }
            let entries = match after(&cursor.database, cursor.source, cursor.position, BATCH).await {
                Ok(entries) => entries,
                Err(fault) => return Some((vec![Err(Status::from(fault))], Cursor { stop: ended(), ..cursor })),
            };
            if let Some(last) = entries.last() {
                cursor.position = last.position;
                let events = entries
                    .into_iter()
                    .filter(|entry| matches(&cursor.request, entry))
                    .map(|entry| Ok(WatchResponse { event: Some(to_wire(entry)) }));
                return Some((events.collect::<Vec<_>>(), cursor));
            }
            tokio::select! {
                () = cursor.stop.cancelled() => return None,
                () = sleep(POLL) => {}
            }
        }
    });
    Ok(Box::pin(futures_util::StreamExt::flat_map(batches, stream::iter)))
}

fn ended() -> CancellationToken {
    let stop = CancellationToken::new();
    stop.cancel();
    stop
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
        data: serde_json::from_value(envelope.data).ok(),
    }
}
