//! Standard output, which holds results and nothing else.
//!
//! A reader may close it early, as `head` does. The command then ends without a message.

use std::io::{self, ErrorKind, Write as _};

use crate::failure::Failure;

pub(crate) fn write_line(text: &str) -> Result<(), Failure> {
    write(format!("{text}\n").as_bytes())
}

pub(crate) fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::BrokenPipe { is_incomplete: false },
        _ => Failure::Failed(format!("Standard output cannot be written: {error}.")),
    })
}
