//! The one way out: results to standard output, the rest to standard error.
//!
//! Whoever reads may leave early, as `head` does: the command then ends and says nothing.

use std::io::{self, ErrorKind, Write as _};

use crate::failure::Failure;

pub(crate) fn line(text: &str) -> Result<(), Failure> {
    write(format!("{text}\n").as_bytes())
}

pub(crate) fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::Unread { code: 0 },
        _ => Failure::Ended(format!("standard output cannot be written: {error}")),
    })
}

pub(crate) fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
