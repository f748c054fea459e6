//! Prints a build's log, and resumes from its cursor when a stream ends too early.

use slipway_wire::builder::v1::{GetBuildRequest, StreamBuildLogsRequest};

use crate::{
    build_state::has_ended,
    failure::Failure,
    output::{labels::escape, notifications::notify, stdout},
    session::Session,
    stream::retry_policy::RetryPolicy,
};

/// How a stream of the log ended.
enum StreamEnd {
    /// All of the log is printed.
    LogComplete,
    /// The build has ended, and the log may have a part that this stream did not bring.
    BuildEnded,
    /// The build still runs.
    TooEarly,
}

pub(crate) struct LogReader<'a> {
    session: &'a Session,
    build_id: String,
    cursor: String,
    attempt: i32,
    has_build_ended: bool,
    retry_policy: RetryPolicy,
}

impl<'a> LogReader<'a> {
    /// Starts after `cursor`; an empty cursor is the start of the log.
    pub(crate) fn new(session: &'a Session, build_id: String, cursor: String) -> Self {
        Self {
            session,
            build_id,
            cursor,
            attempt: 0,
            has_build_ended: false,
            retry_policy: RetryPolicy::default(),
        }
    }

    /// Prints what the log holds now.
    pub(crate) async fn print(&mut self) -> Result<(), Failure> {
        self.copy_stream(false).await.map(|_| ())
    }

    /// Prints the log until the build has ended.
    pub(crate) async fn follow(&mut self) -> Result<(), Failure> {
        loop {
            let failure = match self.follow_stream().await {
                Ok(StreamEnd::LogComplete) => return Ok(()),
                Ok(StreamEnd::BuildEnded) => continue,
                Ok(StreamEnd::TooEarly) => self.keeps_closing(),
                Err(failure) => failure,
            };
            self.retry_policy.wait_before_retry(failure).await?;
        }
    }

    /// Prints the cursor with which a later call can continue after a failure.
    pub(crate) fn notify_cursor(&self) {
        if !self.cursor.is_empty() {
            notify(&format!(
                "The log is incomplete. To continue from here, add --cursor {}",
                self.cursor
            ));
        }
    }

    /// Follows one stream to its end.
    ///
    /// A stream ends in the same way when the log is complete and when the server stops. So a
    /// stream is opened once more after the build has ended: the log is complete when that stream
    /// is empty.
    async fn follow_stream(&mut self) -> Result<StreamEnd, Failure> {
        let has_output = self.copy_stream(true).await?;
        if self.has_build_ended && !has_output {
            return Ok(StreamEnd::LogComplete);
        }

        self.has_build_ended = self.fetch_has_ended().await?;
        Ok(if self.has_build_ended { StreamEnd::BuildEnded } else { StreamEnd::TooEarly })
    }

    /// What the user sees if all retries end like this.
    fn keeps_closing(&self) -> Failure {
        Failure::unavailable(format!(
            "The connection to the builder keeps closing. The build continues; \
             try `slipway build logs --follow {}` again later.",
            self.build_id
        ))
    }

    /// Prints one stream to its end. Returns whether it had any chunk.
    async fn copy_stream(&mut self, follow: bool) -> Result<bool, Failure> {
        let request = StreamBuildLogsRequest {
            build_id: self.build_id.clone(),
            cursor: self.cursor.clone(),
            follow,
        };
        let mut stream = self.session.builds().stream_build_logs(request).await?.into_inner();
        self.retry_policy.record_opened();

        let mut has_output = false;
        while let Some(chunk) = stream.message().await? {
            if chunk.attempt != self.attempt && self.attempt != 0 {
                stdout::write_line(&format!("── attempt {}", chunk.attempt))?;
            }
            let text = String::from_utf8_lossy(&chunk.data).replace("\r\n", "\n");
            stdout::write(escape(&text).as_bytes())?;

            self.attempt = chunk.attempt;
            self.cursor = chunk.cursor;
            self.retry_policy.record_progress();
            has_output = true;
        }
        Ok(has_output)
    }

    async fn fetch_has_ended(&self) -> Result<bool, Failure> {
        let request = GetBuildRequest { build_id: self.build_id.clone() };
        let response = self.session.builds().get_build(request).await?.into_inner();
        Ok(has_ended(&response.build.unwrap_or_default()))
    }
}
