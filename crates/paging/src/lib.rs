#![doc = include_str!("../README.md")]

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use slipway_fault::{Fault, Reason};

/// Rows of a page when the caller does not say.
pub const DEFAULT_SIZE: u32 = 50;
/// Rows of a page at most; more is coerced.
pub const LARGEST_SIZE: u32 = 1_000;

/// A page to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Rows at most.
    pub size: u32,
    /// Keys of the row to go on behind; empty for the first page.
    pub after: Vec<String>,
    binding: String,
}

#[derive(Serialize, Deserialize)]
struct Token {
    b: String,
    k: Vec<String>,
}

impl Page {
    /// `binding` is everything that must stay the same from page to page; `keys` is how many keys a token holds.
    pub fn parse(size: i32, token: &str, binding: &[&str], keys: usize) -> Result<Self, Fault> {
        let size = match size {
            0 => DEFAULT_SIZE,
            size => u32::try_from(size)
                .map_err(|_| {
                    Fault::field(
                        "page_size",
                        format!("is {size}; give 0 for {DEFAULT_SIZE}, or 1 to {LARGEST_SIZE}"),
                    )
                })?
                .min(LARGEST_SIZE),
        };
        let hash = digest(&SHA256, binding.join("\0").as_bytes());
        let binding = URL_SAFE_NO_PAD.encode(&hash.as_ref()[..12]);
        if token.is_empty() {
            return Ok(Self { size, after: Vec::new(), binding });
        }
        let parsed = URL_SAFE_NO_PAD
            .decode(token)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Token>(&bytes).ok());
        match parsed.filter(|token| token.b == binding && token.k.len() == keys) {
            Some(token) => Ok(Self { size, after: token.k, binding }),
            None => {
                let description = "is not from a call of this caller with the same filter and order; begin again without a token";
                Err(Fault::new(Reason::PageTokenInvalid, format!("page_token {description}"))
                    .violation("page_token", description))
            }
        }
    }

    /// Rows to ask the database for: one more tells whether there is a next page.
    pub fn limit(&self) -> i64 {
        i64::from(self.size) + 1
    }

    /// Cuts the rows to the page; the token of the next one is empty on the last.
    pub fn cut<T>(&self, rows: &mut Vec<T>, keys: impl FnOnce(&T) -> Vec<String>) -> String {
        let size = self.size as usize;
        if rows.len() <= size {
            return String::new();
        }
        rows.truncate(size);
        let Some(last) = rows.last() else { return String::new() };
        let token = Token { b: self.binding.clone(), k: keys(last) };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_bound() {
        let page = Page::parse(2, "", &["alice", "name"], 1).unwrap();
        let mut rows = vec!["a", "b", "c"];
        let token = page.cut(&mut rows, |row| vec![(*row).to_owned()]);
        assert_eq!(rows, ["a", "b"]);
        assert_eq!(Page::parse(2, &token, &["alice", "name"], 1).unwrap().after, ["b"]);
        for (binding, keys, token) in [
            (["bob", "name"], 1, token.as_str()),
            (["alice", "time"], 1, &token),
            (["alice", "name"], 2, &token),
            (["alice", "name"], 1, "%%%"),
        ] {
            assert_eq!(
                Page::parse(2, token, &binding, keys).unwrap_err().reason(),
                Reason::PageTokenInvalid
            );
        }
    }

    #[test]
    fn sizes() {
        let size = |size| {
            Page::parse(size, "", &[], 1).map(|page| page.size).map_err(|fault| fault.reason())
        };
        assert_eq!((size(0), size(7), size(5_000)), (Ok(50), Ok(7), Ok(1_000)));
        assert_eq!(size(-1), Err(Reason::FieldInvalid));
    }
}
