//! `StreamBuildLogs`.

use futures_util::{StreamExt as _, stream};
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_request::field::Field;
use slipway_wire::builder::v1 as wire;
use tonic::Status;

use crate::{
    api::{Api, ResponseStream},
    app::log::{LogRange, LogReader},
    domain::log::InvalidCursor,
};

type Batch = Vec<Result<wire::StreamBuildLogsResponse, Status>>;

pub(super) async fn stream_build_logs(
    api: &Api,
    caller: Caller,
    request: wire::StreamBuildLogsRequest,
) -> Result<ResponseStream<wire::StreamBuildLogsResponse>, Fault> {
    let id = Field("build_id").parse(&request.build_id)?;
    let from = request.cursor.parse().map_err(cursor_invalid)?;
    let range = LogRange { from, follow: request.follow };

    let reader = api.app.read_log(caller, id, range, api.stop.clone()).await?;

    let batches = stream::unfold(reader, next_batch);
    Ok(Box::pin(batches.flat_map(stream::iter)))
}

async fn next_batch(mut reader: LogReader) -> Option<(Batch, LogReader)> {
    let batch = match reader.next().await? {
        Ok(chunks) => chunks.into_iter().map(|chunk| Ok(chunk.into())).collect(),
        Err(fault) => vec![Err(fault.into())],
    };

    Some((batch, reader))
}

fn cursor_invalid(error: InvalidCursor) -> Fault {
    Fault::new(Reason::CursorInvalid, format!("cursor {error}")).violation("cursor", error)
}
