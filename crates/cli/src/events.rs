//! `slipway events …`

use std::io::Write as _;

use clap::Subcommand;
use slipway_wire::event::v1::{Event, WatchRequest};
use tokio_stream::StreamMap;

use crate::{failure::Failure, session::Session};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print events of all three services, one JSON object a line, until interrupted.
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
    let mut streams = StreamMap::new();
    for (number, mut client) in session.events().into_iter().enumerate() {
        let request = WatchRequest { types: types.clone(), subject: subject.clone(), after_position: 0, latest: !from_start };
        streams.insert(number, client.watch(request).await?.into_inner());
    }
    let mut printed = 0;
    while let Some((_, response)) = tokio_stream::StreamExt::next(&mut streams).await {
        let event: Event = response?.event.unwrap_or_default();
        println!("{}", serde_json::to_string(&event).map_err(|error| Failure::Ended(error.to_string()))?);
        let _ = std::io::stdout().flush();
        printed += 1;
        if count.is_some_and(|count| printed >= count) {
            break;
        }
    }
    Ok(())
}
