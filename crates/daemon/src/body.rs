//! Request bodies with a size limit, and response bodies that hold a permit.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tonic::{Status, body::Body};

use crate::concurrency::Permit;

/// Bytes of the compression flag and the length before each message (gRPC over HTTP/2,
/// Length-Prefixed-Message).
const MESSAGE_PREFIX_BYTES: usize = 5;

/// Limits a request body to one message of at most `message_bytes`. Unary and server-streaming RPCs
/// send exactly one message.
pub(crate) fn limit_request_body(body: Body, message_bytes: usize) -> Body {
    let limited = Limited::new(body, message_bytes + MESSAGE_PREFIX_BYTES);

    Body::new(limited.map_err(move |error| request_body_status(error, message_bytes)))
}

fn request_body_status(error: Box<dyn Error + Send + Sync>, message_bytes: usize) -> Status {
    if error.is::<LengthLimitError>() {
        // tonic uses OUT_OF_RANGE as well for a message above its own limit.
        return Status::out_of_range(format!(
            "The request is larger than {message_bytes} bytes, the maximum. Send less at once."
        ));
    }

    Status::from_error(error)
}

/// A response body that holds its call's permit until its last frame is sent or it is dropped.
pub(crate) struct PermitBody {
    body: Body,
    permit: Option<Permit>,
}

impl PermitBody {
    pub(crate) fn new(body: Body, permit: Permit) -> Self {
        Self { body, permit: Some(permit) }
    }
}

impl HttpBody for PermitBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));

        // The permit is released before the client can see that its call has ended. Otherwise the
        // client's next call could be rejected because of the ended one.
        let is_data = matches!(&frame, Some(Ok(frame)) if frame.is_data());
        if !is_data {
            drop(this.permit.take());
        }

        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
