//! The events of one service, continued after the last one when the stream breaks.

use slipway_wire::event::v1::{
    Event, WatchRequest, WatchResponse, event_service_client::EventServiceClient,
};
use tonic::Streaming;

use crate::{
    failure::Failure, output::notifications::notify, stream::retry_policy::RetryPolicy,
    transport::Transport,
};

/// Events of one service. The request moves forward with each event, so that it can be sent again.
pub(crate) struct EventTail {
    service: &'static str,
    client: EventServiceClient<Transport>,
    request: WatchRequest,
    stream: Option<Streaming<WatchResponse>>,
    retry_policy: RetryPolicy,
}

impl EventTail {
    pub(crate) fn new(
        service: &'static str,
        client: EventServiceClient<Transport>,
        request: WatchRequest,
    ) -> Self {
        Self { service, client, request, stream: None, retry_policy: RetryPolicy::default() }
    }

    /// Returns the next event, reopening the stream when it breaks.
    pub(crate) async fn next(&mut self) -> Result<Event, Failure> {
        loop {
            let failure = match self.read().await {
                Ok(Some(event)) => return Ok(event),
                Ok(None) => Failure::unavailable(format!(
                    "The connection to the {} service keeps closing. \
                     Try `slipway events tail` again later.",
                    self.service
                )),
                Err(failure) => failure,
            };
            self.retry_policy.wait_before_retry(failure).await?;

            // Without a first event there is no position to continue from.
            if self.request.latest {
                notify(&format!(
                    "slipway: The connection to the {} service broke before its first event. \
                     Events until it is back are not shown.",
                    self.service
                ));
            }
        }
    }

    /// Returns the next event of the stream, or `None` at its end. Opens a stream if there is none.
    async fn read(&mut self) -> Result<Option<Event>, Failure> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = self.client.watch(self.request.clone()).await?.into_inner();
                self.retry_policy.record_opened();
                stream
            }
        };

        // A stream that has ended or failed is dropped here.
        let Some(response) = stream.message().await? else { return Ok(None) };
        self.stream = Some(stream);

        let event = response.event.unwrap_or_default();
        self.retry_policy.record_progress();
        self.request.after_position = event.position;
        self.request.latest = false;
        Ok(Some(event))
    }
}
