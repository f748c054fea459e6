//! The stream of `WatchGrants`.

use std::pin::Pin;

use futures_util::{Stream, StreamExt as _, stream};
use slipway_wire::permission::v1::WatchGrantsResponse;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{
    app::feed::GrantFeed,
    domain::feed::Snapshot,
    messages::feed::{responses, snapshot_parts},
};

pub(super) type GrantStream =
    Pin<Box<dyn Stream<Item = Result<WatchGrantsResponse, Status>> + Send>>;

type Batch = Vec<Result<WatchGrantsResponse, Status>>;

/// The snapshot, then the feed, until a fault or `stop`.
pub(super) fn grant_stream(
    snapshot: Option<Snapshot>,
    feed: GrantFeed,
    stop: CancellationToken,
) -> GrantStream {
    let parts = snapshot.as_ref().map(snapshot_parts).unwrap_or_default();

    let following = stream::unfold(Some((feed, stop)), next_batch).flat_map(stream::iter);
    Box::pin(stream::iter(parts.into_iter().map(Ok)).chain(following))
}

/// A fault is the last item of the stream.
async fn next_batch(
    state: Option<(GrantFeed, CancellationToken)>,
) -> Option<(Batch, Option<(GrantFeed, CancellationToken)>)> {
    let (mut feed, stop) = state?;

    let outcome = tokio::select! {
        biased;
        () = stop.cancelled() => return None,
        outcome = feed.next() => outcome,
    };

    match outcome {
        Ok(event) => {
            let batch = responses(event).into_iter().map(Ok).collect();
            Some((batch, Some((feed, stop))))
        }
        Err(fault) => Some((vec![Err(fault.into())], None)),
    }
}
