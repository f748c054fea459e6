//! `slipway events …`

use clap::Subcommand;
use futures_util::{StreamExt as _, stream};
use slipway_wire::event::v1::WatchRequest;

use crate::{
    failure::Failure,
    output::{document::json_line, stdout},
    session::Session,
    stream::events::EventTail,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print new events of all three services until interrupted, one JSON object per line.
    ///
    /// The command reconnects when a service restarts, and continues after the last event.
    Tail {
        /// Only events of this type, or with this prefix, such as `builder.build.*`; can be
        /// repeated.
        #[arg(long = "type", value_name = "TYPE")]
        types: Vec<String>,
        /// Only events about this id, such as a build's or an image's.
        #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
        subject: String,
        /// Print the retained earlier events first.
        #[arg(long)]
        from_start: bool,
        /// Exit after this many events.
        #[arg(long)]
        count: Option<usize>,
    },
}

pub(crate) async fn run(command: Command, session: &Session) -> Result<(), Failure> {
    let Command::Tail { types, subject, from_start, count } = command;
    let request = WatchRequest { types, subject, after_position: 0, latest: !from_start };

    let tails = session.events().map(|(service, client)| {
        let tail = EventTail::new(service, client, request.clone());
        stream::unfold(tail, |mut tail| async move { Some((tail.next().await, tail)) })
            .boxed_local()
    });
    let mut events = stream::select_all(tails);

    let mut printed = 0;
    while let Some(event) = events.next().await {
        stdout::write_line(&json_line(&event?)?)?;

        printed += 1;
        if count.is_some_and(|count| printed >= count) {
            break;
        }
    }
    Ok(())
}
