//! Standard error: everything that is not the result.

use std::io::{self, Write as _};

/// Writes a line to standard error. A failure is ignored: there is no other place to report it.
pub(crate) fn notify(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
