//! A build's log, gone on with from its cursor where a stream ends too early.

use slipway_wire::builder::v1::{GetBuildRequest, StreamBuildLogsRequest};

use crate::{
    build::has_ended, failure::Failure, output::escape, patience::Patience, printer,
    session::Session,
};

pub(crate) struct Logs<'a> {
    session: &'a Session,
    build_id: String,
    cursor: String,
    attempt: i32,
    patience: Patience,
}

impl<'a> Logs<'a> {
    /// Behind the cursor; an empty one is the log's begin.
    pub(crate) fn new(session: &'a Session, build_id: String, cursor: String) -> Self {
        Self { session, build_id, cursor, attempt: 0, patience: Patience::default() }
    }

    /// What is there now.
    pub(crate) async fn print(&mut self) -> Result<(), Failure> {
        self.copy(false).await.map(|_| ())
    }

    /// Until the build has ended and its log with it. A stream ends in the same way there as where its server stops, so it is
    /// opened once more after the end of the build: the log is over when nothing comes.
    pub(crate) async fn follow(&mut self) -> Result<(), Failure> {
        let mut is_over = false;
        loop {
            let failure = match self.copy(true).await {
                Ok(false) if is_over => return Ok(()),
                Ok(_) => match self.has_ended().await {
                    Ok(true) => {
                        is_over = true;
                        continue;
                    }
                    Ok(false) => Failure::unavailable(
                        "the builder ends the log again and again before the build has ended; follow it again in a while",
                    ),
                    Err(failure) => failure,
                },
                Err(failure) => failure,
            };
            self.patience.wait(failure).await?;
        }
    }

    /// For after a failure.
    pub(crate) fn tell_where_to_go_on(&self) {
        if !self.cursor.is_empty() {
            printer::tell(&format!("go on with --cursor {}", self.cursor));
        }
    }

    /// One stream to its end, and whether anything came.
    async fn copy(&mut self, follow: bool) -> Result<bool, Failure> {
        let request = StreamBuildLogsRequest {
            build_id: self.build_id.clone(),
            cursor: self.cursor.clone(),
            follow,
        };
        let mut stream = self.session.builds().stream_build_logs(request).await?.into_inner();
        self.patience.opened();
        let mut came = false;
        while let Some(piece) = stream.message().await? {
            if piece.attempt != self.attempt && self.attempt != 0 {
                printer::line(&format!("── attempt {}", piece.attempt))?;
            }
            printer::write(
                escape(&String::from_utf8_lossy(&piece.data).replace("\r\n", "\n")).as_bytes(),
            )?;
            self.attempt = piece.attempt;
            self.cursor = piece.cursor;
            self.patience.heard();
            came = true;
        }
        Ok(came)
    }

    async fn has_ended(&self) -> Result<bool, Failure> {
        let response = self
            .session
            .builds()
            .get_build(GetBuildRequest { build_id: self.build_id.clone() })
            .await?
            .into_inner();
        Ok(has_ended(&response.build.unwrap_or_default()))
    }
}
