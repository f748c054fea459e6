//! `slipway events …`

use clap::Subcommand;
use futures_util::{StreamExt as _, stream};
use slipway_wire::event::v1::{
    Event, WatchRequest, WatchResponse, event_service_client::EventServiceClient,
};
use tonic::Streaming;

use crate::{
    failure::Failure, patience::Patience, printer, session::Session, transport::Transport,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print events of all three services, one JSON object a line, until interrupted. A service that restarts is waited for.
    Tail {
        /// Exact types, or prefixes such as `builder.build.*`; may be given again.
        #[arg(long = "type")]
        types: Vec<String>,
        /// Only about this id.
        #[arg(long, default_value = "")]
        subject: String,
        /// Everything that is retained first.
        #[arg(long)]
        from_start: bool,
        /// Stop after this many.
        #[arg(long)]
        count: Option<usize>,
    },
}

pub(crate) async fn run(command: Command, session: &Session) -> Result<(), Failure> {
    let Command::Tail { types, subject, from_start, count } = command;
    let request = WatchRequest { types, subject, after_position: 0, latest: !from_start };
    let tails = session.events().map(|(service, client)| {
        let tail = Tail {
            service,
            client,
            request: request.clone(),
            stream: None,
            patience: Patience::default(),
        };
        stream::unfold(tail, |mut tail: Tail| async move { Some((tail.next().await, tail)) })
            .boxed_local()
    });
    let mut events = stream::select_all(tails);
    let mut printed = 0;
    while let Some(event) = events.next().await {
        printer::line(
            &serde_json::to_string(&event?).map_err(|error| Failure::Ended(error.to_string()))?,
        )?;
        printed += 1;
        if count.is_some_and(|count| printed >= count) {
            break;
        }
    }
    Ok(())
}

/// Of one service. Its request moves on with each event, so that it can be sent again.
struct Tail {
    service: &'static str,
    client: EventServiceClient<Transport>,
    request: WatchRequest,
    stream: Option<Streaming<WatchResponse>>,
    patience: Patience,
}

impl Tail {
    async fn next(&mut self) -> Result<Event, Failure> {
        loop {
            let failure = match self.read().await {
                Ok(Some(event)) => return Ok(event),
                Ok(None) => Failure::unavailable(format!(
                    "the {} service ends its events again and again; follow them again in a while",
                    self.service
                )),
                Err(failure) => failure,
            };
            self.patience.wait(failure).await?;
            if self.request.latest {
                printer::tell(&format!(
                    "slipway: the {} service went away before its first event; what happens until it is back is not shown",
                    self.service
                ));
            }
        }
    }

    /// The next event of the stream, which is opened where there is none and given up where it ends.
    async fn read(&mut self) -> Result<Option<Event>, Failure> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = self.client.watch(self.request.clone()).await?.into_inner();
                self.patience.opened();
                stream
            }
        };
        let Some(response) = stream.message().await? else { return Ok(None) };
        let event = response.event.unwrap_or_default();
        self.stream = Some(stream);
        self.patience.heard();
        self.request.after_position = event.position;
        self.request.latest = false;
        Ok(Some(event))
    }
}
